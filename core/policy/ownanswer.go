package policy

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/open-policy-agent/opa/v1/ast"
)

var ownRuleName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)

// IsOwn reports whether a rule of a grant is of a connection's own Rego.
func IsOwn(rule string) bool {
	_, name, _ := strings.Cut(rule, "/")
	return strings.HasPrefix(name, ownRulePrefix)
}

// read checks what a policy says: a set of a few objects of role, rule and reason.
func (o *own) read(answer *ast.Term) ([]Granted, error) {
	set, ok := answer.Value.(ast.Set)
	if !ok {
		return nil, fmt.Errorf("its grants are no set: write grants contains {...} if {...}")
	}
	if set.Len() > maxOwnGrants {
		return nil, fmt.Errorf("it gives %d grants, and %d is the most", set.Len(), maxOwnGrants)
	}
	var granted []Granted
	err := set.Iter(func(one *ast.Term) error {
		g, err := o.readOne(one)
		granted = append(granted, g)
		return err
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(granted, func(a, b Granted) int {
		return cmp.Or(cmp.Compare(a.Role, b.Role), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Reason, b.Reason))
	})
	return slices.CompactFunc(granted, func(a, b Granted) bool { return a.Role == b.Role && a.Rule == b.Rule }), nil
}

func (o *own) readOne(one *ast.Term) (g Granted, err error) {
	object, ok := one.Value.(ast.Object)
	if !ok || object.Len() > 3 {
		return g, fmt.Errorf(`a grant of it is no object of "role", "rule" and "reason"`)
	}
	fields := map[string]string{"rule": ownDefault, "reason": "the rego of the connection"}
	err = object.Iter(func(key, value *ast.Term) error {
		name, _ := key.Value.(ast.String)
		text, ok := value.Value.(ast.String)
		if !ok || name != "role" && name != "rule" && name != "reason" {
			return fmt.Errorf(`a grant of it has more than the texts "role", "rule" and "reason"`)
		}
		fields[string(name)] = string(text)
		return nil
	})
	switch {
	case err != nil:
		return g, err
	case !o.roles[fields["role"]]:
		return g, fmt.Errorf("it gives the role %.64q, which no role block declares, or which administers Gatehouse", fields["role"])
	case !ownRuleName.MatchString(fields["rule"]):
		return g, fmt.Errorf("it names a rule %.64q: a name is lower case letters, digits, dashes and underscores, at most 63", fields["rule"])
	case len(fields["reason"]) > maxOwnReason:
		return g, fmt.Errorf("a reason of it has %d bytes, and %d is the most", len(fields["reason"]), maxOwnReason)
	}
	return Granted{Role: fields["role"], Source: SourceMapping, Rule: o.Connection + "/" + ownRulePrefix + fields["rule"], Reason: printable(fields["reason"])}, nil
}

// printable is a text that hides nothing from whoever it is shown to.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}
