package fetch

import (
	"container/list"
	"crypto/x509"
	"net"
	"net/http"
	"slices"
	"sync"
)

// The limits of what is kept.
const (
	partitionLimit = 1024     // partitions at once
	keptLimit      = 32 << 20 // bytes of all partitions
	keptOfOne      = 4 << 20  // bytes of one partition
	keptEntry      = 1 << 20  // bytes of one answer
)

// partition is what belongs to one scope: its connections, and the answers that
// are kept for it. Neither the one nor the other tells another scope whether
// somebody has been somewhere.
type partition struct {
	scope     Scope
	transport *http.Transport
	all       *partitions

	// Of the lock of all.
	entries map[entryKey]*list.Element
	order   *list.List // of entries, the one used last in front
	size    int
	at      *list.Element // in the order of partitions
}

// partitions holds those that were used last.
type partitions struct {
	resolver *net.Resolver

	mu       sync.Mutex
	settings Settings
	pool     *x509.CertPool
	scopes   map[Scope]*partition
	order    *list.List // of partitions, the one used last in front
	size     int
}

func newPartitions(resolver *net.Resolver) *partitions {
	return &partitions{resolver: resolver, scopes: map[Scope]*partition{}, order: list.New()}
}

// of returns the partition of a scope.
func (all *partitions) of(s Scope) *partition {
	all.mu.Lock()
	defer all.mu.Unlock()
	if p, ok := all.scopes[s]; ok {
		all.order.MoveToFront(p.at)
		return p
	}
	p := &partition{
		scope: s, transport: newTransport(guard{all.settings.Allow}, all.pool, all.resolver), all: all,
		entries: map[entryKey]*list.Element{}, order: list.New(),
	}
	p.at = all.order.PushFront(p)
	all.scopes[s] = p
	all.fit()
	return p
}

// use takes other settings. Requests that are under way end by those before, in
// partitions that nobody finds any more.
func (all *partitions) use(s Settings, pool *x509.CertPool) {
	all.mu.Lock()
	defer all.mu.Unlock()
	if all.settings.Certificates == s.Certificates && slices.Equal(all.settings.Allow, s.Allow) {
		return
	}
	all.settings = Settings{Allow: slices.Clone(s.Allow), Certificates: s.Certificates}
	all.pool = pool
	all.forgetAll()
}

func (all *partitions) clear() {
	all.mu.Lock()
	defer all.mu.Unlock()
	all.forgetAll()
}

func (all *partitions) forgetAll() {
	for _, p := range all.scopes {
		all.forget(p)
	}
}

func (all *partitions) forget(p *partition) {
	delete(all.scopes, p.scope)
	all.order.Remove(p.at)
	all.size -= p.size
	p.entries, p.order, p.size = map[entryKey]*list.Element{}, list.New(), 0
	p.transport.CloseIdleConnections() // and none becomes idle from now on
}

// fit forgets partitions that have not been used for long, until the rest fits.
func (all *partitions) fit() {
	for all.order.Len() > 1 && (all.order.Len() > partitionLimit || all.size > keptLimit) {
		if oldest, ok := all.order.Back().Value.(*partition); ok {
			all.forget(oldest)
		}
	}
}

// find returns the answer that is kept under a key.
func (p *partition) find(k entryKey) (*kept, bool) {
	p.all.mu.Lock()
	defer p.all.mu.Unlock()
	at, ok := p.entries[k]
	if !ok {
		return nil, false
	}
	p.order.MoveToFront(at)
	e, ok := at.Value.(*kept)
	return e, ok
}

// keep puts an answer in the place of the one before, if it is not too large.
func (p *partition) keep(e *kept) {
	p.all.mu.Lock()
	defer p.all.mu.Unlock()
	p.drop(e.key)
	if e.size() > keptEntry || p.all.scopes[p.scope] != p {
		return
	}
	p.entries[e.key] = p.order.PushFront(e)
	p.grow(e.size())
	for p.size > keptOfOne {
		if oldest, ok := p.order.Back().Value.(*kept); ok {
			p.drop(oldest.key)
		}
	}
	p.all.fit()
}

// remove forgets what is kept under a key.
func (p *partition) remove(k entryKey) {
	p.all.mu.Lock()
	defer p.all.mu.Unlock()
	p.drop(k)
}

func (p *partition) drop(k entryKey) {
	at, ok := p.entries[k]
	if !ok {
		return
	}
	delete(p.entries, k)
	if e, ok := p.order.Remove(at).(*kept); ok {
		p.grow(-e.size())
	}
}

func (p *partition) grow(n int) {
	p.size += n
	p.all.size += n
}
