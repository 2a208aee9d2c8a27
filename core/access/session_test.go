package access_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/core/access"
	"github.com/gatehouse-id/gatehouse/core/audit"
	"github.com/gatehouse-id/gatehouse/core/change"
	"github.com/gatehouse-id/gatehouse/core/domain"
	"github.com/gatehouse-id/gatehouse/core/grant"
	"github.com/gatehouse-id/gatehouse/core/keyring"
	"github.com/gatehouse-id/gatehouse/core/session"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

// counted counts what is asked of sessions, and can fail.
type counted struct {
	*session.Sessions
	mu           sync.Mutex
	finds, marks int
	fail         error
}

func (c *counted) Find(ctx context.Context, token secret.Text) (session.Session, time.Time, error) {
	c.mu.Lock()
	c.finds++
	err := c.fail
	c.mu.Unlock()
	if err != nil {
		return session.Session{}, time.Time{}, err
	}
	return c.Sessions.Find(ctx, token)
}

func (c *counted) Mark(one session.Session, at time.Time) {
	c.mu.Lock()
	c.marks++
	c.mu.Unlock()
	c.Sessions.Mark(one, at)
}

// signedOn is a world in which jane has a session.
func signedOn(t *testing.T, roles ...string) (*world, *counted, session.Session, secret.Text) {
	t.Helper()
	w := newWorld(t)
	root, err := keyring.LoadRootKey(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32)), "")
	if err != nil {
		t.Fatal(err)
	}
	keys, err := keyring.Open(t.Context(), keyring.Options{
		Store: w.store, Root: root, Clock: w.clock, Random: rand.Reader,
		Changed: func(context.Context, *store.Tx, keyring.Change) error { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	sessions := &counted{Sessions: session.New(session.Options{
		Store: w.store, Feed: w.feed, Audit: audit.New(w.clock, rand.Reader), Sealer: keys, Clock: w.clock, Random: rand.Reader,
	})}
	who := jane(roles...)
	who.Attributes = json.RawMessage(`{"userName":"jane","displayName":"Jane Doe","emails":[{"value":"jane@Acme.example"}]}`)
	w.people["jane"] = who
	w.domains = domain.New(domain.Options{
		Store: w.store, Feed: w.feed, Audit: audit.New(w.clock, rand.Reader), Filed: func(string) string { return "" }, Clock: w.clock, Random: rand.Reader,
	})
	w.options.Sessions, w.options.Domains = sessions, w.domains.With(map[string]string{"acme.example": "acme"})
	if w.service, err = access.New(w.options); err != nil {
		t.Fatal(err)
	}
	var made session.Session
	var token secret.Text
	err = w.store.Write(t.Context(), func(tx *store.Tx) (err error) {
		made, token, err = sessions.Start(t.Context(), tx, session.By{Actor: "connection:okta"}, session.Start{
			Organization: "acme", User: "jane", Connection: "okta", Instance: "okta/saml", Host: "gate.example",
			Identity: authn.Identity{Issuer: "idp", Subject: "jane", Authentication: authn.Authentication{Context: "urn:mfa", Methods: []string{"pwd", "otp"}}},
		})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return w, sessions, made, token
}

func (w *world) browse(path string, token secret.Text, header http.Header) (access.Decision, error) {
	return w.browseAt("gate.example", path, token, header)
}

func (w *world) browseAt(host, path string, token secret.Text, header http.Header) (access.Decision, error) {
	r := w.at(path)
	r.Host, r.Header = host, http.Header{}
	maps.Copy(r.Header, header)
	r.Header["Cookie"] = append(r.Header["Cookie"], "theme=dark; "+session.Cookie+"="+token.Reveal())
	return w.service.Check(context.Background(), r)
}

func TestASessionIsACredential(t *testing.T) {
	t.Parallel()
	w, sessions, made, token := signedOn(t, "analyst")
	d, err := w.browse("/query", token, nil)
	if err != nil {
		t.Fatal(err)
	}
	if d.Principal.Kind() != access.KindUser || d.Principal.ID != "jane" || d.Identity.Kind()[0] != "user" || d.Identity.Roles()[0] != "analyst" {
		t.Errorf("%+v, %+v", d.Principal, d.Identity)
	}
	var told map[string]any
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(d.Identity.Assertion()[0], ".")[1])
	if err != nil || json.Unmarshal(payload, &told) != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"iat", "exp"} {
		delete(told, name)
	}
	want := map[string]any{
		"iss": "https://gate.example", "aud": "app", "sub": "jane", "kind": "user", "org": "acme", "roles": []any{"analyst"}, "name": "Jane Doe",
		"email": "jane@Acme.example", "email_verified": true, "auth_time": float64(start.Unix()), "amr": []any{"pwd", "otp"}, "acr": "urn:mfa", "sid": made.ID,
	}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("the assertion (-want +got):\n%s", diff)
	}
	for range 10 {
		if _, err := w.browse("/query", token, nil); err != nil {
			t.Fatal(err)
		}
	}
	if sessions.finds != 1 || sessions.marks != 1 {
		t.Errorf("it was looked for %d times and marked %d times for eleven requests", sessions.finds, sessions.marks)
	}
	if _, err := w.browse("/admin/x", token, nil); !problem.Is(err, problem.Forbidden) {
		t.Errorf("more than she may: %v", err)
	}
}

// Whatever ends what a session rests on is in force with the next request, though
// it was let in before.
func TestWhatASessionRestsOn(t *testing.T) {
	t.Parallel()
	announce := func(w *world, tags ...change.Tag) {
		w.feed.Announce(tags...)
	}
	for name, tt := range map[string]struct {
		change func(w *world, s *counted, made session.Session)
		want   problem.Code // "" still passes
	}{
		"she signs out": {func(_ *world, s *counted, made session.Session) {
			_, _ = s.End(context.Background(), session.By{}, session.SignedOut, made.ID)
		}, problem.Unauthenticated},
		"she is deactivated": {func(w *world, _ *counted, _ session.Session) {
			who := w.people["jane"]
			who.Active = false
			w.people["jane"] = who
			announce(w, change.User("jane"))
		}, problem.Forbidden},
		"she is deleted": {func(w *world, _ *counted, _ session.Session) {
			delete(w.people, "jane")
			announce(w, change.User("jane"))
		}, problem.Forbidden},
		"she is moved to another organization": {func(w *world, _ *counted, _ session.Session) {
			who := w.people["jane"]
			who.Organization = "globex"
			w.people["jane"] = who
			announce(w, change.User("jane"))
		}, problem.Forbidden},
		"her role is taken": {func(w *world, _ *counted, _ session.Session) {
			who := w.people["jane"]
			who.Grants = nil
			w.people["jane"] = who
			announce(w, change.Grants(grant.User("jane")))
		}, problem.Forbidden},
		"it was idle": {func(w *world, _ *counted, _ session.Session) { w.now.Add(int64(session.Defaults.Idle)) }, problem.Unauthenticated},
		"the store fails": {func(w *world, s *counted, made session.Session) {
			s.fail = problem.New(problem.Unavailable, "the database is away")
			announce(w, change.Session(made.ID))
		}, problem.Unavailable},
		"nothing of hers": {func(w *world, _ *counted, _ session.Session) {
			announce(w, change.User("joe"), change.Session("Sother"))
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, sessions, made, token := signedOn(t, "analyst")
			if _, err := w.browse("/query", token, nil); err != nil {
				t.Fatal(err)
			}
			tt.change(w, sessions, made)
			_, err := w.browse("/query", token, nil)
			if tt.want == "" && err != nil || tt.want != "" && !problem.Is(err, tt.want) {
				t.Errorf("then: %v, want %s", err, tt.want)
			}
		})
	}
}

// Whether an address is shown as verified follows what is proved with the next
// request, and what another organization has proved is nothing to it.
func TestVerifiedAddresses(t *testing.T) {
	t.Parallel()
	w, sessions, _, token := signedOn(t, "analyst")
	email := func(address string) {
		who := w.people["jane"]
		who.Attributes = json.RawMessage(`{"userName":"jane","emails":[{"value":"` + address + `"}]}`)
		w.people["jane"] = who
		w.feed.Announce(change.User("jane"))
	}
	verified := func() bool {
		t.Helper()
		d, err := w.browse("/query", token, nil)
		if err != nil {
			t.Fatal(err)
		}
		payload, err := base64.RawURLEncoding.DecodeString(strings.Split(d.Identity.Assertion()[0], ".")[1])
		var told struct {
			Verified bool `json:"email_verified"`
		}
		if err != nil || json.Unmarshal(payload, &told) != nil {
			t.Fatal(err)
		}
		return told.Verified
	}
	prove := func(organization, name string) domain.Domain {
		t.Helper()
		one, err := w.domains.Add(t.Context(), domain.By{Actor: "test"}, organization, name)
		if err == nil {
			one, err = w.domains.Verify(t.Context(), domain.By{Actor: "test"}, one.ID, true)
		}
		if err != nil {
			t.Fatal(err)
		}
		return one
	}
	for _, tt := range []struct {
		name   string
		change func()
		want   bool
	}{
		{"of a domain of the files", func() {}, true},
		{"of a domain of nobody", func() { email("jane@Acme.test") }, false},
		{"of one that is claimed", func() { _, _ = w.domains.Add(t.Context(), domain.By{}, "acme", "acme.test") }, false},
		{"of one that another organization has proved", func() { email("jane@globex.test"); prove("globex", "globex.test") }, false},
		{"of one that is proved", func() { email("jane@Acme.test"); prove("acme", "acme.test") }, true},
		{"once its domain was removed", func() { _, _ = w.domains.Remove(t.Context(), domain.By{}, prove("acme", "acme.test").ID) }, false},
		{"with another domain behind it", func() { email("jane@acme.example@evil.test") }, false},
		{"without a domain", func() { email("jane") }, false},
	} {
		if tt.change(); verified() != tt.want {
			t.Errorf("an address %s: verified %v", tt.name, !tt.want)
		}
	}
	finds := sessions.finds
	prove("globex", "globex.example")
	if verified(); sessions.finds != finds {
		t.Error("what another organization proves makes nothing be read again")
	}
}

// A session that is used stays, also where no request looks for it because it is
// remembered.
func TestASessionThatIsUsedStays(t *testing.T) {
	t.Parallel()
	w, _, _, token := signedOn(t, "analyst")
	const step = 6 * time.Hour
	for w.clock().Add(step).Before(start.Add(session.Defaults.Life)) {
		w.now.Add(int64(step))
		if _, err := w.browse("/query", token, nil); err != nil {
			t.Fatalf("after %s: %v", w.clock().Sub(start), err)
		}
	}
	w.now.Add(int64(step))
	if _, err := w.browse("/query", token, nil); !problem.Is(err, problem.Unauthenticated) {
		t.Errorf("after its life: %v", err)
	}
}

func TestASessionBesideOtherThings(t *testing.T) {
	t.Parallel()
	w, sessions, made, token := signedOn(t, "analyst")
	w.people["other"] = jane()
	key := http.Header{"X-Client-Id": {"alpha"}, "X-Client-Secret": {"ghk_K1_right"}}
	for name, tt := range map[string]struct {
		path   string
		token  secret.Text
		header http.Header
		want   problem.Code
		nobody bool
	}{
		"a client's key":                     {"/query", token, key, problem.Invalid, false},
		"the application's Authorization":    {"/query", token, http.Header{"Authorization": {"Basic eA=="}}, "", false},
		"a cookie that is not a token":       {"/query", "something", nil, problem.Unauthenticated, false},
		"a key beside such a cookie":         {"/query", "something", key, "", false},
		"two cookies of the name":            {"/query", token, http.Header{"Cookie": {session.Cookie + "=x"}}, problem.Unauthenticated, false},
		"a public path":                      {"/public", token, nil, "", false},
		"a public path and no session of us": {"/public", "ghses_Sx_y", nil, "", true},
	} {
		d, err := w.browse(tt.path, tt.token, tt.header)
		if tt.want == "" && err != nil || tt.want != "" && !problem.Is(err, tt.want) {
			t.Errorf("%s: %v, want %s", name, err, tt.want)
		}
		if err == nil && (d.Principal == nil) != tt.nobody {
			t.Errorf("%s: it is %+v", name, d.Principal)
		}
	}
	if _, err := sessions.End(t.Context(), session.By{}, session.SignedOut, made.ID); err != nil {
		t.Fatal(err)
	}
	if d, err := w.browse("/public", token, nil); err != nil || d.Principal != nil {
		t.Errorf("a public path with the cookie of a session that has ended: %+v, %v", d.Principal, err)
	}
	sessions.fail = errors.New("the database is away")
	if _, err := w.browse("/public", token, nil); err == nil {
		t.Error("nobody knows who it is, and it passes")
	}
}

func TestTheApplicationGetsNoToken(t *testing.T) {
	t.Parallel()
	w, _, _, token := signedOn(t)
	h := http.Header{"Cookie": {"a=b; " + session.Cookie + "=" + token.Reveal(), session.Cookie + "=" + token.Reveal()}}
	w.options.Reader.Strip(h)
	if diff := cmp.Diff(http.Header{"Cookie": {"a=b"}}, h); diff != "" {
		t.Errorf("it gets (-want +got):\n%s", diff)
	}
	h = http.Header{"Cookie": {session.Cookie + "=x"}}
	if w.options.Reader.Strip(h); len(h) > 0 {
		t.Errorf("it gets %v", h)
	}
}

// An application that sees the cookies of its own host, as behind another proxy, gets
// into no other host with them.
func TestASessionIsForOneHost(t *testing.T) {
	t.Parallel()
	w, _, _, token := signedOn(t, "analyst")
	for range 2 { // it is remembered after the first
		if _, err := w.browse("/query", token, nil); err != nil {
			t.Fatal(err)
		}
		for _, host := range []string{"", "other.example", "GATE.example", "gate.example.", "sub.gate.example"} {
			if _, err := w.browseAt(host, "/query", token, nil); !problem.Is(err, problem.Unauthenticated) {
				t.Errorf("at %q the answer is %v", host, err)
			}
			if d, err := w.browseAt(host, "/public", token, nil); err != nil || d.Principal != nil {
				t.Errorf("at %q on a public path it is %v, %v", host, d.Principal, err)
			}
		}
	}
}
