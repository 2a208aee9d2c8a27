//go:build linux

package e2e_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-id/gatehouse/examples/application"
	"github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/identity"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/test/gatehousetest"
)

const explained = `
organization "globex" {
  name = "Globex"
}

role "admin" {
  permissions = ["*"]
}

connection "acme-okta" {
  organization = "acme"
  provisioner "scim" {}

  mapping "platform-admins" {
    groups = ["Platform Admins"]
    roles  = ["admin"]
  }

  mapping "analytics" {
    groups = ["Data"]
    when   = user.department == "Analytics" || user.title == "Analyst"
    roles  = ["analyst"]
  }
}

route "/api/v1/echo" {
  public = true
}

route "/api/v1/whoami" {
  mfa = true
}
`

// says runs gatehouse explain, and returns what it prints as one line.
func says(t *testing.T, h *gatehousetest.Host, args ...string) string {
	t.Helper()
	r := h.CLI(append([]string{"explain"}, args...)...)
	if r.Status != 0 {
		t.Fatalf("gatehouse explain %q: status %d: %s", args, r.Status, r.Err)
	}
	return strings.Join(strings.Fields(r.Out), " ")
}

// all reports which of some texts are missing in another.
func all(t *testing.T, what, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%s: it does not say %q:\n%s", what, part, text)
		}
	}
}

// newExplained starts a host with jane, who is in Sales and in the group Data, and
// with a client of hers.
func newExplained(t *testing.T) (h *gatehousetest.Host, scim *gatehousetest.SCIM, jane string) {
	t.Helper()
	h = gatehousetest.New(t, gatehousetest.Options{})
	v, err := identity.New(identity.Options{Issuer: h.URL, Audience: "app"})
	if err != nil {
		t.Fatal(err)
	}
	furnish(t, h, application.Handler(v), "60s")
	h.Write("explained.hcl", explained)
	h.Start()
	scim = h.SCIM("acme-okta")
	jane = scim.Create("/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"jane@acme.example","active":true,"title":"Engineer"}`)
	scim.Create("/Groups", fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"Data","members":[{"value":%q}]}`, jane))
	return h, scim, jane
}

// TestExplain is an operator who asks why somebody lacks a role, mends it by what they
// are told, and asks again.
func TestExplain(t *testing.T) {
	t.Parallel()
	h, scim, jane := newExplained(t)
	all(t, "without the role", says(t, h, "jane@acme.example", "--role", "analyst"),
		`User "jane@acme.example" does not have the role "analyst".`, `Mapping "acme-okta/analytics" at explained.hcl:`,
		`either user.department is absent, and "Analytics" was asked for`, `or user.title is "Engineer", and "Analyst" was asked for`)
	all(t, "the other role", says(t, h, "jane@acme.example", "--role", "admin"), `not in group "Platform Admins"`)
	all(t, "a role that is not declared", says(t, h, "jane@acme.example", "--role", "analist"), `declares no role "analist"`, `Did you mean "analyst"?`)
	all(t, "a path", says(t, h, "jane@acme.example", "--path", "/api/v1/query/execute", "--method", "post"),
		`may not call POST /api/v1/query/execute`, `asks for the permission "query:execute"`, "None of their roles has it.", `These have it: "admin", "analyst".`)

	scim.Must(http.StatusOK, http.MethodPatch, "/Users/"+jane, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[
		{"op":"replace","path":"title","value":"Analyst"},
		{"op":"replace","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department","value":"Sales"}]}`)
	all(t, "once it is mended", says(t, h, jane), `Role "analyst": mapping "acme-okta/analytics" at explained.hcl:`, "gives it, since 20", `in group "Data"; user.title is "Analyst"`)
	all(t, "a path", says(t, h, jane, "--path", "/api/v1/query/execute?x=1"), `may call GET /api/v1/query/execute`, `It comes with "analyst".`)
	all(t, "a path of people", says(t, h, jane, "--path", "/api/v1/whoami"), `may call`, "more than one factor (mfa)")
	all(t, "a public path", says(t, h, jane, "--path", "/api/v1/echo"), "open to everybody, also without a credential")

	h.NewKey("bot", "--organization", "acme", "--owner", "jane@acme.example", "--role", "admin", "--role", "analyst", "--scope", "query:*")
	all(t, "a client with an owner", says(t, h, "bot"),
		`Role "admin": it was given with the admin API`, "It does not count: it permits what the user who owns the client may not do.", `Role "analyst": it was given with the admin API`)
	all(t, "a path of it", says(t, h, "bot", "--path", "/api/v1/admin/x"), "no role of the user who owns the client has it")
	all(t, "a path of people", says(t, h, "bot", "--path", "/api/v1/whoami"), `may not call`, "it is for people only: no client may")

	scim.Must(http.StatusOK, http.MethodPatch, "/Users/"+jane, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"active","value":false}]}`)
	all(t, "deactivated", says(t, h, jane, "--role", "analyst"), "is deactivated, and has no access, whatever roles they have", "would give it to them if they had access")
	all(t, "her client", says(t, h, "bot"), "has no access, whatever roles", "the user who owns it has no access")
	if r := h.CLI("explain", "nobody@acme.example"); r.Status == 0 || !strings.Contains(r.Err, "there is no user and no client") {
		t.Errorf("nobody: status %d: %s", r.Status, r.Err)
	}
}

// TestDecisionIsOpened is a refused caller who names the decision, and an operator who
// opens it, before and after each change that answers it.
func TestDecisionIsOpened(t *testing.T) {
	t.Parallel()
	h, scim, jane := newExplained(t)
	key := analyst(h, "my-tenant")
	write := func() (string, answer) {
		a := ask(t, http.MethodPost, h.URL+"/api/v1/admin/policies", pair(key), `{}`)
		return a.header.Get(problem.DecisionHeader), a
	}
	id, a := write()
	a.refusal(t, http.StatusForbidden, problem.Forbidden)
	if id == "" || a.problem.Decision != id {
		t.Fatalf("the refusal says %q, its header %q", a.problem.Decision, id)
	}
	asked := []string{"--decision", id, "--path", "/api/v1/admin/policies"}
	text := says(t, h, asked...)
	all(t, "at once", text, `A POST request for upstream "app" was refused (permission_denied) at 20`, `client "my-tenant" of organization "acme"`,
		`The route "/api/v1/admin/**" at rules.hcl:`, `asks for the permission "policy:write"`, "No role had the permission.", "Changed since nothing")

	allowed := execute(t, h, pair(key)).header.Get(problem.DecisionHeader)
	all(t, "of a request that passed", says(t, h, "--decision", allowed), "was let through", `client "my-tenant"`, "A role had the permission.", "Changed since nothing")

	if r := h.CLI("keys", "update", "my-tenant", "--role", "analyst", "--role", "admin"); r.Status != 0 {
		t.Fatal(r.Err)
	}
	all(t, "after a role was given", says(t, h, asked...), `Their roles are others than those that counted then. Now they are: "admin", "analyst".`, `Given since then: "admin"`,
		"The same question is answered with yes now.", `may call POST /api/v1/admin/policies`)
	all(t, "without the path", says(t, h, "--decision", id), "The same question is answered with yes now.")
	if _, a := write(); a.status == http.StatusForbidden {
		t.Error("and it is not")
	}

	h.Write("explained.hcl", strings.Replace(explained, `route "/api/v1/echo" {`, "route \"/api/v1/admin/policies\" {\n  permission = \"nobody:has\"\n}\n\nroute \"/api/v1/echo\" {", 1))
	hangup(t, h)
	all(t, "after a change of the configuration", says(t, h, asked...), "Revision 2 of the configuration is in force; revision 1 decided.", `"/api/v1/admin/**" at rules.hcl:`)

	h.Restart()
	all(t, "after a restart", says(t, h, asked...), "(not the one that answers now)", `client "my-tenant"`)
	if r := h.CLI("keyring", "rotate", "--purpose", "decision"); r.Status != 0 {
		t.Fatal(r.Err)
	}
	all(t, "after its key was replaced", says(t, h, asked...), `client "my-tenant"`)
	h.Revoke(key)
	all(t, "after the key was revoked", says(t, h, asked...), "The key "+key.ID+" that was used was revoked at 20")
	all(t, "of a request with it", says(t, h, "--decision", ask(t, http.MethodGet, h.URL+"/api/v1/whoami", pair(key), "").header.Get(problem.DecisionHeader)),
		"nobody who was known", "There was no credential, or it did not verify.")

	t.Run("of a client whose owner leaves", func(t *testing.T) {
		bot := h.NewKey("a-client-whose-name-is-longer-than-the-id-has-room-for", "--organization", "acme", "--owner", "jane@acme.example", "--role", "analyst")
		id := execute(t, h, pair(bot)).header.Get(problem.DecisionHeader)
		scim.Must(http.StatusOK, http.MethodPatch, "/Users/"+jane, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"active","value":false}]}`)
		all(t, "its owner left", says(t, h, "--decision", id), `client "a-client-whose-name-is-longer-than-the-id-has-room-for"`, "the user who owns it has no access", "was stopped at 20")
	})
	t.Run("what is no id of this host", func(t *testing.T) {
		other := "A" + id[1:len(id)-1] + map[bool]string{true: "0", false: "Q"}[id[len(id)-1] == 'Q']
		for given, want := range map[string]string{
			"x": "this is no id of a decision", id[:100]: "this has 100 characters", other: "not made here",
			"AQ" + strings.Repeat("A", len(id)-2): "a key that this host does not have",
		} {
			if r := h.CLI("explain", "--decision", given); r.Status == 0 || !strings.Contains(r.Err, want) {
				t.Errorf("%s: status %d: %s", given, r.Status, r.Err)
			}
		}
	})
	t.Run("to an administrator of another organization", func(t *testing.T) {
		for _, organization := range []string{"acme", "globex"} {
			_, token := newToken(h, "of "+organization, "--organization", organization)
			res := administers(t, h, token, "203.0.113.7", http.MethodGet, admin.Prefix+"/decisions/"+id, "")
			if want := map[string]int{"acme": http.StatusOK, "globex": http.StatusNotFound}[organization]; res.status != want || organization == "globex" && strings.Contains(res.body, "my-tenant") {
				t.Errorf("%s: %d %s", organization, res.status, res.body)
			}
		}
	})
}
