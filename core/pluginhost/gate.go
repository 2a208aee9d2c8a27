//go:build unix

package pluginhost

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// gate lets calls through to the generation that is ready. A call that is
// suspected to have ended a process goes through alone.
type gate[G generation] struct {
	name string
	wait time.Duration

	mu        sync.Mutex
	news      chan struct{} // closed and replaced whenever somebody may go on
	state     State
	since     time.Time
	number    uint64
	ready     int // generations that came to be ready
	retryAt   time.Time
	lastError error
	current   *slot[G]
	suspects  int // calls that wait to go alone
	leaving   int // instances that wait for the end of their calls
	instances map[string]*held
}

// slot is a generation with the calls that are in it.
type slot[G generation] struct {
	gen    G
	calls  int
	by     map[string]int // calls of instances
	alone  bool
	failed bool // given up: its answers count no more
}

// held is an instance that the supervisor configures in each generation.
type held struct {
	configure Configure
	err       error // why it could not be configured again
	suspect   bool  // a generation ended while it was being configured
}

func newGate[G generation](name string, wait time.Duration) gate[G] {
	return gate[G]{name: name, wait: wait, news: make(chan struct{}), since: time.Now(), instances: map[string]*held{}}
}

// lease is the right to make one call to a generation.
type lease[G generation] struct {
	gate     *gate[G]
	slot     *slot[G]
	instance string
}

// pass waits for a ready generation and takes part in it. instance, if not
// empty, must be configured in it. With alone there is no other call in the
// generation until release.
func (g *gate[G]) pass(ctx context.Context, instance string, alone bool) (*lease[G], error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if alone {
		g.suspects++
		defer func() { g.suspects--; g.tell() }()
	}
	var patience <-chan time.Time
	for {
		if g.state == Ready && isOver(g.current.gen) {
			g.giveUp() // before the supervisor has seen it
		}
		if g.state == Ready && g.free(alone) {
			if err := g.usable(instance); err != nil {
				return nil, err
			}
			g.current.calls++
			if instance != "" {
				g.current.by[instance]++
			}
			g.current.alone = alone
			return &lease[G]{gate: g, slot: g.current, instance: instance}, nil
		}
		if err := g.refusal(); err != nil {
			return nil, err
		}
		if patience == nil {
			timer := time.NewTimer(g.wait)
			defer timer.Stop()
			patience = timer.C
		}
		if err := g.await(ctx, patience); err != nil {
			return nil, err
		}
	}
}

// free says whether a call may go now. Calls that must go alone come first.
func (g *gate[G]) free(alone bool) bool {
	if alone {
		return g.current.calls == 0
	}
	return g.suspects == 0 && !g.current.alone
}

func (g *gate[G]) usable(instance string) error {
	if instance == "" {
		return nil
	}
	h, ok := g.instances[instance]
	if !ok {
		return problem.New(problem.Unavailable, "instance %q is not configured", instance)
	}
	if h.err != nil {
		return problem.Wrap(h.err, problem.Unavailable, "instance %q could not be configured again", instance).WithRetryAfter(retrySoon)
	}
	return nil
}

// refusal says why it is no use to wait.
func (g *gate[G]) refusal() error {
	switch g.state {
	case Quarantined, Stopped, Draining:
		return refusedProblem(g.name, g.state, time.Until(g.retryAt))
	case Starting, Configuring, Ready, Backoff:
	}
	return nil
}

// await waits for news, without the lock.
func (g *gate[G]) await(ctx context.Context, patience <-chan time.Time) error {
	news := g.news
	g.mu.Unlock()
	defer g.mu.Lock()
	select {
	case <-news:
		return nil
	case <-ctx.Done():
		return problem.Wrap(ctx.Err(), problem.Unavailable, "plugin %q was not ready in time", g.name).WithRetryAfter(retrySoon)
	case <-patience:
		return problem.New(problem.Unavailable, "plugin %q was not ready in time", g.name).WithRetryAfter(retrySoon)
	}
}

func (g *gate[G]) tell() {
	close(g.news)
	g.news = make(chan struct{})
}

// release ends the call. It reports whether the generation still counted: an
// answer of one that was given up is dropped.
func (l *lease[G]) release() bool {
	l.gate.mu.Lock()
	defer l.gate.mu.Unlock()
	l.slot.calls--
	l.slot.alone = false
	if l.instance != "" {
		if l.slot.by[l.instance]--; l.slot.by[l.instance] == 0 {
			delete(l.slot.by, l.instance)
		}
	}
	if l.slot.calls == 0 || l.gate.leaving > 0 {
		l.gate.tell()
	}
	return !l.slot.failed
}

// keep records the instance, so that it is configured in later generations too.
// It reports false if the generation of the call is over: then it is not
// recorded, since a later one was configured without it.
func (l *lease[G]) keep(c Configure) bool {
	l.gate.mu.Lock()
	defer l.gate.mu.Unlock()
	if l.slot.failed {
		return false
	}
	l.gate.instances[c.Instance] = &held{configure: c}
	return true
}

// forget takes an instance out of later generations, and waits for the end of
// its calls: none begins from now on.
func (g *gate[G]) forget(ctx context.Context, instance string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.instances, instance)
	g.leaving++
	defer func() { g.leaving-- }()
	for g.current != nil && g.current.by[instance] > 0 {
		if g.await(ctx, nil) != nil {
			return
		}
	}
}

// doubt marks an instance of which nobody knows whether the plugin has taken a
// new configuration: it is not used until it was configured again.
func (g *gate[G]) doubt(instance string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if h, ok := g.instances[instance]; ok {
		h.err = errDoubt
	}
}

// enter makes a generation the current one.
func (g *gate[G]) enter(gen G) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.number++
	g.current = &slot[G]{gen: gen, by: map[string]int{}}
	g.to(Configuring)
}

// leave gives the current generation up.
func (g *gate[G]) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.giveUp()
}

// giveUp is leave with the lock held.
func (g *gate[G]) giveUp() {
	if g.current != nil {
		g.current.failed = true
		g.current = nil
		if g.state != Draining {
			g.to(Backoff)
		}
	}
}

// idle waits until no call is in the current generation.
func (g *gate[G]) idle(ctx context.Context) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for g.current != nil && g.current.calls > 0 {
		if g.await(ctx, nil) != nil {
			return
		}
	}
}

func (g *gate[G]) set(to State) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if to == Ready {
		g.ready++
	}
	g.to(to)
}

func (g *gate[G]) to(state State) {
	g.state, g.since = state, time.Now()
	g.tell()
}

func (g *gate[G]) fail(to State, err error, wait time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.lastError, g.retryAt = err, time.Now().Add(wait)
	g.to(to)
}

func (g *gate[G]) at() (State, uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.state, g.number
}

func (g *gate[G]) configuredNames() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.names()
}

// names are those of the instances; the lock is held.
func (g *gate[G]) names() []string {
	var names []string
	for name := range g.instances {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// isOver says whether a generation has ended.
func isOver(gen generation) bool {
	select {
	case <-gen.ended():
		return true
	default:
		return false
	}
}
