package policy

import "slices"

// A condition is kept as alternatives, each a list of checks that must all hold
// (disjunctive normal form): an alternative becomes one body of a Rego rule,
// which OPA's index then finds by its literals.
//
// Absence. An attribute that is named anywhere in a condition and absent from
// the input makes the whole condition false. So "!" and "!=" never turn absence
// into a grant, every check that is reached is true or false, and "!" may be
// moved to the checks by De Morgan's laws.
type condition struct {
	alternatives [][]check
	attributes   []string // all that are named, sorted
}

// check is one line of a body.
type check struct {
	rego string
	// needs are the attributes without which the line is undefined, and so
	// fails. A line with "not" needs none: undefined is what it asks for.
	needs []string
	asks  ask // the same for explanations
}

// either joins conditions by "or".
func either(a, b [][]check) [][]check { return slices.Concat(a, b) }

// both joins conditions by "and": every alternative of one with every one of
// the other. It reports false when there would be too many.
func both(a, b [][]check) ([][]check, bool) {
	if len(a)*len(b) > maxAlternatives {
		return nil, false
	}
	var out [][]check
	for _, x := range a {
		for _, y := range b {
			joined := slices.Clone(x)
			for _, c := range y {
				if !slices.ContainsFunc(joined, func(have check) bool { return have.rego == c.rego }) {
					joined = append(joined, c)
				}
			}
			out = append(out, joined)
		}
	}
	return out, true
}

// always and never are the conditions true and false.
func always() [][]check { return [][]check{{}} }
func never() [][]check  { return nil }

// bodies writes the alternatives as lines of Rego.
func (c condition) bodies() [][]string {
	var out [][]string
	for _, alternative := range c.lines() {
		var body []string
		for _, ch := range alternative {
			body = append(body, ch.rego)
		}
		out = append(out, body)
	}
	return out
}

// lines are the alternatives with all that each of them checks. An attribute that
// the lines of an alternative do not need gets a line that asks for its presence.
// Lines with "not" come last: they are never found by the index and cost the most.
func (c condition) lines() [][]check {
	var out [][]check
	for _, alternative := range c.alternatives {
		var lines, negated []check
		var needed []string
		for _, ch := range alternative {
			if len(ch.needs) == 0 {
				negated = append(negated, ch)
				continue
			}
			lines = append(lines, ch)
			needed = append(needed, ch.needs...)
		}
		for _, name := range c.attributes {
			if !slices.Contains(needed, name) {
				lines = append(lines, present(name))
			}
		}
		out = append(out, append(lines, negated...))
	}
	return out
}

// present asks for an attribute, whatever it is.
func present(name string) check {
	v := operand{rego: "input." + name, attribute: name}
	return check{rego: v.rego + " != null", needs: []string{name}, asks: ask{op: opPresent, of: []operand{v}}}
}
