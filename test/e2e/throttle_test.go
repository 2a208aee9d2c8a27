//go:build linux

package e2e_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/gatehouse-id/gatehouse/core/throttle"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/test/gatehousetest"
)

// retryAfter checks that a refusal says when to come again, in seconds.
func retryAfter(t *testing.T, a answer, most int) {
	t.Helper()
	if n, err := strconv.Atoi(a.header.Get("Retry-After")); err != nil || n < 1 || n > most {
		t.Errorf("Retry-After is %q", a.header.Get("Retry-After"))
	}
}

// checked asks /auth/check as nginx does, for a client at an address.
func checked(t *testing.T, h *gatehousetest.Host, address string, key http.Header) answer {
	t.Helper()
	header := key.Clone()
	header.Set("X-Forwarded-For", address)
	header.Set("X-Original-Method", http.MethodGet)
	header.Set("X-Original-Uri", "/api/v1/whoami")
	return ask(t, http.MethodGet, h.URL+"/auth/check", header, "")
}

// TestGuessingIsStopped guesses from one address behind a trusted proxy, beside
// good clients: one that shares the address, and the one whose id it names.
func TestGuessingIsStopped(t *testing.T) {
	t.Parallel()
	h := before(t, gatehousetest.Options{})
	h.Start()
	victim, neighbour, stranger := pair(analyst(h, "victim")), pair(analyst(h, "neighbour")), pair(analyst(h, "stranger"))
	const attacker, home = "203.0.113.7", "198.51.100.1"
	for name, a := range map[string]answer{"the victim": checked(t, h, home, victim), "the neighbour": checked(t, h, attacker, neighbour)} {
		if a.status != http.StatusOK {
			t.Fatalf("%s: %d %v", name, a.status, a.header)
		}
	}
	// The secrets are the victim's with another client's id, so that each one is
	// well formed and is verified.
	guess := func(n int) answer {
		return checked(t, h, attacker, http.Header{"X-Client-Id": {fmt.Sprintf("nobody%d", n/3)}, "X-Client-Secret": victim["X-Client-Secret"]})
	}
	var refused answer
	var found sync.Once
	stopped := make(chan struct{})
	var guessing sync.WaitGroup
	for worker := range 10 { // at once, since each is slowed
		guessing.Go(func() {
			for n := range 20 {
				a := guess(20*worker + n)
				switch {
				case a.header.Get("X-Gatehouse-Status") == "429":
					found.Do(func() { refused = a; close(stopped) })
				case a.status != http.StatusUnauthorized:
					t.Errorf("a guess: %d %v", a.status, a.header)
				}
				select {
				case <-stopped:
					return
				default:
				}
			}
		})
	}
	guessing.Wait()
	if refused.status != http.StatusForbidden || !strings.Contains(refused.header.Get("X-Gatehouse-Problem"), `"code":"throttled"`) {
		t.Errorf("nginx is told %d %v", refused.status, refused.header)
	}
	if n, err := strconv.Atoi(refused.header.Get("X-Gatehouse-Retry-After")); err != nil || n < 1 || n > 60 {
		t.Errorf("X-Gatehouse-Retry-After is %q", refused.header.Get("X-Gatehouse-Retry-After"))
	}
	for name, a := range map[string]answer{
		"the victim, from its own address": checked(t, h, home, victim),
		"who shares the attacker's":        checked(t, h, attacker, neighbour),
		"a stranger from elsewhere":        checked(t, h, "198.51.100.2", stranger),
	} {
		if a.status != http.StatusOK {
			t.Errorf("%s: %d %v", name, a.status, a.header)
		}
	}
	measured(t, h, "refused", throttle.BySource)
	measured(t, h, "slowed", throttle.BySource)
}

// measured checks that something was counted.
func measured(t *testing.T, h *gatehousetest.Host, action throttle.Action, by throttle.By) {
	t.Helper()
	series := fmt.Sprintf("gatehouse_throttled_total{action=%q,by=%q} ", action, by)
	_, value, _ := strings.Cut(ask(t, http.MethodGet, h.URL+"/metrics", nil, "").body, series)
	if value, _, _ = strings.Cut(value, "\n"); value == "" || value == "0" {
		t.Errorf("the metrics say %q for %s", value, series)
	}
}

// TestAnIDUnderAttack names a client's id with wrong secrets from everywhere.
// Right ones pass: where it had success, as if nothing were.
func TestAnIDUnderAttack(t *testing.T) {
	t.Parallel()
	h := before(t, gatehousetest.Options{})
	h.Start()
	key, other := analyst(h, "victim"), pair(analyst(h, "other"))
	second := pair(h.NewKey("victim")) // has not been used yet
	const home, away = "198.51.100.1", "198.51.100.77"
	if a := checked(t, h, home, pair(key)); a.status != http.StatusOK {
		t.Fatalf("before the attack: %d %v", a.status, a.header)
	}
	wrong := http.Header{"X-Client-Id": {"victim"}, "X-Client-Secret": other["X-Client-Secret"]}
	var attack sync.WaitGroup
	for from := range 30 {
		attack.Go(func() {
			for n := range 6 {
				a := checked(t, h, fmt.Sprintf("203.0.113.%d", from*6+n), wrong)
				if a.status != http.StatusUnauthorized {
					t.Errorf("a guess: %d %v", a.status, a.header)
				}
			}
		})
	}
	attack.Wait()
	measured(t, h, throttle.Slowed, throttle.ByID)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.SetBasicAuth(key.Client, key.Secret) // has no cached verdict
	for name, a := range map[string]answer{
		"cached":                   checked(t, h, home, pair(key)),
		"verified, from its home":  checked(t, h, home, request.Header),
		"verified, from elsewhere": checked(t, h, away, second),
	} {
		if a.status != http.StatusOK {
			t.Errorf("a right secret, %s: %d %v", name, a.status, a.header)
		}
	}
}

func TestARateHoldsAClient(t *testing.T) {
	t.Parallel()
	h := before(t, gatehousetest.Options{})
	h.Start()
	limited, free := pair(analyst(h, "limited", "--rate", "1/h")), pair(analyst(h, "free"))
	if a := execute(t, h, limited); a.status != http.StatusOK {
		t.Fatalf("the first request: %d %s", a.status, a.body)
	}
	a := execute(t, h, limited)
	a.refusal(t, http.StatusTooManyRequests, problem.Throttled)
	retryAfter(t, a, 3600)
	for range 20 {
		if a := execute(t, h, free); a.status != http.StatusOK {
			t.Fatalf("a client without a rate: %d %s", a.status, a.body)
		}
	}
}
