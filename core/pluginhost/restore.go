//go:build unix

package pluginhost

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// configureAtOnce bounds how many instances are configured in parallel.
const configureAtOnce = 16

// configure configures an instance in the ready generation and records it for
// later ones.
func (s *supervisor[G]) configure(ctx context.Context, c Configure) (Configured, error) {
	l, err := s.pass(ctx, "", false)
	if err != nil {
		return Configured{}, err
	}
	defer l.release()
	got, err := l.slot.gen.configure(ctx, c)
	switch {
	case err != nil && ctx.Err() != nil:
		s.doubt(c.Instance)
		s.mendSoon()
		return Configured{}, err
	case err != nil:
		return Configured{}, err
	case got.Diagnostics.HasErrors():
		return got, nil
	case !l.keep(c):
		return Configured{}, died(s.name)
	}
	return got, nil
}

// restore configures all instances in a new generation, in parallel. One that
// fails does not stop the others. Those that were being configured when a
// generation ended are suspects: they follow alone, and one that then ends a
// generation again stays out until it is configured anew. It reports whether the
// generation can be used.
func (s *supervisor[G]) restore(gen G) bool {
	safe, suspects := s.toRestore()
	var running sync.WaitGroup
	limit := make(chan struct{}, configureAtOnce)
	for _, h := range safe {
		limit <- struct{}{}
		running.Go(func() {
			defer func() { <-limit }()
			s.restoreOne(gen, h, s.pace.restore)
		})
	}
	running.Wait()
	for _, h := range suspects {
		s.restoreOne(gen, h, s.pace.restore)
	}
	if s.stopping.Err() != nil || isOver(gen) {
		return false
	}
	if len(s.toRetry()) > 0 {
		s.mendSoon()
	}
	return true
}

// mendSoon has the instances that failed configured again at once.
func (s *supervisor[G]) mendSoon() {
	select {
	case s.mend <- struct{}{}:
	default: // it is asked for already
	}
}

func (s *supervisor[G]) toRestore() (safe, suspects []*held) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range s.instances {
		switch {
		case !h.suspect:
			safe = append(safe, h)
		case h.err == nil:
			suspects = append(suspects, h)
		}
	}
	return safe, suspects
}

// Why an instance is not used.
var (
	errPoison = errors.New("its configuration ended the plugin's process twice")
	errDoubt  = errors.New("the plugin did not say in time whether it took the last configuration")
)

func (s *supervisor[G]) restoreOne(gen G, h *held, limit time.Duration) {
	if isOver(gen) {
		return // before its turn: not its doing
	}
	ctx, cancel := context.WithTimeout(s.stopping, limit)
	defer cancel()
	got, err := gen.configure(ctx, h.configure)
	if err == nil && got.Diagnostics.HasErrors() {
		err = fmt.Errorf("the plugin refuses the configuration now: %s", got.Diagnostics[0])
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if errors.Is(err, errDied) {
		if h.suspect {
			h.err = errPoison
			s.log.Error("an instance stays out", "instance", h.configure.Instance, "error", errPoison)
		}
		h.suspect = true
		return
	}
	if err != nil && h.err == nil {
		s.log.Error("an instance could not be configured again", "instance", h.configure.Instance, "error", err)
	}
	h.suspect, h.err = false, err
}

// retryFailed configures those again that failed, except for those that end the
// process.
func (s *supervisor[G]) retryFailed(ctx context.Context) {
	for _, h := range s.toRetry() {
		l, err := s.pass(ctx, "", false)
		if err != nil {
			return
		}
		s.restoreOne(l.slot.gen, h, s.pace.configure)
		if newer := s.replaced(h); newer != nil { // configured anew meanwhile, and now perhaps undone
			s.restoreOne(l.slot.gen, newer, s.pace.configure)
		}
		l.release()
	}
}

func (s *supervisor[G]) toRetry() []*held {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []*held
	for _, h := range s.instances {
		if h.err != nil && !h.suspect {
			out = append(out, h)
		}
	}
	return out
}

// replaced returns what is held now under the name of h, if that is another.
func (s *supervisor[G]) replaced(h *held) *held {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := s.instances[h.configure.Instance]; now != h {
		return now
	}
	return nil
}
