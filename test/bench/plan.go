//go:build linux

package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gatehouse-id/gatehouse/core/audit"
	"github.com/gatehouse-id/gatehouse/core/change"
	"github.com/gatehouse-id/gatehouse/core/directory"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/sdk/admin"
	sdk "github.com/gatehouse-id/gatehouse/sdk/directory"
)

const (
	planMappings  = 500
	planGroupsOf  = 10 // groups that a user is in
	planUsersEach = 20 // users for each group that there is
)

// planRows in the order of the table.
type planRows struct{ one, oneCPU, all, allCPU, memory row }

func newPlanRows(users int) planRows {
	name := func(what string) string {
		return fmt.Sprintf("plan, %s users, %s groups, %d mappings: %s", thousands(users), thousands(users/planUsersEach), planMappings, what)
	}
	return planRows{
		one:    row{name: name("one differs"), unit: "s", way: alone, goal: 10},
		oneCPU: row{name: "CPU of that, on one core", unit: "s", way: alone, goal: 10},
		all:    row{name: name("all differ"), unit: "s", way: alone, goal: 10},
		allCPU: row{name: "CPU of that, on one core", unit: "s", way: alone, goal: 10},
		memory: row{name: "most memory of the host meanwhile", unit: "MiB", way: alone, goal: 500},
	}
}

func (r *planRows) rows() []*row {
	return []*row{&r.one, &r.oneCPU, &r.all, &r.allCPU, &r.memory}
}

// plans measures what another configuration would change of a large connection.
func (b *bench) plans(ctx context.Context) error {
	groups := max(b.users/planUsersEach, 1)
	fmt.Fprintf(os.Stderr, "%s users in %d groups each: starting\n", thousands(b.users), planGroupsOf)
	g, err := startGatehouse(ctx, b.binary, setting{
		Upstream: "http://127.0.0.1:1", Connections: 1, More: plannedConnection(groups, "planned-0"), prepare: crowd(b.users, groups),
	})
	if err != nil {
		return err
	}
	defer g.stop()
	text, err := os.ReadFile(filepath.Join(g.dir, "conf", "gatehouse.hcl"))
	if err != nil {
		return err
	}
	h, err := admin.Dial(ctx, admin.Options{Socket: filepath.Join(g.dir, admin.SocketName)})
	if err != nil {
		return err
	}
	one := strings.Replace(string(text), `roles = ["planned-0"] # 7`, `roles = ["planned-1"] # 7`, 1)
	all := strings.ReplaceAll(string(text), `roles = ["planned-0"] #`, `roles = ["planned-1"] #`)
	for range b.rounds {
		for _, edit := range []struct {
			text     string
			took, of *row
		}{{one, &b.planned.one, &b.planned.oneCPU}, {all, &b.planned.all, &b.planned.allCPU}} {
			if err := b.onePlan(ctx, g, h, edit.text, edit.took, edit.of); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *bench) onePlan(ctx context.Context, g *gatehouse, h *admin.Host, text string, took, spent *row) error {
	before, err := g.cpu()
	if err != nil {
		return err
	}
	stop, most := make(chan struct{}), make(chan float64)
	go func() { most <- g.heaviest(stop) }()
	start := time.Now()
	made, err := h.PlanConfig(ctx, admin.NewPlan{Files: []admin.ConfigFile{{Name: "gatehouse.hcl", Text: text}}}, func(admin.PlanLine) error { return nil })
	length := time.Since(start)
	close(stop)
	heaviest := <-most
	after, second := g.cpu()
	if err := errors.Join(err, second); err != nil {
		return fmt.Errorf("a plan: %w", err)
	}
	if len(made.Roles) == 0 {
		return errors.New("a plan changes nothing for anybody, so it measures nothing")
	}
	took.add(length.Seconds(), 0)
	spent.add((after - before).Seconds(), 0)
	b.planned.memory.add(heaviest, 0)
	return nil
}

// heaviest is the largest share of memory, in MiB, that the host itself was seen
// with until stop.
func (g *gatehouse) heaviest(stop <-chan struct{}) (most float64) {
	for {
		if shares, err := g.memory(); err == nil {
			most = max(most, float64(shares[0])/(1<<20))
		}
		select {
		case <-stop:
			return most
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// plannedConnection is one with a mapping for each of many groups.
func plannedConnection(groups int, role string) string {
	var b strings.Builder
	b.WriteString("role \"planned-0\" {\n  permissions = [\"planned:a\"]\n}\nrole \"planned-1\" {\n  permissions = [\"planned:b\"]\n}\nconnection \"planned\" {\n  organization = \"bench-0\"\n  provisioner \"scim\" {}\n")
	for i := range planMappings {
		fmt.Fprintf(&b, "  mapping \"m%d\" {\n    groups = [\"Group %d\"]\n    roles = [%q] # %d\n  }\n", i, i%groups, role, i)
	}
	b.WriteString("}\n")
	return b.String()
}

// crowd writes users who are in ten of many groups each.
func crowd(users, groups int) func(ctx context.Context, dir string) error {
	return func(ctx context.Context, dir string) (err error) {
		db, err := store.Open(ctx, store.Options{URL: "sqlite://" + filepath.Join(dir, "gatehouse.db")})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, db.Close()) }()
		if err := db.Migrate(ctx); err != nil {
			return err
		}
		d := directory.New(directory.Options{Store: db, Feed: change.NewFeed(db, time.Now), Audit: audit.New(time.Now, rand.Reader), Clock: time.Now})
		var some []sdk.Change
		add := func(c sdk.Change, last bool) error {
			if some = append(some, c); len(some) < 500 && !last {
				return nil
			}
			_, err := d.Apply(ctx, directory.By{Actor: "connection:planned"}, directory.Scope{Organization: "bench-0", Connection: "planned"}, some)
			some = some[:0]
			return err
		}
		members := make([][]string, groups)
		for i := range users {
			for k := range planGroupsOf {
				at := (i*7 + k*k*31 + k*i) % groups
				members[at] = append(members[at], userID(i))
			}
			one := sdk.Resource{Type: sdk.User, ID: userID(i), ExternalID: externalID("planned", i), Attributes: json.RawMessage("{" + attributes("planned", i) + "}")}
			if err := add(sdk.Create{Resource: one}, i == users-1); err != nil {
				return err
			}
		}
		for i := range groups {
			id := fmt.Sprintf("group-%d", i)
			text := json.RawMessage(fmt.Sprintf(`{"displayName":"Group %d"}`, i))
			err := add(sdk.Create{Resource: sdk.Resource{Type: sdk.Group, ID: id, Attributes: text}}, false)
			if err = errors.Join(err, add(sdk.Members{Group: id, Add: members[i]}, i == groups-1)); err != nil {
				return err
			}
		}
		return nil
	}
}
