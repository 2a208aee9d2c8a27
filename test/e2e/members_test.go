//go:build linux

package e2e_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	"github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
	"github.com/gatehouse-id/gatehouse/test/gatehousetest"
)

const moved = 1000

// The identity provider moves a thousand people into a group with one request, and
// out of it with the next. What they may do then is so with the next request of each,
// whether they were known before or not.
func TestAThousandMembersMove(t *testing.T) {
	t.Parallel()
	storetest.EachURL(t, func(t *testing.T, url string) {
		h := before(t, gatehousetest.Options{Store: url})
		p := gatehousetest.NewPortal(t, gatehousetest.PortalURL)
		h.Write("portal.hcl", p.Plugin+fmt.Sprintf(portalRules, provisioned+"\n  limits {\n    rate = \"100000/s\"\n  }", p.Block))
		h.Start()
		idp := h.SCIM("acme-portal")
		var members []string
		for i := range moved {
			name := fmt.Sprintf("person-%d@acme.example", i)
			id := idp.Create("/Users", fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":%q,"active":true,"emails":[{"value":%q,"primary":true}]}`, name, name))
			members = append(members, fmt.Sprintf(`{"value":%q}`, id))
		}
		group := idp.Create("/Groups", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"Data"}`)
		signedOn, claims := newBrowser(), map[string]any{"sub": "person-7", "email": "person-7@acme.example"}
		if a := signedOn.signOn(t, h, p, "/api/v1/whoami", claims); a.status != http.StatusOK || !strings.Contains(a.body, `"roles":[]`) {
			t.Fatalf("status %d: %s", a.status, a.body)
		}
		var issued struct {
			Secret string `json:"secret"`
		}
		h.JSON(&issued, "admin", "token", "create", "asks", "--scope", "gatehouse:authorize:ask")
		app, err := admin.Dial(t.Context(), admin.Options{URL: h.URL, Token: secret.Text(issued.Secret)})
		if err != nil {
			t.Fatal(err)
		}
		for _, step := range []struct {
			op    string
			count int
			roles string
		}{{"add", moved, `"roles":["analyst"]`}, {"remove", 0, `"roles":[]`}, {"add", moved, `"roles":["analyst"]`}} {
			body := fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":%q,"path":"members","value":[%s]}]}`, step.op, strings.Join(members, ","))
			from := time.Now()
			idp.Must(http.StatusNoContent, http.MethodPatch, "/Groups/"+group, body)
			answered := time.Now()
			if a := signedOn.open(t, h.URL+"/api/v1/whoami"); a.status != http.StatusOK || !strings.Contains(a.body, step.roles) {
				t.Errorf("the next click after %s: status %d: %s", step.op, a.status, a.body)
			}
			clicked := time.Now()
			may, err := app.SubjectsWho(t.Context(), admin.SubjectSearch{
				Subject: &admin.Subject{Type: "user"}, Action: &admin.Action{Name: "execute"}, Resource: &admin.Resource{Type: "query"}, Page: &admin.SearchPage{Limit: moved},
			})
			if err != nil || len(may.Results) != step.count {
				t.Errorf("after %s %d may, want %d: %v", step.op, len(may.Results), step.count, err)
			}
			t.Logf("%s %d members: the request took %s, the next click %s, to ask about all of them %s", step.op, moved, answered.Sub(from), clicked.Sub(answered), time.Since(clicked))
		}
	})
}
