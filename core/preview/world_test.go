package preview_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/gatehouse-id/gatehouse/core/audit"
	"github.com/gatehouse-id/gatehouse/core/change"
	"github.com/gatehouse-id/gatehouse/core/credential"
	"github.com/gatehouse-id/gatehouse/core/directory"
	"github.com/gatehouse-id/gatehouse/core/grant"
	"github.com/gatehouse-id/gatehouse/core/policy"
	"github.com/gatehouse-id/gatehouse/core/preview"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
	sdk "github.com/gatehouse-id/gatehouse/sdk/directory"
)

// world is a real directory with grants, and clients.
type world struct {
	*preview.Preview
	t         testing.TB
	store     *store.Store
	feed      *change.Feed
	audit     *audit.Log
	directory *directory.Directory
	grants    *grant.Grants
	records   *credential.Records
	inForce   preview.Side
}

func open(t testing.TB, s *store.Store) *world {
	var n atomic.Int64
	clock := func() time.Time { return time.UnixMicro(n.Add(1)) }
	w := &world{t: t, store: s}
	feed, log := change.NewFeed(s, clock), audit.New(clock, rand.Reader)
	w.feed, w.audit = feed, log
	w.directory = directory.New(directory.Options{Store: s, Feed: feed, Audit: log, Clock: clock, Listener: listener{w}})
	w.grants = grant.New(grant.Options{Store: s, Feed: feed, Audit: log, Directory: w.directory, Clock: clock})
	w.records = credential.New(credential.Options{Store: s, Feed: feed, Audit: log, Clock: clock, Random: rand.Reader})
	w.Preview = preview.New(preview.Options{Store: s, Directory: w.directory, Grants: w.grants, Clients: w.records, Clock: clock})
	w.inForce = side(t, config{})
	return w
}

// listener brings grants up to the directory, as the host does.
type listener struct{ w *world }

func (l listener) Changed(ctx context.Context, tx *store.Tx, by directory.By, s directory.Scope, events []directory.Event) error {
	return l.w.grants.Changed(ctx, tx, by, s, events)
}

func each(t *testing.T, f func(t *testing.T, w *world)) {
	storetest.Each(t, func(t *testing.T, s *store.Store) { f(t, open(t, s)) })
}

// alone is on one database, for tables: what differs between them the properties
// find.
func alone(t *testing.T) *world { return open(t, storetest.Open(t, storetest.SQLite(t))) }

// config is a configuration of the tests.
type config struct {
	roles       []policy.Role
	connections map[string]preview.Connection
	mappings    []policy.Mapping
	clients     []preview.Client
	instances   []string
	routes      []policy.Route
	upstreams   map[string]bool
	addresses   []preview.Address
}

func side(t testing.TB, c config) preview.Side {
	t.Helper()
	p, diags := policy.Compile(context.Background(), policy.Rules{Roles: c.roles, Mappings: c.mappings, Routes: c.routes})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	s := preview.Side{
		Policy: p, Roles: map[string]policy.Role{}, Connections: c.connections, Clients: map[string]preview.Client{}, Instances: map[string]bool{},
		Routes: c.routes, Upstreams: c.upstreams, Addresses: c.addresses,
	}
	for _, r := range c.roles {
		s.Roles[r.Name] = r
	}
	for _, one := range c.clients {
		s.Clients[one.ID] = one
	}
	for _, name := range append(c.instances, "apikey") {
		s.Instances[name] = true
	}
	return s
}

// apply brings a configuration into force, as the host does.
func (w *world) apply(s preview.Side) {
	w.t.Helper()
	ctx := context.Background()
	var clients []credential.Client
	for _, c := range s.Clients {
		clients = append(clients, c.Client)
	}
	err := w.records.Declare(ctx, credential.By{Actor: "test"}, clients, func(tx *store.Tx) error {
		for id, c := range s.Clients {
			if err := w.grants.Replace(ctx, tx, grant.By{Actor: "test", Organization: c.Organization}, grant.Client(id), grant.File, fmt.Sprintf("client %q", id), c.Roles); err != nil {
				return err
			}
		}
		var connections []grant.Connection
		for label, c := range s.Connections {
			connections = append(connections, grant.Connection{Label: label, Organization: c.Organization})
		}
		return w.grants.Declare(ctx, tx, connections, s.Policy)
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.inForce = s
}

func (w *world) clear() {
	w.t.Helper()
	if err := w.grants.Clear(context.Background()); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) change(connection string, changes ...sdk.Change) {
	w.t.Helper()
	s := directory.Scope{Organization: organizationOf(connection), Connection: connection}
	if _, err := w.directory.Apply(context.Background(), directory.By{Actor: "test"}, s, changes); err != nil {
		w.t.Fatal(err)
	}
}

func organizationOf(connection string) string {
	if connection == "entra" {
		return "beta"
	}
	return "acme"
}

// give grants a role by hand.
func (w *world) give(principal, organization string, roles ...string) {
	w.t.Helper()
	err := w.store.Write(context.Background(), func(tx *store.Tx) error {
		return w.grants.Replace(context.Background(), tx, grant.By{Actor: "test", Organization: organization}, principal, grant.Manual, "", roles)
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// plan compares the configuration in force with another.
func (w *world) plan(after preview.Side) (wire.Plan, []wire.PlannedChange) {
	w.t.Helper()
	var changes []wire.PlannedChange
	plan, err := w.Compare(context.Background(), w.inForce, after, preview.Watcher{Change: func(one wire.PlannedChange) error {
		changes = append(changes, one)
		return nil
	}})
	if err != nil {
		w.t.Fatal(err)
	}
	return plan, changes
}

// told writes changes as lines, such as "user:u1 +r0 -r1 lost connection".
func told(changes []wire.PlannedChange) []string {
	out := []string{}
	for _, c := range changes {
		line := c.Principal
		for _, g := range c.Gains {
			line += " +" + g.Role
		}
		for _, g := range c.Loses {
			line += " -" + g.Role
		}
		if c.Access != "" {
			line += " " + c.Access + " " + c.Because
		}
		out = append(out, line)
	}
	slices.Sort(out)
	return out
}

// rolesOf are the roles that grants of a principal name.
func (w *world) rolesOf(principal string) []string {
	w.t.Helper()
	list, err := w.grants.Of(context.Background(), principal)
	if err != nil {
		w.t.Fatal(err)
	}
	var names []string
	for _, g := range list {
		names = append(names, g.Role)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func mapping(t testing.TB, connection, name, role, department string, groups ...string) policy.Mapping {
	t.Helper()
	m := policy.Mapping{Connection: connection, Name: name, Roles: []string{role}, Groups: groups, Where: "acme.hcl:1"}
	if department != "" {
		m.When = expression(t, fmt.Sprintf("user.department == %q", department))
	}
	return m
}

func expression(t testing.TB, text string) hcl.Expression {
	t.Helper()
	e, diags := hclsyntax.ParseExpression([]byte(text), "acme.hcl", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return e
}

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

// client is one of the files.
func client(id string, roles ...string) preview.Client {
	return preview.Client{Client: credential.Client{ID: id, Organization: "acme", Instance: "apikey", Owner: credential.OrganizationOwned}, Roles: roles}
}

func roles(names ...string) (list []policy.Role) {
	for _, name := range names {
		list = append(list, policy.Role{Name: name})
	}
	return list
}

// people are connections by which people can sign on.
func people(labels ...string) map[string]preview.Connection {
	all := map[string]preview.Connection{}
	for _, label := range labels {
		all[label] = preview.Connection{Organization: organizationOf(label), SignOn: true}
	}
	return all
}
