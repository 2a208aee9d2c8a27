package scim

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"testing"

	"github.com/gatehouse-id/gatehouse/plugins/scim/schema"
)

func TestDiscovery(t *testing.T) {
	t.Parallel()
	config := acme()
	config["page_size"], config["max_results"], config["bulk_max_operations"], config["bulk_max_payload"] = 20, 40, 30, 5000
	s := newSite(t, config)

	provider := s.do("GET", "/ServiceProviderConfig", "").want(http.StatusOK)
	for _, want := range []struct {
		value any
		path  []any
	}{
		{providerConfigURN, []any{"schemas", 0}},
		{true, []any{"patch", "supported"}},
		{true, []any{"bulk", "supported"}},
		{json.Number("30"), []any{"bulk", "maxOperations"}},
		{json.Number("5000"), []any{"bulk", "maxPayloadSize"}},
		{true, []any{"filter", "supported"}},
		{json.Number("40"), []any{"filter", "maxResults"}},
		{false, []any{"changePassword", "supported"}},
		{true, []any{"sort", "supported"}},
		{true, []any{"etag", "supported"}},
		{true, []any{"pagination", "cursor"}},
		{true, []any{"pagination", "index"}},
		{json.Number("20"), []any{"pagination", "defaultPageSize"}},
		{json.Number("40"), []any{"pagination", "maxPageSize"}},
		{"oauthbearertoken", []any{"authenticationSchemes", 0, "type"}},
		{base + "/ServiceProviderConfig", []any{"meta", "location"}},
	} {
		if got := provider.at(want.path...); got != want.value {
			t.Errorf("%v is %v, want %v", want.path, got, want.value)
		}
	}

	for _, at := range []string{"/Schemas", "/ResourceTypes"} {
		list := s.do("GET", at, "").want(http.StatusOK)
		resources, _ := list.at("Resources").([]any)
		var ids []string
		for i := range resources {
			id, _ := list.at("Resources", i, "id").(string)
			ids = append(ids, id)
			one := s.do("GET", at+"/"+id, "").want(http.StatusOK)
			if one.at("meta", "location") != base+at+"/"+id {
				t.Errorf("%s/%s is at %v", at, id, one.at("meta", "location"))
			}
			inList, _ := json.Marshal(resources[i])
			alone, _ := json.Marshal(one.object())
			if !bytes.Equal(inList, alone) {
				t.Errorf("%s/%s is not what the list has", at, id)
			}
		}
		want := []string{"User", "Group", "Entitlement"}
		if at == "/Schemas" {
			want = []string{schema.UserURN, schema.EnterpriseURN, custom, schema.GroupURN, "urn:okta:scim:schemas:core:1.0:Entitlement"}
		}
		if !slices.Equal(ids, want) {
			t.Errorf("%s has %v, want %v", at, ids, want)
		}
	}
}

// TestSchemasAreWhole: every characteristic of every attribute is there, for
// clients that insist (RFC 7643 §7).
func TestSchemasAreWhole(t *testing.T) {
	t.Parallel()
	s := newSite(t, acme())
	var list struct {
		Resources []struct {
			ID         string
			Attributes []map[string]any
		}
	}
	if err := json.Unmarshal(s.do("GET", "/Schemas", "").body, &list); err != nil {
		t.Fatal(err)
	}
	var check func(where string, attributes []map[string]any)
	check = func(where string, attributes []map[string]any) {
		if len(attributes) == 0 {
			t.Errorf("%s has no attributes", where)
		}
		for _, a := range attributes {
			name, _ := a["name"].(string)
			for _, key := range []string{"name", "type", "multiValued", "required", "caseExact", "mutability", "returned", "uniqueness"} {
				if v := a[key]; v == nil || v == "" {
					t.Errorf("%s.%s has no %s", where, name, key)
				}
			}
			if sub, parts := a["subAttributes"], a["type"] == "complex"; parts != (sub != nil) {
				t.Errorf("%s.%s has the type %v and sub-attributes %v", where, name, a["type"], sub)
			} else if parts {
				var inner []map[string]any
				text, _ := json.Marshal(sub)
				if err := json.Unmarshal(text, &inner); err != nil {
					t.Fatal(err)
				}
				check(where+"."+name, inner)
			}
		}
	}
	for _, r := range list.Resources {
		check(r.ID, r.Attributes)
	}
}

// TestCustomTypes: resources of a type that the configuration declares live as
// others do (OK-21).
func TestCustomTypes(t *testing.T) {
	t.Parallel()
	s := newSite(t, acme())
	const body = `{"schemas":["urn:okta:scim:schemas:core:1.0:Entitlement"],"displayName":"Admin","type":"role","externalId":"x1"}`
	made := s.do("POST", "/Entitlements", body).want(http.StatusCreated)
	at := "/entitlements/" + made.id()
	if got := s.do("GET", at, "").want(http.StatusOK); got.at("meta", "resourceType") != "Entitlement" || got.at("type") != "role" || got.at("externalId") != "x1" {
		t.Errorf("read: %s", got.body)
	}
	s.do("PATCH", at, patchBody(`[{"op":"replace","path":"type","value":"group"}]`)).refused(http.StatusBadRequest, "mutability")
	s.do("POST", "/Entitlements", `{"schemas":["urn:okta:scim:schemas:core:1.0:Entitlement"]}`).refused(http.StatusBadRequest, "invalidValue")
	s.do("PATCH", at, patchBody(`[{"op":"replace","path":"displayName","value":"Root"}]`)).want(http.StatusOK)
	if l := s.do("GET", "/Entitlements?filter=displayName+sw+%22roo%22", "").list(); l.names() != "Root" {
		t.Errorf("found %q", l.names())
	}
	s.do("DELETE", at, "").want(http.StatusNoContent)
	s.do("GET", at, "").refused(http.StatusNotFound, "")
}
