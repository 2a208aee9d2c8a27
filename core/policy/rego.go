package policy

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
)

// The rules of the generated package that do not depend on the configuration.
const (
	header = `# Generated from the configuration: roles, mappings and the permissions that
# routes ask for.
package gatehouse
`
	grantRules = `
# Roles that were given directly count as long as they are declared.
grants contains grant if {
	some grant in input.grants
	permissions_of[grant.role]
}
`
	decisionRules = `
held if covering[input.permission] & input.permissions != set()

# The client of a user does no more than the user may.
in_bounds if input.bounds == null

in_bounds if covering[input.permission] & input.bounds != set()

# Scopes take away, they never give. No scopes take nothing away.
in_scope if input.scopes == set()

in_scope if covering[input.permission] & input.scopes != set()

# What a rule asks for chooses the answer; without a better one it is no.
default decision := "permission_missing"

decision := "no_rule" if "nobody" == input.asks

decision := "public" if "nothing" == input.asks

decision := "authenticated" if "authentication" == input.asks

decision := "permitted" if {
	"permission" == input.asks
	held
	in_bounds
	in_scope
}

decision := "owner_missing" if {
	"permission" == input.asks
	held
	not in_bounds
}

decision := "scope_missing" if {
	"permission" == input.asks
	held
	in_bounds
	not in_scope
}
`
)

// rule is a mapping whose condition has been compiled.
type rule struct {
	Mapping
	bodies     [][]string
	lines      [][]check // what the bodies are made of, for explanations
	attributes []string  // that the condition names, sorted
}

// writeRego writes the package for roles, mappings of clients and the permissions that are
// asked for. Every text of the configuration is quoted; none is ever code.
func writeRego(roles []Role, mappings []rule, permissions []string) string {
	var b strings.Builder
	b.WriteString(header)
	b.WriteString("\npermissions_of := {")
	for i, r := range roles {
		separate(&b, i)
		fmt.Fprintf(&b, "%s: [%s]", quote(r.Name), quoteAll(r.Permissions))
	}
	b.WriteString("}\n\n# The patterns that cover each permission.\ncovering := {")
	for i, p := range permissions {
		separate(&b, i)
		fmt.Fprintf(&b, "%s: {%s}", quote(p), quoteAll(covering(p)))
	}
	b.WriteString("}\n")
	b.WriteString(grantRules)
	for _, m := range mappings {
		if m.Connection == "" {
			m.write(&b)
		}
	}
	b.WriteString(decisionRules)
	return b.String()
}

// write adds one rule for each alternative of the mapping's condition.
func (m rule) write(b *strings.Builder) {
	for _, body := range m.bodies {
		lines := slices.Clone(body)
		if m.Client != "" {
			lines = append([]string{quote(m.Client) + " == input.client.id"}, lines...)
		}
		if len(lines) == 0 {
			lines = []string{"input.client"} // no condition makes a mapping of clients one of users
		}
		role, more := m.role()
		lines = append(lines, more...)
		fmt.Fprintf(b, "\n# mapping %s at %s\n", quote(m.Name), quote(m.Where))
		fmt.Fprintf(b, `grants contains {"role": %s, "rule": %s, "source": %s}`, role, quote(m.Name), quote(SourceMapping))
		fmt.Fprintf(b, " if {\n\t%s\n}\n", strings.Join(lines, "\n\t"))
	}
}

// role is how the head of a rule names the mapping's role, and the line that it
// needs where there are several.
func (m rule) role() (head string, lines []string) {
	if len(m.Roles) == 1 {
		return quote(m.Roles[0]), nil
	}
	return "role", []string{"some role in [" + quoteAll(m.Roles) + "]"}
}

func separate(b *strings.Builder, i int) {
	if i > 0 {
		b.WriteByte(',')
	}
	b.WriteString("\n\t")
}

func quoteAll(texts []string) string {
	var quoted []string
	for _, t := range texts {
		quoted = append(quoted, quote(t))
	}
	return strings.Join(quoted, ", ")
}

// quote writes a text as a Rego string, which is a JSON string. What does not
// print is escaped as well, so that a rule that is shown cannot look like
// another.
func quote(s string) string {
	encoded, err := json.Marshal(s)
	if err != nil { // a Go string always encodes
		return strconv.QuoteToASCII("")
	}
	var b strings.Builder
	for _, r := range string(encoded) {
		switch {
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r > 0xFFFF:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}
