package access_test

import (
	"context"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/core/access"
	"github.com/gatehouse-id/gatehouse/core/credential"
	"github.com/gatehouse-id/gatehouse/core/throttle"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// from is a request of a client's with a secret, from an address.
func (w *world) from(address, client, secret string) *access.Request {
	r := w.request(h("X-Client-Id", client, "X-Client-Secret", secret))
	r.Client = netip.MustParseAddr(address)
	return r
}

const attackers, others = "192.0.2.7", "198.51.100.1"

// guess fails until it is refused, and says how often it was not. Nothing is
// waited for: a request that has ended is not held.
func guess(t *testing.T, w *world, address, client string) int {
	t.Helper()
	for n := range 100 {
		_, err := w.service.Check(t.Context(), w.from(address, client, fmt.Sprintf("ghk_K1_guess%d", n)))
		switch {
		case problem.Is(err, problem.Throttled):
			if problem.As(err).RetryAfter <= 0 {
				t.Error("no Retry-After")
			}
			return n
		case !problem.Is(err, problem.Unauthenticated):
			t.Fatalf("guess %d: %v", n, err)
		}
	}
	t.Fatal("never refused")
	return 0
}

func TestGuessesAreRefused(t *testing.T) {
	t.Parallel()
	for name, id := range map[string]string{"a client": "alpha", "nobody": "nobody"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			if n := guess(t, w, attackers, id); n != 10 {
				t.Errorf("refused after %d guesses, whoever the id is of it is 10", n)
			}
			before := w.verified.Load()
			if _, err := w.service.Check(t.Context(), w.from(attackers, "alpha", "ghk_K1_right")); id == "alpha" && !problem.Is(err, problem.Throttled) {
				t.Errorf("the right secret tells that it is right: %v", err)
			} else if id == "alpha" && w.verified.Load() != before {
				t.Error("what is refused costs a call of the plugin")
			}
			if _, err := w.service.Check(t.Context(), w.from(others, "alpha", "ghk_K1_right")); err != nil {
				t.Errorf("the right secret from elsewhere: %v", err)
			}
		})
	}
}

func TestGoodClientsBehindTheAttackersAddress(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	good := w.from(attackers, "alpha", "ghk_K1_right")
	if _, err := w.service.Check(t.Context(), good); err != nil {
		t.Fatal(err)
	}
	for n := range 30 {
		w.attempts.Failed(netip.MustParseAddr(attackers), fmt.Sprint("apikey/none", n))
	}
	if _, err := w.service.Check(t.Context(), w.from(attackers, "beta", "ghk_K2_right")); !problem.Is(err, problem.Throttled) {
		t.Fatalf("the attack is none: %v", err)
	}
	calls := w.verified.Load()
	if _, err := w.service.Check(t.Context(), good); err != nil || w.verified.Load() != calls {
		t.Errorf("a cached verdict: %v, %d calls", err, w.verified.Load()-calls)
	}
	guess(t, w, attackers, "alpha") // and now its own id from there is full
	w.edit("alpha", func(r *credential.Record) { r.Client.Name = "another" })
	if _, err := w.service.Check(t.Context(), good); err != nil {
		t.Errorf("a verdict that has to be found anew: %v", err)
	}
}

func TestARevokedKeyIsAGuess(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.from(attackers, "alpha", "ghk_K1_right")
	if _, err := w.service.Check(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	w.edit("alpha", func(r *credential.Record) { r.Keys = nil })
	for n := range 10 {
		if _, err := w.service.Check(t.Context(), r); !problem.Is(err, problem.Unauthenticated) {
			t.Fatalf("attempt %d: %v", n, err)
		}
	}
	if _, err := w.service.Check(t.Context(), r); !problem.Is(err, problem.Throttled) {
		t.Errorf("it may be presented for ever: %v", err)
	}
}

// TestOnlyFailuresCount makes many attempts that end otherwise.
func TestOnlyFailuresCount(t *testing.T) {
	t.Parallel()
	unavailable := error(problem.New(problem.Unavailable, "gone"))
	for name, spoil := range map[string]func(*world){
		"a suspended client": func(w *world) {
			w.edit("alpha", func(r *credential.Record) { r.Client.State = credential.Suspended })
		},
		"a key that has ended": func(w *world) {
			w.edit("alpha", func(r *credential.Record) { r.Client.ExpiresAt = start })
		},
		"another network": func(w *world) {
			w.edit("alpha", func(r *credential.Record) { r.Client.Networks = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")} })
		},
		"a store that is gone": func(w *world) { w.fail.Store(&unavailable) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			spoil(w)
			for range 100 {
				_, err := w.service.Check(t.Context(), w.from(attackers, "alpha", "ghk_K1_right"))
				if err == nil || problem.Is(err, problem.Throttled) || problem.Is(err, problem.Unauthenticated) {
					t.Fatal(err)
				}
			}
		})
	}
}

func TestARightSecretPassesWhileItsIDIsAttacked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if _, err := w.service.Check(t.Context(), w.from(others, "alpha", "ghk_K1_right")); err != nil {
		t.Fatal(err)
	}
	for n := range 1000 {
		w.attempts.Failed(netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)}), "apikey/alpha")
	}
	w.edit("alpha", func(r *credential.Record) {
		r.Keys = append(r.Keys, credential.Key{ID: "K3", ClientID: "alpha", Instance: "apikey", State: credential.Live, Verifier: []byte("K3")})
	})
	if _, err := w.service.Check(t.Context(), w.from(others, "alpha", "ghk_K3_right")); err != nil {
		t.Errorf("from where it had success: %v", err)
	}
	if n := w.observed(throttle.ByID, throttle.Slowed); n != 0 {
		t.Errorf("and was slowed %d times", n)
	}
	ended, end := context.WithCancel(t.Context())
	end() // who would be held is not, but told
	if _, err := w.service.Check(ended, w.from("203.0.113.9", "alpha", "ghk_K1_unseen")); !problem.Is(err, problem.DeadlineExceeded) {
		t.Errorf("from somewhere new: %v", err)
	}
	if n := w.observed(throttle.ByID, throttle.Slowed); n != 1 {
		t.Errorf("was slowed %d times", n)
	}
}

func TestRateOfAClient(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.edit("alpha", func(r *credential.Record) { r.Client.Rate = 3600 })
	ask := func(r *access.Request) error {
		_, err := w.service.Check(t.Context(), r)
		return err
	}
	alpha, beta := w.at("/anything"), w.from(others, "beta", "ghk_K2_right")
	for range 2 {
		if err := ask(alpha); err != nil {
			t.Fatal(err)
		}
	}
	err := ask(alpha)
	if !problem.Is(err, problem.Throttled) || problem.As(err).RetryAfter != time.Second || w.observed(throttle.ByClient, throttle.Refused) != 1 {
		t.Fatalf("over the rate: %v, after %s", err, problem.As(err).RetryAfter)
	}
	again := *alpha
	again.Again = true
	if err := ask(&again); err != nil {
		t.Errorf("a stream that is decided on anew is no request: %v", err)
	}
	for range 100 {
		if err := ask(beta); err != nil {
			t.Fatalf("another client: %v", err)
		}
	}
	w.edit("alpha", func(r *credential.Record) { r.Client.Rate = 7200 })
	w.now.Add(int64(time.Second))
	if err := ask(alpha); err != nil {
		t.Errorf("the rate was raised: %v", err)
	}
	w.edit("alpha", func(r *credential.Record) { r.Client.Rate = 0 })
	for range 100 {
		if err := ask(alpha); err != nil {
			t.Fatalf("without a rate: %v", err)
		}
	}
}

func BenchmarkCachedCheck(b *testing.B) {
	for name, rate := range map[string]throttle.Rate{"without a rate": 0, "with a rate": 1_000_000 * 3600} {
		b.Run(name, func(b *testing.B) {
			w := newWorld(b)
			w.edit("alpha", func(r *credential.Record) { r.Client.Rate = rate })
			r := w.at("/anything")
			b.ReportAllocs()
			for b.Loop() {
				w.now.Add(int64(time.Microsecond)) // a token, at this rate
				if _, err := w.service.Check(b.Context(), r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
