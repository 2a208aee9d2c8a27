package admin_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/core/admin"
	"github.com/gatehouse-id/gatehouse/core/audit"
	"github.com/gatehouse-id/gatehouse/core/change"
	"github.com/gatehouse-id/gatehouse/core/credential"
	"github.com/gatehouse-id/gatehouse/core/domain"
	"github.com/gatehouse-id/gatehouse/core/grant"
	"github.com/gatehouse-id/gatehouse/core/keyring"
	"github.com/gatehouse-id/gatehouse/core/pluginhost"
	"github.com/gatehouse-id/gatehouse/core/provisioning"
	"github.com/gatehouse-id/gatehouse/core/provisioning/brake"
	"github.com/gatehouse-id/gatehouse/core/provisioning/traffic"
	"github.com/gatehouse-id/gatehouse/core/session"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	"github.com/gatehouse-id/gatehouse/core/throttle"
	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// issuer stands for the plugin's process: it makes secrets as apikey does.
type issuer struct{ down atomic.Bool }

func (i *issuer) Issue(_ context.Context, _, _ string, r authn.IssueRequest) (authn.IssueResponse, error) {
	if i.down.Load() {
		return authn.IssueResponse{}, problem.New(problem.Unavailable, "the plugin is restarting").WithRetryAfter(time.Second)
	}
	text, err := secret.New(rand.Reader, "ghk", r.RecordID)
	return authn.IssueResponse{Secret: text, Verifier: []byte("verifier-canary"), Hint: "ghk_" + r.RecordID[:6] + "…"}, err
}

// mac is a key of the admin tokens.
type mac string

func (m mac) MAC(p keyring.Purpose, data []byte) ([]byte, error) {
	h := hmac.New(sha256.New, []byte(m))
	_, _ = io.WriteString(h, string(p))
	_, _ = h.Write(data)
	return h.Sum(nil), nil
}

func (mac) IsOutdated(keyring.Purpose, []byte) bool { return false }

func (m mac) CheckMAC(p keyring.Purpose, data, sum []byte) bool {
	want, err := m.MAC(p, data)
	return err == nil && hmac.Equal(want, sum)
}

type known struct{}

func (known) Organizations() []string { return []string{"acme", "globex"} }
func (known) Roles() []string         { return []string{"analyst", "admin"} }
func (known) Instances() []string     { return []string{"apikey"} }
func (known) SelfContained() []string { return []string{"token"} }

// keys stands for the host's keyring.
type keys struct{}

func (keys) Keys(context.Context) ([]wire.KeyringKey, error) {
	return []wire.KeyringKey{{ID: "k1", Purpose: "assertion", State: "active"}}, nil
}

func (keys) Rotate(_ context.Context, by credential.By, r wire.KeyringRotation) ([]wire.KeyringKey, error) {
	if r.Purpose == "" {
		return nil, problem.New(problem.Invalid, "there is no purpose")
	}
	return []wire.KeyringKey{{ID: by.Actor, Purpose: r.Purpose, Instance: r.Instance, State: "active"}}, nil
}

// host is the API over HTTP, with the real rooms behind it.
type host struct {
	*httptest.Server
	issuer  *issuer
	records *credential.Records
	tokens  *credential.AdminTokens
	log     *bytes.Buffer
	now     atomic.Pointer[time.Time]
	api     *admin.API
	guard   *throttle.Guard
	idp     *provisioning.Tokens
	traffic *traffic.Log
	brake   *brake.Brake

	sessions *session.Sessions
	domains  *domain.Domains
	dns      dns
}

// source is where a request says that it comes from: here it is believed.
func (h *host) source(r *http.Request) netip.Addr {
	if a, err := netip.ParseAddr(r.Header.Get("X-From")); err == nil {
		return a
	}
	return netip.MustParseAddr("192.0.2.1")
}

func newHost(tb testing.TB, s *store.Store) *host {
	tb.Helper()
	h := &host{issuer: &issuer{}, log: &bytes.Buffer{}}
	h.set(time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC))
	clock := func() time.Time { return *h.now.Load() }
	h.guard = throttle.New(throttle.Limits{}, clock, func(throttle.By, throttle.Action) {})
	feed, log := change.NewFeed(s, clock), audit.New(clock, rand.Reader)
	o := credential.Options{Store: s, Feed: feed, Audit: log, Issuer: h.issuer, Importer: h.issuer, Clock: clock, Random: rand.Reader}
	h.records, h.tokens = credential.New(o), credential.NewAdminTokens(o, mac("key"))
	h.idp = provisioning.NewTokens(provisioning.TokenOptions{Store: s, Feed: feed, Audit: log, MAC: mac("key"), Clock: clock, Random: rand.Reader})
	h.sessions = session.New(session.Options{Store: s, Feed: feed, Audit: log, Clock: clock, Random: rand.Reader})
	h.dns = dns{}
	h.domains = domain.New(domain.Options{Store: s, Feed: feed, Audit: log, Resolver: h.dns, Filed: filed, Clock: clock, Random: rand.Reader})
	h.traffic = traffic.New()
	h.brake = brake.New(brake.Options{
		Store: s, Audit: log, Directory: leavers{}, Keys: leavers{}, Clock: clock, Random: rand.Reader, Logger: slog.New(slog.DiscardHandler),
		Rules: func(string) brake.Rules { return brake.DefaultRules() },
	})
	h.api = admin.New(admin.Options{
		Store: s, Records: h.records, Tokens: h.tokens, Grants: grant.New(grant.Options{Store: s, Feed: feed, Audit: log, Clock: clock}), Known: known{}, Config: configuration{}, Keyring: keys{},
		Plugins: func() []pluginhost.Status {
			return []pluginhost.Status{{
				Plugin: "apikey", Version: "1.0.0", State: pluginhost.Ready, PID: 7, Instances: []pluginhost.InstanceStatus{{Name: "apikey"}},
				InForce: pluginhost.InForce{ProcessGroup: true, PrivateFolder: true},
			}}
		},
		ProvisioningTokens: h.idp, Connections: connections{}, Links: links{}, Traffic: h.traffic, Brakes: h.brake, People: people{}, Sessions: h.sessions, Pins: pins{}, Domains: h.domains,
		Explain: explains{},
		Status: func(context.Context) wire.Status {
			return wire.Status{Version: "1.2.3", Revision: 7, Ready: true, Conditions: []wire.Condition{{Name: "store", OK: true}}, Ending: ending, Pulls: pulls}
		},
		Attempts: func() *throttle.Guard { return h.guard }, Source: h.source,
		PublicURL: func() string { return "https://app.example.com" }, TraceID: func(http.Header) string { return "trace-1" },
		Clock: clock, Random: rand.Reader, Logger: slog.New(slog.NewTextHandler(h.log, nil)),
	})
	h.Server = httptest.NewServer(loadSpec(tb).check(tb, h.api)) // every answer of every test is held against the document
	tb.Cleanup(h.Close)
	return h
}

func (h *host) set(t time.Time) { h.now.Store(&t) }

// token makes an admin token with scopes.
func (h *host) token(tb testing.TB, scopes ...string) (id string, text secret.Text) {
	tb.Helper()
	t, text, err := h.tokens.Create(tb.Context(), credential.By{Actor: "test"}, "test", "", scopes, 24*time.Hour)
	if err != nil {
		tb.Fatal(err)
	}
	return t.ID, text
}

// dial is the Go client with a token of these scopes.
func (h *host) dial(tb testing.TB, scopes ...string) *wire.Host {
	tb.Helper()
	_, text := h.token(tb, scopes...)
	c, err := wire.Dial(tb.Context(), wire.Options{URL: h.URL, Token: text})
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// send makes a request as it stands.
func (h *host) send(tb testing.TB, method, path, body string, header http.Header) (*http.Response, string) {
	tb.Helper()
	req, err := http.NewRequestWithContext(tb.Context(), method, h.URL+path, strings.NewReader(body))
	if err != nil {
		tb.Fatal(err)
	}
	req.Header = header
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		tb.Fatal(err)
	}
	return res, string(text)
}

// with is the headers of a JSON request with a token.
func with(token secret.Text) http.Header {
	return http.Header{"Authorization": {"Bearer " + token.Reveal()}, "Content-Type": {"application/json"}}
}

func refused(t *testing.T, err error, code problem.Code, words string) {
	t.Helper()
	if !problem.Is(err, code) {
		t.Fatalf("error %v, want a %s", err, code)
	}
	p := problem.As(err)
	if said := p.Detail + " | " + p.Hint; !strings.Contains(said, words) {
		t.Errorf("it says %q, which does not contain %q", said, words)
	}
	var e *wire.Error
	if !errors.As(err, &e) || e.TraceID != "trace-1" {
		t.Errorf("the trace id is missing: %v", err)
	}
}
