package identity_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/identity"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// host answers for the JWKS of a Gatehouse without a socket, so that the time
// of a test may be simulated.
type host struct {
	mu      sync.Mutex
	answer  http.HandlerFunc
	takes   time.Duration
	fetches atomic.Int64
}

func (h *host) RoundTrip(r *http.Request) (*http.Response, error) {
	h.fetches.Add(1)
	h.mu.Lock()
	answer, takes := h.answer, h.takes
	h.mu.Unlock()
	select {
	case <-time.After(takes):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	if answer == nil {
		return nil, fmt.Errorf("connection refused")
	}
	rec := httptest.NewRecorder()
	answer(rec, r)
	return rec.Result(), nil
}

func (h *host) set(takes time.Duration, answer http.HandlerFunc) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.takes, h.answer = takes, answer
}

func publish(cacheControl string, signers ...signer) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", cacheControl)
		_, _ = w.Write(jwks(signers...))
	}
}

func (h *host) verifier(t testing.TB, change func(*identity.Options)) *identity.Verifier {
	t.Helper()
	o := identity.Options{Issuer: issuer, Audience: audience, HTTPClient: &http.Client{Transport: h}}
	if change != nil {
		change(&o)
	}
	v, err := identity.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// expect verifies a fresh assertion of s. An empty code expects success.
func expect(t *testing.T, v *identity.Verifier, s signer, code problem.Code) {
	t.Helper()
	_, err := v.Verify(t.Context(), s.good(time.Now()))
	if code == "" && err != nil || code != "" && !problem.Is(err, code) {
		t.Fatalf("assertion signed with %q: %v, want %q", s.id, err, code)
	}
}

func (h *host) expectFetches(t *testing.T, want int64) {
	t.Helper()
	if got := h.fetches.Load(); got != want {
		t.Fatalf("%d fetches, want %d", got, want)
	}
}

func TestManyFirstRequestsShareOneFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSigner("current")
		h := &host{takes: time.Second, answer: publish("max-age=300", s)}
		v := h.verifier(t, nil)
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				if _, err := v.Verify(t.Context(), s.good(time.Now())); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		h.expectFetches(t, 1)
	})
}

func TestStartWithoutGatehouse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSigner("current")
		h := &host{}
		v := h.verifier(t, nil)
		h.expectFetches(t, 0)
		_, err := v.Verify(t.Context(), s.good(time.Now()))
		if p := problem.As(err); p.Code != problem.Unavailable || p.RetryAfter != time.Second {
			t.Fatalf("without keys: %v, retry after %v", err, p.RetryAfter)
		}
		h.set(0, publish("max-age=300", s))
		expect(t, v, s, problem.Unavailable) // not asked again before the time that it told
		h.expectFetches(t, 1)
		time.Sleep(time.Second)
		expect(t, v, s, "")
		h.expectFetches(t, 2)
	})
}

func TestRetriesSlowDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSigner("current")
		h := &host{}
		v := h.verifier(t, nil)
		for range 600 { // ten minutes
			expect(t, v, s, problem.Unavailable)
			time.Sleep(time.Second)
		}
		// 1+2+4+8+16 s, then every 30 s.
		h.expectFetches(t, 5+1+(600-31)/30)
	})
}

func TestKeysGivenAtTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		saved, rotated := newSigner("saved"), newSigner("rotated")
		h := &host{}
		v := h.verifier(t, func(o *identity.Options) { o.Keys = jwks(saved) })
		expect(t, v, saved, "")
		time.Sleep(1000 * time.Hour)
		expect(t, v, saved, "")
		expect(t, v, rotated, problem.Unavailable) // nobody can tell
		h.set(0, publish("max-age=300", rotated))
		time.Sleep(time.Minute)
		expect(t, v, rotated, "")
		expect(t, v, saved, problem.Unauthenticated)
	})
}

func TestRefreshInTheBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSigner("current")
		h := &host{answer: publish("max-age=400", s)}
		v := h.verifier(t, nil)
		expect(t, v, s, "")
		time.Sleep(299 * time.Second)
		expect(t, v, s, "")
		h.expectFetches(t, 1)

		h.set(3*time.Second, publish("max-age=400", s))
		time.Sleep(time.Second)
		asked := time.Now()
		expect(t, v, s, "")
		if waited := time.Since(asked); waited != 0 {
			t.Errorf("a request waited %v for a refresh", waited)
		}
		time.Sleep(3 * time.Second)
		h.expectFetches(t, 2)
		time.Sleep(290 * time.Second)
		expect(t, v, s, "")
		h.expectFetches(t, 2) // the new lifetime counts
	})
}

func TestRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old, next := newSigner("old"), newSigner("next")
		h := &host{answer: publish("max-age=400", old)}
		v := h.verifier(t, nil)
		expect(t, v, old, "")
		time.Sleep(10 * time.Second)
		h.set(0, publish("max-age=400", old, next))
		expect(t, v, next, "") // unknown: one more fetch finds it
		expect(t, v, old, "")
		h.expectFetches(t, 2)

		h.set(0, publish("max-age=400", next))
		time.Sleep(400 * time.Second) // nobody asked in between
		expect(t, v, old, problem.Unauthenticated)
		expect(t, v, next, "")
		h.expectFetches(t, 3)
	})
}

// The attack: made-up kids, to have the application ask Gatehouse again and
// again, or to keep its own keys from being used.
func TestRandomKidsFetchLittle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSigner("current")
		h := &host{answer: publish("max-age=3600", s)}
		v := h.verifier(t, nil)
		expect(t, v, s, "")
		var wg sync.WaitGroup
		for i := range 300 { // a minute, five times a second, two at once
			for j := range 2 {
				wg.Go(func() {
					made := signer{id: fmt.Sprintf("x%d-%d", i, j), key: s.key}
					if _, err := v.Verify(t.Context(), made.good(time.Now())); !problem.Is(err, problem.Unauthenticated) {
						t.Errorf("%s: %v", made.id, err)
					}
				})
			}
			expect(t, v, s, "")
			time.Sleep(200 * time.Millisecond)
		}
		wg.Wait()
		if got := h.fetches.Load(); got > 7 {
			t.Errorf("%d fetches in a minute, want one each 10 s", got)
		}
	})
}

func TestGatehouseAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSigner("current")
		h := &host{answer: publish("max-age=400", s)}
		v := h.verifier(t, func(o *identity.Options) { o.MaxStale = 10 * time.Minute })
		expect(t, v, s, "")
		h.set(time.Hour, nil) // hangs, until the fetch gives up
		time.Sleep(400 * time.Second)

		asked := time.Now()
		expect(t, v, s, "") // the first one waits to see whether Gatehouse is there
		if waited := time.Since(asked); waited != 5*time.Second {
			t.Errorf("waited %v, want the fetch's limit of 5s", waited)
		}
		time.Sleep(time.Minute)
		asked = time.Now()
		expect(t, v, s, "")
		if waited := time.Since(asked); waited != 0 {
			t.Errorf("waited %v although Gatehouse is known to be away", waited)
		}
		time.Sleep(9*time.Minute - 6*time.Second)
		expect(t, v, s, "")
		time.Sleep(time.Second)
		expect(t, v, s, problem.Unavailable)

		h.set(0, publish("max-age=400", s))
		time.Sleep(time.Minute)
		expect(t, v, s, "")
	})
}

func TestARequestThatEndsDoesNotEndTheFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSigner("current")
		h := &host{takes: 3 * time.Second, answer: publish("", s)}
		v := h.verifier(t, nil)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := v.Verify(ctx, s.good(time.Now())); !problem.Is(err, problem.Unavailable) {
			t.Fatalf("a request that ended while it waited: %v", err)
		}
		expect(t, v, s, "")
		h.expectFetches(t, 1)
	})
}

func TestLifetimeHasBounds(t *testing.T) {
	tests := map[string]struct {
		header http.Header
		want   time.Duration // until the next fetch, at three quarters of the life
	}{
		"as the answer says":      {http.Header{"Cache-Control": {"public, max-age=400"}}, 300 * time.Second},
		"in several lines":        {http.Header{"Cache-Control": {"public", "Max-Age=400"}}, 300 * time.Second},
		"less what a cache spent": {http.Header{"Cache-Control": {"max-age=500"}, "Age": {"100"}}, 300 * time.Second},
		"nothing said":            {nil, 225 * time.Second},
		"zero":                    {http.Header{"Cache-Control": {"max-age=0"}}, 22500 * time.Millisecond},
		"no-store":                {http.Header{"Cache-Control": {"no-store, max-age=400"}}, 22500 * time.Millisecond},
		"no number":               {http.Header{"Cache-Control": {"max-age=soon"}}, 22500 * time.Millisecond},
		"for ever":                {http.Header{"Cache-Control": {"max-age=2147483647"}}, 45 * time.Minute},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSigner("current")
				h := &host{answer: func(w http.ResponseWriter, _ *http.Request) {
					maps.Copy(w.Header(), tt.header)
					_, _ = w.Write(jwks(s))
				}}
				v := h.verifier(t, nil)
				expect(t, v, s, "")
				time.Sleep(tt.want - time.Millisecond)
				expect(t, v, s, "")
				synctest.Wait()
				h.expectFetches(t, 1)
				time.Sleep(time.Millisecond)
				expect(t, v, s, "")
				synctest.Wait()
				h.expectFetches(t, 2)
			})
		})
	}
}

func TestDocumentsThatAreNoJWKS(t *testing.T) {
	s := newSigner("current")
	jwk := func(changes object) object {
		return with(object{"kty": "OKP", "crv": "Ed25519", "kid": "current", "x": encode(s.public())}, changes)
	}
	set := func(keys ...object) string { return string(mustJSON(object{"keys": keys})) }
	rsa := object{"kty": "RSA", "kid": "r", "n": "AQAB", "e": "AQAB"}

	tests := map[string]struct {
		status   int
		body     string
		accepted bool
	}{
		"the key":                      {200, set(jwk(nil)), true},
		"beside kinds that we ignore":  {200, set(rsa, object{"kty": "new"}, jwk(nil)), true},
		"an error page":                {500, set(jwk(nil)), false},
		"a redirect":                   {302, set(jwk(nil)), false},
		"HTML":                         {200, "<html>", false},
		"no keys":                      {200, set(), false},
		"keys of other kinds only":     {200, set(rsa), false},
		"for encryption":               {200, set(jwk(object{"use": "enc"})), false},
		"without kid":                  {200, set(jwk(object{"kid": nil})), false},
		"one kid twice":                {200, set(jwk(nil), jwk(nil)), false},
		"keys member twice":            {200, `{"keys":[],` + set(jwk(nil))[1:], false},
		"a private key":                {200, set(jwk(object{"d": encode(s.key.Seed())})), false},
		"a key cut short":              {200, set(jwk(object{"x": encode(s.public()[:31])})), false},
		"the public key as HMAC key":   {200, set(object{"kty": "oct", "kid": "current", "k": encode(s.public())}), false},
		"over the limit of 64 KiB":     {200, strings.Repeat(" ", 64<<10) + set(jwk(nil)), false},
		"a hundred keys":               {200, set(append(make([]object, 99), jwk(nil))...), false},
		"something after the document": {200, set(jwk(nil)) + "{}", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := &host{answer: func(w http.ResponseWriter, _ *http.Request) {
					if tt.status == http.StatusFound {
						w.Header().Set("Location", issuer+"/elsewhere")
					}
					w.WriteHeader(tt.status)
					_, _ = w.Write([]byte(tt.body))
				}}
				code := problem.Unavailable
				if tt.accepted {
					code = ""
				}
				v := h.verifier(t, func(o *identity.Options) {
					o.HTTPClient.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
				})
				expect(t, v, s, code)
				if tt.status != http.StatusOK {
					return
				}
				_, err := identity.New(identity.Options{Issuer: issuer, Audience: audience, Keys: []byte(tt.body)})
				if (err == nil) != tt.accepted {
					t.Errorf("the same document as Options.Keys: %v", err)
				}
			})
		})
	}
}
