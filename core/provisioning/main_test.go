package provisioning_test

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/core/audit"
	"github.com/gatehouse-id/gatehouse/core/change"
	"github.com/gatehouse-id/gatehouse/core/credential"
	"github.com/gatehouse-id/gatehouse/core/keyring"
	"github.com/gatehouse-id/gatehouse/core/provisioning"
	"github.com/gatehouse-id/gatehouse/core/provisioning/traffic"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	"github.com/gatehouse-id/gatehouse/core/throttle"
	"github.com/gatehouse-id/gatehouse/sdk/provision"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// mac is keyed hashes with a key that can be replaced.
type mac struct{ key, old string }

func sum(key string, p keyring.Purpose, data []byte) []byte {
	h := hmac.New(sha256.New, []byte(key))
	_, _ = io.WriteString(h, string(p))
	_, _ = h.Write(data)
	return h.Sum([]byte(key))
}

func (m *mac) MAC(p keyring.Purpose, data []byte) ([]byte, error) { return sum(m.key, p, data), nil }

func (m *mac) CheckMAC(p keyring.Purpose, data, mac []byte) bool {
	return hmac.Equal(mac, sum(m.key, p, data)) || m.old != "" && hmac.Equal(mac, sum(m.old, p, data))
}

func (m *mac) IsOutdated(_ keyring.Purpose, mac []byte) bool {
	return m.old != "" && strings.HasPrefix(string(mac), m.old)
}

// plugins stands for the plugins' processes.
type plugins struct {
	mu     sync.Mutex
	asked  []provisioning.Request
	bodies []string
	of     []string // instance and organization
	handle func(ctx context.Context, r provisioning.Request) (*provisioning.Response, error)
}

func (p *plugins) Handle(ctx context.Context, instance, organization string, r provisioning.Request) (*provisioning.Response, error) {
	p.mu.Lock()
	handle := p.handle
	p.of, p.asked = append(p.of, instance+" "+organization), append(p.asked, r)
	p.mu.Unlock()
	if handle != nil {
		return handle(ctx, r)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	p.bodies = append(p.bodies, string(body))
	p.mu.Unlock()
	return answered(http.StatusOK, `{"id":"1"}`), nil
}

func answered(status int, body string) *provisioning.Response {
	return &provisioning.Response{Status: status, Header: http.Header{"Content-Type": {"application/scim+json"}}, Body: io.NopCloser(strings.NewReader(body))}
}

// last is the last request that came through.
func (p *plugins) last() (r provisioning.Request, of string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.asked) == 0 {
		return r, ""
	}
	return p.asked[len(p.asked)-1], p.of[len(p.of)-1]
}

// connections is the configuration in force.
type connections struct {
	mu  sync.Mutex
	all map[string]provisioning.Connection
}

func (c *connections) Connection(label string) (provisioning.Connection, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	one, ok := c.all[label]
	return one, ok
}

func (c *connections) set(one provisioning.Connection) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all[one.Label] = one
}

func (c *connections) remove(label string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.all, label)
}

func (*connections) Mounts() []provisioning.Mounted {
	return []provisioning.Mounted{{Path: "/scim/v2", Errors: provision.SCIMErrors}, {Path: "/hooks/hr", Errors: provision.ProblemDetails}}
}

// noBrake holds nobody.
type noBrake struct{}

func (noBrake) Note(_ context.Context, err error) error { return err }

// world is the way in over a store, with a clock that is set.
type world struct {
	mount       *provisioning.Mount
	tokens      *provisioning.Tokens
	plugins     *plugins
	connections *connections
	log         *traffic.Log
	feed        *change.Feed
	mac         *mac
	logged      *strings.Builder

	mu     sync.Mutex
	now    time.Time
	failed []string // instances
}

func (w *world) fail(instance string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failed = append(w.failed, instance)
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func newWorld(s *store.Store) *world {
	w := &world{
		plugins: &plugins{}, log: traffic.New(), mac: &mac{key: "first"}, now: time.Date(2026, 11, 26, 8, 0, 0, 0, time.UTC),
		connections: &connections{all: map[string]provisioning.Connection{}}, logged: &strings.Builder{},
	}
	for _, c := range []provisioning.Connection{
		{Label: "acme-okta", Organization: "acme", Provisioners: []provisioning.Provisioner{{Instance: "acme-okta/scim", Mount: "/scim/v2"}, {Instance: "acme-okta/scim.old", Mount: "/scim/v2"}}},
		{Label: "globex-entra", Organization: "globex", Provisioners: []provisioning.Provisioner{{Instance: "globex-entra/scim", Mount: "/scim/v2"}}},
	} {
		w.connections.set(c)
	}
	w.feed = change.NewFeed(s, w.clock)
	w.tokens = provisioning.NewTokens(provisioning.TokenOptions{
		Store: s, Feed: w.feed, Audit: audit.New(w.clock, rand.Reader), MAC: w.mac, Clock: w.clock, Random: rand.Reader,
	})
	guard := throttle.New(throttle.Limits{PerSource: 6, PerID: 6, Window: time.Minute}, w.clock, func(throttle.By, throttle.Action) {})
	w.mount = provisioning.New(provisioning.Options{
		Tokens: w.tokens, Connections: w.connections, Plugins: w.plugins, Brake: noBrake{}, Log: w.log,
		Attempts: func() *throttle.Guard { return guard }, Observe: func(throttle.By, throttle.Action) {}, Failed: w.fail,
		Source: func(r *http.Request) netip.Addr {
			a, err := netip.ParseAddr(r.Header.Get("X-From"))
			if err != nil {
				return netip.MustParseAddr("192.0.2.1")
			}
			return a
		},
		PublicURL: func() string { return "https://app.example.com/" }, Clock: w.clock, Random: rand.Reader, Logger: slog.New(slog.NewTextHandler(w.logged, nil)),
	})
	return w
}

var operator = credential.By{Actor: "local"}

// token makes a token of a connection.
func (w *world) token(tb testing.TB, connection string, domains ...string) (provisioning.Token, secret.Text) {
	tb.Helper()
	c, _ := w.connections.Connection(connection)
	t, text, err := w.tokens.Create(tb.Context(), operator, provisioning.NewToken{Connection: connection, Organization: c.Organization, Domains: domains})
	if err != nil {
		tb.Fatal(err)
	}
	return t, text
}

// send makes a request with a token.
func (w *world) send(tb testing.TB, method, target, body string, text secret.Text) *httptest.ResponseRecorder {
	tb.Helper()
	r := httptest.NewRequestWithContext(tb.Context(), method, target, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+text.Reveal())
	return w.serve(r)
}

func (w *world) serve(r *http.Request) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	w.mount.ServeHTTP(rec, r)
	return rec
}
