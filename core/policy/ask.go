package policy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ask is what one line of a condition asks, as explanations need it: the line
// itself is what is evaluated.
type ask struct {
	op     string
	negate bool
	of     []operand
}

// What lines ask. The others are the names of the functions.
const (
	opEqual   = "=="
	opPresent = "present"
)

// written is an operand as a configuration has it.
func (o operand) written() string {
	if o.attribute == "" {
		return o.rego
	}
	return strings.Replace(o.rego, "input.", "", 1) // it is made of the attribute and of functions alone
}

// about are the attributes of a line.
func (a ask) about() (list []string) {
	for _, o := range a.of {
		if o.attribute != "" {
			list = append(list, o.attribute)
		}
	}
	return list
}

// valued are the operands whose values an explanation tells.
func (a ask) valued() (list []operand) {
	for i, o := range a.of {
		if o.attribute != "" && (a.op != "contains" || i > 0) { // a list may be long, and is not shown
			list = append(list, o)
		}
	}
	return list
}

// Why is one thing that is so of somebody, and that a role hangs on.
type Why struct {
	Kind      WhyKind
	Attribute string // of WhyAttribute and WhyAbsent: which, such as user.department
	Is        string // of WhyAttribute: what it is
	Asked     string // of WhyAttribute and WhyAbsent: what was asked for, in words
	Groups    []string
	Text      string // a sentence without its end
}

// WhyKind says what a Why is about. The words are stable.
type WhyKind string

// The kinds.
const (
	WhyEverybody  WhyKind = "everybody"  // the mapping asks for nothing
	WhyGroup      WhyKind = "group"      // to be in one of some groups
	WhyAttribute  WhyKind = "attribute"  // what an attribute is
	WhyAbsent     WhyKind = "absent"     // an attribute that somebody has not
	WhyConnection WhyKind = "connection" // the mapping is for the users of another one
	WhyNever      WhyKind = "never"      // the condition holds for nobody
)

// maxShown bounds a value in an explanation, in characters.
const maxShown = 200

func shown(value string) string {
	if r := []rune(value); len(r) > maxShown {
		value = string(r[:maxShown]) + "…"
	}
	return strconv.Quote(value)
}

// why says in words that a line holds, or that it does not. values are those of
// its operands, by what they are in Rego.
func (a ask) why(holds bool, values map[string]string) Why {
	of := func(o operand) string {
		value, known := values[o.rego]
		switch {
		case o.attribute == "":
			return o.rego
		case !known:
			return o.written()
		}
		return o.written() + " (" + shown(value) + ")"
	}
	for _, o := range a.valued() {
		if _, known := values[o.rego]; !known && !holds {
			w := Why{Kind: WhyAbsent, Attribute: o.attribute, Asked: a.asked(o, of)}
			w.Text = o.attribute + " is absent, and " + w.Asked
			return w
		}
	}
	if a.op == "contains" {
		verb := "has"
		if holds == a.negate {
			verb = "does not have"
		}
		w := Why{Kind: WhyAttribute, Attribute: a.of[0].attribute, Asked: a.asked(a.of[0], of), Text: fmt.Sprintf("%s %s %s", a.of[0].written(), verb, of(a.of[1]))}
		if !holds {
			w.Text += ", and " + w.Asked
		}
		return w
	}
	first := a.of[0]
	for _, o := range a.of {
		if first.attribute == "" {
			first = o // the literal stands first where that is faster
		}
	}
	if first.attribute == "" {
		return Why{Kind: WhyNever, Text: a.constant() + " is never so"}
	}
	w := Why{Kind: WhyAttribute, Attribute: first.attribute, Is: values[first.rego], Asked: a.asked(first, of)}
	w.Text = first.written() + " is " + shown(w.Is)
	if !holds {
		w.Text += ", and " + w.Asked
	}
	return w
}

// asked says what a line asks of one of its operands.
func (a ask) asked(about operand, of func(operand) string) string {
	other := ""
	for _, o := range a.of {
		if o.rego != about.rego || len(a.of) == 2 && a.of[0].rego == a.of[1].rego {
			other = of(o)
		}
	}
	switch a.op {
	case opPresent:
		return "the condition names it"
	case "contains":
		if about.rego != a.of[0].rego {
			return map[bool]string{false: "one of ", true: "none of "}[a.negate] + a.of[0].written() + " was asked for"
		}
		if a.negate {
			return "must not"
		}
		return "must"
	case "startswith", "endswith":
		end := map[string]string{"startswith": "beginning", "endswith": "end"}[a.op]
		if about.rego == a.of[0].rego {
			other += " at its " + end
		} else {
			other = "the " + end + " of " + other
		}
	}
	if a.negate {
		other = "anything but " + other
	}
	return other + " was asked for"
}

// constant is a line without an attribute, as people write it.
func (a ask) constant() string {
	not := ""
	if a.negate {
		not = "not "
	}
	var parts []string
	for _, o := range a.of {
		parts = append(parts, o.rego)
	}
	if a.op == opEqual {
		return not + strings.Join(parts, " == ")
	}
	return not + a.op + "(" + strings.Join(parts, ", ") + ")"
}

// whys says in words which lines of an alternative hold, or which do not. That an
// attribute is there at all is said where nothing else is said of it.
func whys(lines []check, holds bool, values map[string]string) (list []Why) {
	for _, ch := range lines {
		if ch.asks.op == opPresent {
			about := ch.asks.of[0]
			_, known := values[about.rego]
			said := slices.ContainsFunc(lines, func(other check) bool {
				return other.asks.op != opPresent && slices.Contains(other.asks.about(), about.attribute)
			})
			if said || holds && !known { // a list is always there
				continue
			}
		}
		list = append(list, ch.asks.why(holds, values))
	}
	return list
}
