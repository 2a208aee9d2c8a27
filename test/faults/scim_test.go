//go:build linux

package faults_test

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	"github.com/gatehouse-id/gatehouse/test/gatehousetest"
)

// directoryFault is a way in which a database fails at what an IdP asks for.
type directoryFault struct {
	name   string
	store  func(t *testing.T) string
	strike func(t *testing.T, h *gatehousetest.Host) (heal func())
	reads  bool // reads go on, and answer what they answered before
	writes bool // writes wait, and are done
	some   bool // some reads are refused: a connection cannot be opened, or the host not prove that it holds the database
}

func directoryFaults() []directoryFault {
	shared := func(t *testing.T) string { t.Helper(); return storetest.Postgres(t) }
	var c *cluster
	own := func(t *testing.T) string {
		t.Helper()
		c = newCluster(t)
		return c.database(t, "people", "")
	}
	rows := sqliteRows()
	at := func(name string) row { return rows[slices.IndexFunc(rows, func(r row) bool { return r.name == name })] }
	return []directoryFault{
		{name: "SQLite: locked", store: aFile, reads: true, strike: at("SQLite: locked").strike},
		{name: "SQLite: slow", store: aFile, reads: true, writes: true, strike: at("SQLite: slow").strike},
		{name: "SQLite: full", store: smallDisk, reads: true, strike: at("SQLite: full").strike},
		{name: "SQLite: gone", store: aFile, reads: true, some: true, strike: at("SQLite: gone").strike},
		{name: "SQLite: broken", store: aFile, strike: breakSQLite},
		{name: "PostgreSQL: locked", store: shared, strike: func(t *testing.T, h *gatehousetest.Host) func() {
			t.Helper()
			return inTransaction(t, h.Store, "LOCK TABLE directory_resource IN ACCESS EXCLUSIVE MODE")
		}},
		{name: "PostgreSQL: read-only", store: shared, reads: true, some: true, strike: func(t *testing.T, h *gatehousetest.Host) func() {
			t.Helper()
			readOnly(t, h.Store, "on")
			return func() { readOnly(t, h.Store, "off") }
		}},
		{name: "PostgreSQL: broken", store: shared, strike: func(t *testing.T, h *gatehousetest.Host) func() {
			t.Helper()
			psql(t, h.Store, "ALTER TABLE directory_resource RENAME TO away")
			return func() { psql(t, h.Store, "ALTER TABLE away RENAME TO directory_resource") }
		}},
		{name: "PostgreSQL: stopped", store: own, strike: func(t *testing.T, _ *gatehousetest.Host) func() { t.Helper(); return c.freeze(t) }},
	}
}

// breakSQLite takes the table of people away, so that reading fails too.
func breakSQLite(t *testing.T, h *gatehousetest.Host) (heal func()) {
	t.Helper()
	do := func(statement string) {
		db, err := sql.Open("sqlite", "file:"+fileOf(h)+"?_pragma=busy_timeout(10000)")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = db.Close() }()
		if _, err := db.ExecContext(context.WithoutCancel(t.Context()), statement); err != nil {
			t.Fatal(err)
		}
	}
	do("ALTER TABLE directory_resource RENAME TO away")
	return func() { do("ALTER TABLE away RENAME TO directory_resource") }
}

// inTransaction runs a statement in a transaction that stays open.
func inTransaction(t *testing.T, store, statement string) (end func()) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	conn, err := pgx.Connect(ctx, store)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(ctx) })
	for _, s := range []string{"BEGIN", statement} {
		if _, err := conn.Exec(ctx, s); err != nil {
			t.Fatal(err)
		}
	}
	return func() {
		if _, err := conn.Exec(ctx, "ROLLBACK"); err != nil {
			t.Error(err)
		}
	}
}

const okta = `
connection "acme-okta" {
  organization = "acme"

  provisioner "scim" {}

  limits {
    concurrent = 100
    rate       = "10000/s"
  }
}
`

// prepared is a verb with resources of its own.
type prepared struct {
	verb
	before gatehousetest.SCIMAnswer // of a read
}

// observe asks for everything while the fault lasts, and returns what was seen.
func (f directoryFault) observe(t *testing.T) (cells []string) {
	t.Helper()
	h := demonstrated(t, gatehousetest.Options{Store: f.store(t), Files: map[string]string{"okta.hcl": okta}})
	h.Start()
	idp, fresh := h.SCIM("acme-okta"), h.SCIM("acme-okta")
	member := idp.Create("/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"member","externalId":"member"}`)
	var list []prepared
	for i, v := range verbs() {
		user := idp.Create("/Users", fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"user-%d"}`, i))
		group := idp.Create("/Groups", fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"listed %d","members":[{"value":%q}]}`, i, member))
		fill := strings.NewReplacer("USER", user, "GROUP", group, "MEMBER", member)
		v.path, v.body = fill.Replace(v.path), fill.Replace(v.body)
		list = append(list, prepared{verb: v})
	}
	for i := range list {
		if !list[i].writes {
			list[i].before = idp.Must(http.StatusOK, list[i].method, list[i].path, list[i].body)
		}
	}

	heal := f.strike(t, h)
	answers := make([]gatehousetest.SCIMAnswer, len(list))
	var all sync.WaitGroup
	for i, p := range list {
		all.Go(func() {
			by := idp
			if p.fresh {
				by = fresh
			}
			var err error
			if answers[i], err = by.Try(t.Context(), p.method, p.path, p.body); err != nil {
				t.Errorf("%s: there was no answer: %v", p.name, err)
			}
		})
	}
	all.Wait()
	for i, p := range list {
		cell := f.judge(t, p, answers[i])
		if f.some && !p.writes {
			cell = "200 or 503"
		}
		cells = append(cells, cell)
	}
	heal()
	gatehousetest.Eventually(t, "it is ready again", func() bool { status, _ := h.Readyz(); return status == http.StatusOK })
	for _, p := range list { // as an IdP does that was told to come again
		p.repeat(t, idp)
	}
	if restarts := h.Plugin("scim").Restarts; restarts != 0 {
		t.Errorf("the plugin died %d times of it", restarts)
	}
	return cells
}

// judge checks an answer during the fault: it is right, or an error that an IdP
// understands and does nothing for but come again.
func (f directoryFault) judge(t *testing.T, p prepared, a gatehousetest.SCIMAnswer) (cell string) {
	t.Helper()
	problem := func(format string, args ...any) {
		t.Errorf("%s: %s: status %d: %s: %s", f.name, p.name, a.Status, fmt.Sprintf(format, args...), a.Text)
	}
	schemas, _ := a.Body["schemas"].([]any)
	refused := func(status int, body map[string]any) {
		if status < 500 && status != http.StatusTooManyRequests {
			problem("it is neither right nor an error of the server")
		}
		if body["status"] != fmt.Sprint(status) || body["detail"] == nil || body["detail"] == "" {
			problem("it is no SCIM error")
		}
	}
	switch {
	case a.Status/100 == 2 && p.path == "/Bulk" && strings.Contains(a.Text, `"response"`): // each operation has its own status
		operations, _ := a.Body["Operations"].([]any)
		one, _ := operations[0].(map[string]any)
		body, _ := one["response"].(map[string]any)
		var status int
		_, _ = fmt.Sscan(fmt.Sprint(one["status"]), &status)
		refused(status, body)
		return fmt.Sprintf("200 with %d", status)
	case a.Status/100 == 2 && !p.writes:
		if !f.reads {
			problem("the store cannot be read")
		}
		if a.Text != p.before.Text {
			problem("it was otherwise before: %s", p.before.Text)
		}
	case a.Status/100 == 2:
		if !f.writes {
			problem("the store cannot be written")
		}
	default:
		if f.writes || f.reads && !p.writes && !p.fresh && a.Status != http.StatusServiceUnavailable {
			problem("the store can do it")
		}
		if len(schemas) != 1 || schemas[0] != "urn:ietf:params:scim:api:messages:2.0:Error" || !strings.HasPrefix(a.Header.Get("Content-Type"), "application/scim+json") {
			problem("it is no SCIM error: %v", a.Header)
		}
		refused(a.Status, a.Body)
		if a.Status != http.StatusInternalServerError && a.Header.Get("Retry-After") == "" {
			problem("it does not say when to come again")
		}
	}
	return fmt.Sprint(a.Status)
}

// repeat asks once more when the fault is over.
func (p prepared) repeat(t *testing.T, idp *gatehousetest.SCIM) {
	t.Helper()
	var a gatehousetest.SCIMAnswer
	gatehousetest.Eventually(t, p.name+" is answered again", func() bool {
		a = idp.Send(p.method, p.path, p.body)
		return a.Status < 500 && a.Status != http.StatusTooManyRequests
	})
	if a.Status/100 != 2 && !slices.Contains(p.again, a.Status) {
		t.Errorf("%s, when it was over: status %d: %s", p.name, a.Status, a.Text)
	}
}

const scimPreface = `# SCIM and a store that fails

What an identity provider is answered while the database fails: a status of SCIM that
makes it come again, and never an empty list, a 404, or a 2xx for what was not done.
Reads that the database can still do are whole, and as they were before. This page is written by
` + "`TestSCIMFaults`" + `, which makes each fault happen to a real host and asks for everything;
it fails when the page and the host differ. ` + "`go test ./test/faults -run TestSCIMFaults -update`" + `
writes it anew. All errors have a body of SCIM and a ` + "`Retry-After`" + `, but those within Bulk, which has the
status of each operation in its answer. [Faults](faults.md) says what each of them is;
broken is a database that lacks the table of people.

`

// TestSCIMFaults asks for everything while the database fails in every way.
func TestSCIMFaults(t *testing.T) {
	t.Parallel()
	faults := directoryFaults()
	cells := make([][]string, len(faults))
	t.Run("rows", func(t *testing.T) {
		for i, f := range faults {
			t.Run(f.name, func(t *testing.T) { t.Parallel(); cells[i] = f.observe(t) })
		}
	})
	if t.Failed() {
		return
	}
	text := scimPreface + "| |"
	for _, f := range faults {
		text += " " + f.name + " |"
	}
	text += "\n|" + strings.Repeat(" --- |", len(faults)+1) + "\n"
	for i, v := range verbs() {
		text += "| " + v.name + " |"
		for n, seen := range cells {
			if seen == nil {
				t.Skipf("NOT COMPARED: %s could not be made to happen here", faults[n].name)
			}
			text += " " + seen[i] + " |"
		}
		text += "\n"
	}
	name := filepath.FromSlash("../../docs/reference/scim-faults.md")
	if *update {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	page, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if string(page) != text {
		t.Errorf("the page differs from what is seen (write it anew with -update):\n%s", text)
	}
}
