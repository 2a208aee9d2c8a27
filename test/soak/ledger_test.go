//go:build linux

package soak_test

import (
	"math/rand/v2"
	"sync"
	"time"
)

// The states of a key. It goes through them in this order only.
const (
	live     = iota
	ending   // asked to end, and not acknowledged
	doubtful // asked to end, and nobody knows what came of it
	dead     // acknowledged
)

// key is one that the host has acknowledged.
type key struct {
	client, id, secret string
	state              int
}

// ledger is what the host has acknowledged, and so must hold for ever.
type ledger struct {
	mu      sync.Mutex
	clients []string
	keys    map[string][]*key // by client, the newest last
	dead    []*key
}

func newLedger() *ledger { return &ledger{keys: map[string][]*key{}} }

// issued takes note of a new key.
func (l *ledger) issued(client, id, secret string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.keys[client] == nil {
		l.clients = append(l.clients, client)
	}
	l.keys[client] = append(l.keys[client], &key{client: client, id: id, secret: secret})
}

// set is called before a key is asked to end, and with what came of it.
func (l *ledger) set(k *key, state int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if k.state = state; state == dead {
		l.dead = append(l.dead, k)
	}
}

func (l *ledger) state(k *key) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return k.state
}

// pick returns any client's live keys, which are none for many.
func (l *ledger) pick(r *rand.Rand) (client string, all []*key) {
	l.mu.Lock()
	defer l.mu.Unlock()
	client = l.clients[r.IntN(len(l.clients))]
	for _, k := range l.keys[client] {
		if k.state == live {
			all = append(all, k)
		}
	}
	return client, all
}

// good returns a live key, or nil if it finds none.
func (l *ledger) good(r *rand.Rand) *key {
	for range 50 {
		if _, all := l.pick(r); len(all) > 0 {
			return all[r.IntN(len(all))]
		}
	}
	return nil
}

func (l *ledger) revoked(r *rand.Rand) *key {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.dead) == 0 {
		return nil
	}
	return l.dead[r.IntN(len(l.dead))]
}

// all returns every key that was acknowledged.
func (l *ledger) all() (list []*key) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, client := range l.clients {
		list = append(list, l.keys[client]...)
	}
	return list
}

// outage is the time from before a process is killed until what took its place
// is ready: while it lasts a request may remain without a decision. It never
// excuses a wrong one.
type outage struct {
	mu   sync.Mutex
	now  bool
	last time.Time // end of the last one
	sum  time.Duration
}

// during runs what kills and waits.
func (o *outage) during(kill func()) {
	began := time.Now()
	o.mu.Lock()
	o.now = true
	o.mu.Unlock()
	kill()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.now, o.last = false, time.Now()
	o.sum += o.last.Sub(began)
}

// excuses reports whether what was begun at a time, and is over, met an outage.
func (o *outage) excuses(since time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.now || !since.After(o.last)
}
