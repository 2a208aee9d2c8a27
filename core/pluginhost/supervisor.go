//go:build unix

package pluginhost

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// generation is a process as its supervisor sees it.
type generation interface {
	configure(ctx context.Context, c Configure) (Configured, error)
	remove(ctx context.Context, instance string) error
	healthy(ctx context.Context) error
	ended() <-chan struct{} // closed when it is over
	ending() error          // how it ended
	kill()                  // at once
	stop()                  // in order, and clean up; returns when it is gone
}

// pace is how long the supervisor waits for what.
type pace struct {
	health         time.Duration // between two questions
	healthDeadline time.Duration
	healthMisses   int // in a row: killed
	configure      time.Duration
	restore        time.Duration // of one instance, while all others wait for it
	reconfigure    time.Duration // until an instance that failed is tried again
	wait           time.Duration // a caller's, while there is no ready process
	drain          time.Duration // for calls in flight at the end
	remove         time.Duration
}

var usualPace = pace{
	health: 5 * time.Second, healthDeadline: 2 * time.Second, healthMisses: 3,
	configure: 10 * time.Second, restore: 3 * time.Second, reconfigure: 30 * time.Second, wait: 2 * time.Second,
	drain: 10 * time.Second, remove: time.Second,
}

// supervisor keeps one process running: it launches generations one after the
// other, configures the instances of each, and lets calls through to the one
// that is ready.
type supervisor[G generation] struct {
	name    string // of the plugin, for messages
	launch  func(context.Context) (G, error)
	backoff backoff
	pace    pace
	log     *slog.Logger
	changed func(State, uint64)

	stopping context.Context //nolint:containedctx // ends the supervisor, not a call
	halt     context.CancelCauseFunc
	stopOnce sync.Once
	drainBy  context.Context //nolint:containedctx // how long stop waits; set before stopping ends
	mend     chan struct{}   // an instance should be configured again at once
	done     chan struct{}

	gate[G]
}

// newSupervisor makes one that is stopped. changed is called after each change
// of state.
func newSupervisor[G generation](name string, launch func(context.Context) (G, error), b backoff, p pace, log *slog.Logger, changed func(State, uint64)) *supervisor[G] {
	s := &supervisor[G]{
		name: name, launch: launch, backoff: b, pace: p, log: log.With("plugin", name), changed: changed,
		mend: make(chan struct{}, 1), done: make(chan struct{}),
	}
	s.stopping, s.halt = context.WithCancelCause(context.Background())
	s.gate = newGate[G](name, p.wait)
	return s
}

// start launches the first generation. If that fails there is nothing to
// supervise, and the error says why.
func (s *supervisor[G]) start(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.stopping, cancel)()
	s.move(Starting)
	first, err := s.launch(ctx)
	if err != nil {
		s.fail(Stopped, err, 0)
		s.announce()
		close(s.done)
		return err
	}
	s.admit(first)
	go s.run(first)
	return nil
}

// stop ends the process: calls in flight may end until ctx does. It returns when
// the process is gone.
func (s *supervisor[G]) stop(ctx context.Context) {
	s.stopOnce.Do(func() {
		s.drainBy = ctx
		s.halt(errStopping)
	})
	<-s.done
}

var errStopping = errors.New("the plugin is being stopped")

// run holds one generation after the other.
func (s *supervisor[G]) run(gen G) {
	defer close(s.done)
	for {
		began := time.Now()
		err := s.watch(gen)
		if err == nil {
			s.drain(gen)
			return
		}
		ready := time.Since(began)
		s.leave()
		gen.stop()
		next, ok := s.next(ready, err)
		if !ok {
			s.move(Stopped)
			return
		}
		gen = next
	}
}

// next launches until a generation describes itself, and admits that; false is
// that the supervisor is stopped.
func (s *supervisor[G]) next(ready time.Duration, err error) (gen G, ok bool) {
	for s.pause(ready, err) {
		if gen, err = s.launch(s.stopping); err == nil {
			s.admit(gen)
			return gen, true
		}
		ready = 0
	}
	return gen, false
}

// pause waits until the next launch; false is that there will be none.
func (s *supervisor[G]) pause(ready time.Duration, err error) bool {
	wait, quarantined := s.backoff.failed(time.Now(), ready)
	if s.stopping.Err() != nil {
		return false
	}
	state := Backoff
	if quarantined {
		state = Quarantined
		s.log.Error("the plugin ends again and again: it is tried once a minute from now on", "error", err)
	} else {
		s.log.Warn("the plugin's process is over: it is launched again", "error", err, "in", wait)
	}
	s.fail(state, err, wait)
	s.announce()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.stopping.Done():
		return false
	}
	s.move(Starting)
	return true
}

// admit configures the instances in a generation and then lets calls through.
// One that ended meanwhile stays closed, and watch finds that out.
func (s *supervisor[G]) admit(gen G) {
	s.enter(gen)
	s.announce()
	if s.restore(gen) {
		s.move(Ready)
		s.log.Info("the plugin is ready")
	}
}

// watch returns when the generation is over, or nil when it is to be stopped.
func (s *supervisor[G]) watch(gen G) error {
	health := time.NewTicker(s.pace.health)
	defer health.Stop()
	again := time.NewTicker(s.pace.reconfigure)
	defer again.Stop()
	var background sync.WaitGroup
	defer background.Wait()
	ctx, cancel := context.WithCancel(s.stopping)
	defer cancel()
	misses := 0
	for {
		select {
		case <-gen.ended():
			return gen.ending()
		case <-s.stopping.Done():
			return nil
		case <-again.C:
			background.Go(func() { s.retryFailed(ctx) })
		case <-s.mend:
			background.Go(func() { s.retryFailed(ctx) })
		case <-health.C:
			err := s.ask(ctx, gen)
			if err == nil {
				misses = 0
				continue
			}
			if misses++; misses >= s.pace.healthMisses {
				s.leave() // an answer that still comes is nobody's
				gen.kill()
				return fmt.Errorf("it did not answer %d questions about its health: %w", misses, err)
			}
		}
	}
}

func (s *supervisor[G]) ask(ctx context.Context, gen G) error {
	ctx, cancel := context.WithTimeout(ctx, s.pace.healthDeadline)
	defer cancel()
	return gen.healthy(ctx)
}

// drain lets calls in flight end, removes the instances, and ends the process.
func (s *supervisor[G]) drain(gen G) {
	s.move(Draining)
	calm, cancel := context.WithTimeout(s.drainBy, s.pace.drain)
	s.idle(calm)
	cancel()
	last, cancel := context.WithTimeout(s.drainBy, s.pace.remove)
	var removals sync.WaitGroup
	limit := make(chan struct{}, configureAtOnce)
	for _, name := range s.configuredNames() {
		limit <- struct{}{}
		removals.Go(func() {
			defer func() { <-limit }()
			_ = gen.remove(last, name) // the process ends with or without it
		})
	}
	removals.Wait()
	cancel()
	s.leave()
	gen.stop()
	s.move(Stopped)
}

// move changes the state and tells of it.
func (s *supervisor[G]) move(to State) {
	s.set(to)
	s.announce()
}

func (s *supervisor[G]) announce() {
	state, number := s.at()
	s.changed(state, number)
}

// refusedProblem says that there is no process to ask, and when to ask again.
func refusedProblem(name string, state State, after time.Duration) error {
	return problem.New(problem.Unavailable, "plugin %q is %s", name, state).WithRetryAfter(max(after, retrySoon))
}
