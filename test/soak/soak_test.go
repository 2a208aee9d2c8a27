//go:build linux

package soak_test

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/binary"
	mathrand "math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/test/gatehousetest"
)

// soak is one run.
type soak struct {
	*place
	t      *testing.T
	client *http.Client
	ledger *ledger
	outage outage
	made   int             // clients so far
	unsure map[string]bool // clients of which a change has an unknown outcome

	passed, refused, streams, changes, abuses atomic.Int64
	good, bad, pluginKills, hostKills         atomic.Int64 // disturbances
	killed                                    map[string]time.Time
	violations                                sync.Map // by invariant: *atomic.Int64
}

// violated fails the test and names the invariant. A few of each are enough to
// see why.
func (s *soak) violated(invariant, format string, args ...any) {
	s.t.Helper()
	n, _ := s.violations.LoadOrStore(invariant, new(atomic.Int64))
	if n.(*atomic.Int64).Add(1) <= 5 {
		s.t.Errorf("VIOLATED: "+invariant+": "+format, args...)
	}
}

func (s *soak) count(n *atomic.Int64, decided bool) {
	if decided {
		n.Add(1)
	}
}

// admin reaches the host that runs now.
func (s *soak) admin(ctx context.Context) (*admin.Host, error) {
	return admin.Dial(ctx, admin.Options{Socket: filepath.Join(s.Data, admin.SocketName)})
}

// length is how long the load lasts: SOAK, a few seconds without it.
func length(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("SOAK")
	if text == "" {
		return 8 * time.Second
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("SOAK: %v", err)
	}
	return d
}

// seed is SOAK_SEED, or a random one. It decides what happens, but not what
// meets what: processes and the network have a time of their own.
func seed(t *testing.T) uint64 {
	t.Helper()
	if text := os.Getenv("SOAK_SEED"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("SOAK_SEED: %v", err)
		}
		return n
	}
	var random [8]byte
	_, _ = rand.Read(random[:]) // it never fails
	return binary.NativeEndian.Uint64(random[:])
}

// TestSoak is two thirds of its time with everything, then one third without
// kills of the host, so that what leaks can add up. SOAK says how long that is,
// SOAK_SEED repeats a run.
func TestSoak(t *testing.T) {
	long, number := length(t), seed(t)
	t.Logf("SOAK=%s SOAK_SEED=%d", long, number)
	random := mathrand.New(mathrand.NewPCG(number, 0))
	s := &soak{place: newPlace(t), t: t, ledger: newLedger(), unsure: map[string]bool{}, killed: map[string]time.Time{}}
	s.client = &http.Client{Timeout: time.Minute, Transport: &http.Transport{
		MaxIdleConnsPerHost: 32, ForceAttemptHTTP2: false, TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{},
	}}
	s.Start()
	for range 10 {
		if err := s.changeOne(t.Context(), random); err != nil {
			t.Fatal(err)
		}
	}
	s.load(random, long*2/3, true)
	s.outage.during(s.Restart)
	s.load(random, max(long/30, 2*time.Second), false)
	before := s.calm(long)
	s.load(random, long/3, false)
	after := s.calm(long)
	t.Logf("before: %s", before)
	t.Logf("after:  %s", after)
	after.compare(s, before)
	s.acknowledged(t.Context(), random)
	s.over()
	s.Start()
	s.acknowledged(t.Context(), random)
	s.report("over")
}

// load runs every kind of load for a time, and returns once all of it is over.
func (s *soak) load(random *mathrand.Rand, long time.Duration, kills bool) {
	ctx, cancel := context.WithTimeout(s.t.Context(), long)
	defer cancel()
	var all sync.WaitGroup
	start := func(what func(context.Context, *mathrand.Rand)) {
		own := mathrand.New(mathrand.NewPCG(random.Uint64(), random.Uint64()))
		all.Go(func() { what(ctx, own) })
	}
	for range 3 {
		start(s.call)
		start(s.stream)
	}
	start(s.change)
	start(s.abuse)
	all.Go(func() {
		for every := max(long/30, 5*time.Second); ; {
			select {
			case <-ctx.Done():
				return
			case <-time.After(every):
				s.report("so far")
			}
		}
	})
	s.disturb(ctx, random, kills)
	all.Wait()
}

func (s *soak) report(when string) {
	s.outage.mu.Lock()
	out := s.outage.sum
	s.outage.mu.Unlock()
	s.t.Logf("%s: %d requests passed, %d refused, %d streams, %d changes, %d abuses; %d reloads and %d wrong ones, %d plugins and %d hosts killed, %s of outages",
		when, s.passed.Load(), s.refused.Load(), s.streams.Load(), s.changes.Load(), s.abuses.Load(), s.good.Load(), s.bad.Load(), s.pluginKills.Load(), s.hostKills.Load(), out.Round(time.Millisecond))
}

// over ends the host, and looks for what it leaves behind.
func (s *soak) over() {
	s.t.Helper()
	processes := children(s.t, s.PID())
	s.Signal(syscall.SIGTERM)
	if status := s.Wait(); status != 0 {
		s.violated("the host ends in order", "status %d", status)
	}
	for _, pid := range processes {
		if gatehousetest.Running(pid) {
			s.violated("no process outlives the host", "process %d", pid)
		}
	}
	s.audited()
}
