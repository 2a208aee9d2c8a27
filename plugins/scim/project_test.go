package scim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const custom = "urn:example:params:scim:schemas:extension:acme:2.0:User"

// acme is a configuration with an extension and a resource type of its own.
func acme() map[string]any {
	return map[string]any{
		"extension": []any{map[string]any{
			"urn": custom,
			"attribute": []any{
				map[string]any{"name": "costCenter"},
				map[string]any{"name": "badge", "returned": "always"},
				map[string]any{"name": "salary", "type": "integer", "returned": "request"},
				map[string]any{"name": "pin", "mutability": "writeOnly"},
				map[string]any{"name": "desks", "type": "complex", "multi_valued": true, "sub_attribute": []any{
					map[string]any{"name": "floor", "type": "integer"}, map[string]any{"name": "room"},
				}},
			},
		}},
		"resource_type": []any{map[string]any{
			"name": "Entitlement", "endpoint": "/Entitlements", "urn": "urn:okta:scim:schemas:core:1.0:Entitlement",
			"attribute": []any{
				map[string]any{"name": "displayName", "required": true},
				map[string]any{"name": "type", "mutability": "immutable"},
			},
		}},
	}
}

func TestProjection(t *testing.T) {
	t.Parallel()
	s := newSite(t, acme())
	id := s.do("POST", "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User","`+custom+`"],
		"userName":"mia","externalId":"e1","name":{"givenName":"Mia","familyName":"Lund"},"emails":[{"value":"a@x","type":"work"},{"value":"b@x","type":"home"}],"password":"Zk3!random",
		"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"HR","manager":{"value":"u-9"}},
		"`+custom+`":{"costCenter":"7","badge":"B1","salary":3,"pin":"1234","desks":[{"floor":1,"room":"a"},{"floor":2}]}}`).want(http.StatusCreated).id()
	const (
		core = `"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","` + custom + `"]`
		ent  = `"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"`
		acme = `"` + custom + `"`
	)
	badge := acme + `:{"badge":"B1"}`
	tests := map[string]struct{ query, want string }{
		"id":                       {"attributes=id", `{` + core + `,"id":"ID",` + badge + `}`},
		"a name":                   {"attributes=userName", `{` + core + `,"id":"ID","userName":"mia",` + badge + `}`},
		"in another case":          {"attributes=USERNAME", `{` + core + `,"id":"ID","userName":"mia",` + badge + `}`},
		"with its URN":             {"attributes=urn:ietf:params:scim:schemas:core:2.0:User:userName", `{` + core + `,"id":"ID","userName":"mia",` + badge + `}`},
		"a sub-attribute":          {"attributes=name.givenName", `{` + core + `,"id":"ID","name":{"givenName":"Mia"},` + badge + `}`},
		"a sub-attribute and all":  {"attributes=name.givenName,name", `{` + core + `,"id":"ID","name":{"givenName":"Mia","familyName":"Lund"},` + badge + `}`},
		"of each element":          {"attributes=emails.value", `{` + core + `,"id":"ID","emails":[{"value":"a@x"},{"value":"b@x"}],` + badge + `}`},
		"what no element has":      {"attributes=emails.display", `{` + core + `,"id":"ID",` + badge + `}`},
		"externalId":               {"attributes=externalId", `{` + core + `,"id":"ID","externalId":"e1",` + badge + `}`},
		"of the metadata":          {"attributes=meta.version", `{` + core + `,"id":"ID","meta":{"version":"W/\"1\""},` + badge + `}`},
		"of an extension":          {"attributes=" + custom + ":costCenter", `{` + core + `,"id":"ID",` + acme + `:{"costCenter":"7","badge":"B1"}}`},
		"on request":               {"attributes=" + custom + ":salary", `{` + core + `,"id":"ID",` + acme + `:{"salary":3,"badge":"B1"}}`},
		"never":                    {"attributes=" + custom + ":pin,password", `{` + core + `,"id":"ID",` + badge + `}`},
		"deep in an extension":     {"attributes=" + custom + ":desks.floor", `{` + core + `,"id":"ID",` + acme + `:{"desks":[{"floor":1},{"floor":2}],"badge":"B1"}}`},
		"nothing that there is":    {"attributes=shoeSize", `{` + core + `,"id":"ID",` + badge + `}`},
		"a whole extension":        {"attributes=" + custom, `{` + core + `,"id":"ID",` + acme + `:{"costCenter":"7","badge":"B1","desks":[{"floor":1,"room":"a"},{"floor":2}]}}`},
		"without an extension":     {"attributes=name.familyName," + ent[1:len(ent)-1] + ":manager&excludedAttributes=" + ent[1:len(ent)-1], `{` + core + `,"id":"ID","name":{"familyName":"Lund"},` + badge + `}`},
		"without sub-attributes":   {"attributes=emails&excludedAttributes=emails.type", `{` + core + `,"id":"ID","emails":[{"value":"a@x"},{"value":"b@x"}],` + badge + `}`},
		"without what is always":   {"attributes=id&excludedAttributes=id," + custom + ":badge", `{` + core + `,"id":"ID",` + badge + `}`},
		"without what is not many": {"attributes=userName&excludedAttributes=shoeSize,emails", `{` + core + `,"id":"ID","userName":"mia",` + badge + `}`},
	}
	for name, tt := range tests {
		got := s.do("GET", "/Users/"+id+"?"+tt.query, "").want(http.StatusOK).object()
		got["id"] = map[bool]string{true: "ID", false: "another"}[got["id"] == id]
		var want, plain any
		text, _ := json.Marshal(got)
		if err := json.Unmarshal([]byte(tt.want), &want); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		_ = json.Unmarshal(text, &plain)
		if diff := cmp.Diff(want, plain); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}

	whole := s.do("GET", "/Users/"+id+"?excludedAttributes=emails,meta,externalId", "").object()
	for _, name := range []string{"emails", "meta", "externalId", "password"} {
		if whole[name] != nil {
			t.Errorf("%s is shown: %v", name, whole[name])
		}
	}
	if inner, _ := whole[custom].(map[string]any); inner["pin"] != nil || inner["salary"] != nil || inner["costCenter"] != "7" {
		t.Errorf("the extension is shown as %v", inner)
	}
	// The answers to writes are cut in the same way.
	patched := s.do("PATCH", "/Users/"+id+"?attributes=active", patchBody(`[{"op":"replace","path":"active","value":false}]`)).want(http.StatusOK).object()
	if patched["active"] != false || patched["userName"] != nil {
		t.Errorf("after a PATCH: %v", patched)
	}
	if a := s.do("PUT", "/Users/"+id+"?excludedAttributes=name", userBody("mia")).want(http.StatusOK); a.at("name") != nil || a.at("userName") != "mia" {
		t.Errorf("after a PUT: %s", a.body)
	}
}

// TestPassword: whatever is sent as one is gone.
func TestPassword(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	const password = "Zk3!random"
	body := `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"mia","password":"` + password + `"}`
	made := s.do("POST", "/Users", body).want(http.StatusCreated)
	answers := []answer{
		made, s.do("PUT", "/Users/"+made.id(), body).want(http.StatusOK),
		s.do("PATCH", "/Users/"+made.id(), patchBody(`[{"op":"replace","path":"password","value":"`+password+`"}]`)).want(http.StatusOK),
		s.do("PATCH", "/Users/"+made.id(), patchBody(`[{"op":"replace","value":{"password":"`+password+`"}}]`)).want(http.StatusOK),
		s.do("GET", "/Users/"+made.id()+"?attributes=password", ""),
	}
	for _, a := range answers {
		if a.at("password") != nil {
			t.Errorf("%s: the password is shown: %s", a.what, a.body)
		}
	}
	s.do("GET", "/Users?filter=password+eq+%22x%22", "").refused(http.StatusBadRequest, "invalidFilter")
	given := fmt.Sprintf("%s", s.directory.Applied())
	if strings.Contains(given, password) || !strings.Contains(given, `"userName":"mia"`) {
		t.Errorf("the directory was given %s", given)
	}
}
