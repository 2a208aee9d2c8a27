package config

import (
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/gatehouse-id/gatehouse/sdk/schema"
)

// OwnRego is what an operator has written in Rego for the users of a connection. The
// policy checks and compiles it.
type OwnRego struct {
	Source string // "" is none
	Range  hcl.Range
}

var regoAttribute = schema.Attribute{
	Name: "rego", Type: schema.String, Example: `file("/etc/gatehouse/secrets/acme.rego")`,
	Doc: "[Own Rego](mappings.md#own-rego) that gives roles beside the mappings, in the package `gatehouse.custom`: a `file()`, or a text between `<<EOT` and `EOT`. In the host's own files only.",
}

// rego reads the attribute. A document that is kept in the store has no functions, and
// no Rego.
func (l *loader) rego(b *block) OwnRego {
	a := b.attrs["rego"]
	if !a.given {
		return OwnRego{}
	}
	own := OwnRego{Source: b.text("rego"), Range: b.place("rego", "")}
	switch {
	case l.options.Env == nil:
		b.invalid("rego", "", "No Rego here", "Own Rego works in the host's own files only.")
	case !a.unknown && strings.TrimSpace(own.Source) == "":
		b.invalid("rego", "", "No Rego", "There is nothing in it. Write a policy, or leave the attribute out.")
	}
	return own
}
