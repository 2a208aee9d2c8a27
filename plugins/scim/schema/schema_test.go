package schema_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/plugins/scim/schema"
	"github.com/gatehouse-id/gatehouse/sdk/directory"
)

func users(t *testing.T, extensions ...*schema.Schema) *schema.ResourceType {
	t.Helper()
	rt, err := schema.Users(extensions...)
	if err != nil {
		t.Fatal(err)
	}
	return rt
}

// TestStandard: the vocabulary is that of RFC 7643 §4 and §8.7.1, where we lean
// on it.
func TestStandard(t *testing.T) {
	t.Parallel()
	user, group, enterprise := schema.User(), schema.Group(), schema.EnterpriseUser()
	for _, c := range []struct {
		s    *schema.Schema
		id   string
		want []string
	}{
		{user, schema.UserURN, []string{
			"userName", "name", "displayName", "nickName", "profileUrl", "title", "userType", "preferredLanguage", "locale", "timezone", "active",
			"password", "emails", "phoneNumbers", "ims", "photos", "addresses", "groups", "entitlements", "roles", "x509Certificates",
		}},
		{group, schema.GroupURN, []string{"displayName", "members"}},
		{enterprise, schema.EnterpriseURN, []string{"employeeNumber", "costCenter", "organization", "division", "department", "manager"}},
	} {
		var names []string
		for _, a := range c.s.Attributes {
			names = append(names, a.Name)
			checkAttribute(t, a)
		}
		if c.s.ID != c.id || !slices.Equal(names, c.want) {
			t.Errorf("%s has %v", c.s.ID, names)
		}
	}
	if a := user.Lookup("userName"); !a.Required || a.CaseExact || a.Uniqueness != schema.Server {
		t.Errorf("userName: %+v", a)
	}
	if a := user.Lookup("password"); a.Mutability != schema.WriteOnly || a.Returned != schema.Never {
		t.Errorf("password: %+v", a)
	}
	if a := user.Lookup("groups"); a.Mutability != schema.ReadOnly || !slices.Equal(a.Lookup("$ref").ReferenceTypes, []string{"Group"}) || !a.Value().CaseExact {
		t.Errorf("groups: %+v", a)
	}
	if a := group.Lookup("members").Value(); !a.CaseExact || a.Mutability != schema.Immutable {
		t.Errorf("members.value: %+v", a)
	}
	if a := enterprise.Lookup("manager"); a.Lookup("displayName").Mutability != schema.ReadOnly || !a.Value().CaseExact {
		t.Errorf("manager: %+v", a)
	}
}

func checkAttribute(t *testing.T, a schema.Attribute) {
	t.Helper()
	known := func(v string, among ...string) bool { return slices.Contains(among, v) }
	switch {
	case !known(string(a.Type), "string", "boolean", "decimal", "integer", "dateTime", "binary", "reference", "complex"),
		!known(string(a.Mutability), "readWrite", "readOnly", "immutable", "writeOnly"),
		!known(string(a.Returned), "always", "never", "default", "request"),
		!known(string(a.Uniqueness), "none", "server", "global"),
		(a.Type == schema.Complex) != (len(a.Sub) > 0), a.Description == "":
		t.Errorf("%+v", a)
	}
	for _, sub := range a.Sub {
		checkAttribute(t, sub)
	}
}

func TestResolve(t *testing.T) {
	t.Parallel()
	const ent = schema.EnterpriseURN
	rt := users(t, &schema.Schema{ID: "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:more", Attributes: []schema.Attribute{
		{Name: "badge", Type: schema.String}, {Name: "division", Type: schema.String},
	}})
	for text, want := range map[string]directory.Path{
		"userName": {"userName"}, "USERNAME": {"userName"}, "name.FamilyName": {"name", "familyName"}, "emails.value": {"emails", "value"},
		"id": {"id"}, "externalid": {"externalId"}, "meta.lastModified": {"meta", "lastModified"}, "schemas": {"schemas"}, "groups.$ref": {"groups", "$ref"},
		schema.UserURN + ":userName": {"userName"}, strings.ToUpper(schema.UserURN) + ":name.givenName": {"name", "givenName"},
		ent: {ent}, strings.ToLower(ent): {ent}, ent + ":department": {ent, "department"}, ent + ":manager.Value": {ent, "manager", "value"},
		ent + ":more": {ent + ":more"}, ent + ":more:badge": {ent + ":more", "badge"},
		"department": {ent, "department"}, "manager.value": {ent, "manager", "value"}, "badge": {ent + ":more", "badge"},
		"urn:scim:schemas:core:1.0:userName": {"userName"}, "urn:scim:schemas:core:2.0:User:name.givenName": {"name", "givenName"},
		"urn:scim:schemas:extension:enterprise:2.0": {ent}, "urn:scim:schemas:extension:enterprise:1.0:department": {ent, "department"},
		"urn:scim:schemas:extension:enterprise:2.0:User": {ent}, "urn:scim:schemas:extension:enterprise:2.0:User:manager.value": {ent, "manager", "value"},
	} {
		got, ok := rt.Resolve(text)
		if diff := cmp.Diff(want, got.Path); diff != "" || !ok {
			t.Errorf("%s: %v\n%s", text, ok, diff)
		}
		if unqualified := !strings.Contains(text, ":") && len(want) > 1 && strings.Contains(want[0], ":"); got.Unqualified != unqualified {
			t.Errorf("%s: unqualified %v", text, got.Unqualified)
		}
		if alias := strings.HasPrefix(text, "urn:scim:"); (got.Alias != "") != alias {
			t.Errorf("%s: alias %q", text, got.Alias)
		}
		if leaf := got.Leaf(); leaf != nil && leaf.Name != want[len(want)-1] {
			t.Errorf("%s: leaf %s", text, leaf.Name)
		}
	}
	for _, text := range []string{
		"", "nothing", "name.nothing", "userName.value", "name.", ".name", "userName:", ":userName", schema.UserURN, schema.UserURN + ":", schema.UserURN + ".userName",
		ent + ":nothing", ent + ":userName", "urn:x:User:userName", "division" /* two extensions have it */, "uſerName" /* folds to s in Unicode */, "members",
		schema.GroupURN + ":displayName", "x:core:2.0:userName", "urn:scim:schemas:core:1.0", strings.Repeat("a", 10_000), strings.Repeat(":", 10_000),
	} {
		if got, ok := rt.Resolve(text); ok {
			t.Errorf("%.60s is %v", text, got.Path)
		}
	}
}

func TestResolveAllocates(t *testing.T) {
	rt := users(t)
	if n := testing.AllocsPerRun(100, func() { rt.Resolve("userName"); rt.Resolve("active") }); n > 0 {
		t.Errorf("%v allocations to look two names up", n)
	}
}

func TestNewResourceTypeRefuses(t *testing.T) {
	t.Parallel()
	text := func(names ...string) []schema.Attribute {
		var out []schema.Attribute
		for _, n := range names {
			out = append(out, schema.Attribute{Name: n, Type: schema.String})
		}
		return out
	}
	core := &schema.Schema{ID: "urn:x:core", Attributes: text("a")}
	for name, build := range map[string]func() (*schema.ResourceType, error){
		"name": func() (*schema.ResourceType, error) { return schema.NewResourceType("no name", "/X", "", core) },
		"twice in the core": func() (*schema.ResourceType, error) {
			return schema.NewResourceType("X", "/X", "", &schema.Schema{ID: "urn:x", Attributes: text("a", "A")})
		},
		"common": func() (*schema.ResourceType, error) {
			return schema.NewResourceType("X", "/X", "", &schema.Schema{ID: "urn:x", Attributes: text("ID")})
		},
		"extension twice": func() (*schema.ResourceType, error) {
			return schema.NewResourceType("X", "/X", "", core, &schema.Schema{ID: "urn:e"}, &schema.Schema{ID: "URN:E"})
		},
		"core as extension": func() (*schema.ResourceType, error) {
			return schema.NewResourceType("X", "/X", "", core, &schema.Schema{ID: "urn:x:Core"})
		},
		"twice in extensions": func() (*schema.ResourceType, error) {
			return schema.NewResourceType("X", "/X", "", core, &schema.Schema{ID: "urn:e", Attributes: text("b", "B")})
		},
	} {
		if rt, err := build(); err == nil {
			t.Errorf("%s: %v", name, rt)
		}
	}
}

func TestParseTime(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"2008-01-23T04:56:22Z": "2008-01-23 04:56:22 +0000 UTC", "2011-05-13T04:42:34+02:00": "2011-05-13 02:42:34 +0000 UTC",
		"2011-05-13T04:42:34.123456789Z": "2011-05-13 04:42:34.123456789 +0000 UTC", "2011-05-13T04:42:34": "2011-05-13 04:42:34 +0000 UTC",
		"2011-05-13": "", "yesterday": "", "": "", "2011-13-13T04:42:34Z": "", "2011-05-13T04:42:34." + strings.Repeat("1", 100) + "Z": "",
	} {
		got, ok := schema.ParseTime(text)
		if ok != (want != "") || ok && got.String() != want {
			t.Errorf("%.40s: %v %v", text, got, ok)
		}
	}
}
