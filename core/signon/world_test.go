package signon_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"html"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/core/audit"
	"github.com/gatehouse-id/gatehouse/core/change"
	"github.com/gatehouse-id/gatehouse/core/credential"
	"github.com/gatehouse-id/gatehouse/core/directory"
	"github.com/gatehouse-id/gatehouse/core/keyring"
	"github.com/gatehouse-id/gatehouse/core/pluginhost/once"
	"github.com/gatehouse-id/gatehouse/core/session"
	"github.com/gatehouse-id/gatehouse/core/signon"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	"github.com/gatehouse-id/gatehouse/core/tracing"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	sdk "github.com/gatehouse-id/gatehouse/sdk/directory"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// world is signing on with the real rooms, a plugin in memory, and a server that
// browsers come to.
type world struct {
	*httptest.Server
	t           *testing.T
	store       *store.Store
	directory   *directory.Directory
	sessions    *session.Sessions
	room        *signon.SignOn
	at          atomic.Int64
	connections []signon.Connection
	hosts       []string // beside that of the server
	log         bytes.Buffer
	traces      atomic.Int64

	mu       sync.Mutex
	plugin   plugin
	stopped  []string // whose keys
	outcomes []string
}

// plugin answers as it is told.
type plugin struct {
	begun    []authn.BeginRequest
	complete []authn.CompleteRequest
	received []authn.ReceiveRequest
	ended    []authn.Session
	renewed  []authn.Session // whose tokens were exchanged
	trace    string          // of the last Complete

	identity authn.Identity
	answer   authn.Received
	err      error
	form     bool // Begin has the browser post
}

// instance is a plugin's instance as the room sees it.
type instance struct {
	w            *world
	name         string
	organization string
}

func (i instance) Begin(_ context.Context, r authn.BeginRequest) (authn.Begun, error) {
	i.w.mu.Lock()
	defer i.w.mu.Unlock()
	i.w.plugin.begun = append(i.w.plugin.begun, r)
	begun := authn.Begun{URL: "https://idp.example/sso?" + url.Values{"state": {r.Relay}, "instance": {i.name}}.Encode(), State: []byte("state of " + i.name)}
	if i.w.plugin.form {
		begun.URL, begun.Fields = "https://idp.example/sso", []authn.Field{{Name: "RelayState", Value: r.Relay}}
	}
	return begun, i.w.plugin.err
}

func (i instance) Complete(ctx context.Context, r authn.CompleteRequest) (authn.Identity, error) {
	i.w.mu.Lock()
	defer i.w.mu.Unlock()
	i.w.plugin.trace = tracing.ID(ctx)
	i.w.plugin.complete = append(i.w.plugin.complete, r)
	return i.w.plugin.identity, i.w.plugin.err
}

// Refresh exchanges what is kept for another, which counts once.
func (i instance) Refresh(_ context.Context, _ authn.Endpoints, s authn.Session) (authn.Identity, error) {
	i.w.mu.Lock()
	defer i.w.mu.Unlock()
	if slices.ContainsFunc(i.w.plugin.renewed, func(before authn.Session) bool { return bytes.Equal(before.Keep, s.Keep) }) {
		return authn.Identity{}, authn.Deny("session_over", "the token was used before")
	}
	i.w.plugin.renewed = append(i.w.plugin.renewed, s)
	identity := i.w.plugin.identity
	identity.Keep = append(bytes.Clone(s.Keep), '+')
	return identity, i.w.plugin.err
}

func (i instance) Logout(_ context.Context, _ authn.Endpoints, relay string, s authn.Session) (authn.Begun, error) {
	i.w.mu.Lock()
	defer i.w.mu.Unlock()
	i.w.plugin.ended = append(i.w.plugin.ended, s)
	return authn.Begun{URL: "https://idp.example/slo?" + url.Values{"state": {relay}}.Encode(), State: []byte("logout")}, i.w.plugin.err
}

func (i instance) Metadata(context.Context, authn.Endpoints) (authn.Metadata, error) {
	return authn.Metadata{Values: []authn.Field{{Name: "Redirect URI", Value: "of " + i.name}}}, nil
}

func (i instance) Receive(_ context.Context, r authn.ReceiveRequest) (authn.Received, error) {
	i.w.mu.Lock()
	defer i.w.mu.Unlock()
	i.w.plugin.received = append(i.w.plugin.received, r)
	return i.w.plugin.answer, i.w.plugin.err
}

// StopOwned and RevokeOwned note whose keys are ended.
func (w *world) StopOwned(_ context.Context, _ *store.Tx, _ credential.By, users []string) error {
	w.stopped = append(w.stopped, users...)
	return nil
}

func (*world) RevokeOwned(context.Context, *store.Tx, credential.By, []string) error { return nil }

// Changed ends the sessions of whoever leaves, as the host's listener does.
func (w *world) Changed(ctx context.Context, tx *store.Tx, by directory.By, _ directory.Scope, events []directory.Event) error {
	var left []string
	for _, e := range events {
		if e.Kind == directory.UserDeactivated || e.Kind == directory.UserDeleted {
			left = append(left, e.User)
		}
	}
	_, err := w.sessions.EndOf(ctx, tx, session.By{Actor: by.Actor}, session.UserLeft, left)
	return err
}

// Owner is whose a domain is: in the tests nothing is proved beside the files.
func (w *world) Owner(_ context.Context, name string) (string, error) {
	owner := map[string]string{"acme.example": "acme", "globex.example": "globex", "xn--bcher-kva.example": "globex", "nobody.example": "nobody"}[name]
	if name == "away.example" {
		return "", problem.New(problem.Unavailable, "the store is away")
	}
	return owner, nil
}

func (w *world) now() time.Time { return time.UnixMicro(w.at.Load()) }

func (w *world) later(d time.Duration) { w.at.Add(int64(d / time.Microsecond)) }

// okta and entra are two connections of acme, globex another organization's.
var (
	okta   = signon.Connection{Label: "acme-okta", Organization: "acme", Name: "Acme Inc.", Match: signon.ByUserName, Authenticators: []signon.Authenticator{{Instance: "acme-okta/test", Callback: "callback", Unsolicited: true, LogsOut: true, Receives: true}}}
	entra  = signon.Connection{Label: "acme-entra", Organization: "acme", Name: "Acme Inc.", Match: signon.ByUserName, Authenticators: []signon.Authenticator{{Instance: "acme-entra/test", Callback: "callback"}, {Instance: "acme-entra/test.old", Label: "old", Callback: "callback"}}}
	globex = signon.Connection{Label: "globex", Organization: "globex", Name: "Globex", Match: signon.ByUserName, Authenticators: []signon.Authenticator{{Instance: "globex/test", Callback: "callback", Receives: true}}}
)

func each(t *testing.T, connections []signon.Connection, fn func(t *testing.T, w *world)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, s *store.Store) { fn(t, open(t, s, connections...)) })
}

// lite is a world on SQLite alone, where no SQL is in question.
func lite(t *testing.T, connections ...signon.Connection) *world {
	t.Helper()
	return open(t, storetest.Open(t, storetest.SQLite(t)), connections...)
}

func open(t *testing.T, s *store.Store, connections ...signon.Connection) *world {
	t.Helper()
	w := &world{t: t, store: s, connections: connections}
	w.at.Store(time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC).UnixMicro())
	root, err := keyring.LoadRootKey(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32)), "")
	if err != nil {
		t.Fatal(err)
	}
	keys, err := keyring.Open(t.Context(), keyring.Options{
		Store: s, Root: root, Clock: w.now, Random: rand.Reader,
		Changed: func(context.Context, *store.Tx, keyring.Change) error { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	feed, log := change.NewFeed(s, w.now), audit.New(w.now, rand.Reader)
	w.sessions = session.New(session.Options{Store: s, Feed: feed, Audit: log, Sealer: keys, Clock: w.now, Random: rand.Reader})
	w.directory = directory.New(directory.Options{Store: s, Feed: feed, Audit: log, Clock: w.now, Listener: w})
	w.room = signon.New(signon.Options{
		Store: s, Feed: feed, Audit: log, Directory: w.directory, Sessions: w.sessions, Keys: w, Once: once.New(s, w.now), Sealer: keys,
		Plugin:      func(name, organization string) signon.Plugin { return instance{w, name, organization} },
		Connections: func() []signon.Connection { return w.connections }, Domains: func() signon.Domains { return w }, Base: func() string { return w.URL },
		Host: w.hostOf, Hosts: func() []string { return w.hosts },
		Source: func(*http.Request) netip.Addr { return netip.MustParseAddr("192.0.2.7") }, TraceID: w.newTrace,
		Clock: w.now, Random: rand.Reader, Logger: slog.New(slog.NewTextHandler(&w.log, nil)),
		Seen: func(_, outcome string) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.outcomes = append(w.outcomes, outcome)
		},
	})
	w.Server = httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if !w.room.Serves(r.URL.Path) {
			_, _ = io.WriteString(rw, "the application")
			return
		}
		w.room.ServeHTTP(rw, r)
	}))
	t.Cleanup(w.Close)
	return w
}

// hostOf is the host that a request is for, as the server says it.
func (w *world) hostOf(r *http.Request) string {
	name, _, _ := net.SplitHostPort(r.Host)
	if slices.Contains(w.hosts, name) {
		return name
	}
	return "127.0.0.1"
}

// browser keeps cookies, and stops where it would leave the host.
type browser struct {
	w *world
	*http.Client
}

func (w *world) browser() *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	c := *w.Client()
	to := c.Transport.(*http.Transport).Clone()
	to.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, w.Listener.Addr().String())
	}
	w.t.Cleanup(to.CloseIdleConnections)
	c.Jar, c.Transport = jar, to
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &browser{w, &c}
}

// answer is what a browser got.
type answer struct {
	*http.Response
	text string
}

var refreshText = regexp.MustCompile(`<meta http-equiv="refresh" content="0; url=([^"]*)">`)

// leads is where a browser goes from an answer, nil where it stays.
func (a answer) leads() *url.URL {
	to, err := a.Location()
	if m := refreshText.FindStringSubmatch(a.text); m != nil {
		to, err = url.Parse(html.UnescapeString(m[1]))
	}
	if err != nil {
		return nil
	}
	return to
}

func (b *browser) do(method, path string, form url.Values, header http.Header) answer {
	b.w.t.Helper()
	if strings.HasPrefix(path, "/") {
		path = b.w.URL + path
	}
	r, err := http.NewRequestWithContext(b.w.t.Context(), method, path, strings.NewReader(form.Encode()))
	if err != nil {
		b.w.t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	maps.Copy(r.Header, header)
	resp, err := b.Do(r)
	if err != nil {
		b.w.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		b.w.t.Fatal(err)
	}
	return answer{resp, string(text)}
}

func (b *browser) get(path string) answer {
	b.w.t.Helper()
	return b.do(http.MethodGet, path, nil, nil)
}

// begin asks for a sign-on, and returns what the IdP hands back.
func (b *browser) begin(path string) (relay string) {
	b.w.t.Helper()
	a := b.get(path)
	to, err := a.Location()
	if err != nil {
		b.w.t.Fatalf("it was not sent to the IdP: %d %s", a.StatusCode, a.text)
	}
	return to.Query().Get("state")
}

// signOn goes to the IdP and back.
func (b *browser) signOn(connection string) answer {
	b.w.t.Helper()
	relay := b.begin("/login?connection=" + connection + "&return_to=/reports?x=1")
	return b.get("/sso/" + connection + "/callback?" + url.Values{"state": {relay}, "code": {"c"}}.Encode())
}

// session is the session that the browser has, nil where it has none.
func (b *browser) session() *session.Session {
	b.w.t.Helper()
	return b.sessionAt(b.w.URL)
}

func (b *browser) sessionAt(base string) *session.Session {
	b.w.t.Helper()
	u, err := url.Parse(base)
	if err != nil {
		b.w.t.Fatal(err)
	}
	for _, c := range b.Jar.Cookies(u) {
		if c.Name == session.Cookie {
			if found, _, err := b.w.sessions.Find(b.w.t.Context(), session.TokenOf(http.Header{"Cookie": {c.Name + "=" + c.Value}})); err == nil {
				return &found
			}
		}
	}
	return nil
}

var traceText = regexp.MustCompile(`trace-[0-9]{4}`)

var reasonText = regexp.MustCompile(`Reason: ([a-z_]+)`)

// reason is why a page says that somebody is not signed on.
func (a answer) reason() string {
	if m := reasonText.FindStringSubmatch(a.text); m != nil {
		return m[1]
	}
	return ""
}

// newTrace is another id each time, as that of a request is that names none.
func (w *world) newTrace(http.Header) string { return fmt.Sprintf("trace-%04d", w.traces.Add(1)) }

// trace is the id that the page shows.
func (a answer) trace() string { return traceText.FindString(a.text) }

// person is a user in the directory.
func (w *world) person(c signon.Connection, userName string) (id string) {
	w.t.Helper()
	id = sdk.NewID()
	w.apply(c, sdk.Create{Resource: sdk.Resource{Type: sdk.User, ID: id, ExternalID: "ext-" + userName, Attributes: []byte(`{"userName":"` + userName + `","emails":[{"value":"` + userName + `"}]}`)}})
	return id
}

func (w *world) apply(c signon.Connection, changes ...sdk.Change) {
	w.t.Helper()
	_, err := w.directory.Apply(w.t.Context(), directory.By{Actor: "test"}, directory.Scope{Organization: c.Organization, Connection: c.Label}, changes)
	if err != nil {
		w.t.Fatal(err)
	}
}

// activate changes whether a user is active.
func (w *world) activate(c signon.Connection, id, userName, active string) {
	w.t.Helper()
	w.apply(c, sdk.Replace{Resource: sdk.Resource{Type: sdk.User, ID: id, ExternalID: "ext-" + userName, Attributes: []byte(`{"userName":"` + userName + `","active":` + active + `}`)}})
}

// as has the IdP say who it is from now on.
func (w *world) as(identity authn.Identity) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if identity.Issuer == "" {
		identity.Issuer = "https://idp.example"
	}
	if identity.GroupsState == 0 {
		identity.GroupsState = authn.GroupsAbsent
	}
	w.plugin.identity, w.plugin.err = identity, nil
}

var jane = authn.Identity{Subject: "00u1", UserName: "jane@acme.example", Email: "jane@acme.example", SessionIndex: "_si1", Keep: []byte("kept")}
