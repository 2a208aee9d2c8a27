package access_test

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"net/http"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/core/access"
	"github.com/gatehouse-id/gatehouse/core/change"
	"github.com/gatehouse-id/gatehouse/core/credential"
	"github.com/gatehouse-id/gatehouse/core/domain"
	"github.com/gatehouse-id/gatehouse/core/grant"
	"github.com/gatehouse-id/gatehouse/core/policy"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/core/throttle"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

// world is a Service with the edges in memory: records, a plugin, grants.
type world struct {
	mu      sync.Mutex
	records map[string]credential.Record // by client
	revoked map[string]bool
	grants  map[string][]string
	people  map[string]grant.Person

	rehashed string
	hits     atomic.Int64 // look-ups that found a record
	misses   atomic.Int64
	verified atomic.Int64                                            // calls of the plugin
	sent     atomic.Int64                                            // records in the last call
	answer   func(authn.VerifyRequest) (authn.VerifyResponse, error) // nil: a secret that ends in _right is right
	fail     atomic.Pointer[error]                                   // of the records

	now      atomic.Int64
	attempts *throttle.Guard
	stopped  sync.Map // throttled to *atomic.Int64

	known, stale, unknown, used, usedTokens tally

	domains *domain.Domains
	store   *store.Store
	feed    *change.Feed
	public  ed25519.PublicKey
	service *access.Service
	options access.Options
}

// throttled is what a throttle told.
type throttled struct {
	by     throttle.By
	action throttle.Action
}

func (w *world) observe(by throttle.By, action throttle.Action) {
	n, _ := w.stopped.LoadOrStore(throttled{by, action}, &atomic.Int64{})
	n.(*atomic.Int64).Add(1)
}

func (w *world) observed(by throttle.By, action throttle.Action) int64 {
	n, ok := w.stopped.Load(throttled{by, action})
	if !ok {
		return 0
	}
	return n.(*atomic.Int64).Load()
}

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{
		records: map[string]credential.Record{}, revoked: map[string]bool{}, people: map[string]grant.Person{}, grants: map[string][]string{"client:alpha": {"analyst"}},
	}
	w.now.Store(start.UnixNano())
	for client, key := range map[string]string{"alpha": "K1", "beta": "K2"} {
		w.records[client] = credential.Record{
			Client: credential.Client{ID: client, Organization: "acme", Instance: "apikey", Owner: credential.OrganizationOwned, State: credential.Active},
			Keys:   []credential.Key{{ID: key, ClientID: client, Instance: "apikey", State: credential.Live, Verifier: []byte(key)}},
		}
	}
	w.store = openStore(t)
	w.feed = change.NewFeed(w.store, w.clock)
	reader, err := access.NewReader([]access.Instance{found(apikey("apikey", "ghk")), {
		Name: "token", Records: authn.RecordsNone, Credentials: []authn.Credential{authn.InBearer("tok_")},
	}})
	if err != nil {
		t.Fatal(err)
	}
	routes := []policy.Route{
		{Upstream: "app", Pattern: "/public", Public: true},
		{Upstream: "app", Pattern: "/admin/**", Permission: "policy:write"},
		{Upstream: "app", Pattern: "/query", Permission: "query:execute"},
		{Upstream: "app", Pattern: "/twice", SignOn: policy.SignOn{MultiFactor: true}},
		{Upstream: "app", Pattern: "/lately", SignOn: policy.SignOn{MaxAge: 10 * time.Minute}},
		{Upstream: "app", Pattern: "/both", Permission: "query:execute", SignOn: policy.SignOn{MultiFactor: true, MaxAge: 10 * time.Minute}},
	}
	compiled, ds := policy.Compile(t.Context(), policy.Rules{
		Roles: []policy.Role{{Name: "analyst", Permissions: []string{"query:execute"}}, {Name: "admin", Permissions: []string{"*"}}}, Routes: routes,
	})
	if ds.HasErrors() {
		t.Fatal(ds)
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	w.public = public
	w.attempts = throttle.New(throttle.Limits{PerSource: 30, PerID: 100, Window: time.Minute}, w.clock, w.observe)
	w.options = access.Options{
		Reader: reader, Policy: compiled, Rules: len(routes), Records: w, Verifier: w, Granted: w, Owners: w, Used: w,
		Decoys:   map[string][]authn.Record{"apikey": {{ID: "D1", Verifier: []byte("D1")}, {ID: "D2", Verifier: []byte("D2")}}},
		Attempts: w.attempts, Rates: throttle.NewRates(start, w.observe), Organizations: map[string]bool{"acme": true}, Connections: map[string]bool{"okta": true}, Feed: w.feed, Clock: w.clock, Random: rand.Reader, Counted: w.counted(),
		Assertions: access.Assertions{Issuer: "https://gate.example", Upstreams: []string{"app"}, Signer: func() (string, crypto.Signer) { return "key-1", private }},
	}
	if w.service, err = access.New(w.options); err != nil {
		t.Fatal(err)
	}
	return w
}

// reconfigured is a Service that takes the place of w's, with the changes of
// edit; the role analyst has these permissions.
func (w *world) reconfigured(t testing.TB, permissions []string, edit func(*access.Options)) *access.Service {
	t.Helper()
	o := w.options
	compiled, ds := policy.Compile(t.Context(), policy.Rules{
		Roles:  []policy.Role{{Name: "analyst", Permissions: permissions}, {Name: "admin", Permissions: []string{"*"}}},
		Routes: []policy.Route{{Upstream: "app", Pattern: "/query", Permission: "query:execute"}},
	})
	if ds.HasErrors() {
		t.Fatal(ds)
	}
	o.Policy, o.Rules, o.Before = compiled, 1, w.service
	edit(&o)
	s, err := access.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func openStore(t testing.TB) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), store.Options{URL: "sqlite://" + filepath.Join(t.TempDir(), "test.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

func (w *world) clock() time.Time { return time.Unix(0, w.now.Load()) }

func (w *world) request(headers http.Header) *access.Request {
	return &access.Request{Header: headers, Method: "GET", Path: "/anything", Client: netip.MustParseAddr("192.0.2.7")}
}

// at is a request of alpha's for a path.
func (w *world) at(path string) *access.Request {
	r := w.request(h("X-Client-Id", "alpha", "X-Client-Secret", "ghk_K1_right"))
	r.Path = path
	return r
}

// change edits what the records say and tells the feed, as a transaction does.
func (w *world) change(edit func(), tags ...change.Tag) {
	w.mu.Lock()
	edit()
	w.mu.Unlock()
	err := w.store.Write(context.Background(), func(tx *store.Tx) error { return w.feed.Append(context.Background(), tx, tags...) })
	if err != nil {
		panic(err)
	}
}

func (w *world) edit(client string, f func(*credential.Record)) {
	w.change(func() {
		r := w.records[client]
		f(&r)
		w.records[client] = r
	}, change.Client(client))
}

// Find implements access.Records.
func (w *world) Find(_ context.Context, id string) (credential.Record, bool, error) {
	if err := w.fail.Load(); err != nil {
		return credential.Record{}, false, *err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if r, ok := w.records[id]; ok {
		w.hits.Add(1)
		return r, true, nil
	}
	for _, r := range w.records {
		for _, k := range r.Keys {
			if k.ID == id {
				w.hits.Add(1)
				return r, true, nil
			}
		}
	}
	w.misses.Add(1)
	return credential.Record{}, false, nil
}

// IsRevoked implements access.Records.
func (w *world) IsRevoked(_ context.Context, _, id string) (bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.revoked[id], nil
}

// Verify implements access.Verifier.
func (w *world) Verify(_ context.Context, instance, _ string, r authn.VerifyRequest) (authn.VerifyResponse, error) {
	w.verified.Add(1)
	w.sent.Store(int64(len(r.Records)))
	if w.answer != nil {
		return w.answer(r)
	}
	text := r.Secret.Reveal()
	parts := strings.Split(text, "_")
	if len(parts) == 3 && parts[2] == "right" {
		for _, record := range r.Records {
			if record.ID == parts[1] {
				return authn.Accept(record.ID), nil
			}
		}
	}
	return authn.Refuse(authn.WrongSecret), nil
}

// Of implements access.Granted.
func (w *world) Of(_ context.Context, principal string) ([]grant.Grant, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var list []grant.Grant
	for _, role := range w.grants[principal] {
		list = append(list, grant.Grant{Principal: principal, Role: role, Source: grant.Manual})
	}
	return list, nil
}

// Person implements access.Owners.
func (w *world) Person(_ context.Context, id string) (grant.Person, error) {
	if err := w.fail.Load(); err != nil {
		return grant.Person{}, *err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	who, ok := w.people[id]
	if !ok {
		return who, problem.New(problem.NotFound, "there is no user %q", id)
	}
	return who, nil
}

// Rehash implements access.Used.
func (w *world) Rehash(keyID string, verifier []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rehashed = keyID + "=" + string(verifier)
}

// Mark implements access.Used.
func (w *world) Mark(string, time.Time, netip.Addr) {}

// FindID implements access.Records. The digest of a secret begins with its key's id.
func (w *world) FindID(_ context.Context, instance string, digests [][]byte) (string, error) {
	if err := w.fail.Load(); err != nil {
		return "", *err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range w.records {
		for _, k := range r.Keys {
			if k.Instance == instance && k.State == credential.Live && strings.HasPrefix(string(digests[0]), k.ID+"_right") {
				return k.ID, nil
			}
		}
	}
	return "", nil
}

// Locate implements access.Verifier.
func (w *world) Locate(_ context.Context, _ string, presented secret.Text) ([][]byte, error) {
	return [][]byte{[]byte(strings.TrimPrefix(presented.Reveal(), "live_"))}, nil
}
