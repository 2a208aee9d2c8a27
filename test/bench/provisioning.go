//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/gatehouse-id/gatehouse/core/directory"
)

const (
	fewUsers  = 1000
	someCalls = 300  // of one caller, of what is a median
	manyCalls = 2000 // of callers at once
	callers   = 32
	pageSize  = 100
	batchSize = 1000 // members of one PATCH
)

// provisioningRows in the order of the table.
type provisioningRows struct {
	sync, json                                          row
	create, together, perSecond, createCPU, alone, list row
	creation, lookUp, patch, add, remove                row
	sequence, cursor                                    row
	members, mapped, replaced                           row
	entra, refused, entraCPU, idle                      row
}

func newProvisioningRows(users int) provisioningRows {
	grown := func(what string) row {
		return row{name: what + ", " + thousands(users) + " to " + thousands(fewUsers), unit: "µs", way: times, goal: 1.2}
	}
	return provisioningRows{
		sync: row{name: "floor: append and fsync of a page", unit: "µs", way: alone},
		json: row{name: "floor: CPU of encoding/json, a user in and out", unit: "µs", way: alone},

		create:    row{name: "SCIM create, one caller, median time", unit: "µs", way: times, goal: 4},
		together:  row{name: fmt.Sprintf("SCIM create, %d callers to one", callers), unit: perSecond, goal: 4},
		perSecond: row{name: fmt.Sprintf("SCIM create, %d callers", callers), unit: perSecond, way: least, goal: 2000},
		createCPU: row{name: "CPU of a SCIM create, host and plugin", unit: "µs", way: times, goal: 10},
		alone:     row{name: "the same with one caller", unit: "µs", way: times},
		list:      row{name: "CPU of a SCIM list, for each row", unit: "µs", way: alone, goal: 30},

		creation: grown("create"), lookUp: grown("look-up by userName"), patch: grown("PATCH of one attribute"),
		add: grown("PATCH that adds one member"), remove: grown("PATCH that removes one member"),
		sequence: row{name: "last pages of " + thousands(users) + " in sequence to the first", unit: "µs", way: times, goal: 1.2},
		cursor:   row{name: "the same by cursor", unit: "µs", way: times, goal: 1.2},

		members:  row{name: "PATCH with " + thousands(batchSize) + " members, of " + thousands(users) + " users", unit: "ms", way: alone, goal: 50},
		mapped:   row{name: "the same, a mapping gives them roles", unit: "ms", way: alone, goal: 150},
		replaced: row{name: "plugin's memory while a group of " + thousands(users) + " is replaced", unit: "MiB", way: alone, goal: 100},

		entra:    row{name: fmt.Sprintf("%d tenants with %d requests a second each, p99", tenants, tenantRate), unit: "ms", way: alone, goal: 100},
		refused:  row{name: "of these, told to come again later", unit: "%", way: alone, goal: 0.001},
		entraCPU: row{name: "CPU of one of these requests", unit: "µs", way: alone, goal: 1e6 / (tenants * tenantRate)},
		idle:     row{name: fmt.Sprintf("memory of an idle tenant, of %s", thousands(idleTenants)), unit: "KiB", way: alone, goal: 100},
	}
}

func (r *provisioningRows) all() []*row {
	return []*row{
		&r.sync, &r.json, &r.create, &r.together, &r.perSecond, &r.createCPU, &r.alone, &r.list, &r.creation, &r.lookUp, &r.patch, &r.add, &r.remove,
		&r.sequence, &r.cursor, &r.members, &r.mapped, &r.replaced, &r.entra, &r.refused, &r.entraCPU, &r.idle,
	}
}

// provisioned is a host with one connection, seen from its IdP.
type provisioned struct {
	*gatehouse
	idp
	readers idp // of the connection with a mapping
	users   int
	made    int // so far, of whatever must not be there twice
}

// next is a number that was not used before.
func (p *provisioned) next() int {
	p.made++
	return p.made
}

// chance is another user with each call, spread over all.
func (p *provisioned) chance() int { return p.next() * 7919 % p.users }

func (b *bench) startProvisioned(ctx context.Context, users int) (*provisioned, error) {
	fmt.Fprintf(os.Stderr, "%s users: starting\n", thousands(users))
	g, err := startGatehouse(ctx, b.binary, setting{Upstream: "http://127.0.0.1:1", Connections: 1, prepare: both(
		populate(directory.Scope{Organization: "bench-0", Connection: "people-0"}, everybody, 0, users),
		populate(directory.Scope{Organization: "bench-0", Connection: "readers"}, "all-readers", users, 2*batchSize),
	)})
	if err != nil {
		return nil, err
	}
	p := &provisioned{gatehouse: g, users: users}
	if p.idp, err = g.newIDP(ctx, "people-0"); err == nil {
		p.readers, err = g.newIDP(ctx, "readers")
	}
	if err != nil {
		g.stop()
		return nil, err
	}
	return p, nil
}

// provision measures the way of an IdP: through HTTP, plugin and store.
func (b *bench) provision(ctx context.Context) error {
	few, err := b.startProvisioned(ctx, min(fewUsers, b.users))
	if err != nil {
		return err
	}
	defer few.stop()
	many, err := b.startProvisioned(ctx, b.users)
	if err != nil {
		return err
	}
	defer many.stop()
	for i := range b.rounds {
		fmt.Fprintf(os.Stderr, "provisioning, round %d of %d\n", i+1, b.rounds)
		err := errors.Join(b.creations(few), b.listing(few), b.grownDirectory(few, many), b.pages(many), b.members(many))
		if err != nil {
			return err
		}
	}
	if err := b.replaceGroup(many); err != nil {
		return err
	}
	few.stop()
	many.stop()
	return b.tenants(ctx)
}

// series runs n requests over connections that stay open. It does not ask that
// the host be busy, since it waits for the disk.
func (p *provisioned) series(at, n int, one func() []byte) (sample, error) {
	requests := func(n int) (list [][]byte) {
		for range n {
			list = append(list, one())
		}
		return list
	}
	warm := load{addr: p.gatehouse.addr, connections: at, next: each(requests(n / 10))}
	if _, err := warm.run(); err != nil {
		return sample{}, err
	}
	before, err := p.cpu()
	if err != nil {
		return sample{}, err
	}
	o, err := load{addr: p.gatehouse.addr, connections: at, next: each(requests(n))}.run()
	if err != nil {
		return sample{}, err
	}
	after, err := p.cpu()
	if err != nil {
		return sample{}, err
	}
	return sample{o, micros(after-before) / float64(o.requests)}, o.check()
}

func (b *bench) creations(p *provisioned) error {
	floor, err := appendAndSync(p.dir, someCalls)
	if err != nil {
		return err
	}
	create := func() []byte { return p.create("new", p.next()) }
	single, err := p.series(1, someCalls, create)
	if err != nil {
		return fmt.Errorf("create: %w", err)
	}
	together, err := p.series(callers, manyCalls, create)
	if err != nil {
		return fmt.Errorf("create: %w", err)
	}
	json, err := throughJSON(newUser("new", 0), manyCalls)
	if err != nil {
		return err
	}
	r := &b.provisioning
	r.sync.add(floor, 0)
	r.json.add(json, 0)
	r.create.add(single.typical(), floor)
	r.together.add(together.perSecond(), single.perSecond())
	r.perSecond.add(together.perSecond(), 0)
	r.createCPU.add(together.cpu, json)
	r.alone.add(single.cpu, json)
	return nil
}

func (b *bench) listing(p *provisioned) error {
	s, err := p.series(8, someCalls, func() []byte {
		return p.request(http.MethodGet, fmt.Sprintf("/Users?count=%d", pageSize), "")
	})
	if err != nil {
		return fmt.Errorf("list: %w", err)
	}
	b.provisioning.list.add(s.cpu/pageSize, 0)
	return nil
}

// grownDirectory asks the same of a small and of a large directory.
func (b *bench) grownDirectory(few, many *provisioned) error {
	r := &b.provisioning
	for _, one := range []struct {
		row     *row
		request func(p *provisioned) []byte
	}{
		{&r.creation, func(p *provisioned) []byte { return p.create("new", p.next()) }},
		{&r.lookUp, func(p *provisioned) []byte { return p.lookUp(p.chance()) }},
		{&r.patch, func(p *provisioned) []byte { return p.retitle(p.chance(), fmt.Sprint("Lead ", p.next())) }},
	} {
		small, err := few.series(1, someCalls, func() []byte { return one.request(few) })
		if err != nil {
			return fmt.Errorf("%s: %w", one.row.name, err)
		}
		large, err := many.series(1, someCalls, func() []byte { return one.request(many) })
		if err != nil {
			return fmt.Errorf("%s: %w", one.row.name, err)
		}
		one.row.addTimes(large, small)
	}
	removedFew, addedFew, err := few.comeAndGo()
	if err != nil {
		return fmt.Errorf("members: %w", err)
	}
	removed, added, err := many.comeAndGo()
	if err != nil {
		return fmt.Errorf("members: %w", err)
	}
	r.remove.addTimes(removed, removedFew)
	r.add.addTimes(added, addedFew)
	return nil
}

// comeAndGo removes members one by one, and adds them again.
func (p *provisioned) comeAndGo() (removed, added sample, err error) {
	var gone []int
	if removed, err = p.series(1, someCalls, func() []byte {
		gone = append(gone, p.chance())
		return p.idp.members(everybody, "Remove", gone[len(gone)-1])
	}); err != nil {
		return removed, added, err
	}
	i := 0
	added, err = p.series(1, someCalls, func() []byte {
		i++
		return p.idp.members(everybody, "Add", gone[i-1])
	})
	return removed, added, err
}

// pages reads all users, page after page, by number and by cursor, and holds the
// last tenth of the pages against the first.
func (b *bench) pages(p *provisioned) error {
	tenth := p.users / pageSize / 10
	if tenth == 0 {
		return nil
	}
	i := 0
	numbered := func() []byte {
		i++
		return p.request(http.MethodGet, fmt.Sprintf("/Users?startIndex=%d&count=%d", (i-1)*pageSize+1, pageSize), "")
	}
	var cursor string
	byCursor := func() []byte {
		return p.request(http.MethodGet, fmt.Sprintf("/Users?cursor=%s&count=%d", cursor, pageSize), "")
	}
	var wrong error
	follow := func(answer []byte) {
		var page struct {
			Next string `json:"nextCursor"`
		}
		if err := json.Unmarshal(content(answer), &page); err != nil || page.Next == "" {
			wrong = fmt.Errorf("a page has no cursor: %w", err)
		}
		cursor = page.Next
	}
	for _, way := range []struct {
		row      *row
		next     func() []byte
		answered func([]byte)
	}{{&b.provisioning.sequence, numbered, nil}, {&b.provisioning.cursor, byCursor, follow}} {
		part := func(n int) (sample, error) {
			left := n
			l := load{addr: p.gatehouse.addr, connections: 1, answered: way.answered, next: func() []byte {
				if left--; left < 0 || wrong != nil {
					return nil
				}
				return way.next()
			}}
			s, err := observe(p.process, l)
			return s, errors.Join(err, wrong)
		}
		first, err := part(tenth)
		if err != nil {
			return fmt.Errorf("pages: %w", err)
		}
		if _, err = part(8 * tenth); err != nil {
			return fmt.Errorf("pages: %w", err)
		}
		last, err := part(tenth)
		if err != nil {
			return fmt.Errorf("pages: %w", err)
		}
		way.row.addTimes(last, first)
	}
	return nil
}

// members adds many members to a new group: people of no mapping, and of one that
// gives them a role.
func (b *bench) members(p *provisioned) error {
	for range 3 {
		took, err := p.fillGroup(p.idp, fmt.Sprint("Group ", p.next()), p.chance)
		if err != nil {
			return err
		}
		b.provisioning.members.add(millis(took), 0)
		i := 0
		if took, err = p.fillGroup(p.readers, "Readers", func() int { i++; return p.users + i }); err != nil {
			return err
		}
		b.provisioning.mapped.add(millis(took), 0)
	}
	return nil
}

// fillGroup makes a group, times the PATCH that fills it, and deletes it again.
func (p *provisioned) fillGroup(from idp, name string, user func() int) (time.Duration, error) {
	var group struct {
		ID string `json:"id"`
	}
	if err := from.one(from.newGroup(name), &group); err != nil {
		return 0, err
	}
	users := make([]int, batchSize)
	for i := range users {
		users[i] = user()
	}
	request := from.members(group.ID, "Add", users...)
	start := time.Now()
	if err := from.one(request, nil); err != nil {
		return 0, fmt.Errorf("%d members: %w", batchSize, err)
	}
	took := time.Since(start)
	return took, from.one(from.request(http.MethodDelete, "/Groups/"+group.ID, ""), nil)
}

// replaceGroup puts half of a group's members out by a PUT of the others, and
// then all of them back, and weighs the plugin meanwhile.
func (b *bench) replaceGroup(p *provisioned) error {
	for _, every := range []int{2, 1} {
		body := []byte(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"Everybody","members":[`)
		for i := 0; i < p.users; i += every {
			if i > 0 {
				body = append(body, ',')
			}
			body = append(body, `{"value":"`+userID(i)+`"}`...)
		}
		body = append(body, "]}"...)
		stop, most := make(chan struct{}), make(chan float64)
		go func() { most <- p.heaviestPlugin(stop) }()
		start := time.Now()
		err := p.one(p.request(http.MethodPut, "/Groups/"+everybody+"?excludedAttributes=members", string(body)), nil)
		fmt.Fprintf(os.Stderr, "a group of %s replaced in %s\n", thousands(p.users), time.Since(start).Round(time.Millisecond))
		close(stop)
		heaviest := <-most
		if err != nil {
			return fmt.Errorf("replacing a group: %w", err)
		}
		b.provisioning.replaced.add(heaviest, 0)
	}
	return nil
}

// heaviestPlugin is the largest share of memory, in MiB, that a plugin was seen
// with until stop.
func (p *provisioned) heaviestPlugin(stop <-chan struct{}) (most float64) {
	for {
		if shares, err := p.memory(); err == nil {
			for _, s := range shares[1:] {
				most = max(most, float64(s)/(1<<20))
			}
		}
		select {
		case <-stop:
			return most
		case <-time.After(10 * time.Millisecond):
		}
	}
}
