package grant_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/gatehouse-id/gatehouse/core/directory"
	"github.com/gatehouse-id/gatehouse/core/grant"
	"github.com/gatehouse-id/gatehouse/core/policy"
	"github.com/gatehouse-id/gatehouse/core/store"
	sdk "github.com/gatehouse-id/gatehouse/sdk/directory"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// Whatever happens in whatever order, by an IdP, by hand, by an end, by another
// configuration or by the worker: a protected role that anybody has had in an
// organization is somebody's for ever, and a person's if a person has had it; a
// source takes nothing of another; and of what is kept there is one.
func TestNoPathTakesTheLast(t *testing.T) {
	round := 0
	each(t, func(t *testing.T, w *world) {
		refused, kept, rounds := 0, 0, 0
		rapid.Check(t, func(rt *rapid.T) {
			if rounds++; rounds > roundsOfOne && !testing.Verbose() { // each is many commits: with -v all are made
				return
			}
			round++
			p := newPaths(rt, w, round)
			for range rapid.IntRange(5, 20).Draw(rt, "steps") {
				p.step()
				p.check()
			}
			refused, kept = refused+p.refused, kept+p.kept
		})
		if refused == 0 || kept == 0 {
			t.Errorf("nothing was ever refused (%d) or kept (%d): the test compares nothing", refused, kept)
		}
	})
}

// roundsOfOne is how many sequences a database gets in a run of all tests.
const roundsOfOne = 15

// paths is one round: an organization with two connections.
type paths struct {
	*rapid.T
	w             *world
	organization  string
	connections   []grant.Connection
	users         []string
	group         map[string]string // of a connection
	given         map[string]time.Time
	person        map[string]bool // protected roles that somebody has had; true: a person
	refused, kept int
}

func newPaths(rt *rapid.T, w *world, round int) *paths {
	p := &paths{T: rt, w: w, organization: fmt.Sprint("org", round), group: map[string]string{}, given: map[string]time.Time{}, person: map[string]bool{}}
	for i := range 2 {
		c := grant.Connection{Label: fmt.Sprintf("c%d-%d", round, i), Organization: p.organization}
		p.connections = append(p.connections, c)
		p.group[c.Label] = "g" + c.Label
		w.apply(p.scope(c.Label), sdk.Create{Resource: group(p.group[c.Label], "A")})
		for n := range 2 {
			id := fmt.Sprintf("u%d-%d-%d", round, i, n)
			p.users = append(p.users, id)
			w.apply(p.scope(c.Label), sdk.Create{Resource: user(id, "x", true)})
		}
	}
	p.configure()
	return p
}

func (p *paths) scope(connection string) directory.Scope {
	return directory.Scope{Organization: p.organization, Connection: connection}
}

// configure takes other mappings, with or without a connection.
func (p *paths) configure() {
	var there []grant.Connection
	var mappings []policy.Mapping
	for _, c := range p.connections {
		if rapid.IntRange(0, 4).Draw(p.T, "without") == 0 {
			continue
		}
		there = append(there, c)
		for i := range rapid.IntRange(0, 2).Draw(p.T, "mappings") {
			department := rapid.SampledFrom([]string{"", "x"}).Draw(p.T, "department")
			mappings = append(mappings, mapping(p.w.t, c.Label, fmt.Sprint("m", i), rapid.SampledFrom([]string{"r0", "r1"}).Draw(p.T, "role"), department,
				rapid.SliceOfN(rapid.Just("A"), 0, 1).Draw(p.T, "group")...))
		}
	}
	p.w.protected = rapid.SampledFrom([][]string{{"r0"}, {"r0"}, {"r0", "r1"}, nil}).Draw(p.T, "protected")
	for role := range p.person {
		if !slices.Contains(p.w.protected, role) {
			delete(p.person, role)
		}
	}
	p.w.policy = p.w.compile(mappings...)
	if err := p.w.store.Write(context.Background(), func(tx *store.Tx) error {
		return p.w.Declare(context.Background(), tx, there, p.w.policy)
	}); err != nil {
		p.Fatal(err)
	}
}

func (p *paths) step() {
	i := rapid.IntRange(0, len(p.users)-1).Draw(p.T, "user")
	id, connection := p.users[i], p.connections[i/2].Label
	role := rapid.SampledFrom([]string{"r0", "r1"}).Draw(p.T, "role")
	by := grant.By{Actor: "local", Organization: p.organization}
	principal := rapid.SampledFrom([]string{grant.User(id), grant.User(id), grant.Client(p.organization)}).Draw(p.T, "principal")
	switch rapid.SampledFrom([]string{"configure", "work", "time", "user", "user", "members", "members", "delete", "restore", "give", "give", "take", "take", "file"}).Draw(p.T, "step") {
	case "configure":
		p.configure()
	case "work":
		p.w.clear()
	case "time":
		p.w.ticks.Add(500)
	case "user":
		p.apply(connection, sdk.Replace{Resource: user(id, rapid.SampledFrom([]string{"x", "y"}).Draw(p.T, "department"), rapid.Bool().Draw(p.T, "active"))})
	case "members":
		c := sdk.Members{Group: p.group[connection]}
		who := rapid.SliceOfNDistinct(rapid.SampledFrom(p.users[i/2*2:i/2*2+2]), 1, 2, rapid.ID[string]).Draw(p.T, "who")
		if rapid.Bool().Draw(p.T, "add") {
			c.Add = who
		} else {
			c.Remove = who
		}
		p.apply(connection, c)
	case "delete":
		p.apply(connection, sdk.Delete{Type: sdk.User, ID: id})
	case "restore":
		if err := p.w.store.Write(context.Background(), func(tx *store.Tx) error {
			err := p.w.directory.Restore(context.Background(), tx, directory.By{Actor: "brake"}, p.organization, id)
			if problem.Is(err, problem.NotFound) {
				return nil
			}
			return err
		}); err != nil {
			p.Fatal(err)
		}
	case "give":
		n := grant.ByHand{Principal: principal, Role: role, Reason: "x"}
		if rapid.Bool().Draw(p.T, "ends") {
			n.EndsAt = time.UnixMicro(p.w.ticks.Load() + 400)
		}
		if _, err := p.w.Give(context.Background(), by, n); p.asked(err) {
			p.given[principal+" "+role] = n.EndsAt
		}
	case "take":
		if _, err := p.w.Take(context.Background(), by, principal, role); p.asked(err) {
			delete(p.given, principal+" "+role)
		}
	case "file":
		roles := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"r0", "r1"}), 0, 2, rapid.ID[string]).Draw(p.T, "roles")
		if err := p.w.store.Write(context.Background(), func(tx *store.Tx) error {
			return p.w.Replace(context.Background(), tx, grant.By{Actor: "file", Organization: p.organization}, grant.Client(p.organization), grant.File, "f", roles)
		}); err != nil {
			p.Fatal(err)
		}
	}
}

// apply is a change that may come too late: the user was deleted.
func (p *paths) apply(connection string, c sdk.Change) {
	_, err := p.w.directory.Apply(context.Background(), directory.By{Actor: "connection:" + connection}, p.scope(connection), []sdk.Change{c})
	if err != nil && !problem.Is(err, problem.NotFound) && !problem.Is(err, problem.Invalid) {
		p.Fatal(err)
	}
}

// asked reports whether what an operator asked for was done.
func (p *paths) asked(err error) bool {
	if problem.Is(err, problem.Conflict) {
		p.refused++
	} else if err != nil && !problem.Is(err, problem.NotFound) {
		p.Fatal(err)
	}
	return err == nil
}

func (p *paths) check() {
	var all []grant.Grant
	for _, id := range append([]string{grant.Client(p.organization)}, p.users...) {
		principal := id
		if !strings.HasPrefix(id, "client:") {
			principal = grant.User(id)
		}
		list, err := p.w.Of(context.Background(), principal)
		if err != nil {
			p.Fatal(err)
		}
		all = append(all, list...)
	}
	holds, last := map[string]bool{}, map[string]int{} // true: a person
	byHand := map[string]bool{}
	for _, one := range all {
		person := strings.HasPrefix(one.Principal, "user:")
		if slices.Contains(p.w.protected, one.Role) {
			holds[one.Role] = holds[one.Role] || person
			if one.EndsAt.IsZero() || one.Kept() {
				p.person[one.Role] = p.person[one.Role] || person
			}
		}
		if one.Kept() {
			last[one.Role]++
			p.kept++
		}
		if one.Source == grant.Manual {
			byHand[one.Principal+" "+one.Role] = true
			if end, given := p.given[one.Principal+" "+one.Role]; !one.Kept() && (!given || !end.Equal(one.EndsAt)) {
				p.Fatalf("nobody gave %+v by hand", one)
			}
		}
	}
	for role, wasPerson := range p.person {
		if person, somebody := holds[role]; !somebody || wasPerson && !person {
			p.Fatalf("role %s was somebody's (a person's: %v), and is not any more (a person's: %v): %+v", role, wasPerson, person, all)
		}
	}
	for role, n := range last {
		if n > 1 {
			p.Fatalf("of role %s %d are kept: %+v", role, n, all)
		}
	}
	for key, end := range p.given {
		if !byHand[key] && (end.IsZero() || end.UnixMicro() > p.w.ticks.Load()) {
			p.Fatalf("%s was given by hand, and something else has taken it: %+v", key, all)
		}
	}
}
