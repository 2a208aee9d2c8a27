package policy_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/gatehouse-id/gatehouse/core/policy"
)

func TestCovering(t *testing.T) {
	t.Parallel()
	for permission, want := range map[string][]string{
		"a":                     {"*", "a"},
		"policy:write":          {"*", "*:*", "*:write", "policy:*", "policy:write"},
		"a:b:c":                 {"*", "*:*", "*:*:*", "*:*:c", "*:b:*", "*:b:c", "a:*", "a:*:*", "a:*:c", "a:b:*", "a:b:c"},
		"gatehouse:keys":        {"gatehouse:*", "gatehouse:keys"},
		"gatehouse:keys:create": {"gatehouse:*", "gatehouse:*:*", "gatehouse:*:create", "gatehouse:keys:*", "gatehouse:keys:create"},
		"gatehouse":             {"gatehouse"},
	} {
		got := policy.Covering(permission)
		slices.Sort(want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", permission, diff)
		}
	}
}

// covers is the rule as it is written, without candidates.
func covers(pattern, permission string) bool {
	p, s := strings.Split(pattern, ":"), strings.Split(permission, ":")
	if s[0] == "gatehouse" && p[0] != "gatehouse" {
		return false
	}
	for i := range p {
		if i == len(s) {
			return false
		}
		if p[i] == "*" && i == len(p)-1 {
			return true
		}
		if p[i] != "*" && p[i] != s[i] {
			return false
		}
	}
	return len(p) == len(s)
}

func TestCoveringIsTheRule(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		segments := func(words ...string) string {
			return strings.Join(rapid.SliceOfN(rapid.SampledFrom(words), 1, 4).Draw(t, "segments"), ":")
		}
		permission, pattern := segments("a", "b", "gatehouse"), segments("a", "b", "*", "gatehouse")
		if got, want := slices.Contains(policy.Covering(permission), pattern), covers(pattern, permission); got != want {
			t.Fatalf("%s by %s: %t, want %t", permission, pattern, got, want)
		}
	})
}

func TestDidYouMean(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]string{
		"admn": ` Did you mean "admin"?`, "anylast": ` Did you mean "analyst"?`, "zebra": "", "": "", strings.Repeat("a", 1000): "",
	} {
		if got := policy.DidYouMean(word, []string{"analyst", "admin"}); got != want {
			t.Errorf("%.20q: %q, want %q", word, got, want)
		}
	}
}
