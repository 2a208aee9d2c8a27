package policy_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/gatehouse-id/gatehouse/core/policy"
)

// expr is a random condition: its HCL text, and its value for an input by the
// plainest evaluation there is.
type expr struct {
	text  string
	names []string // of the attributes
	value func(facts) bool
}

// facts are the attributes that are present.
type facts map[string]any

var (
	names = []string{"user.tname", "user.tteam", "user.nlevel", "user.bmfa", "user.lgroups", "user.lempty"}
	texts = []string{"", "a", "A", "ab", "ba", "ü", "x\"y\\", "${x}", "\n"}
)

func hclQuote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "${", "$${").Replace(s) + `"`
}

// term is a random value of type string, number or bool, and how it is written.
type term struct {
	text  string
	names []string
	value func(facts) any
}

func drawText(t *rapid.T) term {
	switch rapid.IntRange(0, 3).Draw(t, "text") {
	case 0:
		inner := drawText(t)
		return term{"lower(" + inner.text + ")", inner.names, func(f facts) any { return strings.ToLower(inner.value(f).(string)) }}
	case 1:
		s := rapid.SampledFrom(texts).Draw(t, "literal")
		return term{hclQuote(s), nil, func(facts) any { return s }}
	default:
		return attribute(rapid.SampledFrom(names[:2]).Draw(t, "attribute"))
	}
}

func attribute(name string) term {
	return term{name, []string{name}, func(f facts) any { return f[name] }}
}

func drawNumber(t *rapid.T) term {
	if rapid.Bool().Draw(t, "attribute") {
		return attribute("user.nlevel")
	}
	n := rapid.SampledFrom([]float64{0, 1, 1.5, 2}).Draw(t, "number")
	return term{strconv.FormatFloat(n, 'f', -1, 64), nil, func(facts) any { return n }}
}

func drawTruth(t *rapid.T) term {
	if rapid.Bool().Draw(t, "attribute") {
		return attribute("user.bmfa")
	}
	b := rapid.Bool().Draw(t, "truth")
	return term{strconv.FormatBool(b), nil, func(facts) any { return b }}
}

func drawCondition(t *rapid.T, depth int) expr {
	shape := rapid.IntRange(0, 9).Draw(t, "shape")
	if depth == 0 {
		shape = rapid.IntRange(4, 9).Draw(t, "leaf")
	}
	switch shape {
	case 0, 1:
		a, b := drawCondition(t, depth-1), drawCondition(t, depth-1)
		return expr{"(" + a.text + " && " + b.text + ")", slices.Concat(a.names, b.names), func(f facts) bool { return a.value(f) && b.value(f) }}
	case 2:
		a, b := drawCondition(t, depth-1), drawCondition(t, depth-1)
		return expr{"(" + a.text + " || " + b.text + ")", slices.Concat(a.names, b.names), func(f facts) bool { return a.value(f) || b.value(f) }}
	case 3:
		a := drawCondition(t, depth-1)
		return expr{"!(" + a.text + ")", a.names, func(f facts) bool { return !a.value(f) }}
	case 4:
		b := drawTruth(t)
		return expr{b.text, b.names, func(f facts) bool { return b.value(f).(bool) }}
	case 5:
		list := rapid.SampledFrom(names[4:]).Draw(t, "list")
		s := drawText(t)
		return expr{"contains(" + list + ", " + s.text + ")", append([]string{list}, s.names...),
			func(f facts) bool { return slices.Contains(f[list].([]any), s.value(f)) }}
	case 6:
		a, b := drawText(t), drawText(t)
		return expr{"startswith(" + a.text + ", " + b.text + ")", slices.Concat(a.names, b.names),
			func(f facts) bool { return strings.HasPrefix(a.value(f).(string), b.value(f).(string)) }}
	case 7:
		a, b := drawText(t), drawText(t)
		return expr{"endswith(" + a.text + ", " + b.text + ")", slices.Concat(a.names, b.names),
			func(f facts) bool { return strings.HasSuffix(a.value(f).(string), b.value(f).(string)) }}
	default:
		draw := rapid.SampledFrom([]func(*rapid.T) term{drawText, drawText, drawNumber, drawTruth}).Draw(t, "type")
		a, b := draw(t), draw(t)
		op := rapid.SampledFrom([]string{"==", "!="}).Draw(t, "op")
		return expr{"(" + a.text + " " + op + " " + b.text + ")", slices.Concat(a.names, b.names),
			func(f facts) bool { return (a.value(f) == b.value(f)) == (op == "==") }}
	}
}

func drawFacts(t *rapid.T) facts {
	f := facts{}
	for _, name := range names {
		if rapid.IntRange(0, 4).Draw(t, "absent") == 0 {
			continue
		}
		switch strings.TrimPrefix(name, "user.")[0] {
		case 't':
			f[name] = rapid.SampledFrom(texts).Draw(t, name)
		case 'n':
			f[name] = rapid.SampledFrom([]float64{0, 1, 1.5}).Draw(t, name)
		case 'b':
			f[name] = rapid.Bool().Draw(t, name)
		default:
			list := []any{}
			for _, s := range rapid.SliceOfN(rapid.SampledFrom(texts), 0, 3).Draw(t, name) {
				list = append(list, s)
			}
			f[name] = list
		}
	}
	return f
}

// What OPA answers to the compiled condition is what the condition says, and
// one that names an absent attribute is false, whatever it says of it.
func TestConditionMeansWhatItSays(t *testing.T) {
	t.Parallel()
	granted := 0
	rapid.Check(t, func(rt *rapid.T) {
		e := drawCondition(rt, 3)
		c, err := policy.CompileCondition(t.Context(), expression(t, e.text), names)
		if err != nil {
			rt.Fatalf("%s: %v", e.text, err)
		}
		shown, err := policy.CompileCondition(t.Context(), expression(t, c.Text()), names)
		if err != nil || shown.Text() != c.Text() {
			rt.Fatalf("%s is shown as %s: %v", e.text, c.Text(), err)
		}
		for range 4 {
			f := drawFacts(rt)
			want := !slices.ContainsFunc(e.names, func(n string) bool { _, ok := f[n]; return !ok }) && e.value(f)
			got, err := c.Holds(t.Context(), f)
			if err != nil || got != want {
				rt.Fatalf("%s with %v: %t, %v; want %t\n%s", e.text, f, got, err, want, c.Text())
			}
			if again, err := shown.Holds(t.Context(), f); err != nil || again != got {
				rt.Fatalf("%s, and as it is shown %s, with %v: %t, %t, %v", e.text, c.Text(), f, got, again, err)
			}
			if got {
				granted++
			}
		}
	})
	if granted == 0 {
		t.Error("no condition ever held: the test compares nothing")
	}
}

// However an expression is negated, it grants nothing to a principal without
// the attribute.
func TestAbsenceIsNeverAGrant(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`user.tname == "a"`, `user.tname != "a"`, `!(user.tname == "a")`, `!(user.tname != "a")`,
		`!startswith(user.tname, "a")`, `!endswith(user.tname, "a")`, `!contains(user.lgroups, user.tname)`,
		`!contains(user.lgroups, "a") && user.tname != "b"`, `true || user.tname == "a"`, `!(false && user.tname == "a")`,
		`lower(user.tname) != "a"`, `!(lower(user.tname) == "a")`, `!!(user.tname != "a")`, `user.tteam == "x" || user.tname == "a"`,
		`user.tname == user.tname`, `!user.bmfa`, `user.bmfa != true`, `user.nlevel != 3`,
	} {
		c, err := policy.CompileCondition(t.Context(), expression(t, text), names)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		got, err := c.Holds(t.Context(), map[string]any{"user.lgroups": []any{}, "user.tteam": "x"})
		if err != nil || got {
			t.Errorf("%s: %t, %v for somebody without a name", text, got, err)
		}
	}
}
