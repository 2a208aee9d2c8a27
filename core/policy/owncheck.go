package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// ownFile is the name of a policy to OPA.
const ownFile = "rego"

// Limits of what OPA takes exponential time for, and cannot be stopped at: nested
// comprehensions while it compiles, and while it evaluates, values that are made of
// several each, one within the other. Two arrays or objects are compared on the stack,
// a call for each part, until the process ends for the want of it: so there are none but
// those that are written out. Of sets that is not so.
const (
	maxOwnBrackets = 32      // within one another
	maxOwnClosures = 4       // comprehensions and "every" within one another
	maxOwnSize     = 4096    // how often the literals of a rule can repeat what they hold
	maxOwnAll      = 1 << 14 // the same of all rules, one by another
	maxOwnParts    = 1 << 17 // either of them, times what stands in literals
)

// ownBuiltins are what own Rego may call. None reads the clock, the network, the
// environment or randomness, and none makes much of little, or repeats what was found:
// so no arithmetic (numbers of a million digits), no concat, sprintf, replace and split,
// no regular expressions and globs (a step that nothing stops), no encodings, ranges and
// walks. docs/reference/mappings.md lists them.
func ownBuiltins() []string {
	return []string{
		ast.Assign.Name, ast.Equality.Name, ast.Equal.Name, ast.NotEqual.Name,
		ast.GreaterThan.Name, ast.GreaterThanEq.Name, ast.LessThan.Name, ast.LessThanEq.Name,
		ast.Member.Name, ast.MemberWithKey.Name, ast.And.Name, ast.Or.Name, ast.Minus.Name, ast.Union.Name, ast.Intersection.Name,
		ast.Count.Name, ast.ObjectGet.Name,
		ast.StartsWith.Name, ast.EndsWith.Name, ast.Contains.Name, ast.IndexOf.Name, ast.Substring.Name,
		ast.AnyPrefixMatch.Name, ast.AnySuffixMatch.Name,
		ast.Lower.Name, ast.Upper.Name, ast.TrimPrefix.Name, ast.TrimSuffix.Name, ast.TrimSpace.Name,
		ast.IsString.Name, ast.IsArray.Name, ast.IsSet.Name, ast.IsObject.Name, ast.IsBoolean.Name, ast.IsNumber.Name, ast.IsNull.Name,
	}
}

// ownCapabilities is this version of OPA with nothing but them: no template strings, and
// no network.
func ownCapabilities() *ast.Capabilities {
	c := ast.CapabilitiesForThisVersion()
	allowed := ownBuiltins()
	c.Builtins = slices.DeleteFunc(c.Builtins, func(b *ast.Builtin) bool { return !slices.Contains(allowed, b.Name) })
	c.Features = []string{ast.FeatureRegoV1, ast.FeatureRegoV1Import, ast.FeatureRefHeadStringPrefixes, ast.FeatureRefHeads}
	c.FutureKeywords = nil
	c.AllowNet = []string{}
	return c
}

// owns checks the policies of connections.
func (c *compilation) owns(all []Own, roles []Role, mappings []rule) map[string]*own {
	may := map[string]bool{}
	for _, r := range roles {
		administers := slices.ContainsFunc(r.Permissions, func(p string) bool { return p == reserved || strings.HasPrefix(p, reserved+":") })
		may[r.Name] = !administers
	}
	found := map[string]*own{}
	for _, o := range all {
		if found[o.Connection] != nil {
			c.complain(o.Range, "Two policies", "%s: connection %q has rego already.", o.Where, o.Connection)
		}
		if _, err := compileOwn(o.Source); err != nil {
			c.complain(o.Range, "Not a policy", "%s: the rego of connection %q: %.2000v", o.Where, o.Connection, err)
		}
		found[o.Connection] = newOwn(o, may)
	}
	for _, m := range mappings {
		if m.Connection != "" && found[m.Connection] != nil && strings.HasPrefix(m.Name, ownRulePrefix) {
			c.complain(m.Range, "Name is taken", "%s: names of mappings that begin with %q are of the connection's rego.", m.Where, ownRulePrefix)
		}
	}
	return found
}

// checkOwnText refuses what would hurt the parser.
func checkOwnText(source string) error {
	if len(source) > maxOwnSource {
		return fmt.Errorf("it has %d bytes, and %d is the most", len(source), maxOwnSource)
	}
	depth := 0
	for i := range len(source) {
		switch source[i] {
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			depth = max(depth-1, 0)
		}
		if depth > maxOwnBrackets {
			return fmt.Errorf("line %d: brackets stand more than %d deep", 1+strings.Count(source[:i], "\n"), maxOwnBrackets)
		}
	}
	return nil
}

// checkOwn refuses what is no part of own Rego, with its place.
func checkOwn(m *ast.Module) error {
	if !m.Package.Path.Equal(ownPackage()) {
		return complaint(m.Package.Location, "the package is gatehouse.custom, and not %s", strings.TrimPrefix(m.Package.Path.String(), "data."))
	}
	var first error
	complain := func(at *ast.Location, format string, args ...any) bool {
		if first == nil {
			first = complaint(at, format, args...)
		}
		return true
	}
	all, held := 1, 0
	for _, r := range m.Rules {
		for part := r; part != nil; part = part.Else {
			n, holds := sizeOf(part)
			held += holds
			if n > maxOwnSize || n*holds > maxOwnParts {
				complain(part.Location, "its literals can make a value of too many parts, one within another")
			}
			if r.Head.Name != "grants" { // no rule that they are made by reads them
				all = min(all*min(n, maxOwnSize), maxOwnAll+1)
			}
			if all > maxOwnAll || all*held > maxOwnParts {
				complain(part.Location, "the literals of all rules together can make a value of too many parts")
			}
		}
		if len(r.Head.Ref()) != 1 {
			complain(r.Location, "a rule has a name without dots and brackets: objects are written out, and sets are made with contains")
		}
		if n := closures(r); n > maxOwnClosures {
			complain(r.Location, "comprehensions and every stand more than %d deep", maxOwnClosures)
		}
	}
	for _, i := range m.Imports {
		if p := i.Path.String(); !strings.HasPrefix(p, "rego.") && !strings.HasPrefix(p, "future.") {
			complain(i.Location, "import is no part of it")
		}
	}
	var look func(x any) bool
	look = func(x any) bool {
		switch x := x.(type) {
		case *ast.With:
			return complain(x.Location, "with is no part of it")
		case *ast.Term:
			ref, ok := x.Value.(ast.Ref)
			switch {
			case ok && len(ref) > 2 && ref[:3].Equal(ownPackage()):
				for _, part := range ref[3:] {
					ast.NewGenericVisitor(look).Walk(part)
				}
				return true
			case x.Equal(ast.DefaultRootDocument):
				return complain(x.Location, "there is no data but its own")
			}
			switch x.Value.(type) {
			case *ast.ArrayComprehension, *ast.ObjectComprehension:
				return complain(x.Location, "comprehensions are of sets: {x | ...}")
			}
			if n, ok := x.Value.(ast.Number); ok && (len(n) > 15 || strings.ContainsAny(string(n), "eE")) {
				return complain(x.Location, "a number has at most 15 digits")
			}
		}
		return false
	}
	for _, r := range m.Rules {
		ast.NewGenericVisitor(look).Walk(r)
	}
	return first
}

// ownPackage is data.gatehouse.custom.
func ownPackage() ast.Ref {
	return ast.Ref{ast.DefaultRootDocument, ast.StringTerm("gatehouse"), ast.StringTerm("custom")}
}

// mistakes are those that OPA found, with their lines. The source is not repeated, as OPA
// would: it may be of a file that was meant for something else, such as a secret.
func mistakes(err error) error {
	const most = 5
	var all ast.Errors
	if !errors.As(err, &all) {
		return errors.New("it cannot be read")
	}
	var said []string
	for i, one := range all {
		if i == most {
			said = append(said, fmt.Sprintf("and %d more", len(all)-most))
			break
		}
		said = append(said, complaint(one.Location, "%.300s", one.Message).Error())
	}
	return errors.New(strings.Join(said, "; "))
}

func complaint(at *ast.Location, format string, args ...any) error {
	what := fmt.Sprintf(format, args...)
	if at == nil {
		return errors.New(what)
	}
	return fmt.Errorf("line %d: %s", at.Row, what)
}

// sizeOf bounds how often the literals of a rule can repeat what they hold, each one
// within another: the product of what is not constant in each. OPA writes such a value
// out anew for each step. With it comes how many parts stand in literals.
func sizeOf(r *ast.Rule) (size, holds int) {
	size = 1
	ast.NewGenericVisitor(func(x any) bool {
		if other, ok := x.(*ast.Rule); ok && other != r {
			return true // an else is looked at by itself
		}
		t, ok := x.(*ast.Term)
		if !ok {
			return false
		}
		n := 0
		switch v := t.Value.(type) {
		case *ast.Array:
			n = v.Len()
		case ast.Object:
			n = 2 * v.Len()
		case ast.Set:
			n = v.Len()
		default:
			return false
		}
		holds += n
		if n := variable(t); n > 1 && size <= maxOwnSize {
			size *= n
		}
		return false
	}).Walk(r)
	return size, holds
}

// variable counts what is not constant directly in a literal, or in one within it.
func variable(t *ast.Term) (n int) {
	ast.WalkTerms(t, func(one *ast.Term) bool {
		switch one.Value.(type) {
		case ast.Var, ast.Ref, ast.Call, *ast.ArrayComprehension, *ast.SetComprehension, *ast.ObjectComprehension:
			n++
			return true
		}
		return false
	})
	return n
}

// closures is how deep comprehensions and "every" stand in one another.
func closures(x any) (deepest int) {
	ast.WalkClosures(x, func(inner any) bool {
		within := 0
		for _, body := range bodiesOf(inner) {
			within = max(within, closures(body))
		}
		deepest = max(deepest, 1+within)
		return true
	})
	return deepest
}

// bodiesOf are the parts of a closure.
func bodiesOf(x any) []any {
	switch x := x.(type) {
	case *ast.ArrayComprehension:
		return []any{x.Term, x.Body}
	case *ast.SetComprehension:
		return []any{x.Term, x.Body}
	case *ast.ObjectComprehension:
		return []any{x.Key, x.Value, x.Body}
	case *ast.Every:
		return []any{x.Domain, x.Body}
	}
	return nil
}
