//go:build linux

package e2e_test

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	"github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/test/gatehousetest"
)

const planned = `
role "keeper" {
  permissions = ["policy:write"]
  protected   = true
}

connection "okta" {
  organization = "acme"

  provisioner "scim" {}

  mapping "data" {
    groups = ["Data"]
    roles  = ["analyst"]
  }

  mapping "keepers" {
    groups = ["Keepers"]
    roles  = ["keeper"]
  }
}
`

// A host that runs, on either database: an apply holds to its plan while the
// directory goes on, a reload does not lock out, and a shadow tells of real
// requests.
func TestAPlanOfAHost(t *testing.T) {
	t.Parallel()
	storetest.EachURL(t, func(t *testing.T, url string) {
		h := before(t, gatehousetest.Options{Store: url, Files: map[string]string{"people.hcl": planned}})
		h.Start()
		scim := h.SCIM("okta")
		person := func(name string) string {
			return scim.Create("/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"`+name+`@acme.example","active":true}`)
		}
		group := func(name string, members ...string) string {
			return scim.Create("/Groups", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"`+name+`","members":[{"value":"`+strings.Join(members, `"},{"value":"`)+`"}]}`)
		}
		member := func(op, group, user string) {
			patch := `{"op":"add","path":"members","value":[{"value":"` + user + `"}]}`
			if op == "remove" {
				patch = `{"op":"remove","path":"members[value eq \"` + user + `\"]"}`
			}
			scim.Must(http.StatusNoContent, http.MethodPatch, "/Groups/"+group, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[`+patch+`]}`)
		}
		jane, omar := person("jane"), person("omar")
		data := group("Data", jane)
		group("Keepers", omar)
		plan := filepath.Join(t.TempDir(), "plan.json")
		h.Write("people.hcl", strings.Replace(planned, `groups = ["Data"]`, `groups = ["Research"]`, 1))
		var made struct {
			Plan    admin.Plan
			Changes []admin.PlannedChange
		}
		h.JSON(&made, "plan", "--config", h.Config, "--out", plan)
		if len(made.Changes) != 1 || made.Changes[0].Principal != "user:"+jane || made.Plan.Roles[0].UsersLose != 1 || made.Plan.Revision != 1 {
			t.Fatalf("%+v", made)
		}
		if text, err := os.ReadFile(plan); err != nil || strings.Contains(string(text), jane) || strings.Contains(string(text), "jane@") {
			t.Errorf("the plan names people: %s, %v", text, err)
		}
		apply := func(flags ...string) gatehousetest.Result {
			return h.CLI(append([]string{"apply", "--config", h.Config}, flags...)...)
		}
		member("add", data, omar)
		if r := apply(plan); r.Status != 4 || !strings.Contains(r.Err, "would not change any more what was planned") {
			t.Fatalf("somebody else would lose the role: status %d: %s%s", r.Status, r.Out, r.Err)
		}
		member("remove", data, omar)
		person("kim") // of whom nothing would change
		if r := apply(plan); r.Status != 0 || !strings.Contains(r.Out, "Revision 2 is in force") {
			t.Fatalf("status %d: %s%s", r.Status, r.Out, r.Err)
		}
		var who admin.UserDetail
		h.JSON(&who, "users", "show", jane)
		if len(who.Roles) != 0 {
			t.Errorf("jane has %+v", who.Roles)
		}

		if url != "" && !strings.HasPrefix(url, "postgres") { // there a signal takes no files
			right, err := os.ReadFile(filepath.Join(h.Config, "people.hcl"))
			if err != nil {
				t.Fatal(err)
			}
			h.Write("people.hcl", strings.Replace(string(right), `groups = ["Keepers"]`, `groups = ["Nobody"]`, 1))
			hangup(t, h)
			if !strings.Contains(h.Log.String(), "a protected role would have no active holder") {
				t.Errorf("a reload locks out:\n%s", h.Log)
			}
			h.Write("people.hcl", string(right))
		}

		k := analyst(h, "my-tenant")
		if a := execute(t, h, pair(k)); a.status != http.StatusOK {
			t.Fatalf("status %d: %s", a.status, a.body)
		}
		h.Write("extra.hcl", `
mapping "programs" {
  when  = client.organization == "acme"
  roles = ["keeper"]
}
`)
		if r := h.CLI("shadow", "start", "--config", h.Config); r.Status != 0 {
			t.Fatal(r.Err)
		}
		if a := execute(t, h, pair(k)); a.status != http.StatusOK {
			t.Fatalf("status %d: %s", a.status, a.body)
		}
		var found admin.Shadow
		gatehousetest.Eventually(t, "the client was evaluated by both", func() bool {
			h.JSON(&found, "shadow", "status")
			return found.Different > 0
		})
		if p := found.Principals[0]; p.Principal != "client:my-tenant" || !slices.Equal(p.Roles.Gains, []string{"keeper"}) || !slices.Equal(p.Permissions.Gains, []string{"policy:write"}) || len(p.Roles.Loses) != 0 {
			t.Errorf("%+v", found)
		}
		if r := h.CLI("shadow", "status"); !strings.Contains(r.Out, "keeper") || !strings.Contains(r.Out, "client:my-tenant") {
			t.Errorf("%s%s", r.Out, r.Err)
		}
		if a := ask(t, http.MethodPost, h.URL+"/api/v1/admin/x", pair(k), ""); a.status != http.StatusForbidden {
			t.Errorf("what is only tried counts: %d", a.status)
		}
		if r := h.CLI("shadow", "stop"); r.Status != 0 {
			t.Error(r.Err)
		}
		if r := h.CLI("shadow", "stop"); r.Status != 1 {
			t.Errorf("status %d", r.Status)
		}
	})
}
