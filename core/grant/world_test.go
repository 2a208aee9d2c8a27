package grant_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/gatehouse-id/gatehouse/core/audit"
	"github.com/gatehouse-id/gatehouse/core/change"
	"github.com/gatehouse-id/gatehouse/core/directory"
	"github.com/gatehouse-id/gatehouse/core/grant"
	"github.com/gatehouse-id/gatehouse/core/policy"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	sdk "github.com/gatehouse-id/gatehouse/sdk/directory"
)

// world is grants over a real directory, which tells them of its changes.
type world struct {
	*grant.Grants
	t         testing.TB
	store     *store.Store
	feed      *change.Feed
	audit     *audit.Log
	directory *directory.Directory
	policy    *policy.Policy
	failures  int           // of own Rego
	ticks     *atomic.Int64 // of the clock, which goes on with each look at it
	protected []string      // roles
}

var acme = directory.Scope{Organization: "acme", Connection: "okta"}

func open(t testing.TB, s *store.Store) *world {
	n := &atomic.Int64{}
	clock := func() time.Time { return time.UnixMicro(n.Add(1)) }
	w := &world{t: t, ticks: n, store: s, feed: change.NewFeed(s, clock), audit: audit.New(clock, rand.Reader)}
	w.directory = directory.New(directory.Options{Store: s, Feed: w.feed, Audit: w.audit, Clock: clock, Listener: w})
	w.Grants = grant.New(grant.Options{Store: s, Feed: w.feed, Audit: w.audit, Directory: w.directory, Clock: clock, OwnFailed: func(string, error) { w.failures++ }})
	return w
}

func each(t *testing.T, f func(t *testing.T, w *world)) {
	storetest.Each(t, func(t *testing.T, s *store.Store) { f(t, open(t, s)) })
}

// mapping gives a role to who is in one of the groups and of the department.
func mapping(t testing.TB, connection, name, role, department string, groups ...string) policy.Mapping {
	m := policy.Mapping{Connection: connection, Name: name, Roles: []string{role}, Groups: groups, Where: "acme.hcl:1"}
	if department != "" {
		m.When = expression(t, fmt.Sprintf("user.department == %q", department))
	}
	return m
}

func expression(t testing.TB, text string) hcl.Expression {
	e, diags := hclsyntax.ParseExpression([]byte(text), "acme.hcl", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return e
}

func (w *world) compile(mappings ...policy.Mapping) *policy.Policy {
	w.t.Helper()
	rules := policy.Rules{Mappings: mappings}
	for _, role := range []string{"r0", "r1", "r2"} {
		rules.Roles = append(rules.Roles, policy.Role{Name: role, Protected: slices.Contains(w.protected, role)})
	}
	p, diags := policy.Compile(context.Background(), rules)
	if diags.HasErrors() {
		w.t.Fatal(diags)
	}
	return p
}

// take brings mappings into force, as the transaction of a revision does.
func (w *world) take(mappings ...policy.Mapping) {
	w.t.Helper()
	w.declare(w.compile(mappings...))
}

func (w *world) declare(p *policy.Policy) {
	w.t.Helper()
	w.policy = p
	err := w.store.Write(context.Background(), func(tx *store.Tx) error {
		return w.Declare(context.Background(), tx, []grant.Connection{{Label: "okta", Organization: "acme"}, {Label: "entra", Organization: "beta"}}, p)
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) clear() {
	w.t.Helper()
	for _, work := range []func(context.Context) error{w.Clear, w.Expire, w.Review} {
		if err := work(context.Background()); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *world) apply(s directory.Scope, changes ...sdk.Change) {
	w.t.Helper()
	if _, err := w.directory.Apply(context.Background(), directory.By{Actor: "connection:" + s.Connection, TraceID: "trace"}, s, changes); err != nil {
		w.t.Fatal(err)
	}
}

// user is a user with the department and whether they are active.
func user(id, department string, active bool) sdk.Resource {
	attributes, _ := json.Marshal(map[string]any{
		"userName": id + "@acme.example", "active": active,
		"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": map[string]any{"department": department},
	})
	return sdk.Resource{Type: sdk.User, ID: id, Attributes: attributes}
}

func group(id, name string) sdk.Resource {
	attributes, _ := json.Marshal(map[string]any{"displayName": name})
	return sdk.Resource{Type: sdk.Group, ID: id, Attributes: attributes}
}

// kept is what is stored of a user's grants, as texts.
func (w *world) kept(id string) []string {
	w.t.Helper()
	list, err := w.Of(context.Background(), grant.User(id))
	if err != nil {
		w.t.Fatal(err)
	}
	return texts(list)
}

// has is what a user has now.
func (w *world) has(id string) []string {
	w.t.Helper()
	who, err := w.Person(context.Background(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return texts(who.Grants)
}

func texts(list []grant.Grant) []string {
	out := []string{}
	for _, g := range list {
		text := strings.TrimSpace(fmt.Sprintf("%s %s %s", g.Role, g.Source, g.Rule))
		if g.Kept() {
			text += " kept from " + g.KeptFrom
		}
		out = append(out, text)
	}
	return out
}

// BenchmarkMembers is a change of 1,000 members of a group that mappings give a
// role for, as an IdP sends it, and the same where no mapping cares.
func BenchmarkMembers(b *testing.B) {
	for _, mapped := range []string{"Data", "Other"} {
		b.Run("group="+mapped, func(b *testing.B) {
			w := open(b, storetest.Open(b, storetest.SQLite(b)))
			w.take(mapping(b, "okta", "data", "r1", "", mapped), mapping(b, "okta", "sales", "r1", "Sales"))
			w.clear()
			ids := make([]string, 1000)
			for i := range ids {
				ids[i] = fmt.Sprintf("u%04d", i)
				w.apply(acme, sdk.Create{Resource: user(ids[i], fmt.Sprint("d", i%20), true)})
			}
			w.apply(acme, sdk.Create{Resource: group("g", "Data")})
			for b.Loop() {
				w.apply(acme, sdk.Members{Group: "g", Add: ids})
				b.StopTimer()
				w.apply(acme, sdk.Members{Group: "g", All: true})
				b.StartTimer()
			}
		})
	}
}
