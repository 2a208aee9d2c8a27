//go:build unix

package pluginhost

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// placement is where an instance lives. Its lock is held while the instance is
// configured or removed, so that these follow one another.
type placement struct {
	mu   sync.Mutex
	now  sync.RWMutex // guards process and kind for the calls
	in   *supervised  // nil: not configured
	kind Kind
}

func (p *placement) put(in *supervised, kind Kind) {
	p.now.Lock()
	defer p.now.Unlock()
	p.in, p.kind = in, kind
}

func (p *placement) get() (*supervised, Kind) {
	p.now.RLock()
	defer p.now.RUnlock()
	return p.in, p.kind
}

// leave takes the instance out of the processes, if it is in one of them.
func (p *placement) leave(processes []*supervised) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if in, _ := p.get(); in != nil && slices.Contains(processes, in) {
		p.put(nil, Kind{})
	}
}

// Configure makes an instance or replaces it, or with ValidateOnly checks its
// configuration. An error, or diagnostics with an error among them, leave the
// instance as it was.
func (h *Host) Configure(ctx context.Context, c Configure) (Configured, error) {
	if !instanceName.MatchString(c.Instance) {
		return Configured{}, problem.New(problem.Invalid, "instance name %q is not of one to three labels", c.Instance)
	}
	if err := c.check(); err != nil {
		return Configured{}, problem.New(problem.Invalid, "instance %q cannot be configured: %v", c.Instance, err)
	}
	d, err := h.Description(c.Plugin)
	if err != nil {
		return Configured{}, err
	}
	kind, ok := d.kind(c.Kind)
	if !ok {
		return Configured{}, problem.New(problem.NotFound, "plugin %q has no kind %q", c.Plugin, c.Kind)
	}
	ctx, cancel := context.WithTimeout(ctx, h.pace.configure)
	defer cancel()
	if c.ValidateOnly {
		s, err := h.process(processKey{plugin: c.Plugin})
		if err != nil {
			return Configured{}, err
		}
		return once(ctx, s.supervisor, "", func(ctx context.Context, p *process) (Configured, error) { return p.configure(ctx, c) })
	}
	at := h.placement(c.Instance)
	at.mu.Lock()
	defer at.mu.Unlock()
	return h.place(ctx, at, c, kind)
}

// place configures the instance in the process where it is to live, and only
// then takes it out of another.
func (h *Host) place(ctx context.Context, at *placement, c Configure, kind Kind) (Configured, error) {
	key := processKey{plugin: c.Plugin}
	if c.Dedicated {
		key.dedicatedTo = c.Instance
	}
	to, made, err := h.ensure(ctx, key)
	if err != nil {
		return Configured{}, err
	}
	got, err := to.configure(ctx, c)
	if err != nil || got.Diagnostics.HasErrors() {
		if made {
			h.dismiss(ctx, to)
		}
		return got, err
	}
	before, _ := at.get()
	at.put(to, kind)
	if before != nil && before != to {
		if err := h.takeOut(ctx, before, c.Instance); err != nil {
			h.log.WarnContext(ctx, "an instance that was moved could not be removed where it was", "instance", c.Instance, "error", err)
		}
	}
	return got, nil
}

// Remove forgets an instance. One that is not known is no error.
func (h *Host) Remove(ctx context.Context, instance string) error {
	h.mu.Lock()
	at, ok := h.placements[instance]
	h.mu.Unlock()
	if !ok {
		return nil
	}
	at.mu.Lock()
	defer at.mu.Unlock()
	in, _ := at.get()
	if in == nil {
		return nil
	}
	at.put(nil, Kind{})
	return h.takeOut(ctx, in, instance)
}

// takeOut removes the instance from a process, or ends the process if it was
// dedicated to it.
func (h *Host) takeOut(ctx context.Context, s *supervised, instance string) error {
	if s.key.dedicatedTo != "" {
		h.dismiss(ctx, s)
		return nil
	}
	calm, cancel := context.WithTimeout(ctx, h.pace.drain)
	s.forget(calm, instance)
	cancel()
	ctx, cancel = context.WithTimeout(ctx, h.pace.remove)
	defer cancel()
	_, err := once(ctx, s.supervisor, "", func(ctx context.Context, p *process) (struct{}, error) {
		return struct{}{}, p.remove(ctx, instance)
	})
	if errors.Is(err, errDied) {
		return nil // the next generation never knew it
	}
	return err
}

// dismiss ends a process for good.
func (h *Host) dismiss(ctx context.Context, s *supervised) {
	s.stop(ctx)
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.processes, s.key)
}

// ensure finds a process, or launches it if it is a dedicated one.
func (h *Host) ensure(ctx context.Context, key processKey) (s *supervised, made bool, err error) {
	h.mu.Lock()
	s, ok := h.processes[key]
	g := h.programs[key.plugin]
	h.mu.Unlock()
	switch {
	case ok:
		return s, false, nil
	case g == nil || key.dedicatedTo == "":
		return nil, false, problem.New(problem.NotFound, "there is no plugin %q", key.plugin)
	}
	s, err = h.supervise(ctx, g, key)
	return s, true, err
}

func (h *Host) process(key processKey) (*supervised, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s, ok := h.processes[key]
	if !ok {
		return nil, problem.New(problem.NotFound, "there is no plugin %q", key.plugin)
	}
	return s, nil
}

func (h *Host) placement(instance string) *placement {
	h.mu.Lock()
	defer h.mu.Unlock()
	p, ok := h.placements[instance]
	if !ok {
		p = &placement{}
		h.placements[instance] = p
	}
	return p
}
