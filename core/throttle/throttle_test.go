package throttle_test

import (
	"context"
	"encoding/binary"
	"net/netip"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/gatehouse-id/gatehouse/core/throttle"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

var limits = throttle.Limits{PerSource: 30, PerID: 100, Window: time.Minute}

func quiet(throttle.By, throttle.Action) {}

var attacker, elsewhere = netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("198.51.100.1")

func fail(g *throttle.Guard, from netip.Addr, id string, times int) {
	for range times {
		g.Failed(from, id)
	}
}

// number is the nth address of a private network, IPv4.
func number(n uint32) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], 10<<24+n)
	return netip.AddrFrom4(b)
}

// TestWhoIsStopped is the table of attacks: what happened before, and what an
// attempt then meets.
func TestWhoIsStopped(t *testing.T) {
	t.Parallel()
	v6 := netip.MustParseAddr
	tests := map[string]struct {
		before  func(*throttle.Guard)
		from    netip.Addr
		id      string
		refused bool
		slowed  bool
	}{
		"nothing failed":                       {func(*throttle.Guard) {}, attacker, "alpha", false, false},
		"a few failures pass":                  {func(g *throttle.Guard) { fail(g, attacker, "", 15) }, attacker, "beta", false, false},
		"more slow the source":                 {func(g *throttle.Guard) { fail(g, attacker, "", 20) }, attacker, "beta", false, true},
		"the source is refused":                {func(g *throttle.Guard) { fail(g, attacker, "", 30) }, attacker, "beta", true, false},
		"and others are not":                   {func(g *throttle.Guard) { fail(g, attacker, "", 30) }, elsewhere, "beta", false, false},
		"nor is what has no id":                {func(g *throttle.Guard) { fail(g, attacker, "alpha", 9) }, attacker, "", false, false},
		"no id, from a source that is refused": {func(g *throttle.Guard) { fail(g, attacker, "", 30) }, attacker, "", true, false},
		"an id from a source":                  {func(g *throttle.Guard) { fail(g, attacker, "alpha", 10) }, attacker, "alpha", true, false},
		"another id from there passes":         {func(g *throttle.Guard) { fail(g, attacker, "alpha", 10) }, attacker, "beta", false, false},
		"an id under attack from everywhere is slowed": {func(g *throttle.Guard) {
			for n := range uint32(1000) {
				g.Failed(number(n), "alpha")
			}
		}, elsewhere, "alpha", false, true},
		"but not where it had success": {func(g *throttle.Guard) {
			g.Succeeded(elsewhere, "alpha")
			for n := range uint32(1000) {
				g.Failed(number(n), "alpha")
			}
		}, elsewhere, "alpha", false, false},
		"who had success goes on behind the attacker's address": {func(g *throttle.Guard) {
			g.Succeeded(attacker, "beta")
			fail(g, attacker, "", 30)
		}, attacker, "beta", false, false},
		"success is no way around the limit of the pair": {func(g *throttle.Guard) {
			g.Succeeded(attacker, "beta")
			fail(g, attacker, "beta", 10)
		}, attacker, "beta", true, false},
		"success is of one id": {func(g *throttle.Guard) {
			g.Succeeded(attacker, "beta")
			fail(g, attacker, "", 30)
		}, attacker, "alpha", true, false},
		"an IPv6 /64 is one source": {func(g *throttle.Guard) {
			fail(g, v6("2001:db8:1:2::1"), "", 15)
			fail(g, v6("2001:db8:1:2:ffff::9"), "", 15)
		}, v6("2001:db8:1:2:5::5"), "beta", true, false},
		"the next /64 is another":                   {func(g *throttle.Guard) { fail(g, v6("2001:db8:1:2::1"), "", 30) }, v6("2001:db8:1:3::1"), "beta", false, false},
		"an address in IPv6's form is the IPv4 one": {func(g *throttle.Guard) { fail(g, v6("::ffff:192.0.2.7"), "", 30) }, attacker, "beta", true, false},
		"all whose address is unknown are one":      {func(g *throttle.Guard) { fail(g, netip.Addr{}, "", 30) }, netip.Addr{}, "beta", true, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				g := throttle.New(limits, time.Now, quiet)
				tt.before(g)
				began := time.Now()
				err := g.Admit(t.Context(), tt.from, tt.id)
				if refused := problem.Is(err, problem.Throttled); refused != tt.refused || (err != nil && !refused) {
					t.Errorf("refused %v, want %v: %v", refused, tt.refused, err)
				}
				if tt.refused && problem.As(err).RetryAfter <= 0 {
					t.Error("a refusal does not say when to come again")
				}
				if slowed := time.Since(began) > 0; slowed != tt.slowed {
					t.Errorf("held for %s, want slowed %v", time.Since(began), tt.slowed)
				}
			})
		})
	}
}

func TestRetryAfterIsTrue(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := time.Unix(0, 0)
		l := throttle.Limits{PerSource: rapid.IntRange(1, 200).Draw(t, "limit"), Window: time.Duration(rapid.IntRange(1, 600).Draw(t, "seconds")) * time.Second}
		g := throttle.New(l, func() time.Time { return now }, quiet)
		fail(g, attacker, "", l.PerSource+rapid.IntRange(0, 50).Draw(t, "more"))
		ended, end := context.WithCancel(context.Background())
		end() // a hold ends at once, and is no refusal
		err := g.Admit(ended, attacker, "")
		if !problem.Is(err, problem.Throttled) {
			t.Fatalf("after %d failures: %v", l.PerSource, err)
		}
		wait := problem.As(err).RetryAfter
		if wait > l.Window {
			t.Errorf("Retry-After is %s, more than the window of %s", wait, l.Window)
		}
		now = now.Add(wait - 1)
		if !problem.Is(g.Admit(ended, attacker, ""), problem.Throttled) {
			t.Error("passes before Retry-After")
		}
		now = now.Add(1)
		if problem.Is(g.Admit(ended, attacker, ""), problem.Throttled) {
			t.Error("is refused after Retry-After")
		}
		now = now.Add(l.Window)
		if err := g.Admit(ended, attacker, ""); err != nil {
			t.Errorf("a window later something is left: %v", err)
		}
	})
}

func TestWaitingIsBounded(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		before  func(*throttle.Guard)
		refused bool
	}{
		"by source: refused": {func(g *throttle.Guard) { fail(g, attacker, "", 20) }, true},
		"by id alone: passes": {func(g *throttle.Guard) {
			for n := range uint32(1000) {
				g.Failed(number(n), "alpha")
			}
		}, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				g := throttle.New(limits, time.Now, quiet)
				tt.before(g)
				var held sync.WaitGroup
				for range 256 {
					held.Go(func() {
						if err := g.Admit(t.Context(), attacker, "alpha"); err != nil {
							t.Error(err)
						}
					})
				}
				synctest.Wait()
				began := time.Now()
				err := g.Admit(t.Context(), attacker, "alpha")
				if problem.Is(err, problem.Throttled) != tt.refused || time.Since(began) > 0 {
					t.Errorf("one more: %v after %s", err, time.Since(began))
				}
				held.Wait()
				if time.Since(began) > 2*time.Second {
					t.Errorf("held for %s", time.Since(began))
				}
				ended, end := context.WithCancel(t.Context())
				end()
				if err := g.Admit(ended, attacker, "alpha"); !problem.Is(err, problem.DeadlineExceeded) {
					t.Errorf("a request that has ended: %v", err)
				}
			})
		})
	}
}

// TestAMillionSources floods the counters. Nothing may grow, no stranger may be
// stopped by it, and no attacker may lose what was counted of him.
func TestAMillionSources(t *testing.T) {
	now := time.Unix(0, 0)
	g := throttle.New(limits, func() time.Time { return now }, quiet)
	fail(g, attacker, "alpha", 30)
	g.Succeeded(elsewhere, "gamma")
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for n := range uint32(1_000_000) {
		g.Failed(number(n), "victim")
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 1<<20 {
		t.Errorf("the heap grew by %d bytes", grown)
	}
	if err := g.Admit(t.Context(), attacker, "beta"); !problem.Is(err, problem.Throttled) {
		t.Errorf("the flood has let the attacker go: %v", err)
	}
	ended, end := context.WithCancel(t.Context())
	end() // to be held would be an error
	if err := g.Admit(ended, elsewhere, "gamma"); err != nil {
		t.Errorf("a client with success: %v", err)
	}
	// The million came in one instant, so that nothing has leaked: the pairs lie
	// four deep, and about one stranger in a thousand finds all his cells half
	// full. He is held, not refused.
	refused, held := 0, 0
	for n := range uint32(1000) {
		switch err := g.Admit(ended, number(2_000_000+n), "stranger"); {
		case problem.Is(err, problem.Throttled):
			refused++
		case err != nil:
			held++
		}
	}
	if refused > 0 || held > 10 {
		t.Errorf("of 1000 strangers %d are refused and %d held", refused, held)
	}
}

// TestASketchNeverForgets has any sources fail in any order, and remembers each
// exactly: who is over the limit by that is refused, whatever others did.
func TestASketchNeverForgets(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := time.Unix(0, 0)
		const failure = 2 * time.Second // of 30 a minute
		g := throttle.New(throttle.Limits{PerSource: 30, Window: time.Minute}, func() time.Time { return now }, quiet)
		ended, end := context.WithCancel(context.Background())
		end()
		empty := map[netip.Addr]time.Time{}
		for range rapid.IntRange(1, 300).Draw(t, "failures") {
			now = now.Add(time.Duration(rapid.IntRange(0, 500).Draw(t, "ms")) * time.Millisecond)
			from := number(rapid.Uint32Range(0, 5).Draw(t, "source"))
			g.Failed(from, "")
			at := empty[from]
			if at.Before(now) {
				at = now
			}
			empty[from] = at.Add(failure)
			if last := now.Add(time.Minute); empty[from].After(last) {
				empty[from] = last
			}
			over := empty[from].Sub(now) > time.Minute-failure
			if refused := problem.Is(g.Admit(ended, from, ""), problem.Throttled); over && !refused {
				t.Fatalf("%s has failed too often and is not refused", from)
			}
		}
	})
}

func TestOtherLimitsRememberTheSame(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	g := throttle.New(limits, func() time.Time { return now }, quiet)
	fail(g, attacker, "", 30)
	g.Succeeded(elsewhere, "alpha")
	again := g.With(throttle.Limits{PerSource: 20, PerID: 1, Window: time.Minute})
	if err := again.Admit(t.Context(), attacker, ""); !problem.Is(err, problem.Throttled) {
		t.Errorf("a reload forgets failures: %v", err)
	}
	other := again.With(throttle.Limits{PerSource: 20, PerID: 1, Window: time.Hour})
	if err := other.Admit(t.Context(), attacker, ""); err != nil {
		t.Errorf("of another window: %v", err)
	}
	fail(other, attacker, "alpha", 1)
	ended, end := context.WithCancel(t.Context())
	end()
	if err := other.Admit(ended, elsewhere, "alpha"); err != nil {
		t.Errorf("another window forgets success: %v", err)
	}
	none := g.With(throttle.Limits{Window: time.Minute})
	fail(none, attacker, "alpha", 1000)
	if err := none.Admit(ended, attacker, "alpha"); err != nil {
		t.Errorf("no limits: %v", err)
	}
}

func BenchmarkFailedAttempt(b *testing.B) {
	g := throttle.New(limits, time.Now, quiet)
	b.ReportAllocs()
	ended, end := context.WithCancel(context.Background())
	end()
	for n := uint32(0); b.Loop(); n++ {
		from := number(n % (1 << 24))
		_ = g.Admit(ended, from, "apikey/my-tenant")
		g.Failed(from, "apikey/my-tenant")
	}
}
