// Package storetest runs a test on every database that Gatehouse supports: a
// SQLite file of its own, and a fresh database on a real PostgreSQL server.
//
// The server is the one that GATEHOUSE_TEST_POSTGRES names (a postgres:// URL
// of a user who may create databases), or one that is started for the test
// process from Debian's package. Where there is neither, the PostgreSQL half
// is skipped, and fails instead if CI or GATEHOUSE_TEST_REQUIRE_POSTGRES is set.
//
// A package that uses it has
//
//	func TestMain(m *testing.M) { storetest.Main(m) }
package storetest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/gatehouse-id/gatehouse/core/store"
)

// ServerVariable names the environment variable with the URL of a server that
// is there already.
const ServerVariable = "GATEHOUSE_TEST_POSTGRES"

// shared is the one server of this test process; Main ends it.
var shared struct {
	sync.Mutex
	inMain bool
	srv    *server
	err    error
}

// Main runs the tests of a package and ends the process.
func Main(m *testing.M) { os.Exit(Run(m)) }

// Run runs the tests of a package, stops the server that they started, and
// returns the exit status: for a TestMain that has something else to clean up.
func Run(m *testing.M) int {
	shared.inMain = true
	code := m.Run()
	if err := dropTemplate(); err != nil {
		fmt.Fprintln(os.Stderr, "storetest:", err)
		code = max(code, 1)
	}
	if shared.srv != nil {
		if err := shared.srv.stop(); err != nil {
			fmt.Fprintln(os.Stderr, "storetest:", err)
			code = max(code, 1)
		}
	}
	return code
}

// Each runs fn once for each database, as subtests, with a store that is open
// and migrated.
func Each(t *testing.T, fn func(t *testing.T, s *store.Store)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { fn(t, Open(t, SQLite(t))) })
	t.Run("postgres", func(t *testing.T) { fn(t, Open(t, postgres(t, template(t)))) })
}

// EachURL runs fn once for each database, as subtests, with the URL of one
// that is empty.
func EachURL(t *testing.T, fn func(t *testing.T, url string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { fn(t, SQLite(t)) })
	t.Run("postgres", func(t *testing.T) { fn(t, Postgres(t)) })
}

// Open opens and migrates the database and closes it at the end of the test.
func Open(tb testing.TB, url string) *store.Store {
	tb.Helper()
	if path, ok := strings.CutPrefix(url, "sqlite://"); ok {
		copyTemplate(tb, path)
	}
	s, err := store.Open(tb.Context(), store.Options{URL: url})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Errorf("closing the store: %v", err)
		}
	})
	if err := s.Migrate(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	return s
}

// SQLite is the URL of a file that does not exist yet.
func SQLite(tb testing.TB) string {
	return "sqlite://" + filepath.Join(tb.TempDir(), "test.db")
}

// Postgres is the URL of an empty database, which is dropped at the end of the
// test.
func Postgres(tb testing.TB) string {
	tb.Helper()
	return postgres(tb, "")
}

// postgres is the URL of a copy of a database; "" is of an empty one.
func postgres(tb testing.TB, from string) string {
	tb.Helper()
	base := needServer(tb)
	name := "gatehouse_test_" + strings.ToLower(rand.Text())
	statement := "CREATE DATABASE " + name
	if from != "" {
		statement += " TEMPLATE " + from
	}
	admin(tb, base, statement)
	tb.Cleanup(func() { admin(tb, base, "DROP DATABASE "+name+" WITH (FORCE)") })
	u, err := url.Parse(base)
	if err != nil {
		tb.Fatal(err)
	}
	u.Path = "/" + name
	return u.String()
}

// needServer is the URL of the server; without one the test is skipped, or fails.
func needServer(tb testing.TB) string {
	tb.Helper()
	base, err := serverURL()
	if errors.Is(err, ErrNoServer) && os.Getenv("CI") == "" && os.Getenv("GATEHOUSE_TEST_REQUIRE_POSTGRES") == "" {
		tb.Skipf("NOT TESTED ON POSTGRESQL: %v", err)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return base
}

func serverURL() (string, error) {
	if base := os.Getenv(ServerVariable); base != "" {
		return base, nil
	}
	shared.Lock()
	defer shared.Unlock()
	if !shared.inMain {
		return "", errors.New("the package's TestMain does not call storetest.Main")
	}
	if shared.srv == nil && shared.err == nil {
		shared.srv, shared.err = start()
	}
	if shared.err != nil {
		return "", shared.err
	}
	return shared.srv.url(), nil
}

// admin runs a statement that stands outside of any test's database. It has a
// context of its own since it also cleans up.
func admin(tb testing.TB, base, statement string) {
	tb.Helper()
	ctx := context.WithoutCancel(tb.Context())
	conn, err := pgx.Connect(ctx, base)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := conn.Exec(ctx, statement); err != nil {
		tb.Errorf("%s: %v", statement, err)
	}
}
