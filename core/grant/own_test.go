package grant_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/core/change"
	"github.com/gatehouse-id/gatehouse/core/grant"
	"github.com/gatehouse-id/gatehouse/core/policy"
	sdk "github.com/gatehouse-id/gatehouse/sdk/directory"
)

// withOwn compiles mappings with the own Rego of okta.
func (w *world) withOwn(source string, mappings ...policy.Mapping) *policy.Policy {
	w.t.Helper()
	limit := time.Minute // of one that ends, on a machine that may be busy
	if source == endless {
		limit = 0
	}
	p, diags := policy.Compile(context.Background(), policy.Rules{
		Roles: []policy.Role{{Name: "r0"}, {Name: "r1"}, {Name: "r2"}}, Mappings: mappings,
		Own: []policy.Own{{Connection: "okta", Source: "package gatehouse.custom\n" + source, Where: "acme.hcl:9", Limit: limit}},
	})
	if diags.HasErrors() {
		w.t.Fatal(diags)
	}
	return p
}

const (
	bySales = `grants contains {"role": "r1", "rule": "sales"} if input.user.department == "Sales"` + "\n"
	endless = `l := ["a","b","c","d","e","f","g","h","i","j","k","l","m","n","o","p"]
grants contains {"role": "r1"} if { some a in l; some b in l; some c in l; some d in l; some e in l; some f in l; some g in l; a == b; b == c; c == d; d != e; e == f; f == g; g == a }
`
)

// Own Rego follows the directory as mappings do, and says where a grant is from.
func TestOwnRegoFollowsTheDirectory(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.declare(w.withOwn(bySales, mapping(t, "okta", "all", "r0", "")))
		w.clear()
		all, sales := "r0 mapping okta/all", "r1 mapping okta/rego:sales"
		w.apply(acme, sdk.Create{Resource: user("jane", "Sales", true)})
		if got := w.kept("jane"); !slices.Equal(got, []string{all, sales}) {
			t.Errorf("created: %v", got)
		}
		w.apply(acme, sdk.Replace{Resource: user("jane", "Other", true)})
		if got := w.kept("jane"); !slices.Equal(got, []string{all}) {
			t.Errorf("another department: %v", got)
		}
		var many []sdk.Change
		for _, id := range strings.Split("abcdefghijklmnopqrstuvwxyz", "") {
			many = append(many, sdk.Create{Resource: user(id, "Sales", true)})
		}
		w.apply(acme, many...)
		if got := w.kept("z"); len(got) != 0 {
			t.Errorf("more people than are evaluated within a change: %v", got)
		}
		if got := w.has("z"); !slices.Equal(got, []string{all, sales}) {
			t.Errorf("on the spot: %v", got)
		}
		w.clear()
		if got := w.kept("z"); !slices.Equal(got, []string{all, sales}) {
			t.Errorf("by the worker: %v", got)
		}
		w.take(mapping(t, "okta", "all", "r0", ""))
		w.clear()
		if got := w.kept("z"); !slices.Equal(got, []string{all}) {
			t.Errorf("without it: %v", got)
		}
	})
}

// Own Rego that gives no answer takes nothing away and gives nothing; what mappings say
// goes on, a change of the directory is not held up, and the operator is told.
func TestOwnRegoThatFails(t *testing.T) {
	for name, broken := range map[string]string{
		"it does not end":       endless,
		"it gives unknown ones": `grants contains {"role": "root"}` + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				all, sales, given := "r0 mapping okta/all", "r1 mapping okta/rego:sales", "r2 mapping okta/dept"
				mappings := []policy.Mapping{mapping(t, "okta", "all", "r0", "")}
				w.declare(w.withOwn(bySales, mappings...))
				w.clear()
				w.apply(acme, sdk.Create{Resource: user("jane", "Sales", true)}, sdk.Create{Resource: user("joe", "Other", true)}, sdk.Create{Resource: user("kim", "Sales", true)})
				mappings = append(mappings, mapping(t, "okta", "dept", "r2", "Sales"))
				w.declare(w.withOwn(broken, mappings...))
				for _, when := range []string{"on the spot", "after the worker"} {
					if got := w.has("jane"); !slices.Equal(got, []string{all, sales, given}) {
						t.Errorf("%s, who had the role: %v", when, got)
					}
					if got := w.has("joe"); !slices.Equal(got, []string{all}) {
						t.Errorf("%s, who had it not: %v", when, got)
					}
					if err := w.Clear(t.Context()); err != nil && !errors.Is(err, context.DeadlineExceeded) {
						t.Fatal(err)
					}
				}
				w.apply(acme, sdk.Replace{Resource: user("kim", "Sales", false)}, sdk.Replace{Resource: user("jane", "Other", true)}, sdk.Create{Resource: user("new", "Sales", true)})
				for id, want := range map[string][]string{"jane": {all, sales}, "kim": {}, "new": {all, given}} {
					if got := w.has(id); !slices.Equal(got, want) {
						t.Errorf("%s after a change: %v, want %v", id, got, want)
					}
				}
				if f := w.Failing(); len(f) != 1 || f[0].Connection != "okta" || f[0].Problem == "" || w.failures == 0 {
					t.Errorf("the operator is not told: %+v, %d", f, w.failures)
				}
				w.declare(w.withOwn(bySales, mappings...))
				if f := w.Failing(); len(f) != 0 {
					t.Errorf("another policy fails with it: %+v", f)
				}
				w.clear()
				for id, want := range map[string][]string{"jane": {all}, "kim": {}, "new": {all, sales, given}} {
					if got := w.kept(id); !slices.Equal(got, want) {
						t.Errorf("%s once it is right: %v, want %v", id, got, want)
					}
				}
			})
		})
	}
}

// A connection whose own Rego fails holds up no other.
func TestOwnRegoHoldsUpNobody(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.declare(w.withOwn(endless, mapping(t, "entra", "all", "r0", ""), mapping(t, "okta", "all", "r0", "")))
		w.clear()
		w.apply(acme, sdk.Create{Resource: user("jane", "Sales", true)})
		w.declare(w.withOwn(endless, mapping(t, "entra", "all", "r1", ""), mapping(t, "okta", "all", "r1", "")))
		if err := w.Clear(t.Context()); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		if n, err := w.Stale(t.Context()); err != nil || n != 1 {
			t.Errorf("%d connections are stale, %v; want the one that fails", n, err)
		}
	})
}

// What a mapping gives to a session is no row, and who remembers a user is told of each
// change that the session may depend on.
func TestMappingsOfSessionsAreNotKept(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		m := mapping(t, "okta", "mfa", "r1", "", "Admins")
		m.When = expression(t, "auth.mfa")
		w.take(m)
		w.clear()
		w.apply(acme, sdk.Create{Resource: user("jane", "Sales", true)}, sdk.Create{Resource: group("g", "Admins")})
		deps := w.feed.Observe(change.Grants(grant.User("jane")))
		w.apply(acme, sdk.Members{Group: "g", Add: []string{"jane"}})
		if deps.Fresh() {
			t.Error("who remembers her is not told of her group")
		}
		if got := w.kept("jane"); len(got) != 0 {
			t.Errorf("kept: %v", got)
		}
		who, err := w.Person(t.Context(), "jane")
		if err != nil || len(who.Grants) != 0 || len(who.Mapped().Groups) != 1 {
			t.Errorf("%+v, %v", who, err)
		}
	})
}
