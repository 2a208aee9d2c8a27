//go:build linux

package e2e_test

import (
	"database/sql"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // reads the audit records
	"golang.org/x/sync/errgroup"

	"github.com/gatehouse-id/gatehouse/core/session"
	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	"github.com/gatehouse-id/gatehouse/plugins/saml/samltest"
	"github.com/gatehouse-id/gatehouse/test/gatehousetest"
)

// captured is an answer of an IdP as somebody has copied it from a browser, with all
// that the browser had.
type captured struct {
	acs     string
	form    url.Values
	cookies map[string]string
}

// brought brings a captured answer to a node, and reports whether it began a session.
func (c captured) brought(node *gatehousetest.Host) (signedOn bool, page string, err error) {
	at, err := url.Parse(c.acs)
	if err != nil {
		return false, "", err
	}
	form := maps.Clone(c.form)
	form.Set("gatehouse_again", "1") // as the host's own page posts what another site has
	r, err := http.NewRequest(http.MethodPost, node.URL+at.Path, strings.NewReader(form.Encode()))
	if err != nil {
		return false, "", err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for name, value := range c.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(r)
	if err != nil {
		return false, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	for _, cookie := range resp.Cookies() {
		signedOn = signedOn || cookie.Name == session.Cookie && cookie.MaxAge >= 0
	}
	return signedOn, string(text), err
}

// An answer counts once: of several that come at once, after the host was killed and
// started again, and for another node of the same database. Where the browser began
// it, what counts is the beginning; where nobody did, the assertion's ID.
func TestASAMLResponseCountsOnce(t *testing.T) {
	t.Parallel()
	for _, way := range []struct {
		name   string
		more   string // of the connection
		start  func(h *gatehousetest.Host, idp string) string
		reason string
	}{
		{"asked for", "", func(h *gatehousetest.Host, _ string) string { return h.URL + "/login?connection=acme-saml" }, "answered_before"},
		{"unsolicited", "allow_unsolicited = true", func(h *gatehousetest.Host, idp string) string {
			return idp + "/start?service=" + url.QueryEscape(h.URL+"/sso/acme-saml/metadata")
		}, "replay"},
	} {
		for _, shape := range samltest.Shapes() {
			t.Run(fmt.Sprintf("%s, %s", way.name, shape), func(t *testing.T) {
				t.Parallel()
				database := storetest.Postgres(t)
				first, _, server := newSAML(t, gatehousetest.Options{Store: database}, shape, way.more)
				first.Start()
				capture := func() captured {
					p := newPerson(t, server.Client())
					_, page, _ := p.goes(way.start(first, server.URL), nil)
					to, fields := p.form(page)
					fields.Set("person", "ada@acme.example")
					_, page, _ = p.goes(to, fields)
					acs, answer := p.form(page)
					at, err := url.Parse(first.URL)
					if err != nil {
						t.Fatal(err)
					}
					return captured{acs, answer, maps.Clone(p.cookies[at.Host])}
				}

				atOnce := capture()
				const copies = 6
				var sessions [copies]bool
				var all errgroup.Group
				for n := range copies {
					all.Go(func() (err error) { sessions[n], _, err = atOnce.brought(first); return err })
				}
				if err := all.Wait(); err != nil {
					t.Fatal(err)
				}
				if got := count(sessions[:]); got != 1 {
					t.Errorf("%d of %d copies at once begin a session", got, copies)
				}

				later, unused := capture(), capture()
				if in, page, err := later.brought(first); err != nil || !in {
					t.Fatalf("the answer itself does not sign on: %s %v", page, err)
				}
				first.Signal(syscall.SIGKILL)
				first.Wait()
				first.Start()
				later.refused(t, "the same node, killed meanwhile", first, way.reason)

				first.Signal(syscall.SIGKILL)
				first.Wait()
				second := takesOver(t, first)
				later.refused(t, "another node", second, way.reason)
				atOnce.refused(t, "another node, what came at once", second, way.reason)
				if in, page, err := unused.brought(second); err != nil || !in {
					t.Errorf("an answer that nobody used does not sign on at the other node: %s %v", page, err)
				}
				if got, want := refusals(t, database, way.reason), copies-1+3; got != want {
					t.Errorf("%d audit records name %s, want %d", got, way.reason, want)
				}
			})
		}
	}
}

func count(list []bool) (n int) {
	for _, one := range list {
		if one {
			n++
		}
	}
	return n
}

func (c captured) refused(t *testing.T, where string, node *gatehousetest.Host, reason string) {
	t.Helper()
	if in, page, err := c.brought(node); err != nil || in || !strings.Contains(page, "Reason: "+reason) {
		t.Errorf("%s: signed on: %v, %v: %s", where, in, err, page)
	}
}

// takesOver starts another node, with a data folder of its own, with the files, the
// address and the database of one that has ended.
func takesOver(t *testing.T, first *gatehousetest.Host) *gatehousetest.Host {
	t.Helper()
	second := gatehousetest.New(t, gatehousetest.Options{Store: first.Store})
	files, err := filepath.Glob(filepath.Join(first.Config, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		second.Write(filepath.Base(file), string(text))
	}
	second.URL, second.Addr = first.URL, first.Addr
	second.Start()
	return second
}

// refusals counts the audit records of refused sign-ons with a reason.
func refusals(t *testing.T, database, reason string) (n int) {
	t.Helper()
	db, err := sql.Open("pgx", database)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	err = db.QueryRowContext(t.Context(), `SELECT count(*) FROM audit_payload WHERE payload LIKE $1`, `%"reason":"`+reason+`"%`).Scan(&n)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
