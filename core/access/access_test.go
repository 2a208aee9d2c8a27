package access_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/core/access"
	"github.com/gatehouse-id/gatehouse/core/change"
	"github.com/gatehouse-id/gatehouse/core/credential"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

func TestRulesOfPaths(t *testing.T) {
	tests := map[string]struct {
		path       string
		code       problem.Code
		permission string
	}{
		"a path without a rule needs a known client": {"/anything", "", ""},
		"a permission that alpha has":                {"/query", "", ""},
		"a permission that alpha lacks":              {"/admin/x", problem.Forbidden, "policy:write"},
		"a trailing slash is no way around":          {"/admin/x/", problem.Forbidden, "policy:write"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := newWorld(t).service.Check(t.Context(), newWorld(t).at(tt.path))
			if tt.code == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if p := problem.As(err); p.Code != tt.code || p.Permission != tt.permission {
				t.Errorf("got %v, want %s for %q", err, tt.code, tt.permission)
			}
		})
	}
}

func TestPublicPaths(t *testing.T) {
	w := newWorld(t)
	r := w.request(h())
	r.Path = "/public"
	d, err := w.service.Check(t.Context(), r)
	if err != nil || d.Principal != nil {
		t.Fatalf("nobody on a public path: %+v, %v", d.Principal, err)
	}
	if got := d.Identity.Subject(); len(got) != 1 || got[0] != "" {
		t.Errorf("nobody's subject is %q, which would let a client's own header survive", got)
	}
	r = w.request(h("X-Client-Id", "alpha", "X-Client-Secret", "ghk_K1_wrong"))
	r.Path = "/public"
	if _, err := w.service.Check(t.Context(), r); !problem.Is(err, problem.Unauthenticated) {
		t.Errorf("a wrong secret on a public path: %v", err)
	}
}

// An unknown id, a wrong secret, a suspended client and a revoked key cannot be
// told apart by who does not hold the secret.
func TestRefusalsAreAlike(t *testing.T) {
	w := newWorld(t)
	w.edit("beta", func(r *credential.Record) { r.Client.State = credential.Suspended })
	ask := func(id, secret string) (string, int64) {
		hits, misses := w.hits.Load(), w.misses.Load()
		defer func() {
			if h, m := w.hits.Load()-hits, w.misses.Load()-misses; h != 1 || m != 1 {
				t.Errorf("%.20q: %d look-ups found a record and %d did not: the database's time tells", id, h, m)
			}
		}()
		_, err := w.service.Check(t.Context(), w.request(h("X-Client-Id", id, "X-Client-Secret", secret)))
		body, marshalErr := json.Marshal(problem.As(err).Document("trace"))
		if marshalErr != nil {
			t.Fatal(marshalErr)
		}
		return string(body), w.sent.Load()
	}
	want, sent := ask("alpha", "ghk_K1_wrong")
	for _, who := range []string{"beta", "nobody", "K9", "K1", "", "alpha\n", strings.Repeat("a", 5000)} {
		if got, n := ask(who, "ghk_K1_wrong"); got != want || n != sent {
			t.Errorf("%.20q: %s with %d records sent, want %s with %d", who, got, n, want, sent)
		}
	}
	// A record that is remembered makes no difference either.
	if _, err := w.service.Check(t.Context(), w.request(h("X-Client-Id", "alpha", "X-Client-Secret", "ghk_K1_right"))); err != nil {
		t.Fatal(err)
	}
	if got, n := ask("alpha", "ghk_K1_wrong"); got != want || n != sent {
		t.Errorf("of a client that was here before: %s with %d records sent, want %s with %d", got, n, want, sent)
	}
	if sent != 2 {
		t.Errorf("%d records were sent to the plugin: with a rotation it is 2, and that would show", sent)
	}
	// Who holds the secret is told.
	if _, err := w.service.Check(t.Context(), w.request(h("X-Client-Id", "beta", "X-Client-Secret", "ghk_K2_right"))); !problem.Is(err, problem.Forbidden) {
		t.Errorf("the holder of a suspended client's secret is told %v", err)
	}
}

// TestARecordIsReadOnce uses both secrets of a client that rotates: the second
// finds the record known, until it changes. Guesses leave nothing behind.
func TestARecordIsReadOnce(t *testing.T) {
	w := newWorld(t)
	w.edit("alpha", func(r *credential.Record) {
		r.Keys = append(r.Keys, credential.Key{ID: "K3", ClientID: "alpha", Instance: "apikey", State: credential.Live, Verifier: []byte("K3")})
	})
	reads := func(secret string, want int64) {
		t.Helper()
		before := w.hits.Load()
		_, err := w.service.Check(t.Context(), w.request(h("X-Client-Id", "alpha", "X-Client-Secret", secret)))
		if wrong := !strings.HasSuffix(secret, "right"); (err != nil) != wrong {
			t.Fatalf("%s: %v", secret, err)
		}
		if n := w.hits.Load() - before; n != want {
			t.Errorf("%s: the record was read %d times, want %d", secret, n, want)
		}
	}
	reads("ghk_K1_wrong", 1)
	reads("ghk_K1_right", 1)
	reads("ghk_K3_right", 0)
	w.edit("alpha", func(r *credential.Record) { r.Keys = r.Keys[:1] })
	reads("ghk_K3_wrong", 1)
	if _, err := w.service.Check(t.Context(), w.request(h("X-Client-Id", "alpha", "X-Client-Secret", "ghk_K3_right"))); !problem.Is(err, problem.Unauthenticated) {
		t.Errorf("a key that is gone from the record: %v", err)
	}
	w.answer = func(r authn.VerifyRequest) (authn.VerifyResponse, error) {
		accepted := authn.Accept("K1")
		accepted.NewVerifier = []byte("newer")
		return accepted, nil
	}
	reads("ghk_K1_other_right", 1)
	reads("ghk_K1_again_right", 1) // not kept with the verifier that is replaced
}

func TestOneVerifyForManyRequests(t *testing.T) {
	w := newWorld(t)
	release := make(chan struct{})
	w.answer = func(authn.VerifyRequest) (authn.VerifyResponse, error) {
		<-release
		return authn.Accept("K1"), nil
	}
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if _, err := w.service.Check(t.Context(), w.at("/query")); err != nil {
				t.Error(err)
			}
		})
	}
	close(release)
	wg.Wait()
	for range 50 {
		if _, err := w.service.Check(t.Context(), w.at("/query")); err != nil {
			t.Fatal(err)
		}
	}
	// A request that came after the first flight had landed, and before it was
	// kept, makes another: hence not exactly one.
	if n := w.verified.Load(); n > 5 {
		t.Errorf("%d calls of the plugin for 100 requests with one credential", n)
	}
}

func TestAChangeCountsFromTheNextRequest(t *testing.T) {
	tests := map[string]struct {
		change func(*world)
		code   problem.Code
	}{
		"the key is revoked":      {func(w *world) { w.edit("alpha", func(r *credential.Record) { r.Keys = nil }) }, problem.Unauthenticated},
		"the client is suspended": {func(w *world) { w.edit("alpha", func(r *credential.Record) { r.Client.State = credential.Suspended }) }, problem.Forbidden},
		"the role is taken":       {func(w *world) { w.change(func() { delete(w.grants, "client:alpha") }, change.Grants("client:alpha")) }, problem.Forbidden},
		"a network is set":        {func(w *world) { w.edit("alpha", func(r *credential.Record) { r.Client.Networks = nets("10.0.0.0/8") }) }, problem.Network},
		"scopes are set": {func(w *world) {
			w.edit("alpha", func(r *credential.Record) { r.Client.Scopes = []string{"policy:read"} })
		}, problem.Forbidden},
		"everything is in doubt":   {func(w *world) { w.change(func() { w.records = nil }, change.All()) }, problem.Unauthenticated},
		"another client's change":  {func(w *world) { w.edit("beta", func(r *credential.Record) { r.Keys = nil }) }, ""},
		"the end of the key comes": {func(w *world) { w.now.Add(int64(2 * time.Hour)) }, problem.Expired},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.edit("alpha", func(r *credential.Record) { r.Keys[0].ExpiresAt = start.Add(time.Hour) })
			if _, err := w.service.Check(t.Context(), w.at("/query")); err != nil {
				t.Fatal(err)
			}
			tt.change(w)
			_, err := w.service.Check(t.Context(), w.at("/query"))
			if tt.code == "" && (err != nil || w.verified.Load() != 1) {
				t.Errorf("%v after %d verifications: an answer that depends on nothing changed was thrown away", err, w.verified.Load())
			}
			if tt.code != "" && !problem.Is(err, tt.code) {
				t.Errorf("got %v, want %s", err, tt.code)
			}
		})
	}
}

// A revocation that commits while a credential is being verified must not be
// outlived by the answer.
func TestAnAnswerFoundDuringAChangeIsNotKept(t *testing.T) {
	w := newWorld(t)
	revoked := atomic.Bool{}
	w.answer = func(r authn.VerifyRequest) (authn.VerifyResponse, error) {
		if revoked.CompareAndSwap(false, true) {
			w.edit("alpha", func(r *credential.Record) { r.Keys = nil }) // after the record was read
			return authn.Accept("K1"), nil
		}
		return authn.Refuse(authn.WrongSecret), nil
	}
	if _, err := w.service.Check(t.Context(), w.at("/query")); !problem.Is(err, problem.Unauthenticated) {
		t.Errorf("the answer from before the revocation was used: %v", err)
	}
}

func TestAnOldVerifierIsReplacedAtItsNextUse(t *testing.T) {
	w := newWorld(t)
	w.answer = func(authn.VerifyRequest) (authn.VerifyResponse, error) {
		return authn.VerifyResponse{RecordID: "K1", NewVerifier: []byte("newer")}, nil
	}
	if _, err := w.service.Check(t.Context(), w.at("/query")); err != nil {
		t.Fatal(err)
	}
	if w.rehashed != "K1=newer" {
		t.Errorf("noted %q", w.rehashed)
	}
}

func TestNetworks(t *testing.T) {
	tests := map[string]struct {
		client string
		ok     bool
	}{
		"inside":                   {"10.1.2.3", true},
		"inside, mapped into IPv6": {"::ffff:10.1.2.3", true},
		"outside":                  {"11.1.2.3", false},
		"unknown":                  {"", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.edit("alpha", func(r *credential.Record) { r.Client.Networks = nets("10.0.0.0/8") })
			r := w.at("/query")
			r.Client = netip.Addr{}
			if tt.client != "" {
				r.Client = netip.MustParseAddr(tt.client)
			}
			_, err := w.service.Check(t.Context(), r)
			if (err == nil) != tt.ok || (err != nil && !problem.Is(err, problem.Network)) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestCredentialsWithoutARecord(t *testing.T) {
	subject := authn.Subject{ID: "alpha", Organization: "acme", RevocationID: "r1", Expires: start.Add(time.Hour)}
	tests := map[string]struct {
		answer authn.VerifyResponse
		setUp  func(*world)
		path   string
		code   problem.Code
	}{
		"accepted":                     {authn.AcceptSubject(subject), nil, "/anything", ""},
		"it is not the client alpha":   {authn.AcceptSubject(subject), nil, "/query", problem.Forbidden},
		"an organization of nobody's":  {authn.AcceptSubject(authn.Subject{ID: "a", Organization: "other", RevocationID: "r"}), nil, "/anything", problem.Forbidden},
		"revoked":                      {authn.AcceptSubject(subject), func(w *world) { w.revoked["r1"] = true }, "/anything", problem.Unauthenticated},
		"ended, by its own word":       {authn.AcceptSubject(subject), func(w *world) { w.now.Store(start.Add(2 * time.Hour).UnixNano()) }, "/anything", problem.Expired},
		"ended, says the plugin":       {authn.Refuse(authn.Expired), nil, "/anything", problem.Expired},
		"not yet, says the plugin":     {authn.Refuse(authn.NotYetValid), nil, "/anything", problem.NotYetValid},
		"a record's id is no subject":  {authn.Accept("K1"), nil, "/anything", problem.Unauthenticated},
		"refused":                      {authn.Refuse(authn.WrongSecret), nil, "/anything", problem.Unauthenticated},
		"a zero answer is no approval": {authn.VerifyResponse{}, nil, "/anything", problem.Unauthenticated},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.answer = func(authn.VerifyRequest) (authn.VerifyResponse, error) { return tt.answer, nil }
			if tt.setUp != nil {
				tt.setUp(w)
			}
			r := w.request(h("Authorization", "Bearer tok_x"))
			r.Path = tt.path
			d, err := w.service.Check(t.Context(), r)
			if tt.code == "" {
				if err != nil || d.Principal.ID != "token/alpha" {
					t.Errorf("got %+v, %v", d.Principal, err)
				}
				return
			}
			if !problem.Is(err, tt.code) {
				t.Errorf("got %v, want %s", err, tt.code)
			}
		})
	}
}

func TestAFailureIsNoRefusalAndNoApproval(t *testing.T) {
	broken := problem.New(problem.Unavailable, "the database is locked")
	tests := map[string]func(*world){
		"the store fails": func(w *world) { var err error = broken; w.fail.Store(&err) },
		"the plugin fails": func(w *world) {
			w.answer = func(authn.VerifyRequest) (authn.VerifyResponse, error) { return authn.VerifyResponse{}, broken }
		},
	}
	for name, set := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			set(w)
			if _, err := w.service.Check(t.Context(), w.at("/query")); !errors.Is(err, broken) {
				t.Errorf("got %v", err)
			}
			// What was verified before goes on without store and plugin.
			w = newWorld(t)
			if _, err := w.service.Check(t.Context(), w.at("/query")); err != nil {
				t.Fatal(err)
			}
			set(w)
			if _, err := w.service.Check(t.Context(), w.at("/query")); err != nil {
				t.Errorf("a cached credential is refused when %s: %v", name, err)
			}
		})
	}
}

func TestTheAssertion(t *testing.T) {
	w := newWorld(t)
	w.edit("alpha", func(r *credential.Record) { r.Client.Scopes = []string{"query:execute", "policy:read"} })
	token := func() string {
		d, err := w.service.Check(t.Context(), w.at("/query"))
		if err != nil {
			t.Fatal(err)
		}
		return d.Identity.Assertion()[0]
	}
	first := token()
	signed, err := jose.ParseSignedCompact(first, []jose.SignatureAlgorithm{jose.EdDSA})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := signed.Verify(w.public)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"iss": "https://gate.example", "aud": "app", "sub": "alpha", "kind": "client", "org": "acme", "client": "alpha",
		"roles": []any{"analyst"}, "scope": "query:execute policy:read",
		"iat": float64(start.Unix()), "exp": float64(start.Unix() + 60),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
	header := signed.Signatures[0].Protected
	if header.KeyID != "key-1" || header.ExtraHeaders[jose.HeaderType] != access.AssertionType {
		t.Errorf("header %+v", header)
	}
	w.now.Add(int64(29 * time.Second))
	if token() != first {
		t.Error("an assertion with half of its life left was signed again")
	}
	w.now.Add(int64(2 * time.Second))
	if token() == first {
		t.Error("an assertion with less than half of its life left was handed out")
	}
}

func nets(texts ...string) []netip.Prefix {
	var list []netip.Prefix
	for _, s := range texts {
		list = append(list, netip.MustParsePrefix(s))
	}
	return list
}

func BenchmarkCheckCached(b *testing.B) {
	w := newWorld(b)
	r := w.at("/query")
	if _, err := w.service.Check(b.Context(), r); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := w.service.Check(b.Context(), r); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCheckFirst is a client that was never seen: everything but the
// database and the plugin's process.
func BenchmarkCheckFirst(b *testing.B) {
	w := newWorld(b)
	const clients = 1 << 16
	requests := make([]*access.Request, clients)
	for i := range requests {
		id, key := fmt.Sprintf("c%d", i), fmt.Sprintf("Kx%d", i)
		w.records[id] = credential.Record{
			Client: credential.Client{ID: id, Organization: "acme", Instance: "apikey", Owner: credential.OrganizationOwned, State: credential.Active},
			Keys:   []credential.Key{{ID: key, ClientID: id, Instance: "apikey", State: credential.Live}},
		}
		w.grants["client:"+id] = []string{"analyst"}
		requests[i] = w.request(h("X-Client-Id", id, "X-Client-Secret", "ghk_"+key+"_right"))
		requests[i].Path = "/query"
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%clients == 0 {
			w.change(func() {}, change.All())
		}
		if _, err := w.service.Check(b.Context(), requests[i%clients]); err != nil {
			b.Fatal(err)
		}
	}
}

// Those who share rights share verdicts, and nobody else does.
func TestVerdictsAreOfEqualRights(t *testing.T) {
	w := newWorld(t)
	w.change(func() { w.grants["client:beta"] = []string{"analyst"} }, change.Grants("client:beta"))
	ask := func(id, key, path string) problem.Code {
		r := w.request(h("X-Client-Id", id, "X-Client-Secret", "ghk_"+key+"_right"))
		r.Path = path
		if _, err := w.service.Check(t.Context(), r); err != nil {
			return problem.As(err).Code
		}
		return ""
	}
	steps := []struct {
		name   string
		change func()
		path   string
		alpha  problem.Code
		beta   problem.Code
	}{
		{"equal rights", func() {}, "/query", "", ""},
		{"scopes take the permission from one", func() {
			w.edit("beta", func(r *credential.Record) { r.Client.Scopes = []string{"policy:read"} })
		}, "/query", "", problem.Forbidden},
		{"scopes that leave it", func() {
			w.edit("beta", func(r *credential.Record) { r.Client.Scopes = []string{"policy:read", "query:execute"} })
		}, "/query", "", ""},
		{"another path", func() {}, "/admin/x", problem.Forbidden, problem.Forbidden},
		{"a role for one", func() {
			w.change(func() { w.grants["client:alpha"] = []string{"admin"} }, change.Grants("client:alpha"))
		}, "/admin/x", "", problem.Forbidden},
	}
	for _, s := range steps {
		s.change()
		if a, b := ask("alpha", "K1", s.path), ask("beta", "K2", s.path); a != s.alpha || b != s.beta {
			t.Errorf("%s: alpha %q, beta %q; want %q, %q", s.name, a, b, s.alpha, s.beta)
		}
	}
}
