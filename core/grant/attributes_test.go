package grant_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/core/directory"
	"github.com/gatehouse-id/gatehouse/core/grant"
	"github.com/gatehouse-id/gatehouse/core/policy"
)

const enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

// Jane is the user of RFC 7643 §8.3, shortened.
const jane = `{
	"userName": "bjensen@example.com", "displayName": "Babs Jensen", "title": "Tour Guide", "userType": "Employee", "locale": "en-US",
	"name": {"givenName": "Barbara", "familyName": "Jensen"},
	"emails": [{"value": "babs@jensen.org", "type": "home"}, {"value": "bjensen@example.com", "type": "work"}],
	"` + enterprise + `": {"employeeNumber": "701984", "costCenter": "4130", "organization": "Universal Studios",
		"division": "Theme Park", "department": "Tour Operations", "manager": {"value": "26118915", "displayName": "John Smith"}}
}`

func TestAttributes(t *testing.T) {
	t.Parallel()
	got := grant.AsUser(directory.Facts{
		ID: "u1", Organization: "acme", Connection: "okta", ExternalID: "701984", Active: true, Attributes: json.RawMessage(jane),
		Groups: []directory.GroupName{{ID: "g1", ExternalID: "00g1", Display: "Data"}},
	})
	want := policy.User{
		ID: "u1", Organization: "acme", Connection: "okta", Emails: []string{"babs@jensen.org", "bjensen@example.com"},
		Groups: []policy.Group{{Name: "Data", ID: "00g1"}},
		Texts: map[string]string{
			"external_id": "701984", "user_name": "bjensen@example.com", "email": "bjensen@example.com", "display_name": "Babs Jensen",
			"given_name": "Barbara", "family_name": "Jensen", "title": "Tour Guide", "user_type": "Employee", "locale": "en-US",
			"employee_number": "701984", "cost_center": "4130", "company": "Universal Studios", "division": "Theme Park",
			"department": "Tour Operations", "manager": "26118915",
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// What is not in the form of RFC 7643 is absent, and harms nothing beside it.
func TestAttributesOfAnotherForm(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ attributes, attribute, want string }{
		"nothing":                         {``, "title", ""},
		"null":                            {`null`, "title", ""},
		"a number":                        {`{"title": 5, "locale": "de"}`, "title", ""},
		"beside a number":                 {`{"title": 5, "locale": "de"}`, "locale", "de"},
		"another case of the name":        {`{"TITLE": "x"}`, "title", ""},
		"a name that is a text":           {`{"name": "x"}`, "given_name", ""},
		"an extension that is a list":     {`{"` + enterprise + `": []}`, "department", ""},
		"a manager that is an id":         {`{"` + enterprise + `": {"manager": "m1"}}`, "manager", "m1"},
		"a manager without an id":         {`{"` + enterprise + `": {"manager": {"displayName": "x"}}}`, "manager", ""},
		"an escape":                       {`{"title": "\u00fc"}`, "title", "ü"},
		"the primary address":             {`{"emails": [{"value": "a", "type": "work"}, {"value": "b", "primary": true}]}`, "email", "b"},
		"the first address":               {`{"emails": [{"value": "a"}, {"value": "b"}]}`, "email", "a"},
		"an address without value":        {`{"emails": [{"primary": true}, 7, {"value": "b"}]}`, "email", "b"},
		"addresses that are no list":      {`{"emails": {"value": "a"}}`, "email", ""},
		"primary that is a text is false": {`{"emails": [{"value": "a"}, {"value": "b", "primary": "true"}]}`, "email", "a"},
	} {
		got := grant.AsUser(directory.Facts{ID: "u", Attributes: json.RawMessage(c.attributes)}).Texts[c.attribute]
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// The table says of each attribute where it comes from, and it does.
func TestTableOfAttributes(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "reference", "user-attributes.md"))
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile("(?m)^\\| `(user\\.[a-z_]+)` \\| [a-z ]+ \\| (\\*Enterprise\\* )?`?([A-Za-z.]+)")
	var names []string
	for _, m := range row.FindAllStringSubmatch(string(page), -1) {
		names = append(names, m[1])
		name, path := strings.TrimPrefix(m[1], "user."), strings.Split(m[3], ".")
		if slices.Contains([]string{"id", "organization", "external_id", "groups", "group_ids", "emails"}, name) {
			continue // TestAttributes has them
		}
		if m[2] != "" {
			path = append([]string{enterprise}, path...)
		}
		var value any = "found"
		for _, step := range slices.Backward(path) {
			value = map[string]any{step: value}
			if step == "emails" {
				value = map[string]any{step: []any{value.(map[string]any)[step]}}
			}
		}
		raw, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		if got := grant.AsUser(directory.Facts{ID: "u", Attributes: raw}).Texts[name]; got != "found" {
			t.Errorf("%s is not read from %s", m[1], raw)
		}
	}
	if diff := cmp.Diff(policy.UserAttributes(), names); diff != "" {
		t.Errorf("the table and the policy differ (-policy +table):\n%s", diff)
	}
}
