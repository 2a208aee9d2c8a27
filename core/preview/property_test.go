package preview_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/gatehouse-id/gatehouse/core/grant"
	"github.com/gatehouse-id/gatehouse/core/preview"
	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
	sdk "github.com/gatehouse-id/gatehouse/sdk/directory"
)

// random draws a configuration: connections may be away, and mappings of all
// kinds stand in those that are there.
func random(rt *rapid.T, t *testing.T) preview.Side {
	c := config{roles: roles("r0", "r1", "r2"), connections: map[string]preview.Connection{}}
	for _, label := range []string{"okta", "entra"} {
		if rapid.IntRange(0, 4).Draw(rt, label+" is there") > 0 {
			c.connections[label] = preview.Connection{Organization: organizationOf(label), SignOn: true}
		}
	}
	for i := range rapid.IntRange(0, 4).Draw(rt, "mappings") {
		label := rapid.SampledFrom([]string{"okta", "entra"}).Draw(rt, "of")
		if _, there := c.connections[label]; !there {
			continue
		}
		c.mappings = append(c.mappings, mapping(t, label, fmt.Sprint("m", i), fmt.Sprint("r", rapid.IntRange(0, 2).Draw(rt, "role")),
			rapid.SampledFrom([]string{"", "", "x", "y"}).Draw(rt, "department"),
			rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"A", "B", "C"}), 0, 2, rapid.ID[string]).Draw(rt, "groups")...))
	}
	for i := range 2 {
		if rapid.Bool().Draw(rt, "client") {
			c.clients = append(c.clients, client(fmt.Sprint("c", i), rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"r0", "r1", "r2"}), 0, 2, rapid.ID[string]).Draw(rt, "roles")...))
		}
	}
	return side(t, c)
}

// What is planned is what happens: over random directories, rules and
// configurations, the roles that somebody gains and loses by the plan are those by
// which their grants differ once the worker has been there. The roles that were
// given by hand are neither gained nor lost, and nobody is told of who stays.
func TestThePlanIsWhatHappens(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		round, changed, lost := 0, 0, 0
		rapid.Check(t, func(rt *rapid.T) {
			round++
			w.t = t
			w.apply(random(rt, t))
			if rapid.Bool().Draw(rt, "the worker has been there") {
				w.clear()
			}
			var principals []string
			for _, label := range []string{"okta", "entra"} {
				var groups, users []string
				for i := range 3 {
					u, g := fmt.Sprintf("u%d-%s-%d", round, label, i), fmt.Sprintf("g%d-%s-%d", round, label, i)
					w.change(label, sdk.Create{Resource: user(u, rapid.SampledFrom([]string{"", "x", "y"}).Draw(rt, "in"), rapid.IntRange(0, 3).Draw(rt, "active") > 0)})
					w.change(label, sdk.Create{Resource: group(g, rapid.SampledFrom([]string{"A", "B", "C"}).Draw(rt, "name"))})
					users, groups, principals = append(users, u), append(groups, g), append(principals, grant.User(u))
				}
				for range rapid.IntRange(0, 5).Draw(rt, "memberships") {
					w.change(label, sdk.Members{Group: rapid.SampledFrom(groups).Draw(rt, "group"), Add: []string{rapid.SampledFrom(append(users, groups...)).Draw(rt, "member")}})
				}
				w.give(grant.User(users[0]), organizationOf(label), rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"r0", "r1"}), 0, 2, rapid.ID[string]).Draw(rt, "by hand")...)
			}
			principals = append(principals, grant.Client("c0"), grant.Client("c1"))
			after := random(rt, t)
			plan, changes := w.plan(after)
			again, _ := w.plan(after)
			if again.Digest != plan.Digest {
				rt.Fatal("the same is not the same twice")
			}
			w.clear()
			before := map[string][]string{}
			for _, p := range principals {
				before[p] = w.rolesOf(p)
			}
			w.apply(after)
			w.clear()
			gains, loses := map[string][]string{}, map[string][]string{}
			for _, p := range principals {
				now := w.rolesOf(p)
				gains[p] = slices.DeleteFunc(slices.Clone(now), func(r string) bool { return slices.Contains(before[p], r) })
				loses[p] = slices.DeleteFunc(slices.Clone(before[p]), func(r string) bool { return slices.Contains(now, r) })
			}
			counts := map[string]wire.PlannedRole{}
			for _, c := range changes {
				if !slices.Contains(principals, c.Principal) { // of an earlier round
					continue
				}
				if got := named(c.Gains); !slices.Equal(got, gains[c.Principal]) {
					rt.Fatalf("%s gains %v, and %v was planned", c.Principal, gains[c.Principal], got)
				}
				if got := named(c.Loses); !slices.Equal(got, loses[c.Principal]) {
					rt.Fatalf("%s loses %v, and %v was planned", c.Principal, loses[c.Principal], got)
				}
				changed += len(c.Gains) + len(c.Loses)
				if c.Access == wire.AccessLost {
					lost++
				}
				delete(gains, c.Principal)
				delete(loses, c.Principal)
			}
			for _, all := range []map[string][]string{gains, loses} {
				for p, some := range all {
					if len(some) > 0 {
						rt.Fatalf("%s: %v was not planned", p, some)
					}
				}
			}
			for _, c := range changes {
				for _, g := range c.Gains {
					r := counts[g.Role]
					if strings.HasPrefix(c.Principal, "user:") {
						r.UsersGain++
					} else {
						r.ClientsGain++
					}
					counts[g.Role] = r
				}
				for _, g := range c.Loses {
					r := counts[g.Role]
					if strings.HasPrefix(c.Principal, "user:") {
						r.UsersLose++
					} else {
						r.ClientsLose++
					}
					counts[g.Role] = r
				}
			}
			summed := map[string]wire.PlannedRole{}
			for _, r := range plan.Roles {
				one := r
				one.Role = ""
				summed[r.Role] = one
			}
			if diff := cmp.Diff(counts, summed); diff != "" {
				rt.Fatalf("the counts (-named +summed):\n%s", diff)
			}
			none, changes := w.plan(after)
			if len(changes) > 0 || len(none.Roles)+len(none.Access) > 0 {
				rt.Fatalf("what is in force changes something: %+v", changes)
			}
		})
		if changed == 0 || lost == 0 {
			t.Errorf("%d changes, %d lose access: the test compares nothing", changed, lost)
		}
	})
}

func named(list []wire.PlannedGrant) []string {
	names := map[string]bool{}
	for _, g := range list {
		names[g.Role] = true
	}
	return slices.Sorted(maps.Keys(names))
}
