package admin_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	"github.com/gatehouse-id/gatehouse/core/throttle"
	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

const attacker, home, elsewhere = "203.0.113.7", "198.51.100.1", "198.51.100.2"

// guarded is a host that refuses after two failures of a source, or one of an id
// from it, so that no attempt is held.
func guarded(t *testing.T) (h *host, refusals *atomic.Int64) {
	t.Helper()
	h, refusals = newHost(t, storetest.Open(t, storetest.SQLite(t))), new(atomic.Int64)
	h.guard = throttle.New(throttle.Limits{PerSource: 2, Window: time.Minute}, func() time.Time { return *h.now.Load() }, func(_ throttle.By, a throttle.Action) {
		if a == throttle.Refused {
			refusals.Add(1)
		}
	})
	return h, refusals
}

// from makes a request from an address.
func (h *host) from(t *testing.T, address string, token secret.Text) (*http.Response, string) {
	t.Helper()
	header := with(token)
	header.Set("X-From", address)
	return h.send(t, http.MethodGet, wire.Prefix+"/clients", "", header)
}

func (h *host) answers(t *testing.T, address string, token secret.Text, status int) {
	t.Helper()
	res, body := h.from(t, address, token)
	if res.StatusCode != status {
		t.Errorf("from %s: %s %s, want %d", address, res.Status, body, status)
	}
	if status != http.StatusTooManyRequests {
		return
	}
	if n, err := strconv.Atoi(res.Header.Get("Retry-After")); err != nil || n < 1 || n > 60 || !strings.Contains(body, `"code":"throttled"`) || res.Header.Get("Content-Type") != problem.MediaType {
		t.Errorf("Retry-After %q, %s", res.Header.Get("Retry-After"), body)
	}
}

// wrong is a well-formed token with an id, and another secret.
func wrong(t *testing.T, id string) secret.Text {
	t.Helper()
	text, err := secret.New(strings.NewReader(strings.Repeat("guess", 20)), "gha", id)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestGuessedAdminTokens(t *testing.T) {
	t.Run("one id", func(t *testing.T) {
		h, refusals := guarded(t)
		id, right := h.token(t)
		h.answers(t, home, right, http.StatusOK)
		h.answers(t, attacker, wrong(t, id), http.StatusUnauthorized)
		h.answers(t, attacker, wrong(t, id), http.StatusTooManyRequests)
		h.answers(t, attacker, right, http.StatusTooManyRequests) // or it would tell that it is right
		h.answers(t, home, right, http.StatusOK)
		h.answers(t, elsewhere, right, http.StatusOK)
		if n := refusals.Load(); n != 2 {
			t.Errorf("%d refusals were counted", n)
		}
		h.set(h.now.Load().Add(2 * time.Minute))
		h.answers(t, attacker, right, http.StatusOK)
	})
	t.Run("one source", func(t *testing.T) {
		h, _ := guarded(t)
		_, right := h.token(t)
		_, late := h.token(t)
		h.answers(t, attacker, right, http.StatusOK) // who shares the address, before
		h.answers(t, attacker, "gha_wrong", http.StatusUnauthorized)
		h.answers(t, attacker, wrong(t, "T0"), http.StatusUnauthorized)
		h.answers(t, attacker, wrong(t, "T1"), http.StatusTooManyRequests)
		h.answers(t, attacker, "gha_wrong", http.StatusTooManyRequests)
		h.answers(t, attacker, late, http.StatusTooManyRequests)
		h.answers(t, attacker, right, http.StatusOK)
		h.answers(t, home, late, http.StatusOK)
	})
	t.Run("what is shown outside of the API", func(t *testing.T) {
		h, _ := guarded(t)
		id, _ := h.token(t)
		ask := func() error {
			r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
			r.Header = with(wrong(t, id))
			return h.api.CheckToken(r)
		}
		if err := ask(); !problem.Is(err, problem.Unauthenticated) {
			t.Error(err)
		}
		if err := ask(); !problem.Is(err, problem.Throttled) || problem.As(err).RetryAfter <= 0 {
			t.Error(err)
		}
	})
	t.Run("without a token", func(t *testing.T) {
		h, _ := guarded(t)
		_, right := h.token(t)
		for range 5 {
			if res, _ := h.send(t, http.MethodGet, wire.Prefix+"/clients", "", http.Header{"X-From": {attacker}}); res.StatusCode != http.StatusUnauthorized {
				t.Errorf("nothing was guessed: %s", res.Status)
			}
		}
		h.answers(t, attacker, right, http.StatusOK)
	})
	t.Run("a right token with too few scopes", func(t *testing.T) {
		h, _ := guarded(t)
		_, narrow := h.token(t, "gatehouse:tokens:read")
		for range 5 {
			h.answers(t, attacker, narrow, http.StatusForbidden)
		}
	})
}

// From everywhere wrong tokens name one id: it goes on where it had success, and
// is held elsewhere, but never refused.
func TestAnAdminTokenUnderAttack(t *testing.T) {
	h := newHost(t, storetest.Open(t, storetest.SQLite(t)))
	var held atomic.Int64
	h.guard = throttle.New(throttle.Limits{PerSource: 30, PerID: 100, Window: time.Minute}, func() time.Time { return *h.now.Load() }, func(throttle.By, throttle.Action) { held.Add(1) })
	id, right := h.token(t)
	h.answers(t, home, right, http.StatusOK)
	for n := range 300 {
		h.guard.Failed(netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)}), "admin token/"+id)
	}
	h.answers(t, home, right, http.StatusOK)
	if n := held.Load(); n != 0 {
		t.Errorf("it was held %d times", n)
	}
	ended, end := context.WithCancel(t.Context())
	end() // who would be held is not, but told
	r := httptest.NewRequest(http.MethodGet, "/metrics", nil).WithContext(ended)
	r.Header = with(right)
	r.Header.Set("X-From", elsewhere)
	if err := h.api.CheckToken(r); !problem.Is(err, problem.DeadlineExceeded) || held.Load() != 1 {
		t.Errorf("from somewhere new: %v, held %d times", err, held.Load())
	}
}

// Nobody is held up on the local socket: no attempt there is counted, and no count
// is asked.
func TestTheSocketIsNotThrottled(t *testing.T) {
	h := newHost(t, storetest.Open(t, storetest.SQLite(t)))
	h.guard = nil
	dir := folder(t)
	path := h.open(t, dir).Path()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}}}
	for range 20 {
		guess, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://local"+wire.Prefix+"/status", nil)
		if err != nil {
			t.Fatal(err)
		}
		guess.Header = with("ghl_local_wrong")
		res, err := client.Do(guess)
		if err != nil {
			t.Fatal(err)
		}
		if err := res.Body.Close(); err != nil || res.StatusCode != http.StatusUnauthorized {
			t.Fatalf("%s, %v", res.Status, err)
		}
	}
	c, err := wire.Dial(t.Context(), wire.Options{Socket: filepath.Join(dir, wire.SocketName)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Status(t.Context()); err != nil {
		t.Errorf("after wrong ones: %v", err)
	}
}
