package policy_test

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/core/policy"
)

// BenchmarkOwnRego is what a policy of a few lines costs beside a mapping.
func BenchmarkOwnRego(b *testing.B) {
	p := compile(b, ownRego(map[string]string{"acme": `grants contains {"role": "admin"} if "Platform Admins" in input.user.groups
grants contains {"role": "analyst"} if { "Data" in input.user.groups; lower(input.user.department) == "analytics" }`}))
	who := person("acme", map[string]string{"department": "Analytics"}, policy.Group{Name: "Data"}, policy.Group{Name: "Other"})
	b.ReportAllocs()
	for b.Loop() {
		if got, err := p.Owned(b.Context(), who); err != nil || len(got) != 1 {
			b.Fatal(got, err)
		}
	}
}

// BenchmarkHostileOwnRego measures what policies reach that were written to take memory:
// MB/op is how much the heap grew by the time that the evaluation had ended, with what
// the collector had not yet taken back.
func BenchmarkHostileOwnRego(b *testing.B) {
	words, long := quoted(60), strings.Repeat("a", 50_000)
	for name, source := range map[string]string{
		"a set":                "l := " + words + "\ngrants contains {\"role\": [a, b, c, d, e]} if { some a in l; some b in l; some c in l; some d in l; some e in l }",
		"long texts":           "l := " + words + "\ns := \"" + long + "\"\nx := {[upper(s), a, b, c, d] | some a in l; some b in l; some c in l; some d in l}\ngrants contains {\"role\": \"admin\"} if count(x) == 1",
		"parts of texts":       "l := " + words + "\ns := \"" + long + "\u00e4\"\nx := {[substring(s, 1, 40000), a, b, c, d] | some a in l; some b in l; some c in l; some d in l}\ngrants contains {\"role\": \"admin\"} if count(x) == 1",
		"unions":               "l := " + words + "\nx := {[a, b, c] | some a in l; some b in l; some c in l}\ny := {[z, i, j] | some i in l; some j in l; z := x | {i}}\ngrants contains {\"role\": \"admin\"} if count(y) == 1",
		"all that is compared": "grants contains {\"role\": \"root\"} if x12 == y12\n" + functions(5, "x%[1]d := [x%[2]d, x%[2]d]\ny%[1]d := [y%[2]d, y%[2]d]\n", "x0 := [input.user.id, 1]\ny0 := [input.user.id, 1]\n") + "x12 := [x5, x5, x5, x5]\ny12 := [y5, y5, y5, y5]\n",
		"wide values":          "l := " + words + "\nx := {[" + strings.Repeat("a, ", 4000) + "b, c, d] | some a in l; some b in l; some c in l; some d in l}\ngrants contains {\"role\": \"admin\"} if count(x) == 1",
		"functions":            "l := " + words + "\nf(x, y) := [x, y] if { some x2 in l; x2 == x }\ngrants contains {\"role\": [f(a, b), f(c, [d, e])]} if { some a in l; some b in l; some c in l; some d in l; some e in l }",
	} {
		b.Run(name, func(b *testing.B) {
			rules := ownRego(map[string]string{"acme": source})
			rules.Own[0].Limit = 0 // as it is in a host
			p := compile(b, rules)
			_, _ = p.Owned(b.Context(), person("acme", nil)) // it is compiled now
			var peak, took float64
			for b.Loop() {
				runtime.GC()
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				began := time.Now()
				if got, err := p.Owned(b.Context(), person("acme", nil)); err == nil {
					b.Fatal(got)
				}
				took = max(took, time.Since(began).Seconds()*1000)
				runtime.ReadMemStats(&after)
				peak = max(peak, float64(after.TotalAlloc-before.TotalAlloc)/(1<<20))
			}
			b.ReportMetric(peak, "MB/op")
			b.ReportMetric(took, "ms/op")
		})
	}
}
