package pluginhost_test

import (
	"context"
	"sync"
	"testing"

	"github.com/gatehouse-id/gatehouse/core/pluginhost"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// A plugin takes over from another of its name, again and again and back, while
// calls go on: none is lost, and nothing is left of the one before.
func TestOnePluginTakesOverFromAnotherUnderLoad(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	p := h.ready(t, "good")
	stop := make(chan struct{})
	answered, done := traffic(t, p, stop, never)
	before := "good"
	for _, id := range []string{"good/2", "good/3", "good"} {
		spec := h.bundled("good")
		spec.ID = id
		h.start(t, spec)
		if d, err := h.Description(id); err != nil || d.Name != "good" {
			t.Fatalf("%s describes itself as %q: %v", id, d.Name, err)
		}
		seen := answered.Load()
		eventually(t, "calls are answered while both run", func() bool { return answered.Load() > seen+50 })
		c := configuration(id, "good", "")
		c.Kind = "good"
		if got, err := h.Configure(t.Context(), c); err != nil || got.Diagnostics.HasErrors() {
			t.Fatalf("configuring in %s: %v %v", id, got.Diagnostics, err)
		}
		h.Stop(context.Background(), before)
		if list := h.Status(); len(list) != 1 || list[0].State != pluginhost.Ready || len(list[0].Instances) != 1 {
			t.Fatalf("after %s took over there runs %+v", id, list)
		}
		before = id
	}
	seen := answered.Load()
	eventually(t, "calls are answered afterwards", func() bool { return answered.Load() > seen+50 })
	close(stop)
	done()
}

// An instance moves between the shared process and one of its own while calls
// go on.
func TestAnInstanceMovesUnderLoad(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	p := h.ready(t, "good")
	stop := make(chan struct{})
	answered, done := traffic(t, p, stop, never)
	for n := range 4 {
		seen := answered.Load()
		eventually(t, "calls are answered", func() bool { return answered.Load() > seen+50 })
		c := configuration("good", "good", "")
		c.Dedicated = n%2 == 0
		if got, err := h.Configure(t.Context(), c); err != nil || got.Diagnostics.HasErrors() {
			t.Fatalf("moving: %v %v", got.Diagnostics, err)
		}
	}
	close(stop)
	done()
	if list := h.Status(); len(list) != 1 {
		t.Errorf("there runs %+v", list)
	}
}

func TestStopForgetsAPlugin(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	p := h.ready(t, "good")
	c := configuration("good", "good.own", "")
	c.Dedicated = true
	if got, err := h.Configure(t.Context(), c); err != nil || got.Diagnostics.HasErrors() {
		t.Fatalf("configuring: %v %v", got.Diagnostics, err)
	}
	pid := h.status(t, "good").PID
	h.Stop(t.Context(), "good")
	h.Stop(t.Context(), "good")
	h.Stop(t.Context(), "never-started")
	if list := h.Status(); len(list) != 0 {
		t.Errorf("there runs %+v", list)
	}
	if alive(pid) {
		t.Errorf("process %d is there", pid)
	}
	if _, err := h.Description("good"); !problem.Is(err, problem.NotFound) {
		t.Errorf("it is still described: %v", err)
	}
	if _, err := p.Verify(t.Context(), "acme", present("right")); !problem.Is(err, problem.Unavailable) {
		t.Errorf("a call: %v", err)
	}
	h.ready(t, "good") // it can be started again
	if _, err := p.Verify(t.Context(), "acme", present("right")); err != nil {
		t.Errorf("a call after it was started again: %v", err)
	}
}

// Calls that wait for a process to come back are made where their instance was
// moved to meanwhile.
func TestCallsThatWaitFollowTheirInstance(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	p := h.ready(t, "good")
	pid := h.status(t, "good").PID
	spec := h.bundled("good")
	spec.ID = "good/2"
	h.start(t, spec)
	kill(t, pid)
	eventually(t, "the process is seen to be over", func() bool { return h.events.count("good backoff") > 0 })
	var waiting sync.WaitGroup
	for range 50 {
		waiting.Go(func() {
			if got, err := p.Verify(t.Context(), "acme", present("right")); err != nil || got.RecordID != "r1" {
				t.Errorf("the answer is %v: %v", got, err)
			}
		})
	}
	c := configuration("good/2", "good", "")
	c.Kind = "good"
	if got, err := h.Configure(t.Context(), c); err != nil || got.Diagnostics.HasErrors() {
		t.Fatalf("configuring: %v %v", got.Diagnostics, err)
	}
	h.Stop(context.Background(), "good")
	waiting.Wait()
}
