package policy

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
)

// The rules of the generated package that do not depend on the configuration.
const (
	header = `# Generated from the configuration: roles, and what is the same for all mappings.
package gatehouse
`
	grantRules = `
# What mappings give: those that stand under a fact that is true, where their
# condition is one that holds. Which facts are true is found out before.
grants contains grant if {
	some fact in input.facts
	some mapping in input.mappings[fact]
	input.facts[mapping.when]
	some grant in mapping.gives
}

# Roles that were given directly count as long as they are declared.
grants contains grant if {
	some grant in input.grants
	permissions_of[grant.role]
}
`
	decisionRules = `
# What is asked for is held if one of the patterns that cover it is.
held if input.covering & input.permissions != set()

# The client of a user does no more than the user may.
in_bounds if input.bounds == null

in_bounds if input.covering & input.bounds != set()

# Scopes take away, they never give. No scopes take nothing away.
in_scope if input.scopes == set()

in_scope if input.covering & input.scopes != set()

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

// rule is a mapping whose condition has been read.
type rule struct {
	Mapping            // its When is nil
	when    *condition // nil is always
}

// writeRego writes the package for roles, mappings and decisions. Every text of the
// configuration is quoted; none is ever code.
func writeRego(roles []Role) string {
	var b strings.Builder
	b.WriteString(header)
	b.WriteString("\npermissions_of := {")
	for i, r := range roles {
		separate(&b, i)
		fmt.Fprintf(&b, "%s: [%s]", quote(r.Name), quoteAll(r.Permissions))
	}
	b.WriteString("}\n")
	b.WriteString(grantRules)
	b.WriteString(decisionRules)
	return b.String()
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
		case unicode.IsPrint(r) && r != unicode.ReplacementChar:
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
