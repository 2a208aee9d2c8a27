package config

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/gatehouse-id/gatehouse/sdk/schema"
)

// Test is a test block: somebody, and the roles that they must have. A
// configuration whose tests fail is not taken.
type Test struct {
	Name  string
	Who   hcl.Expression // the map of "user" or "client"; nil: the client whose block it stands in. The trial reads it
	Auth  hcl.Expression // the map of "auth", how the user signed on; nil: nothing is known of it
	Roles []string       // exactly these, in any order
	Known bool           // whether all of Roles is known (Options.AllowUnset)
	Range hcl.Range
}

// The attributes of a test that say who it is about. They are kept as they stand:
// which names there are is the policy's to say.
var (
	testedUser = schema.Attribute{
		Name: "user", Type: "map", Required: true, Example: `{ department = "Analytics", groups = ["Data"] }`,
		Doc: "Who is tried, by the [attributes of users](user-attributes.md): texts, and lists of texts. What is left out is absent.",
	}
	testedClient = schema.Attribute{
		Name: "client", Type: "map", Example: `{ id = "reports", organization = "acme", scopes = ["query:execute"] }`,
		Doc: "Who is tried, by the [attributes of clients](mappings.md#clients). Within a client block, what it says other than the block; by itself in a file required, with the id of a client block or with an organization.",
	}
)

const testRoles = "The roles that they must have: all of these, and no other. An empty list is none."

var testFrame = frame{
	kind: "test", labels: []label{{name: "name", free: true}},
	doc: "Tries which roles a client has. By itself it is about what mappings give; within a client block, also about the roles of that block. A configuration with a test that fails is not taken.",
	Schema: schema.Schema{Attributes: []schema.Attribute{
		{Name: "roles", Type: schema.Strings, Required: true, Doc: testRoles, Example: `["analyst"]`},
	}},
	expressions: []schema.Attribute{testedClient},
}

// connectionTestFrame is for tests of users.
var connectionTestFrame = frame{
	kind: "test", labels: []label{{name: "name", free: true}},
	doc: "Tries which roles the mappings give to a user of the connection. A configuration with a test that fails is not taken.",
	Schema: schema.Schema{Attributes: []schema.Attribute{
		{Name: "roles", Type: schema.Strings, Required: true, Doc: testRoles, Example: `["analyst"]`},
	}},
	expressions: []schema.Attribute{testedUser, {
		Name: "auth", Type: "map", Example: `{ mfa = true, methods = ["pwd", "otp"] }`,
		Doc: "How they signed on, by [what sessions say](mappings.md#sessions). What is left out is absent.",
	}},
}

// maxTestName bounds a name, which is a sentence for people, in bytes.
const maxTestName = 200

// test reads a test block that stands by itself.
func (l *loader) test(b *block) {
	t := l.trial(b, "client")
	l.keep(b, func() { l.config.Tests = append(l.config.Tests, t) })
}

// tests reads the tests of a client or a connection.
func (l *loader) tests(b *block, who string) []Test {
	var list []Test
	names := map[string]*block{}
	for _, t := range b.blocks["test"] {
		if len(t.labels) == 0 {
			continue // which is reported
		}
		if first := names[t.labels[0]]; first != nil {
			t.fail(t.at, t.path, CodeDuplicate, "Name stands twice", "This %s has a test %q in %s already.", b.path[0], t.labels[0], position(first.at))
		} else {
			names[t.labels[0]] = t
		}
		list = append(list, l.trial(t, who))
	}
	return list
}

// trial reads a test, wherever it stands.
func (l *loader) trial(b *block, who string) Test {
	name := b.labels[0]
	if strings.TrimSpace(name) == "" || len(name) > maxTestName || !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		b.fail(b.src.LabelRanges[0], b.path, CodeLabel, "Not a name", "The name of a test is one line of text, of at most %d bytes: what it shows, such as \"an analyst\".", maxTestName)
	}
	t := Test{Name: name, Roles: b.texts("roles"), Known: !b.attrs["roles"].unknown, Range: b.at}
	if e, ok := b.kept[who]; ok {
		if v, literal := e.(*hclsyntax.LiteralValueExpr); !literal || !v.Val.IsNull() {
			t.Who = hcl.Expression(e)
		}
	}
	if e, ok := b.kept["auth"]; ok {
		t.Auth = hcl.Expression(e)
	}
	if t.Who == nil && who == "user" {
		b.fail(b.at, b.sub(who), CodeMissing, "Missing attribute", "The attribute %q is required: who is tried, such as %s.", who, testedUser.Example)
	}
	b.unique("roles")
	l.roleLists = append(l.roleLists, b)
	return t
}
