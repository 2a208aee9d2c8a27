package trial_test

import (
	"fmt"
	"testing"

	"github.com/gatehouse-id/gatehouse/core/policy"
	"github.com/gatehouse-id/gatehouse/core/policy/trial"
)

// many are mappings of one connection, and as many tests of users who differ.
func many(b *testing.B, mappings, tests int) (*trial.Suite, []trial.Test) {
	b.Helper()
	r := policy.Rules{Roles: []policy.Role{{Name: "r"}}}
	for i := range mappings {
		r.Mappings = append(r.Mappings, policy.Mapping{
			Name: fmt.Sprint("m", i), Where: "a.hcl:1", Connection: "acme", Groups: []string{fmt.Sprint("Group ", i)},
			When: expression(b, `user.department == "Analytics" || user.title == "Engineer"`), Roles: []string{"r"},
		})
	}
	s := suite(b, r)
	var list []trial.Test
	for i := range tests {
		list = append(list, of(b, "acme", fmt.Sprintf(`{ groups = ["Group %d"], department = "Analytics", title = "Title %d" }`, i%mappings, i), "r"))
	}
	return s, list
}

// BenchmarkTests is what a thousand tests add to a reload.
func BenchmarkTests(b *testing.B) {
	for _, mappings := range []int{10, 100, 1000} {
		s, tests := many(b, mappings, 1000)
		b.Run(fmt.Sprintf("1000 tests of %d mappings", mappings), func(b *testing.B) {
			for b.Loop() {
				if results, diags, err := s.Run(b.Context(), tests); err != nil || diags.HasErrors() || !results[0].Passed() {
					b.Fatal(err, diags, results[0])
				}
			}
		})
	}
}

// BenchmarkCover is what coverage of them takes.
func BenchmarkCover(b *testing.B) {
	s, tests := many(b, 100, 1000)
	results, _, err := s.Run(b.Context(), tests)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := s.Cover(b.Context(), results, nil); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFailures is what a thousand failed tests take to be explained.
func BenchmarkFailures(b *testing.B) {
	s, tests := many(b, 100, 1000)
	for i := range tests {
		tests[i].Roles = nil
		tests[i].Who = expression(b, `{ title = "x" }`)
		tests[i].Roles = []string{"r"}
	}
	results, _, err := s.Run(b.Context(), tests)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := s.Failures(b.Context(), results); err != nil {
			b.Fatal(err)
		}
	}
}
