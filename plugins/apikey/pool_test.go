package apikey

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

func TestAPoolWorksOnFewAndQueuesSome(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, release := newPool(2, 3), make(chan struct{})
		atWork, done, refused := make(chan struct{}, 10), make(chan bool, 10), make(chan error, 10)
		for range 7 {
			go func() {
				ok, err := p.do(t.Context(), func() bool { atWork <- struct{}{}; <-release; return true })
				if err != nil {
					refused <- err
					return
				}
				done <- ok
			}()
		}
		synctest.Wait()
		if len(atWork) != 2 || len(refused) != 2 {
			t.Fatalf("%d at work and %d refused, want 2 and 2", len(atWork), len(refused))
		}
		for range 2 {
			if got := problem.As(<-refused); got.Code != problem.Unavailable || got.RetryAfter <= 0 {
				t.Errorf("beyond the queue: %+v, want %s with a time to wait", got, problem.Unavailable)
			}
		}
		close(release)
		synctest.Wait()
		if len(done) != 5 || len(p.places) != 0 || len(p.workers) != 0 {
			t.Errorf("%d done, %d places and %d workers taken; want 5, 0 and 0", len(done), len(p.places), len(p.workers))
		}
	})
}

func TestWhoDoesNotWaitAnyMoreLeavesTheQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, release := newPool(1, 1), make(chan struct{})
		go func() { _, _ = p.do(t.Context(), func() bool { <-release; return true }) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		ran := false
		if _, err := p.do(ctx, func() bool { ran = true; return true }); err == nil || ran {
			t.Errorf("error %v, ran %t; want an error and nothing run", err, ran)
		}
		close(release)
		synctest.Wait()
		if len(p.places) != 0 {
			t.Errorf("%d places are taken", len(p.places))
		}
	})
}

// TestAFullPoolHoldsUpNobodyElse has all places of bcrypt taken.
func TestAFullPoolHoldsUpNobodyElse(t *testing.T) {
	t.Parallel()
	m := newImports(importSettings{}, defaultPrefix, func(string) bool { return true }, nil)
	for range cap(m.bcrypt.places) {
		m.bcrypt.places <- struct{}{}
	}
	slow := authn.Record{ID: "Kslow", Verifier: []byte("\x02$2b$04$XL9ImK5xCgsawSP.AkHoTO7n6xJL4RQsKGuHxBdhDnoFibdxXTPeO")}
	fast := authn.Record{ID: "Kfast", Verifier: []byte("\x02sha256$9271dece7ac7968bb865913b7e99f64871a4a1ae095812a49667e894d8a29d38")}
	const text secret.Text = "sk_live_correct-horse"
	if _, err := m.match(t.Context(), []authn.Record{slow}, text); !problem.Is(err, problem.Unavailable) {
		t.Errorf("a slow one: %v, want %s", err, problem.Unavailable)
	}
	if i, err := m.match(t.Context(), []authn.Record{slow, fast}, text); i != 1 || err != nil {
		t.Errorf("a fast one beside it: record %d, error %v", i, err)
	}
}
