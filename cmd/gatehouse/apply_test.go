package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatehouse-id/gatehouse/sdk/admin"
)

// On a terminal an apply shows what would change, and asks where somebody would
// lose something; nobody is asked who has said so before, or where nobody loses.
func TestAnApplyAsks(t *testing.T) {
	dir := t.TempDir()
	env := map[string]string{"STORE_URL": "sqlite://" + filepath.Join(dir, "test.db"), "GATEHOUSE_ROOT_KEY": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}
	roles := ""
	apply := func(answer string, flags ...string) (status int, out, complaint string) {
		t.Helper()
		config := fmt.Sprintf(`
server {
  public_url = "http://127.0.0.1:18080"
}
store {
  url = env("STORE_URL")
}
upstream "app" {
  url = "http://127.0.0.1:9000"
}
organization "acme" {}
role "analyst" {
  permissions = ["query:execute"]
}
role "keeper" {
  permissions = ["policy:*"]
  protected   = true
}
client "reports" {
  organization = "acme"
  roles        = [%s]
}
authenticator "apikey" {}
`, roles)
		path := filepath.Join(dir, "gatehouse.hcl")
		if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		var written, complained bytes.Buffer
		term := &terminal{
			out: &written, err: &complained, in: strings.NewReader(answer), width: 80, asks: true,
			env: func(name string) (string, bool) { value, ok := env[name]; return value, ok },
		}
		status = run(t.Context(), append([]string{"apply", "--config", path, "--data", filepath.Join(dir, "data")}, flags...), term)
		return status, written.String(), complained.String()
	}
	const question = "Go on? [y/N]"
	for _, step := range []struct {
		name, roles, answer string
		flags               []string
		status              int
		want, not           string
	}{
		{"the first", `"analyst"`, "", nil, exitOK, "Revision 1", question},
		{"somebody gains", `"analyst", "keeper"`, "", nil, exitOK, "Revision 2", question},
		{"somebody loses, and the answer is no", `"keeper"`, "n\n", nil, exitFailed, question, "Revision"},
		{"somebody loses, and there is no answer", `"keeper"`, "", nil, exitFailed, "Loses analyst", "Revision 3"},
		{"somebody loses, and the answer is yes", `"keeper"`, "y\n", nil, exitOK, "Revision 3", "nothing"},
		{"nobody is left, and so nobody is asked", ``, "y\n", nil, exitRefused, "LOCKOUT", question},
		{"nobody is left, which was said", ``, "y\n", []string{"--allow-lockout", "keeper"}, exitOK, question, "nothing"},
		{"who does not want to be asked", `"keeper"`, "", []string{"--yes"}, exitOK, "keeper", "nothing"},
		{"nor of what is lost", `"keeper", "analyst"`, "", []string{"--yes"}, exitOK, "analyst", question},
		{"nor then", `"keeper"`, "", []string{"--yes"}, exitOK, "Revision 7", question},
	} {
		roles = step.roles
		status, out, complaint := apply(step.answer, step.flags...)
		if status != step.status || !strings.Contains(out, step.want) || strings.Contains(out, step.not) {
			t.Fatalf("%s: status %d\n%s\n%s", step.name, status, out, complaint)
		}
	}
}

// The bar goes where it stands, and away.
func TestProgress(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	p := &progress{t: &terminal{err: &out, width: 80}, on: true}
	p.end()
	p.show(admin.PlanProgress{Done: 0, Total: 0})
	if out.Len() > 0 {
		t.Errorf("nothing is to be shown: %q", out.String())
	}
	p.show(admin.PlanProgress{Done: 50, Total: 100})
	p.end()
	want := "\r[" + strings.Repeat("#", 15) + strings.Repeat(".", 15) + "] 50 of 100\r" + strings.Repeat(" ", 79) + "\r"
	if got := out.String(); got != want {
		t.Errorf("%q", got)
	}
	silent := &progress{t: &terminal{err: &out, width: 80}}
	out.Reset()
	silent.show(admin.PlanProgress{Done: 1, Total: 2})
	if silent.end(); out.Len() > 0 {
		t.Errorf("%q", out.String())
	}
}
