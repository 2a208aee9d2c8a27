package dialect_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-id/gatehouse/plugins/scim/dialect"
)

// TestRules: each quirk has a name that a configuration can say, and says what it
// is, what comes of it, and where it was seen.
func TestRules(t *testing.T) {
	t.Parallel()
	names := dialect.All().Names()
	form := regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
	for i, name := range names {
		r := dialect.Quirk(i).Rule()
		if r.Name != name || !form.MatchString(name) || r.Shape == "" || r.Read == "" || r.Strict == "" || r.Source == "" {
			t.Errorf("%+v", r)
		}
		if slices.Index(names, name) != i {
			t.Errorf("%s is the name of two", name)
		}
	}
	if dialect.Quirk(255).String() != "unknown" {
		t.Error("a quirk that there is not has a name")
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	all, err := dialect.Parse(dialect.All().Names())
	if err != nil || all != dialect.All() {
		t.Errorf("%v, %v", all, err)
	}
	two, err := dialect.Parse([]string{"capital-ops", "remove-values"})
	if err != nil || two != dialect.Of(dialect.CapitalOps, dialect.RemoveValues) || !slices.Equal(two.Names(), []string{"capital-ops", "remove-values"}) {
		t.Errorf("%v, %v", two.Names(), err)
	}
	if _, err := dialect.Parse([]string{"remove-value"}); err == nil || !strings.Contains(err.Error(), "remove-values") {
		t.Errorf("the error does not list the quirks: %v", err)
	}
}

func TestFor(t *testing.T) {
	t.Parallel()
	if got := dialect.Providers(); !slices.Equal(got, []string{"entra", "generic", "jumpcloud", "okta", "onelogin", "ping"}) {
		t.Errorf("%v", got)
	}
	for _, name := range dialect.Providers() {
		if s := dialect.For(name); !s.Has(dialect.RemoveValues) || !s.Has(dialect.TextBooleans) {
			t.Errorf("%s loses members or deactivations: %v", name, s.Names())
		}
	}
	if dialect.For("google") != dialect.All() || dialect.For("") != dialect.All() || dialect.For("generic") != dialect.All() {
		t.Error("a provider without a dialect does not speak generic")
	}
	if dialect.For("okta").Has(dialect.UnquotedOperand) {
		t.Error("okta puts up with what only Microsoft sends")
	}
}

func TestReading(t *testing.T) {
	t.Parallel()
	r := dialect.Of(dialect.CapitalOps).Read()
	if r.Took(dialect.FlatKeys, "x") || len(r.Notes()) != 0 {
		t.Error("takes what is not in the set")
	}
	for range 3 {
		if !r.Took(dialect.CapitalOps, "add") {
			t.Error("does not take what is in the set")
		}
	}
	r.Note("members-emptied", "g")
	if n := r.Notes(); len(n) != 2 || n[0].Rule != "capital-ops" || n[0].Detail != "add (3 times)" || n[1].Detail != "g" {
		t.Errorf("%v", n)
	}
	var strict *dialect.Reading
	strict.Note("x", "y")
	if strict.Took(dialect.CapitalOps, "add") || strict.Allows(dialect.CapitalOps) || strict.Notes() != nil {
		t.Error("nil is not strict")
	}
}

func TestBoolean(t *testing.T) {
	t.Parallel()
	for _, v := range []any{"true", "True", "TRUE", "1", json.Number("1")} {
		if b, ok := dialect.Boolean(v); !b || !ok {
			t.Errorf("%v is %v %v", v, b, ok)
		}
	}
	for _, v := range []any{"false", "False", "0", json.Number("0")} {
		if b, ok := dialect.Boolean(v); b || !ok {
			t.Errorf("%v is %v %v", v, b, ok)
		}
	}
	for _, v := range []any{"", "yes", "t", " true", nil, json.Number("2"), []any{}, "falſe"} {
		if b, ok := dialect.Boolean(v); ok {
			t.Errorf("%v is %v", v, b)
		}
	}
}
