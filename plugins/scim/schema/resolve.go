package schema

import (
	"slices"
	"strings"

	"github.com/gatehouse-id/gatehouse/sdk/directory"
)

// Target is what a name in a request means.
type Target struct {
	// Path leads to it by canonical names.
	Path directory.Path

	Extension *Schema    // that the attribute belongs to; nil is the core's, or common
	Attribute *Attribute // nil is the extension as a whole
	Sub       *Attribute // of the Attribute; nil is all of it

	// Unqualified says that an attribute of an extension was named without the
	// URN that belongs before it (RFC 7644 §3.10).
	Unqualified bool

	// Alias is the URN that was written where another one is right.
	Alias string
}

// Leaf is the attribute or sub-attribute at the end of the path.
func (t Target) Leaf() *Attribute {
	if t.Sub != nil {
		return t.Sub
	}
	return t.Attribute
}

// longestName is more than any name has; what is longer is not looked up.
const longestName = 512

// Resolve says what an attribute's name means, in the notation of RFC 7644
// §3.10: "userName", "name.givenName", with the URN of its schema before it, or
// the URN of an extension alone. Letters may have either case.
func (rt *ResourceType) Resolve(text string) (Target, bool) {
	if len(text) == 0 || len(text) > longestName {
		return Target{}, false
	}
	if isURN(text) {
		return rt.resolveURN(text)
	}
	return rt.within(nil, text)
}

// isURN tells names with a URN from names without: no attribute's name has a
// colon.
func isURN(text string) bool { return strings.IndexByte(text, ':') >= 0 }

func (rt *ResourceType) resolveURN(text string) (Target, bool) {
	if t := rt.qualified(rt.Schema, rt.Schema.ID, text); t.Path != nil {
		return t, true
	}
	for _, e := range rt.Extensions {
		if t := rt.qualified(e, e.ID, text); t.Path != nil {
			return t, true
		}
	}
	urn, rest := splitAlias(text)
	s := rt.Alias(urn)
	if s == nil {
		return Target{}, false
	}
	t := rt.qualified(s, urn, urn+rest)
	t.Alias = urn
	return t, t.Path != nil
}

// qualified resolves a name below the URN of a schema. The Target has no path
// if it is not below it, or not known there.
func (rt *ResourceType) qualified(s *Schema, urn, text string) Target {
	if len(text) < len(urn) || !Same(text[:len(urn)], urn) {
		return Target{}
	}
	rest := text[len(urn):]
	if rest == "" && s != rt.Schema {
		return Target{Path: directory.Path{s.ID}, Extension: s}
	}
	if rest == "" || rest[0] != ':' {
		return Target{}
	}
	t, _ := rt.within(s, rest[1:])
	return t
}

// within resolves a name without a URN: of that schema, or with nil of the core,
// the common ones, and last of the extensions, if only one of them has it.
func (rt *ResourceType) within(s *Schema, text string) (Target, bool) {
	name, sub, dotted := strings.Cut(text, ".")
	t, ok := rt.attribute(s, name)
	if !ok || !dotted {
		return t, ok
	}
	a := t.Attribute.Lookup(sub)
	if a == nil {
		return Target{}, false
	}
	t.Sub = a
	t.Path = append(slices.Clip(t.Path), a.Name)
	return t, true
}

func (rt *ResourceType) attribute(s *Schema, name string) (Target, bool) {
	if s != nil && s != rt.Schema {
		if a := s.Lookup(name); a != nil {
			return Target{Path: directory.Path{s.ID, a.Name}, Extension: s, Attribute: a}, true
		}
		return Target{}, false
	}
	var buf [64]byte
	if len(name) > len(buf) {
		return Target{}, false
	}
	key := buf[:len(name)]
	for i := range len(name) {
		key[i] = lower(name[i])
	}
	if t, ok := rt.names[string(key)]; ok {
		return t, true
	}
	if t := rt.foreign[string(key)]; t != nil && s == nil {
		found := *t
		found.Unqualified = true
		return found, true
	}
	return Target{}, false
}

// Alias finds the schema that a wrong URN is meant for, by how it ends: what
// ends in core:1.0 or core:2.0 (with or without the type) is the core, in
// enterprise:2.0 the enterprise extension. OneLogin's templates are delivered
// with such (github.com/goauthentik/authentik/issues/11249).
func (rt *ResourceType) Alias(urn string) *Schema {
	if Same(urn, rt.Schema.ID) || rt.Extension(urn) != nil {
		return nil
	}
	u := strings.ToLower(urn)
	if !strings.HasPrefix(u, "urn:") {
		return nil
	}
	u = strings.TrimSuffix(u, strings.ToLower(":"+rt.Name))
	switch {
	case strings.HasSuffix(u, ":core:1.0"), strings.HasSuffix(u, ":core:2.0"):
		return rt.Schema
	case strings.HasSuffix(u, ":enterprise:1.0"), strings.HasSuffix(u, ":enterprise:2.0"), strings.HasSuffix(u, ":enterprise:2.0user"):
		return rt.Extension(EnterpriseURN)
	}
	return nil
}

// splitAlias finds where a wrong URN ends, and an attribute's name behind it
// begins. The URN may stand alone, and its version has a dot as a name with a
// sub-attribute has.
func splitAlias(text string) (urn, rest string) {
	at := strings.LastIndexByte(text, ':')
	switch tail := text[at+1:]; {
	case at < 0, tail == "1.0", tail == "2.0", Same(tail, "User"), Same(tail, "Group"):
		return text, ""
	}
	return text[:at], text[at:]
}
