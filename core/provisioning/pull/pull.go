// Package pull asks identity providers for their people, on a schedule, by the
// provisioners that can (sdk/provision.Puller). A pass goes through all people
// and groups, part by part. How far it is stands in the store, so that it goes on
// after a restart, a failure or a limit of the provider's.
//
// Only a pass that is complete takes anybody away: those of the connection whom
// it has not seen.
package pull

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/gatehouse-id/gatehouse/core/directory"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/sdk/provision"
)

// Source is one instance that asks, as the configuration in force declares it.
type Source struct {
	Instance     string        // "acme-google/google"
	Connection   string        // label
	Organization string        // label
	Every        time.Duration // from the start of a pass to the start of the next
}

// Plugins has an instance do a part of a pass.
type Plugins interface {
	Sync(ctx context.Context, instance, organization, cursor string) (provision.Progress, []provision.Note, error)
}

// Directory ends passes.
type Directory interface {
	// EndPass takes away whom the pass of by has not seen, as
	// directory.Directory.EndPass does. held says that the brake has kept this
	// batch from leaving, which is no failure of the pass.
	EndPass(ctx context.Context, by directory.By, s directory.Scope, after string, limit int) (gone directory.Gone, held bool, err error)
}

// Options are what Pulls are made from.
type Options struct {
	Store     *store.Store
	Sources   func() []Source
	Plugins   Plugins
	Directory Directory
	Clock     func() time.Time
	Random    io.Reader
	Logger    *slog.Logger
}

// Pulls asks all sources that are due.
type Pulls struct {
	Options
	mu      sync.Mutex
	running map[string]string // passes that a part is done of now, by their trace ids
	busy    map[string]bool   // instances
}

// New returns them.
func New(o Options) *Pulls {
	return &Pulls{Options: o, running: map[string]string{}, busy: map[string]bool{}}
}

const (
	lookEvery = 5 * time.Second
	atOnce    = 4 // sources that are asked at the same time
)

// Run asks the sources that are due until ctx ends, and waits for the parts that
// are under way then.
func (p *Pulls) Run(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	slots := make(chan struct{}, atOnce)
	var working sync.WaitGroup
	defer working.Wait()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for _, s := range p.Sources() {
			if !p.take(s.Instance) {
				continue
			}
			working.Go(func() {
				defer p.giveBack(s.Instance)
				select {
				case slots <- struct{}{}:
					defer func() { <-slots }()
				case <-ctx.Done():
					return
				}
				if err := p.Advance(ctx, s); err != nil && ctx.Err() == nil {
					p.Logger.WarnContext(ctx, "an identity provider could not be asked for its people, which is tried again", "instance", s.Instance, "error", err, "hint", problem.As(err).Hint)
				}
			})
		}
	}
}

func (p *Pulls) take(instance string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.busy[instance] {
		return false
	}
	p.busy[instance] = true
	return true
}

func (p *Pulls) giveBack(instance string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.busy, instance)
}

// PassOf is the pass that a change belongs to which a plugin makes in the call
// with this trace id; "" is none. The trace ids of parts are made here: nobody
// who pushes can choose one.
func (p *Pulls) PassOf(trace string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.running[trace]
}
