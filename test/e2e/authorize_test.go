//go:build linux

package e2e_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

// An application asks what others may do, and is answered as they would be: a change
// of groups by the IdP counts with the next question.
func TestAnApplicationAsks(t *testing.T) {
	t.Parallel()
	h, _ := newPortal(t, provisioned)
	idp := h.SCIM("acme-portal")
	person := func(name string) string {
		return idp.Create("/Users", fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":%q,"active":true,"emails":[{"value":%q,"primary":true}]}`, name, name))
	}
	jane, omar := person("jane@acme.example"), person("omar@acme.example")
	data := idp.Create("/Groups", fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"Data","members":[{"value":%q}]}`, jane))
	key := analyst(h, "reports")

	var issued struct {
		Secret string `json:"secret"`
	}
	h.JSON(&issued, "admin", "token", "create", "the application", "--scope", "gatehouse:authorize:ask", "--organization", "acme")
	app, err := admin.Dial(t.Context(), admin.Options{URL: h.URL, Token: secret.Text(issued.Secret)})
	if err != nil {
		t.Fatal(err)
	}
	// may asks by hand, at the address of applications.
	may := func(kind, id, action string) string {
		t.Helper()
		r := ask(t, http.MethodPost, h.URL+"/api/v1/authorize", http.Header{"Authorization": {"Bearer " + issued.Secret}, "Content-Type": {"application/json"}},
			fmt.Sprintf(`{"subject":{"type":%q,"id":%q},"action":{"name":%q},"resource":{"type":"query","id":"42"}}`, kind, id, action))
		if r.status != http.StatusOK {
			t.Fatalf("status %d: %s", r.status, r.body)
		}
		return r.body
	}
	yes, no := `{"decision":true,"context":{"reason":"permitted","permission":"query:execute"}}`, `{"decision":false,"context":{"reason":"permission_missing","permission":"query:execute"}}`
	for _, q := range []struct{ kind, id, want string }{{"user", jane, yes}, {"user", omar, no}, {"client", key.Client, yes}} {
		if got := strings.TrimSpace(may(q.kind, q.id, "execute")); got != q.want {
			t.Errorf("%s %s: %s", q.kind, q.id, got)
		}
	}
	who := func() (ids []string) {
		t.Helper()
		q := admin.SubjectSearch{Subject: &admin.Subject{Type: "user"}, Action: &admin.Action{Name: "execute"}, Resource: &admin.Resource{Type: "query"}}
		s, err := app.SubjectsWho(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range s.Results {
			ids = append(ids, one.ID)
		}
		return ids
	}
	if got := who(); !slices.Equal(got, []string{jane}) {
		t.Errorf("who may: %q, and jane is %s", got, jane)
	}
	idp.Must(http.StatusNoContent, http.MethodPatch, "/Groups/"+data, fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"add","path":"members","value":[{"value":%q}]},{"op":"remove","path":"members[value eq \"%s\"]"}]}`, omar, jane))
	if got := who(); !slices.Equal(got, []string{omar}) {
		t.Errorf("after another change who may: %q, and omar is %s", got, omar)
	}
	idp.Must(http.StatusOK, http.MethodPatch, "/Users/"+omar, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"active","value":false}]}`)
	if got := may("user", omar, "execute"); !strings.Contains(got, `"reason":"no_access"`) {
		t.Errorf("whoever was deactivated: %s", got)
	}
	h.Revoke(key)
	if got := may("client", key.Client, "execute"); !strings.Contains(got, `"decision":true`) {
		t.Errorf("a client has roles, whatever becomes of one of its keys: %s", got)
	}

	for name, header := range map[string]http.Header{
		"nobody":             {},
		"a key of a program": pair(analyst(h, "another")),
		"another token":      {"Authorization": {"Bearer ghadm_nope"}},
	} {
		header.Set("Content-Type", "application/json")
		r := ask(t, http.MethodPost, h.URL+"/api/v1/authorize", header, `{"subject":{"type":"user","id":"x"},"action":{"name":"a"},"resource":{"type":"b"}}`)
		if r.status != http.StatusUnauthorized || r.problem.Code != problem.Unauthenticated {
			t.Errorf("%s asks: status %d %s", name, r.status, r.body)
		}
	}
}
