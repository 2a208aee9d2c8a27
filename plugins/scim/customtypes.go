package scim

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/gatehouse-id/gatehouse/plugins/scim/schema"
	"github.com/gatehouse-id/gatehouse/sdk/diag"
	"github.com/gatehouse-id/gatehouse/sdk/directory"
)

// The forms of names (RFC 7643 §2.1, RFC 8141) and paths.
var (
	attributeForm = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{0,62}$`)
	urnForm       = regexp.MustCompile(`^[Uu][Rr][Nn]:[A-Za-z0-9][A-Za-z0-9-]{0,31}(:[A-Za-z0-9._-]{1,64}){1,12}$`)
	endpointForm  = regexp.MustCompile(`^/[A-Za-z][A-Za-z0-9]{0,62}$`)
)

// mostCustom is how many extensions, types, and attributes of each one block may
// declare. IdPs declare tens.
const mostCustom = 500

// newKinds makes the resource types of an instance: users and groups with their
// extensions, and its own.
func newKinds(s settings) ([]*kind, diag.Diagnostics) {
	b := builder{urns: map[string]bool{}}
	for _, urn := range []string{schema.UserURN, schema.GroupURN, schema.EnterpriseURN} {
		b.urns[strings.ToLower(urn)] = true
	}
	if len(s.Extensions) > mostCustom || len(s.ResourceTypes) > mostCustom {
		b.ds.Errorf(nil, "Too many blocks", "One provisioner has at most %d extensions and %d resource types.", mostCustom, mostCustom)
		return nil, b.ds
	}
	names := []string{"User", "Group"}
	for _, t := range s.ResourceTypes {
		names = append(names, t.Name)
	}
	extensions := map[string][]*schema.Schema{}
	for i, e := range s.Extensions {
		path := diag.Path{"extension", strconv.Itoa(i)}
		of := e.Of
		if of == "" {
			of = "User"
		}
		if !slices.Contains(names, of) {
			b.ds.Errorf(append(path, "resource_type"), "No such resource type", "It must be User, Group, or the name of a resource_type of this block.")
		}
		extensions[of] = append(extensions[of], b.schema(path, e.URN, e.Name, e.Description, e.Attributes))
	}
	own := make([]*schema.Schema, len(s.ResourceTypes))
	for i, t := range s.ResourceTypes {
		own[i] = b.schema(diag.Path{"resource_type", strconv.Itoa(i)}, t.URN, t.Name, t.Description, t.Attributes)
	}
	if b.ds.HasErrors() {
		return nil, b.ds
	}
	users, err := schema.Users(extensions["User"]...)
	b.add(nil, users, err)
	groups, err := schema.Groups(extensions["Group"]...)
	b.add(nil, groups, err)
	for i, t := range s.ResourceTypes {
		path := diag.Path{"resource_type", strconv.Itoa(i)}
		b.checkType(path, t)
		rt, err := schema.NewResourceType(t.Name, t.Endpoint, t.Description, own[i], extensions[t.Name]...)
		b.add(path, rt, err)
	}
	return b.kinds, b.ds
}

// builder makes resource types of what a block declares, and collects what is
// wrong with it.
type builder struct {
	ds    diag.Diagnostics
	urns  map[string]bool // lower case
	kinds []*kind
}

func (b *builder) add(path diag.Path, rt *schema.ResourceType, err error) {
	if err != nil {
		b.ds.Errorf(path, "Unusable resource type", "The resource type cannot be made: %v.", err)
		return
	}
	b.kinds = append(b.kinds, newKind(rt))
}

func (b *builder) checkType(path diag.Path, t typeSettings) {
	at := func(name string) diag.Path { return append(slices.Clone(path), name) }
	switch {
	case !directory.Type(t.Name).Check():
		b.ds.Errorf(at("name"), "Unusable name", "A resource type's name is letters and digits, a letter first, such as Entitlement.")
	case slices.ContainsFunc(b.kinds, func(k *kind) bool { return strings.EqualFold(k.Name, t.Name) }):
		b.ds.Errorf(at("name"), "Name is taken", "Another resource type has this name.")
	}
	for i, a := range t.Attributes {
		if slices.ContainsFunc([]string{"members", "groups", "password"}, func(name string) bool { return strings.EqualFold(name, a.Name) }) {
			b.ds.Errorf(append(slices.Clone(path), "attribute", strconv.Itoa(i), "name"), "Name is taken", "members, groups and password mean something to the host, and are no attributes of other resource types.")
		}
	}
	_, reserved := fixed[strings.ToLower(strings.TrimPrefix(t.Endpoint, "/"))]
	switch {
	case !endpointForm.MatchString(t.Endpoint):
		b.ds.Errorf(at("endpoint"), "Unusable endpoint", "An endpoint is a slash, a letter, then letters and digits, such as /Entitlements.")
	case reserved, slices.ContainsFunc(b.kinds, func(k *kind) bool { return strings.EqualFold(k.Endpoint, t.Endpoint) }):
		b.ds.Errorf(at("endpoint"), "Endpoint is taken", "SCIM itself or another resource type has this endpoint.")
	}
}

func (b *builder) schema(path diag.Path, urn, name, description string, attributes []attributeSettings) *schema.Schema {
	key := strings.ToLower(urn)
	switch {
	case !urnForm.MatchString(urn):
		b.ds.Errorf(append(slices.Clone(path), "urn"), "Unusable URN", "A schema's name is a URN of letters, digits, dots and dashes, such as urn:example:params:scim:schemas:extension:acme:2.0:User.")
	case b.urns[key]:
		b.ds.Errorf(append(slices.Clone(path), "urn"), "URN is taken", "Another schema has this URN.")
	}
	b.urns[key] = true
	if name == "" {
		name = urn[strings.LastIndexByte(urn, ':')+1:]
	}
	return &schema.Schema{ID: urn, Name: name, Description: description, Attributes: b.attributes(append(slices.Clone(path), "attribute"), attributes)}
}

func (b *builder) attributes(path diag.Path, list []attributeSettings) []schema.Attribute {
	if len(list) > mostCustom {
		b.ds.Errorf(path, "Too many attributes", "A schema has at most %d attributes.", mostCustom)
		return nil
	}
	var made []schema.Attribute
	seen := map[string]bool{}
	for i, s := range list {
		at := append(slices.Clone(path), strconv.Itoa(i))
		key := strings.ToLower(s.Name)
		switch {
		case !attributeForm.MatchString(s.Name) && s.Name != "$ref":
			b.ds.Errorf(append(at, "name"), "Unusable name", "An attribute's name is letters, digits, - and _, a letter first.")
		case seen[key]:
			b.ds.Errorf(append(at, "name"), "Name is taken", "Another attribute has this name; the case of letters does not count.")
		}
		seen[key] = true
		made = append(made, b.attribute(at, s))
	}
	return made
}

func (b *builder) attribute(path diag.Path, s attributeSettings) schema.Attribute {
	a := schema.Attribute{
		Name: s.Name, Description: s.Description, MultiValued: s.MultiValued, Required: s.Required, CaseExact: s.CaseExact,
		Uniqueness: schema.None, CanonicalValues: s.CanonicalValues, ReferenceTypes: s.ReferenceTypes,
	}
	one := func(name, value, otherwise string, of ...string) string {
		if value == "" {
			return otherwise
		}
		if !slices.Contains(of, value) {
			b.ds.Errorf(append(slices.Clone(path), name), "No such word", "It must be one of %s.", strings.Join(of, ", "))
		}
		return value
	}
	a.Type = schema.Type(one("type", s.Type, "string", "string", "boolean", "decimal", "integer", "dateTime", "binary", "reference", "complex"))
	a.Mutability = schema.Mutability(one("mutability", s.Mutability, "readWrite", "readWrite", "immutable", "writeOnly"))
	a.Returned = schema.Returned(one("returned", s.Returned, "default", "always", "default", "request", "never"))
	if (a.Type == schema.Complex) != (len(s.Sub) > 0) {
		b.ds.Errorf(path, "Complex without parts", "An attribute has sub_attribute blocks if it is complex, and only then.")
	}
	if a.Mutability == schema.WriteOnly {
		a.Returned = schema.Never
	}
	if slices.Contains([]schema.Type{schema.Binary, schema.Reference}, a.Type) {
		a.CaseExact = true // RFC 7643 §2.3.6, §2.3.7
	}
	a.Sub = b.attributes(append(slices.Clone(path), "sub_attribute"), s.Sub)
	return a
}
