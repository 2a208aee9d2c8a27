//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"
)

// connections is how many the load keeps open, as the reference figures do.
const connections = 64

// plan says how much is measured.
type plan struct {
	binary  string
	rounds  int
	length  time.Duration // of a run that is not bounded by its keys
	clients int           // new ones in each round, for what is not cached
	keys    int           // live ones of the largest installation
	users   int           // of the largest connection

	sessions int    // live ones of the largest installation
	only     string // what is measured alone; "" is everything
}

// bench is what is running, and what has been found.
type bench struct {
	plan
	bare, upstream, proxy floor
	host, mapped, alike   *gatehouse // with one mapping; with a hundred more, of which one reads the id; and none does
	rows                  rows
	provisioning          provisioningRows
	signon                signonRows
	planned               planRows
}

// rows in the order of the table.
type rows struct {
	bare, bareCPU, bareCaller, bareProxy                                          row
	cached, uncached, mappings, alike, first, proxied, cpu, caller, start, memory row
	growth                                                                        []*row
}

const perSecond = "req/s"

func newRows() rows {
	return rows{
		bare:       row{name: "floor: net/http, 200 and a header", unit: perSecond},
		bareCPU:    row{name: "floor: CPU of one request to it", unit: "µs"},
		bareCaller: row{name: "floor: one caller of it, median time", unit: "µs"},
		bareProxy:  row{name: "floor: httputil.ReverseProxy", unit: perSecond},

		cached:   row{name: "/auth/check, cached", unit: perSecond, goal: 0.70},
		uncached: row{name: "/auth/check, new key of a known client", unit: perSecond, goal: 0.25},
		mappings: row{name: "/auth/check, new key, roles anew, 100 mappings", unit: perSecond, goal: 0.15},
		alike:    row{name: "the same, where no mapping reads the id", unit: perSecond},
		first:    row{name: "/auth/check, nothing cached", unit: perSecond},
		proxied:  row{name: "reverse proxy", unit: perSecond, goal: 0.85},
		cpu:      row{name: "CPU of one cached /auth/check", unit: "µs", way: added, goal: 5},
		caller:   row{name: "one caller, new key, median time", unit: "µs", way: added, goal: 100},
		start:    row{name: "start to ready", unit: "ms", way: alone, goal: 150},
		memory:   row{name: "idle memory", unit: "MiB", way: alone},
	}
}

func (r *rows) all() []*row {
	return append([]*row{&r.bare, &r.bareCPU, &r.bareCaller, &r.bareProxy, &r.cached, &r.uncached, &r.mappings, &r.alike, &r.first, &r.proxied, &r.cpu, &r.caller, &r.start, &r.memory}, r.growth...)
}

// run measures everything that can be measured; with an error, rows has what
// was found before it.
func (b *bench) run(ctx context.Context) error {
	if b.only == "" || b.only == onlyChecks {
		if err := b.check(ctx); err != nil {
			return err
		}
	}
	if b.binary == "" || b.only == onlyChecks {
		return nil
	}
	if b.only == "" || b.only == onlySignOn {
		if err := b.people(ctx); err != nil {
			return err
		}
	}
	if b.only == onlySignOn || b.users == 0 {
		return nil
	}
	if b.only != onlyPlans {
		if err := b.provision(ctx); err != nil {
			return err
		}
	}
	if b.only == onlyProvisioning {
		return nil
	}
	return b.plans(ctx)
}

// What can be measured alone.
const (
	onlyChecks       = "checks"
	onlySignOn       = "signon"
	onlyProvisioning = "provisioning"
	onlyPlans        = "plans"
)

// check measures the way of a client.
func (b *bench) check(ctx context.Context) (err error) {
	if b.bare, _, err = startFloor(ctx, serveBare, ""); err != nil {
		return err
	}
	defer b.bare.stop()
	if b.upstream, _, err = startFloor(ctx, serveUpstream, ""); err != nil {
		return err
	}
	defer b.upstream.stop()
	if b.proxy, _, err = startFloor(ctx, serveProxy, "http://"+b.upstream.addr); err != nil {
		return err
	}
	defer b.proxy.stop()

	var hostErr error
	if b.binary != "" {
		hostErr = b.startHosts(ctx)
		defer b.stopHosts()
	}
	for i := range b.rounds {
		fmt.Fprintf(os.Stderr, "round %d of %d\n", i+1, b.rounds)
		if err := b.round(ctx, i); err != nil {
			return err
		}
	}
	if hostErr != nil || b.host == nil || b.keys == 0 {
		return hostErr
	}
	b.stopHosts()
	for _, d := range b.dimensions() {
		if err := b.grow(ctx, d); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) startHosts(ctx context.Context) (err error) {
	plain := setting{Upstream: "http://" + b.upstream.addr}
	for range b.rounds {
		bare, bareTook, err := startFloor(ctx, serveBare, "")
		if err != nil {
			return err
		}
		bare.stop()
		g, err := startGatehouse(ctx, b.binary, plain)
		if err != nil {
			return err
		}
		g.stop()
		b.rows.start.add(millis(g.ready), millis(bareTook))
	}
	if b.host, err = startGatehouse(ctx, b.binary, plain); err != nil {
		return err
	}
	time.Sleep(2 * time.Second) // idle is after what a start leaves behind
	shares, err := b.host.memory()
	if err != nil {
		return err
	}
	var total float64
	var parts []string
	for _, s := range shares {
		total += float64(s) / (1 << 20)
		parts = append(parts, number(float64(s)/(1<<20)))
	}
	b.rows.memory.goal = 60 + 22*float64(len(shares)-1)
	b.rows.memory.name += " (host + plugins: " + strings.Join(parts, " + ") + ")"
	b.rows.memory.add(total, 0)
	plain.Mappings = 100
	if b.alike, err = startGatehouse(ctx, b.binary, plain); err != nil {
		return err
	}
	plain.ByID = true
	b.mapped, err = startGatehouse(ctx, b.binary, plain)
	return err
}

func (b *bench) stopHosts() {
	for _, g := range []**gatehouse{&b.host, &b.mapped, &b.alike} {
		if *g != nil {
			(*g).stop()
			*g = nil
		}
	}
}

func millis(d time.Duration) float64 { return d.Seconds() * 1e3 }

func micros(d time.Duration) float64 { return d.Seconds() * 1e6 }

// round measures each figure beside its floor.
func (b *bench) round(ctx context.Context, i int) error {
	questions := b.again(b.bare.addr, [][]byte{request(b.bare.addr, "/auth/check", key{})})
	bare, err := b.measure(b.bare.process, questions)
	if err != nil {
		return err
	}
	questions.connections = 1
	single, err := b.measure(b.bare.process, questions)
	if err != nil {
		return err
	}
	through, err := b.measure(b.proxy.process, b.again(b.proxy.addr, [][]byte{request(b.proxy.addr, "/api/v1/query", key{})}))
	if err != nil {
		return err
	}
	b.rows.bare.add(bare.perSecond(), 0)
	b.rows.bareCPU.add(bare.cpu, 0)
	b.rows.bareCaller.add(single.typical(), 0)
	b.rows.bareProxy.add(through.perSecond(), 0)
	if b.host == nil || b.mapped == nil || b.alike == nil {
		return nil
	}
	keys, err := b.uncached(ctx, i, bare, single)
	if err != nil {
		return err
	}
	cached, err := b.measure(b.host.process, b.again(b.host.addr, checks(b.host.addr, keys)))
	if err != nil {
		return fmt.Errorf("cached: %w", err)
	}
	b.rows.cached.addSpeed(cached, bare)
	b.rows.cpu.add(cached.cpu, bare.cpu)
	proxied, err := b.measure(b.host.process, b.again(b.host.addr, [][]byte{request(b.host.addr, "/api/v1/query", keys[0])}))
	if err != nil {
		return fmt.Errorf("reverse proxy: %w", err)
	}
	b.rows.proxied.addSpeed(proxied, through)
	return nil
}

// uncached measures what needs the plugin, with clients that are new in this
// round, and returns keys that are cached afterwards.
//
// First contact is the first request of each client. Its other secret is new as
// well, but by then its record, its roles and its assertion are known: that is
// what a miss costs in service.
func (b *bench) uncached(ctx context.Context, round int, bare, single sample) ([]key, error) {
	name := fmt.Sprintf("client-%d", round)
	evaluated, err := b.anew(ctx, b.mapped, name)
	if err != nil {
		return nil, fmt.Errorf("100 mappings: %w", err)
	}
	b.rows.mappings.addSpeed(evaluated, bare)
	if evaluated, err = b.anew(ctx, b.alike, name); err != nil {
		return nil, fmt.Errorf("100 mappings: %w", err)
	}
	b.rows.alike.addSpeed(evaluated, bare)
	old, err := b.host.newClients(ctx, name, b.clients+connections)
	if err != nil {
		return nil, err
	}
	further, err := b.host.newKeys(ctx, old)
	if err != nil {
		return nil, err
	}
	first, err := b.onceEach(b.host, connections, old)
	if err != nil {
		return nil, fmt.Errorf("first contact: %w", err)
	}
	b.rows.first.addSpeed(first, bare)
	few := len(further) / 4
	missed, err := b.onceEach(b.host, connections, further[few:])
	if err != nil {
		return nil, fmt.Errorf("new keys: %w", err)
	}
	b.rows.uncached.addSpeed(missed, bare)
	caller, err := b.onceEach(b.host, 1, further[:few])
	if err != nil {
		return nil, fmt.Errorf("one caller: %w", err)
	}
	b.rows.caller.add(caller.typical(), single.typical())
	return further, nil
}

// anew measures new keys of known clients after a new configuration, when their
// roles are evaluated anew: for each client where a mapping reads its id, else
// once for all that have the same scopes.
func (b *bench) anew(ctx context.Context, g *gatehouse, name string) (sample, error) {
	old, err := g.newClients(ctx, name, b.clients+connections)
	if err != nil {
		return sample{}, err
	}
	others, err := g.newKeys(ctx, old)
	if err != nil {
		return sample{}, err
	}
	if _, err := b.onceEach(g, connections, old); err != nil {
		return sample{}, err
	}
	if err := g.reload(ctx); err != nil {
		return sample{}, err
	}
	return b.onceEach(g, connections, others)
}

// scopes are five of the hundred that the mappings ask for, and the one that
// the route does.
func scopes(i int) []string {
	list := []string{"query:execute"}
	for n := range 5 {
		list = append(list, fmt.Sprintf("extra:%d", (i*5+n)%100))
	}
	return list
}

// sample is what a run has seen, with the CPU time of one request in µs: that
// of the server and its children.
type sample struct {
	outcome
	cpu float64
}

// typical is the median time of one request, in µs.
func (s sample) typical() float64 { return micros(s.percentile(0.5)) }

// again goes through the requests again and again for the plan's time.
func (b *bench) again(addr string, requests [][]byte) load {
	i := 0
	return load{addr: addr, connections: connections, limit: b.length, next: func() []byte {
		i++
		return requests[i%len(requests)]
	}}
}

// onceEach sends one request with each key. The first of them warm the way to
// the plugin up, and are not counted.
func (b *bench) onceEach(g *gatehouse, callers int, keys []key) (sample, error) {
	list := checks(g.addr, keys)
	warm := min(connections, len(list)/2)
	if _, err := (load{addr: g.addr, connections: callers, next: each(list[:warm])}).run(); err != nil {
		return sample{}, err
	}
	return observe(g.process, load{addr: g.addr, connections: callers, next: each(list[warm:])})
}

// each hands out the requests one after the other.
func each(requests [][]byte) func() []byte {
	return func() []byte {
		if len(requests) == 0 {
			return nil
		}
		next := requests[0]
		requests = requests[1:]
		return next
	}
}

// measure warms the server up before it observes a run.
func (b *bench) measure(p *process, l load) (sample, error) {
	warm := l
	warm.limit = l.limit / 10
	if _, err := warm.run(); err != nil {
		return sample{}, err
	}
	return observe(p, l)
}

// observe runs a load of which every request has to be accepted.
func observe(p *process, l load) (sample, error) {
	before, err := p.cpu()
	if err != nil {
		return sample{}, err
	}
	o, err := l.run()
	if err != nil {
		return sample{}, err
	}
	after, err := p.cpu()
	if err != nil {
		return sample{}, err
	}
	if err := o.check(); err != nil {
		return sample{}, err
	}
	if busy := (after - before).Seconds() / o.elapsed.Seconds(); l.connections > 1 && busy < saturated {
		fmt.Fprintf(os.Stderr, "bench: %s was only %s busy: the load, or other work on this machine, was the limit\n", l.addr, percent(busy))
	}
	return sample{o, micros(after-before) / float64(o.requests)}, nil
}

// saturated is how busy a server is at least whose requests per second are its
// own limit.
const saturated = 0.85

// checks are the questions that a proxy asks for a request with each key.
func checks(addr string, keys []key) [][]byte {
	list := make([][]byte, len(keys))
	for i, k := range keys {
		list[i] = request(addr, "/auth/check", k)
	}
	return list
}

// request is the same for figure and floor, but for the host's name.
func request(addr, path string, k key) []byte {
	if k.client == "" {
		k = key{client: "client-0-0", secret: strings.Repeat("x", 70)}
	}
	return fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nX-Forwarded-Method: GET\r\nX-Forwarded-Uri: /api/v1/query\r\n"+
		"X-Client-Id: %s\r\nX-Client-Secret: %s\r\n\r\n", path, addr, k.client, k.secret)
}
