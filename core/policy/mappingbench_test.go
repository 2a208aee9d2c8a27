package policy_test

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"testing"

	"github.com/gatehouse-id/gatehouse/core/policy"
)

// inFifty is a user in fifty groups, of which five are named by mappings.
func inFifty() policy.User {
	u := person("c0", map[string]string{"department": "Analytics", "title": "Engineer", "email": "jane@acme.example"})
	for i := range 50 {
		name := fmt.Sprintf("Other %d", i)
		if i < 5 {
			name = fmt.Sprintf("Group %d", i)
		}
		u.Groups = append(u.Groups, policy.Group{Name: name})
	}
	return u
}

// kindsOfMappings are what can be written in a mapping, number i of many. Of each, none or
// five give something.
func kindsOfMappings(tb testing.TB) map[string]func(i int) policy.Mapping {
	when := func(text string) func(int) policy.Mapping {
		return func(i int) policy.Mapping { return policy.Mapping{When: expression(tb, fmt.Sprintf(text, i))} }
	}
	return map[string]func(i int) policy.Mapping{
		"groups": func(i int) policy.Mapping { return policy.Mapping{Groups: []string{fmt.Sprint("Group ", i)}} },
		"ignore_case": func(i int) policy.Mapping {
			return policy.Mapping{Groups: []string{fmt.Sprint("GROUP ", i)}, IgnoreCase: true}
		},
		"group_and_when": func(i int) policy.Mapping {
			m := when(`user.title == "Engineer" || user.title == "%d"`)(i)
			m.Groups = []string{fmt.Sprint("Group ", i)}
			return m
		},
		"equal":           when(`user.department == "d%d"`),
		"differ":          when(`user.department != "Analytics" && user.title != "%d"`),
		"startswith":      when(`startswith(user.email, "x%d")`),
		"endswith":        when(`endswith(user.email, "@x%d.example")`),
		"contains":        when(`contains(user.groups, "Group x%d")`),
		"lower":           when(`lower(user.department) == "d%d"`),
		"not":             when(`!(user.department == "Analytics" || user.title == "%d")`),
		"not_contains":    when(`!contains(user.groups, "Group x%d") && user.title != "Engineer"`),
		"or":              when(`user.department == "d%d" || user.title == "t" || endswith(user.email, "@x.example")`),
		"two_attributes":  when(`user.department == user.title && user.email != "%d"`),
		"every_condition": when(`user.department == "Analytics" && user.title != "%d"`), // all of them hold
	}
}

// BenchmarkMappings is a user in fifty groups against many mappings, of each kind.
// BenchmarkMappingsFloor is the first of them with a Go map.
func BenchmarkMappings(b *testing.B) {
	kinds := kindsOfMappings(b)
	for _, name := range slices.Sorted(maps.Keys(kinds)) {
		for _, n := range []int{100, 1000} {
			b.Run(fmt.Sprintf("%s/mappings=%d", name, n), func(b *testing.B) {
				rules := policy.Rules{Roles: []policy.Role{{Name: "r"}}}
				for i := range n {
					m := kinds[name](i)
					m.Name, m.Connection, m.Roles = fmt.Sprint("m", i), "c0", []string{"r"}
					rules.Mappings = append(rules.Mappings, m)
				}
				runMapped(b, compile(b, rules))
			})
		}
	}
	patterns := func(b *testing.B, n int, form string, fold bool) {
		rules := policy.Rules{Roles: []policy.Role{{Name: "r"}}}
		for i := range n {
			rules.Mappings = append(rules.Mappings, policy.Mapping{
				Name: fmt.Sprint("m", i), Connection: "c0", Roles: []string{"r"}, GroupPatterns: []string{fmt.Sprintf(form, i)}, IgnoreCase: fold,
			})
		}
		runMapped(b, compile(b, rules))
	}
	for _, form := range []string{"Group %d*", "*p %d", "*oup %d*", "G*p*%d*x*", "*h*e*t*%d"} {
		b.Run(fmt.Sprintf("pattern %s/mappings=100", fmt.Sprintf(form, 0)), func(b *testing.B) { patterns(b, 100, form, false) })
	}
	b.Run("folded pattern/mappings=100", func(b *testing.B) { patterns(b, 100, "*OUP %d*", true) })
}

func runMapped(b *testing.B, p *policy.Policy) {
	users := []policy.User{inFifty()}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Mapped(context.Background(), users); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMappingsFloor(b *testing.B) {
	b.Run("all of them/mappings=100", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			byGroup := map[string]policy.Granted{}
			for i := range 100 {
				rule := fmt.Sprint("c0/m", i)
				byGroup[rule] = policy.Granted{Role: "r", Source: policy.SourceMapping, Rule: rule, Reason: fmt.Sprintf("user.department is %q", "Analytics")}
			}
			granted := slices.Collect(maps.Values(byGroup))
			slices.SortFunc(granted, func(a, b policy.Granted) int { return cmp.Or(cmp.Compare(a.Role, b.Role), cmp.Compare(a.Rule, b.Rule)) })
		}
	})
	for _, n := range []int{100, 1000} {
		b.Run(fmt.Sprintf("mappings=%d", n), func(b *testing.B) {
			byGroup := map[string]policy.Granted{}
			for i := range n {
				byGroup[fmt.Sprint("Group ", i)] = policy.Granted{Role: "r", Source: policy.SourceMapping, Rule: fmt.Sprint("c0/m", i)}
			}
			u := inFifty()
			b.ReportAllocs()
			for b.Loop() {
				var granted []policy.Granted
				for _, g := range u.Groups {
					if one, ok := byGroup[g.Name]; ok {
						one.Reason = "group " + g.Name
						granted = append(granted, one)
					}
				}
				slices.SortFunc(granted, func(a, b policy.Granted) int { return cmp.Or(cmp.Compare(a.Role, b.Role), cmp.Compare(a.Rule, b.Rule)) })
				if len(granted) != 5 {
					b.Fatal(granted)
				}
			}
		})
	}
}

// BenchmarkConnections is the start with 10,000 connections of five mappings each, and
// the memory that each of them takes.
func BenchmarkConnections(b *testing.B) {
	for name, when := range map[string]string{"plain": "", "with conditions": `user.department == "d%d" && !endswith(user.email, "@x")`} {
		b.Run(name, func(b *testing.B) {
			rules := policy.Rules{Roles: []policy.Role{{Name: "r"}}}
			const connections = 10_000
			for c := range connections {
				for m := range 5 {
					one := policy.Mapping{Name: fmt.Sprint("m", m), Connection: fmt.Sprint("c", c), Groups: []string{fmt.Sprintf("Group %d of %d", m, c)}, Roles: []string{"r"}}
					if when != "" {
						one.When = expression(b, fmt.Sprintf(when, c))
					}
					rules.Mappings = append(rules.Mappings, one)
				}
			}
			var each float64
			for b.Loop() {
				var before, after runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&before)
				p := compile(b, rules)
				runtime.GC()
				runtime.ReadMemStats(&after)
				each = float64(after.HeapAlloc-before.HeapAlloc) / connections
				runtime.KeepAlive(p)
			}
			b.ReportMetric(each, "B/connection")
		})
	}
}
