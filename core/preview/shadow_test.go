package preview_test

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/core/policy"
	"github.com/gatehouse-id/gatehouse/core/preview"
	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
	sdk "github.com/gatehouse-id/gatehouse/sdk/directory"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// force is what is in force.
type force struct {
	side     atomic.Pointer[preview.Side]
	revision atomic.Int64
}

func (f *force) Revision() int64    { return f.revision.Load() }
func (f *force) Side() preview.Side { return *f.side.Load() }

func (f *force) take(s preview.Side) {
	f.side.Store(&s)
	f.revision.Add(1)
}

// await waits until a shadow has evaluated, or skipped, so many.
func await(t *testing.T, s *preview.Shadow, n int64) wire.Shadow {
	t.Helper()
	for until := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		found := s.Status()
		if found.Evaluated+found.Skipped >= n {
			return found
		}
		if time.Now().After(until) {
			t.Fatalf("%d of %d: %+v", found.Evaluated, n, found)
		}
	}
}

func TestAShadowTellsWhatWouldDiffer(t *testing.T) {
	w := alone(t)
	asks := []policy.Route{{Upstream: "app", Pattern: "/a", Permission: "a:read"}, {Upstream: "app", Pattern: "/b", Permission: "b:read"}}
	before, after := base(t), base(t)
	for _, c := range []*config{&before, &after} {
		c.routes = asks
		c.roles[0].Permissions, c.roles[1].Permissions = []string{"a:*", "b:*"}, []string{"a:read"}
	}
	before.clients = append(before.clients, owned("tool", "jane", "admin"))
	after.mappings[0] = mapping(t, "okta", "admins", "admin", "", "Administrators")
	delete(after.connections, "entra")
	after.mappings = after.mappings[:2]
	w.apply(side(t, before))
	filled(w)
	inForce := &force{}
	inForce.take(w.inForce)
	s := preview.NewShadow(w.Preview, inForce)
	s.Saw(policy.Principal{Kind: policy.KindUser, ID: "jane", Organization: "acme"}) // costs nothing, and tells nothing
	if found := s.Status(); found.Running || found.Evaluated != 0 {
		t.Errorf("before it begins: %+v", found)
	}
	if _, err := s.Stop(); !problem.Is(err, problem.NotFound) {
		t.Errorf("there is nothing to stop: %v", err)
	}
	s.Start(side(t, after), "digest")
	defer func() { _, _ = s.Stop() }()
	user := func(id, organization string) policy.Principal {
		return policy.Principal{Kind: policy.KindUser, ID: id, Organization: organization}
	}
	tool := policy.Principal{Kind: policy.KindClient, ID: "tool", Organization: "acme", Owner: "jane", Grants: []policy.Grant{{Role: "admin", Source: "file", Rule: `client "tool"`}}}
	for _, who := range []policy.Principal{user("jane", "acme"), user("jane", "acme"), user("omar", "acme"), user("bea", "beta"), user("nobody", "acme"), tool} {
		s.Saw(who)
	}
	found := await(t, s, 6)
	if !found.Running || found.Files != "digest" || found.Revision != 1 || found.Evaluated != 6 || found.Different != 4 || found.Skipped != 0 {
		t.Errorf("%+v", found)
	}
	var got []string
	for _, p := range found.Principals {
		got = append(got, fmt.Sprint(p.Principal, " ", p.Organization, " ", p.Roles, p.Permissions, p.Access, p.Times))
	}
	slices.Sort(got)
	want := []string{"client:tool acme {[] [admin]} {[] [b:read]}lost1", "user:bea beta {[] [staff]} {[] [a:read]}lost1", "user:jane acme {[] [admin]} {[] [b:read]}2"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if len(found.Roles) != 2 || found.Roles[0].Name != "admin" || found.Roles[0].Loses != 3 || found.Roles[0].LastSeen.Before(found.Roles[0].FirstSeen) || len(found.Permissions) != 2 {
		t.Errorf("%+v", found)
	}
	// Jane is in a group that the candidate knows by now: both say the same of her.
	w.change("okta", sdk.Create{Resource: group("g2", "Administrators")}, sdk.Members{Group: "g2", Add: []string{"jane"}})
	s.Saw(user("jane", "acme"))
	found = await(t, s, 7)
	if slices.ContainsFunc(found.Principals, func(p wire.ShadowPrincipal) bool { return p.Principal == "user:jane" }) {
		t.Errorf("she is still among %+v", found.Principals)
	}
	// With another configuration in force it begins anew.
	inForce.take(w.inForce)
	s.Saw(user("omar", "acme"))
	for until := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if found = s.Status(); found.Revision == 2 && found.Evaluated == 1 {
			break
		}
		if time.Now().After(until) {
			t.Fatalf("%+v", found)
		}
	}
	if len(found.Principals)+len(found.Roles) != 0 {
		t.Errorf("what was found of another configuration: %+v", found)
	}
	if last, err := s.Stop(); err != nil || last.Running || last.Evaluated != 1 {
		t.Errorf("%+v, %v", last, err)
	}
	s.Saw(user("jane", "acme"))
	if found = s.Status(); found.Running || found.Evaluated != 0 {
		t.Errorf("after its end: %+v", found)
	}
}

// However many come, what is kept of them is bounded, and nobody waits.
func TestAShadowIsBounded(t *testing.T) {
	w := alone(t)
	before, after := base(t), base(t)
	after.mappings = append(after.mappings, policy.Mapping{Name: "programs", Roles: []string{"admin"}})
	w.apply(side(t, before))
	inForce := &force{}
	inForce.take(w.inForce)
	s := preview.NewShadow(w.Preview, inForce)
	s.Start(side(t, after), "digest")
	defer func() { _, _ = s.Stop() }()
	const many = 3000
	for i := range many {
		s.Saw(policy.Principal{Kind: policy.KindClient, ID: fmt.Sprint("c", i), Organization: "acme"})
	}
	found := await(t, s, many)
	if len(found.Principals) > 1000 || found.Evaluated+found.Skipped != many || found.Roles[0].Gains != found.Evaluated || int64(len(found.Principals))+found.Forgotten != found.Evaluated {
		t.Errorf("%d principals, %d forgotten, %d evaluated, %d skipped, %+v", len(found.Principals), found.Forgotten, found.Evaluated, found.Skipped, found.Roles)
	}
}

// What fails is counted, and takes nothing from anybody.
func TestAShadowOutlivesFailures(t *testing.T) {
	w := alone(t)
	w.apply(side(t, base(t)))
	inForce := &force{}
	inForce.take(w.inForce)
	s := preview.NewShadow(w.Preview, inForce)
	s.Start(side(t, base(t)), "digest")
	defer func() { _, _ = s.Stop() }()
	if err := w.store.Close(); err != nil {
		t.Fatal(err)
	}
	s.Saw(policy.Principal{Kind: policy.KindUser, ID: "jane", Organization: "acme"})
	s.Saw(policy.Principal{Kind: policy.KindClient, ID: "", Organization: "acme"})
	if found := await(t, s, 2); found.Skipped != 2 || found.Failure == "" {
		t.Errorf("%+v", found)
	}
}
