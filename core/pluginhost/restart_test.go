package pluginhost_test

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/core/pluginhost"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// traffic asks for right and wrong secrets until stop, from several goroutines,
// and reports every answer that is not what it has to be.
func traffic(t *testing.T, p *pluginhost.Programs, stop <-chan struct{}, tolerate func(error) bool) (answered *atomic.Int64, done func()) {
	t.Helper()
	var running sync.WaitGroup
	answered = &atomic.Int64{}
	for range 8 {
		running.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				word, want := "right", authn.Accept("r1").RecordID
				if n%3 == 0 {
					word, want = "wrong", ""
				}
				got, err := p.Verify(t.Context(), "acme", present(word))
				switch {
				case err != nil && !tolerate(err):
					t.Errorf("%s: %v", word, err)
				case err == nil && got.RecordID != want:
					t.Errorf("%s: the answer is %v", word, got)
				case err == nil:
					answered.Add(1)
				}
			}
		})
	}
	return answered, running.Wait
}

func never(error) bool { return false }

func TestKilledUnderLoad(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	p := h.ready(t, "good")
	stop := make(chan struct{})
	answered, done := traffic(t, p, stop, never)
	for n := range 2 {
		before := answered.Load()
		eventually(t, "calls are answered", func() bool { return answered.Load() > before+100 })
		kill(t, h.status(t, "good").PID)
		eventually(t, "the plugin is back", func() bool { return h.status(t, "good").Restarts == n+1 })
	}
	before := answered.Load()
	eventually(t, "calls are answered", func() bool { return answered.Load() > before+100 })
	close(stop)
	done()
}

func TestPoisonHarmsNobodyElse(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	p := h.ready(t, "good")
	stop := make(chan struct{})
	answered, done := traffic(t, p, stop, never)
	eventually(t, "calls are answered", func() bool { return answered.Load() > 100 })
	if _, err := p.Verify(t.Context(), "acme", present("poison")); !problem.Is(err, problem.Unavailable) || problem.As(err).RetryAfter == 0 {
		t.Errorf("got %v", err)
	}
	before := answered.Load()
	eventually(t, "calls are answered", func() bool { return answered.Load() > before+100 })
	close(stop)
	done()
	if s := h.status(t, "good"); s.Restarts != 2 {
		t.Errorf("it died %d times", s.Restarts)
	}
}

func TestIssueIsNotRepeated(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	p := h.ready(t, "good")
	_, err := p.Issue(t.Context(), "acme", authn.IssueRequest{RecordID: "r", ClientID: "poison"})
	if !problem.Is(err, problem.Unavailable) {
		t.Errorf("got %v", err)
	}
	if _, err := p.Verify(t.Context(), "acme", present("right")); err != nil {
		t.Error(err)
	}
	if s := h.status(t, "good"); s.Restarts != 1 {
		t.Errorf("it died %d times", s.Restarts)
	}
}

func TestHungProcessIsKilled(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.Hasten(100*time.Millisecond, 10*time.Second)
	p := h.ready(t, "good")
	first := h.status(t, "good").PID
	// It stops in the midst of this, and does not answer questions either. The
	// call is repeated with the next process, which stops too.
	if _, err := p.Verify(t.Context(), "acme", present("stop")); !lateness(err) {
		t.Errorf("got %v", err)
	}
	eventually(t, "another process is ready", func() bool {
		s := h.status(t, "good")
		return s.State == pluginhost.Ready && s.PID != first
	})
	if alive(first) {
		t.Error("the hung process is left")
	}
	eventually(t, "it answers", func() bool {
		got, err := p.Verify(t.Context(), "acme", present("right"))
		return err == nil && got.RecordID == "r1"
	})
}

func TestHungProcessDoesNotHoldTheHostUp(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	p := h.ready(t, "good")
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, _ = p.Verify(ctx, "acme", present("stop"))
	pid := h.status(t, "good").PID
	closed := make(chan error, 1)
	go func() { closed <- h.Close(t.Context()) }()
	// go-plugin alone would wait until the connection is given up, and that is
	// later than this waits.
	eventually(t, "the host is closed", func() bool { return len(closed) == 1 })
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if alive(pid) {
		t.Error("it is left")
	}
}

func TestCloseLetsCallsEnd(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	p := h.ready(t, "good")
	file := filepath.Join(h.folder, "go")
	result := make(chan error, 1)
	go func() {
		_, err := p.Verify(t.Context(), "acme", present("wait-for "+file))
		result <- err
	}()
	eventually(t, "the call is in flight", func() bool {
		_, err := os.Stat(filepath.Join(filepath.Dir(file), "in-flight"))
		return err == nil
	})
	closed := make(chan error, 1)
	go func() { closed <- h.Close(t.Context()) }()
	eventually(t, "it drains", func() bool { return h.events.count("draining") == 1 })
	if _, err := p.Verify(t.Context(), "acme", present("right")); !problem.Is(err, problem.Unavailable) {
		t.Errorf("a new call: %v", err)
	}
	write(t, file, "", 0o600)
	if err := <-result; err != nil {
		t.Errorf("the call in flight: %v", err)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
}

func TestNothingIsLeftAfterClose(t *testing.T) {
	goroutines, descriptors := runtime.NumGoroutine(), openFiles(t)
	h := newHost(t)
	p := h.ready(t, "good")
	liar := h.ready(t, "liar")
	for range 200 {
		if _, err := p.Verify(t.Context(), "acme", present("right")); err != nil {
			t.Fatal(err)
		}
	}
	_, _ = liar.Verify(t.Context(), "acme", present("show-handle"))
	_, _ = p.Verify(t.Context(), "acme", present("audit a.b"))
	kill(t, h.status(t, "good").PID)
	_, _ = p.Verify(t.Context(), "acme", present("right"))
	h.Start(t.Context(), []pluginhost.Spec{h.bundled("exits"), copyOfSelf(t, h, "deaf")})
	if err := h.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "no goroutine is left", func() bool { return runtime.NumGoroutine() <= goroutines })
	eventually(t, "no file is open", func() bool { return openFiles(t) <= descriptors })
	for _, name := range []string{"good", "liar", "exits", "deaf"} {
		if alive(pidOf(h.folder, name)) {
			t.Errorf("%s is left", name)
		}
	}
	if len(h.Status()) != 3 || h.status(t, "good").PID != 0 {
		t.Errorf("status %+v", h.Status())
	}
	if err := h.Start(t.Context(), []pluginhost.Spec{h.bundled("late")})["late"]; !problem.Is(err, problem.Unavailable) {
		t.Errorf("a start after the end: %v", err)
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	found, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	return len(found)
}

func TestObserverIsTold(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	p := h.ready(t, "good")
	_, _ = p.Verify(t.Context(), "acme", present("right"))
	if err := h.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := strings.Join(h.events.states, ", ")
	want := "good starting 0, good configuring 1, good ready 1, good draining 1, good stopped 1"
	if got != want || h.events.calls != 1 {
		t.Errorf("%d calls, %s", h.events.calls, got)
	}
}
