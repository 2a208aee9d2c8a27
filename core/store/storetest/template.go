package storetest

import (
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/gatehouse-id/gatehouse/core/store"
)

// templates are databases that have been migrated once for the tests of a
// process: a copy of one is there at once, while migrating takes longer than most
// tests.
var templates struct {
	sync.Mutex
	sqlite   []byte // the file
	postgres string // the name
	base     string // the URL of its server
}

// copyTemplate makes a migrated SQLite file at a path where there is none. Its
// folder is the store's to make.
func copyTemplate(tb testing.TB, path string) {
	tb.Helper()
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return
	}
	if _, err := os.Stat(filepath.Dir(path)); err != nil {
		return
	}
	templates.Lock()
	defer templates.Unlock()
	if templates.sqlite == nil {
		made := filepath.Join(tb.TempDir(), "template.db")
		migrate(tb, "sqlite://"+made)
		file, err := os.ReadFile(made)
		if err != nil {
			tb.Fatal(err)
		}
		templates.sqlite = file
	}
	if err := os.WriteFile(path, templates.sqlite, 0o600); err != nil {
		tb.Fatal(err)
	}
}

// template is the name of a migrated database on PostgreSQL.
func template(tb testing.TB) string {
	tb.Helper()
	templates.Lock()
	defer templates.Unlock()
	if templates.postgres != "" {
		return templates.postgres
	}
	base := needServer(tb)
	name := "gatehouse_template_" + strings.ToLower(rand.Text())
	admin(tb, base, "CREATE DATABASE "+name)
	u, err := url.Parse(base)
	if err != nil {
		tb.Fatal(err)
	}
	u.Path = "/" + name
	migrate(tb, u.String())
	templates.postgres, templates.base = name, base
	return name
}

// migrate migrates a database, and closes it: one that is open is no template.
func migrate(tb testing.TB, url string) {
	tb.Helper()
	s, err := store.Open(tb.Context(), store.Options{URL: url})
	if err != nil {
		tb.Fatal(err)
	}
	if err := errors.Join(s.Migrate(tb.Context()), s.Close()); err != nil {
		tb.Fatal(err)
	}
}

// dropTemplate leaves the server as it was.
func dropTemplate() error {
	if templates.postgres == "" {
		return nil
	}
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, templates.base)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, "DROP DATABASE "+templates.postgres+" WITH (FORCE)")
	return errors.Join(err, conn.Close(ctx))
}
