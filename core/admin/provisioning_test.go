package admin_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/core/credential"
	"github.com/gatehouse-id/gatehouse/core/directory"
	"github.com/gatehouse-id/gatehouse/core/provisioning"
	"github.com/gatehouse-id/gatehouse/core/provisioning/brake"
	"github.com/gatehouse-id/gatehouse/core/provisioning/traffic"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/sdk/provision"
)

// connections stands for the configuration in force.
type connections struct{}

func (connections) Connection(label string) (provisioning.Connection, bool) {
	c := provisioning.Connection{Label: label}
	switch label {
	case "acme-okta":
		c.Organization, c.Provisioners = "acme", []provisioning.Provisioner{{Instance: "acme-okta/scim", Mount: "/scim/v2"}}
	case "globex-entra":
		c.Organization, c.Provisioners = "globex", []provisioning.Provisioner{{Instance: "globex-entra/scim", Mount: "/scim/v2"}}
	case "acme-pulled":
		c.Organization = "acme"
	default:
		return provisioning.Connection{}, false
	}
	return c, true
}

func (connections) Mounts() []provisioning.Mounted {
	return []provisioning.Mounted{{Path: "/scim/v2", Errors: provision.SCIMErrors}}
}

// leavers stands for the directory and the keys that the brake changes.
type leavers struct{}

func (leavers) Active(context.Context, *store.Tx, directory.Scope) (int, error) { return 20, nil }

func (leavers) Restore(context.Context, *store.Tx, credential.By, directory.Scope, string, bool) error {
	return nil
}

func (leavers) Purge(context.Context, *store.Tx, credential.By, directory.Scope, []string) error {
	return nil
}

func (leavers) Leave(context.Context, credential.By, directory.Scope, string, bool) error { return nil }

func (leavers) RevokeOwned(context.Context, *store.Tx, credential.By, []string) error  { return nil }
func (leavers) RestoreOwned(context.Context, *store.Tx, credential.By, []string) error { return nil }

// leave lets people leave a connection, and returns the id of the window.
func (h *host) leave(tb testing.TB, connection, organization string, n int) string {
	tb.Helper()
	l := brake.Leaving{Connection: connection, Organization: organization, Actor: "connection:" + connection}
	for i := range n {
		l.Users = append(l.Users, brake.Leave{User: fmt.Sprintf("u-%02d", i), Active: true})
	}
	if err := h.brake.Store.Write(tb.Context(), func(tx *store.Tx) error { return h.brake.Leaving(tb.Context(), tx, l) }); err != nil {
		tb.Fatal(err)
	}
	windows, err := h.brake.List(tb.Context(), organization)
	if err != nil || len(windows) == 0 {
		tb.Fatalf("%+v, %v", windows, err)
	}
	return windows[0].ID
}

// people stands for the directory: two users and two groups of each organization,
// and one who has left acme.
type people struct{}

var born = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func (people) UserNames(_ context.Context, _ string, ids []string) (map[string]string, error) {
	names := map[string]string{}
	for _, id := range ids {
		names[id] = "name-of-" + id
	}
	return names, nil
}

func (people) all() (users []wire.User, groups []wire.Group) {
	for _, o := range []string{"acme", "globex"} {
		for _, n := range []string{"", "-2"} {
			users = append(users, wire.User{ID: "u-" + o + n, Organization: o, Connection: o + "-okta", UserName: "jane" + n + "@" + o + ".example", Active: true, CreatedAt: born, UpdatedAt: born})
			groups = append(groups, wire.Group{ID: "g-" + o + n, Organization: o, Connection: o + "-okta", DisplayName: "Staff" + n, CreatedAt: born, UpdatedAt: born})
		}
	}
	return users, groups
}

func selected(q wire.PeopleQuery, organization, connection, name, id string) bool {
	return (q.Organization == "" || q.Organization == organization) && (q.Connection == "" || q.Connection == connection) &&
		(q.Name == "" || strings.EqualFold(q.Name, name)) && id > q.After
}

func (p people) Users(_ context.Context, q wire.PeopleQuery) (list []wire.User, err error) {
	users, _ := p.all()
	for _, u := range users {
		if selected(q, u.Organization, u.Connection, u.UserName, u.ID) && len(list) < q.Limit {
			list = append(list, u)
		}
	}
	return list, nil
}

func (p people) User(_ context.Context, within, id string) (wire.UserDetail, error) {
	users, _ := p.all()
	users = append(users, wire.User{ID: "u-acme-left", Organization: "acme", Connection: "acme-okta", CreatedAt: born, UpdatedAt: born})
	i := slices.IndexFunc(users, func(u wire.User) bool { return u.ID == id && (within == "" || u.Organization == within) })
	if i < 0 {
		return wire.UserDetail{}, problem.New(problem.NotFound, "there is no user %q", id)
	}
	return wire.UserDetail{User: users[i], Attributes: []byte(`{"userName":"jane"}`), Roles: []wire.Role{{Name: "analyst", Source: "mapping", Rule: "acme-okta/analytics", Reason: `group "Data"`, Since: born}}}, nil
}

func (p people) Groups(_ context.Context, q wire.PeopleQuery) (list []wire.Group, err error) {
	_, groups := p.all()
	for _, g := range groups {
		if selected(q, g.Organization, g.Connection, g.DisplayName, g.ID) && len(list) < q.Limit {
			list = append(list, g)
		}
	}
	return list, nil
}

func (p people) Group(_ context.Context, within, id, after string, limit int) (wire.Group, []wire.GroupMember, error) {
	_, groups := p.all()
	i := slices.IndexFunc(groups, func(g wire.Group) bool { return g.ID == id && (within == "" || g.Organization == within) })
	if i < 0 {
		return wire.Group{}, nil, problem.New(problem.NotFound, "there is no group %q", id)
	}
	var members []wire.GroupMember
	for _, m := range []string{"u-1", "u-2", "u-3"} {
		if m > after && len(members) < limit {
			members = append(members, wire.GroupMember{ID: m, Type: "User"})
		}
	}
	return groups[i], members, nil
}

func TestProvisioningTokens(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		h := newHost(t, s)
		ctx, root := t.Context(), h.dial(t)
		issued, err := root.CreateProvisioningToken(ctx, wire.NewProvisioningToken{Connection: "acme-okta", Name: "okta", Domains: []string{"Acme.Example"}})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"https://app.example.com/scim/v2"}, issued.URLs); diff != "" {
			t.Error(diff)
		}
		if got, err := h.idp.Verify(ctx, issued.Secret); err != nil || got.Connection != "acme-okta" || got.Organization != "acme" {
			t.Errorf("the token is %+v, %v", got, err)
		}
		if issued.Token.Domains[0] != "acme.example" || issued.Token.State != wire.KeyLive {
			t.Errorf("%+v", issued.Token)
		}
		if _, err := root.CreateProvisioningToken(ctx, wire.NewProvisioningToken{Connection: "acme-okta"}); err != nil {
			t.Fatal(err)
		}
		_, err = root.CreateProvisioningToken(ctx, wire.NewProvisioningToken{Connection: "acme-okta"})
		refused(t, err, problem.Conflict, "two live provisioning tokens")
		_, err = root.CreateProvisioningToken(ctx, wire.NewProvisioningToken{Connection: "acme-pulled"})
		refused(t, err, problem.Invalid, "no provisioner")
		_, err = root.CreateProvisioningToken(ctx, wire.NewProvisioningToken{Connection: "nobody"})
		refused(t, err, problem.Invalid, "no connection")
		revoked, err := root.RevokeProvisioningToken(ctx, issued.Token.ID)
		if err != nil || revoked.State != wire.KeyRevoked {
			t.Fatalf("%+v, %v", revoked, err)
		}
		list, err := root.ProvisioningTokens(ctx, "acme-okta")
		if err != nil || len(list) != 2 {
			t.Errorf("%+v, %v", list, err)
		}
		if list, err := root.ProvisioningTokens(ctx, "acme-pulled"); err != nil || len(list) != 0 {
			t.Errorf("of another: %+v, %v", list, err)
		}
		_, err = root.RevokeProvisioningToken(ctx, "P0")
		refused(t, err, problem.NotFound, "no provisioning token")
	})
}

// What was made once with an idempotency key is told, and its secret is not.
func TestAProvisioningTokenIsMadeOnce(t *testing.T) {
	h := newHost(t, storetest.Open(t, storetest.SQLite(t)))
	_, token := h.token(t)
	header := with(token)
	header.Set("Idempotency-Key", `"k"`)
	first, body := h.send(t, http.MethodPost, wire.Prefix+"/provisioning-tokens", `{"connection":"acme-okta"}`, header)
	if first.StatusCode != http.StatusCreated {
		t.Fatal(body)
	}
	second, again := h.send(t, http.MethodPost, wire.Prefix+"/provisioning-tokens", `{"connection":"acme-okta"}`, header)
	if second.StatusCode != http.StatusConflict || !strings.Contains(again, `"provisioning_token"`) || strings.Contains(again, "ghscim_") {
		t.Errorf("%s %s", second.Status, again)
	}
}

func TestExchanges(t *testing.T) {
	h := newHost(t, storetest.Open(t, storetest.SQLite(t)))
	root := h.dial(t)
	for i := range 3 {
		h.traffic.Add(traffic.Entry{
			At: born, Connection: "acme-okta", Method: "POST", Target: fmt.Sprintf("/Users/%d", i), Status: 201, Duration: 3 * time.Millisecond,
			Notes: []provision.Note{{Rule: "N5", Detail: "active"}}, Changes: []traffic.Change{{What: "created", Type: "User", ID: "u1"}},
		})
	}
	h.traffic.Add(traffic.Entry{At: born, Connection: "globex-entra", Method: "GET", Target: "/Users", Status: 200})
	list, err := root.Exchanges(t.Context(), "acme-okta", 2)
	if err != nil || len(list) != 2 || list[0].Target != "/Users/2" || list[0].Notes[0].Rule != "N5" || list[0].Changes[0].ID != "u1" || list[0].Times != 1 {
		t.Errorf("%+v, %v", list, err)
	}
	_, err = root.Exchanges(t.Context(), "nobody", 0)
	refused(t, err, problem.NotFound, "no connection")
}

func TestBrakes(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		h := newHost(t, s)
		ctx, root := t.Context(), h.dial(t)
		window := h.leave(t, "acme-okta", "acme", 3)
		_, err := root.ReleaseBrake(ctx, window, wire.BrakeRelease{Left: 3})
		refused(t, err, problem.Conflict, "has not tripped")
		h.leave(t, "acme-okta", "acme", 12)
		_, err = root.ReleaseBrake(ctx, window, wire.BrakeRelease{Left: 11})
		refused(t, err, problem.Changed, "nobody was released")
		list, err := root.Brakes(ctx)
		if err != nil || len(list) != 1 || list[0].State != "tripped" || list[0].Left != 12 || list[0].Active != 23 {
			t.Fatalf("%+v, %v", list, err)
		}
		detail, err := root.Brake(ctx, window, "u-09")
		if err != nil || len(detail.Leavers) != 2 || detail.Leavers[0].User != "u-10" || detail.Leavers[0].UserName != "name-of-u-10" || detail.ID != window {
			t.Errorf("%+v, %v", detail, err)
		}
		_, err = root.DiscardBrake(ctx, "B0")
		refused(t, err, problem.NotFound, "no window")
		done, err := root.DiscardBrake(ctx, window)
		if err != nil || done.State != "restoring" || !strings.HasPrefix(done.Actor, "admin_token:") {
			t.Errorf("%+v, %v", done, err)
		}
		if list, err := root.Brakes(ctx); err != nil || len(list) != 0 {
			t.Errorf("afterwards: %+v, %v", list, err)
		}
	})
}

func TestPeople(t *testing.T) {
	h := newHost(t, storetest.Open(t, storetest.SQLite(t)))
	ctx, root := t.Context(), h.dial(t)
	page, err := root.Users(ctx, wire.PeopleQuery{Limit: 3})
	if err != nil || len(page.Users) != 3 || page.Next != page.Users[2].ID {
		t.Fatalf("%+v, %v", page, err)
	}
	if page, err = root.Users(ctx, wire.PeopleQuery{Limit: 3, After: page.Next}); err != nil || len(page.Users) != 1 || page.Next != "" {
		t.Errorf("%+v, %v", page, err)
	}
	if page, err := root.Users(ctx, wire.PeopleQuery{Name: "JANE@acme.example"}); err != nil || len(page.Users) != 1 {
		t.Errorf("%+v, %v", page, err)
	}
	user, err := root.User(ctx, "u-acme")
	if err != nil || user.Roles[0].Reason != `group "Data"` {
		t.Errorf("%+v, %v", user, err)
	}
	groups, err := root.Groups(ctx, wire.PeopleQuery{Organization: "acme", Limit: 1})
	if err != nil || len(groups.Groups) != 1 || groups.Next == "" {
		t.Errorf("%+v, %v", groups, err)
	}
	if group, err := root.Group(ctx, "g-acme", "u-1"); err != nil || len(group.Members) != 2 {
		t.Errorf("%+v, %v", group, err)
	}
	_, acme := h.confined(t, "acme")
	mine := h.as(t, acme)
	if page, err := mine.Users(ctx, wire.PeopleQuery{}); err != nil || len(page.Users) != 2 {
		t.Errorf("of the own organization: %+v, %v", page, err)
	}
	_, err = mine.User(ctx, "u-globex")
	refused(t, err, problem.NotFound, "no user")
}
