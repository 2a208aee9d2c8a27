package scim

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-id/gatehouse/plugins/scim/dialect"
	"github.com/gatehouse-id/gatehouse/sdk/diag"
	"github.com/gatehouse-id/gatehouse/sdk/instance"
	"github.com/gatehouse-id/gatehouse/sdk/plugintest"
)

func TestPluginIsSound(t *testing.T) {
	t.Parallel()
	if err := Plugin().Check(); err != nil {
		t.Error(err)
	}
}

func configure(provider string, values map[string]any, unknown ...string) (*handler, diag.Diagnostics) {
	text, err := json.Marshal(values)
	if err != nil {
		panic(err)
	}
	return newInstance(instance.Config{Name: "acme/scim", Kind: "scim", Provider: provider, Values: text, Unknown: unknown}, plugintest.NewDirectory())
}

func TestDialects(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		provider string
		values   map[string]any
		want     dialect.Set
	}{
		"of the provider":        {"okta", nil, dialect.For("okta")},
		"of no known provider":   {"shibboleth", nil, dialect.All()},
		"of another provider":    {"okta", map[string]any{"dialect": "entra"}, dialect.For("entra")},
		"of one's own":           {"okta", map[string]any{"quirks": []any{"capital-ops"}}, dialect.Of(dialect.CapitalOps)},
		"of one's own, nothing":  {"okta", map[string]any{"quirks": []any{}}, dialect.Strict},
		"strict":                 {"okta", map[string]any{"strict": true}, dialect.Strict},
		"strict beside a choice": {"okta", map[string]any{"strict": true, "dialect": "entra"}, dialect.Strict},
	}
	for name, tt := range tests {
		if tt.values == nil {
			tt.values = map[string]any{}
		}
		h, ds := configure(tt.provider, tt.values)
		if ds.HasErrors() || h.quirks != tt.want {
			t.Errorf("%s: %v, want %v (%v)", name, h.quirks.Names(), tt.want.Names(), ds)
		}
	}
}

// TestWrongSettings: every mistake is said at its place.
func TestWrongSettings(t *testing.T) {
	t.Parallel()
	extension := func(more map[string]any) map[string]any {
		e := map[string]any{"urn": custom, "attribute": []any{map[string]any{"name": "a"}}}
		maps.Copy(e, more)
		return map[string]any{"extension": []any{e}}
	}
	attribute := func(a map[string]any) map[string]any { return extension(map[string]any{"attribute": []any{a}}) }
	own := func(more map[string]any) map[string]any {
		r := map[string]any{"name": "Device", "endpoint": "/Devices", "urn": "urn:example:Device", "attribute": []any{map[string]any{"name": "a"}}}
		maps.Copy(r, more)
		return map[string]any{"resource_type": []any{r}}
	}
	two := func(block string, of map[string]any) map[string]any {
		list, _ := of[block].([]any)
		return map[string]any{block: append(list, list[0])}
	}
	tests := map[string]struct {
		values map[string]any
		path   string
	}{
		"no dialect":                    {map[string]any{"dialect": "oktra"}, "dialect"},
		"no quirk":                      {map[string]any{"quirks": []any{"capital-ops", "capitals"}}, "quirks"},
		"two dialects":                  {map[string]any{"quirks": []any{"capital-ops"}, "dialect": "okta"}, "quirks"},
		"page size 0":                   {map[string]any{"page_size": 0}, "page_size"},
		"half a page":                   {map[string]any{"page_size": 1.5}, "page_size"},
		"many pages":                    {map[string]any{"page_size": 1e300}, "page_size"},
		"page size above the most":      {map[string]any{"page_size": 51, "max_results": 50}, "page_size"},
		"more than the directory has":   {map[string]any{"max_results": 1001}, "max_results"},
		"too many operations":           {map[string]any{"bulk_max_operations": 10001}, "bulk_max_operations"},
		"too large a payload":           {map[string]any{"bulk_max_payload": 1 << 30}, "bulk_max_payload"},
		"no URN":                        {extension(map[string]any{"urn": "acme"}), "extension.0.urn"},
		"a URN with a quotation mark":   {extension(map[string]any{"urn": `urn:x:"`}), "extension.0.urn"},
		"the URN of users":              {extension(map[string]any{"urn": "URN:ietf:params:scim:schemas:core:2.0:user"}), "extension.0.urn"},
		"one URN twice":                 {two("extension", extension(nil)), "extension.1.urn"},
		"an extension of nothing":       {extension(map[string]any{"resource_type": "Device"}), "extension.0.resource_type"},
		"an attribute without a name":   {attribute(map[string]any{}), "extension.0.attribute.0.name"},
		"a name with a dot":             {attribute(map[string]any{"name": "a.b"}), "extension.0.attribute.0.name"},
		"a type of nobody's":            {attribute(map[string]any{"name": "a", "type": "date"}), "extension.0.attribute.0.type"},
		"read only":                     {attribute(map[string]any{"name": "a", "mutability": "readOnly"}), "extension.0.attribute.0.mutability"},
		"returned sometimes":            {attribute(map[string]any{"name": "a", "returned": "sometimes"}), "extension.0.attribute.0.returned"},
		"complex and empty":             {attribute(map[string]any{"name": "a", "type": "complex"}), "extension.0.attribute.0"},
		"parts and not complex":         {attribute(map[string]any{"name": "a", "sub_attribute": []any{map[string]any{"name": "b"}}}), "extension.0.attribute.0"},
		"complex in complex":            {attribute(map[string]any{"name": "a", "type": "complex", "sub_attribute": []any{map[string]any{"name": "b", "type": "complex"}}}), "extension.0.attribute.0.sub_attribute.0"},
		"one name twice":                {extension(map[string]any{"attribute": []any{map[string]any{"name": "a"}, map[string]any{"name": "A"}}}), "extension.0.attribute.1.name"},
		"a type with a dash":            {own(map[string]any{"name": "De-vice"}), "resource_type.0.name"},
		"a second type of users":        {own(map[string]any{"name": "User"}), "resource_type.0.name"},
		"an endpoint without a slash":   {own(map[string]any{"endpoint": "Devices"}), "resource_type.0.endpoint"},
		"the endpoint of users":         {own(map[string]any{"endpoint": "/users"}), "resource_type.0.endpoint"},
		"the endpoint of Bulk":          {own(map[string]any{"endpoint": "/Bulk"}), "resource_type.0.endpoint"},
		"the attribute of all":          {own(map[string]any{"attribute": []any{map[string]any{"name": "externalId"}}}), "resource_type.0"},
		"one resource type twice":       {two("resource_type", own(nil)), "resource_type.1.urn"},
		"a resource type that is long":  {own(map[string]any{"name": strings.Repeat("x", 100)}), "resource_type.0.name"},
		"an attribute of a million":     {attribute(map[string]any{"name": strings.Repeat("x", 1<<20)}), "extension.0.attribute.0.name"},
		"a URN of a million":            {extension(map[string]any{"urn": "urn:x:" + strings.Repeat("x", 1<<20)}), "extension.0.urn"},
		"the members of another schema": {own(map[string]any{"attribute": []any{map[string]any{"name": "members"}}}), "resource_type.0.attribute.0.name"},
		"the groups of another schema":  {own(map[string]any{"attribute": []any{map[string]any{"name": "groups"}}}), "resource_type.0.attribute.0.name"},
		"a password":                    {own(map[string]any{"attribute": []any{map[string]any{"name": "password"}}}), "resource_type.0.attribute.0.name"},
	}
	for name, tt := range tests {
		_, ds := configure("okta", tt.values)
		if !ds.HasErrors() || !slices.ContainsFunc(ds, func(d diag.Diagnostic) bool { return d.Path.String() == tt.path && d.Detail != "" }) {
			t.Errorf("%s: %v, want a diagnostic at %s", name, ds, tt.path)
		}
	}
}

// TestUnknownSettings: what is not known while a configuration is validated is
// no mistake.
func TestUnknownSettings(t *testing.T) {
	t.Parallel()
	values := map[string]any{"dialect": "", "quirks": nil, "page_size": 0, "max_results": 0, "bulk_max_operations": 0, "bulk_max_payload": 0}
	if _, ds := configure("okta", values, slices.Collect(maps.Keys(values))...); ds.HasErrors() {
		t.Error(ds)
	}
}
