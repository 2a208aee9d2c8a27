//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"
)

// flat is the share of the smallest size's speed that every other size keeps at
// least: nothing grows by more than a fifth.
const flat = 1 / 1.2

// dimension is something of which an installation can have more or less.
type dimension struct {
	name    string
	sizes   []int // the first is what the others are held against
	setting func(size int) setting
	keys    func(size int) int // that are live and cached
}

// dimensions are what a check must not cost more for.
func (b *bench) dimensions() []dimension {
	some := func(int) int { return min(1000, b.keys) }
	return []dimension{
		{"keys", []int{10, min(1000, b.keys), b.keys}, func(int) setting { return setting{} }, func(n int) int { return n }},
		{"mappings", []int{10, 1000}, func(n int) setting { return setting{Mappings: n} }, some},
		{"tenants", []int{1, 1000}, func(n int) setting { return setting{Organizations: n} }, some},
	}
}

// growthRows are a dimension's, by size and then by what is asked.
type growthRows struct{ cached, other, first row }

// grow measures hosts of all sizes of a dimension side by side.
func (b *bench) grow(ctx context.Context, d dimension) error {
	hosts := make([]*gatehouse, len(d.sizes))
	defer func() {
		for _, g := range hosts {
			if g != nil {
				g.stop()
			}
		}
	}()
	keys := make([][]key, len(hosts))
	for i, size := range d.sizes {
		fmt.Fprintf(os.Stderr, "%s %s: starting\n", thousands(size), d.name)
		s := d.setting(size)
		s.Upstream = "http://" + b.upstream.addr
		var err error
		if hosts[i], err = startGatehouse(ctx, b.binary, s); err != nil {
			return err
		}
		var beside *gatehouse
		if d.name == "keys" && i == len(hosts)-1 {
			beside = hosts[0]
		}
		if keys[i], err = b.fill(ctx, hosts[i], d.keys(size), beside); err != nil {
			return fmt.Errorf("%d %s: %w", size, d.name, err)
		}
	}
	rows := make([]growthRows, len(d.sizes)-1)
	for i := range rows {
		of := ", " + thousands(d.sizes[i+1]) + " " + d.name + " to " + thousands(d.sizes[0])
		rows[i] = growthRows{
			cached: row{name: "cached" + of, unit: perSecond, goal: flat},
			other:  row{name: "new key of a known client" + of, unit: perSecond, goal: flat},
			first:  row{name: "nothing cached" + of, unit: perSecond, goal: flat},
		}
	}
	for round := range b.rounds {
		fmt.Fprintf(os.Stderr, "%s, round %d of %d\n", d.name, round+1, b.rounds)
		var smallest grown
		for i, g := range hosts {
			one, err := b.measureGrown(ctx, g, round, keys[i])
			if err != nil {
				return fmt.Errorf("%d %s: %w", d.sizes[i], d.name, err)
			}
			if i == 0 {
				smallest = one
				continue
			}
			rows[i-1].cached.addSpeed(one.cached, smallest.cached)
			rows[i-1].other.addSpeed(one.other, smallest.other)
			rows[i-1].first.addSpeed(one.first, smallest.first)
		}
	}
	for i := range rows {
		b.rows.growth = append(b.rows.growth, &rows[i].cached, &rows[i].other, &rows[i].first)
	}
	if d.name != "keys" {
		return nil
	}
	return b.revocations(ctx, hosts[len(hosts)-1], keys[len(hosts)-1])
}

// restAfter is how long a host needs after the last request until it has given
// back what it can: it looks twice, half a minute apart, and again after the uses
// are written, which is once a minute; and it closes connections to the database
// that nobody used for a minute.
const restAfter = 2*time.Minute + 10*time.Second

// fill makes keys and uses each once, so that all are cached. It notes how much
// more memory that takes than a host beside it that has a few: at once, and when
// both have rest.
func (b *bench) fill(ctx context.Context, g *gatehouse, n int, beside *gatehouse) ([]key, error) {
	keys, err := g.newClients(ctx, "grown", n)
	if err != nil {
		return nil, err
	}
	if err := warm(g, checks(g.addr, keys)); err != nil || beside == nil {
		return keys, err
	}
	busy := &row{name: "the same, before the host has rest", unit: "MiB", way: alone}
	if err := busy.addShares(g, beside); err != nil {
		return nil, err
	}
	time.Sleep(restAfter)
	idle := &row{name: "idle memory that " + thousands(n) + " cached keys add", unit: "MiB", way: alone, goal: 100}
	if err := idle.addShares(g, beside); err != nil {
		return nil, err
	}
	b.rows.growth = append(b.rows.growth, idle, busy)
	return keys, nil
}

// addShares adds by how much the memory of one host is larger than another's.
func (r *row) addShares(g, beside *gatehouse) error {
	most, err := g.share()
	if err != nil {
		return err
	}
	least, err := beside.share()
	if err != nil {
		return err
	}
	r.add(most-least, 0)
	return nil
}

// share is the proportional share of memory of all the host's processes, in MiB.
func (g *gatehouse) share() (total float64, err error) {
	shares, err := g.memory()
	for _, s := range shares {
		total += float64(s) / (1 << 20)
	}
	return total, err
}

// grown is what one host was seen to do.
type grown struct{ cached, other, first sample }

// newcomersEach is how many new clients each size sees in a round.
const newcomersEach = 1000

func (b *bench) measureGrown(ctx context.Context, g *gatehouse, round int, keys []key) (s grown, err error) {
	requests := checks(g.addr, keys)
	if err := warm(g, requests); err != nil {
		return s, fmt.Errorf("cached: %w", err)
	}
	if s.cached, err = b.measure(g.process, b.again(g.addr, requests)); err != nil {
		return s, fmt.Errorf("cached: %w", err)
	}
	old, err := g.newClients(ctx, fmt.Sprintf("newcomer-%d", round), min(newcomersEach, b.clients)+connections)
	if err != nil {
		return s, err
	}
	further, err := g.newKeys(ctx, old)
	if err != nil {
		return s, err
	}
	if s.first, err = b.onceEach(g, connections, old); err != nil {
		return s, fmt.Errorf("nothing cached: %w", err)
	}
	if s.other, err = b.onceEach(g, connections, further); err != nil {
		return s, fmt.Errorf("new keys: %w", err)
	}
	return s, nil
}

// warm asks for each key once. Since it was measured last, each key's assertion
// has come to its end, and only one in use is signed again before that.
func warm(g *gatehouse, requests [][]byte) error {
	_, err := observe(g.process, load{addr: g.addr, connections: min(connections, len(requests)), next: each(requests)})
	return err
}

// revokedPerSecond is how many keys are ended beside the load.
const revokedPerSecond = 20

// revocations measures what the others notice when cached keys are revoked.
func (b *bench) revocations(ctx context.Context, g *gatehouse, keys []key) error {
	r := &row{name: fmt.Sprintf("cached, %d revocations a second beside it", revokedPerSecond), unit: perSecond, goal: flat}
	leave := int(b.length.Seconds()*revokedPerSecond+revokedPerSecond) * b.rounds
	if leave >= len(keys)/2 {
		return nil // there are too few keys to tell
	}
	stay, leavers := checks(g.addr, keys[leave:]), keys[:leave]
	for range b.rounds {
		if err := warm(g, stay); err != nil {
			return err
		}
		quiet, err := b.measure(g.process, b.again(g.addr, stay))
		if err != nil {
			return err
		}
		during, stop := context.WithCancel(ctx)
		ended := make(chan error, 1)
		var revoked int
		go func() { ended <- g.revoke(during, leavers, &revoked) }()
		disturbed, err := observe(g.process, b.again(g.addr, stay))
		stop()
		if failed := <-ended; err == nil {
			err = failed
		}
		if err != nil {
			return fmt.Errorf("revocations: %w", err)
		}
		leavers = leavers[revoked:]
		r.addSpeed(disturbed, quiet)
	}
	b.rows.growth = append(b.rows.growth, r)
	return nil
}

// revoke ends one key after the other, at a steady pace, until ctx ends.
func (g *gatehouse) revoke(ctx context.Context, keys []key, revoked *int) error {
	pace := time.NewTicker(time.Second / revokedPerSecond)
	defer pace.Stop()
	for _, k := range keys {
		select {
		case <-ctx.Done():
			return nil
		case <-pace.C:
		}
		if err := g.admin.revoke(context.WithoutCancel(ctx), k); err != nil {
			return err
		}
		*revoked++
	}
	return nil
}

// thousands writes a count as people read it.
func thousands(n int) string {
	text := fmt.Sprint(n)
	var groups []string
	for len(text) > 3 {
		groups = append([]string{text[len(text)-3:]}, groups...)
		text = text[:len(text)-3]
	}
	return strings.Join(append([]string{text}, groups...), ",")
}
