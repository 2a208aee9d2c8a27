package session_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/core/audit"
	"github.com/gatehouse-id/gatehouse/core/change"
	"github.com/gatehouse-id/gatehouse/core/keyring"
	"github.com/gatehouse-id/gatehouse/core/session"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// room is sessions with a clock that is set by hand.
type room struct {
	*session.Sessions
	t    *testing.T
	feed *change.Feed
	at   *atomic.Int64
}

func (r *room) later(d time.Duration) { r.at.Add(int64(d / time.Microsecond)) }
func (r *room) now() time.Time        { return time.UnixMicro(r.at.Load()) }

func each(t *testing.T, fn func(t *testing.T, r *room)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, s *store.Store) { fn(t, open(t, s)) })
}

func open(t *testing.T, s *store.Store) *room {
	t.Helper()
	r := &room{t: t, at: &atomic.Int64{}}
	r.at.Store(time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC).UnixMicro())
	root, err := keyring.LoadRootKey(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32)), "")
	if err != nil {
		t.Fatal(err)
	}
	keys, err := keyring.Open(t.Context(), keyring.Options{
		Store: s, Root: root, Clock: r.now, Random: rand.Reader,
		Changed: func(context.Context, *store.Tx, keyring.Change) error { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	r.feed = change.NewFeed(s, r.now)
	r.Sessions = session.New(session.Options{
		Store: s, Feed: r.feed, Audit: audit.New(r.now, rand.Reader), Sealer: keys, Clock: r.now, Random: rand.Reader,
	})
	return r
}

var by = session.By{Actor: "connection:acme-okta", TraceID: "t1"}

func jane() session.Start {
	return session.Start{
		Organization: "acme", User: "u-jane", Connection: "acme-okta", Instance: "acme-okta/saml", Host: "app.example.com",
		Agent: "A Browser\x00/1.0", Address: "192.0.2.7",
		Identity: authn.Identity{
			Issuer: "http://www.okta.com/exk1", Subject: "jane@acme.example", SessionIndex: "_si1", Keep: []byte("refresh token"),
			Authentication: authn.Authentication{Context: "urn:mfa", Methods: []string{"pwd", "otp"}, MultiFactor: authn.MultiFactorYes},
		},
	}
}

func (r *room) start(n session.Start) (session.Session, secret.Text) {
	r.t.Helper()
	var made session.Session
	var token secret.Text
	err := r.Store.Write(r.t.Context(), func(tx *store.Tx) (err error) {
		made, token, err = r.Start(r.t.Context(), tx, by, n)
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return made, token
}

func (r *room) lives(token secret.Text) bool {
	r.t.Helper()
	_, _, err := r.Find(r.t.Context(), token)
	if err != nil && !problem.Is(err, problem.Unauthenticated) {
		r.t.Fatal(err)
	}
	return err == nil
}

func TestStartAndFind(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		made, token := r.start(jane())
		found, until, err := r.Find(t.Context(), token)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(made, found); diff != "" {
			t.Errorf("found (-made +found):\n%s", diff)
		}
		if found.Agent != "A Browser/1.0" || !found.Authentication.Time.Equal(r.now()) {
			t.Errorf("%+v", found)
		}
		if want := r.now().Add(session.Defaults.Idle); !until.Equal(want) {
			t.Errorf("it holds until %s, want %s", until, want)
		}
		kept, err := r.Kept(t.Context(), made.ID)
		want := authn.Session{Issuer: "http://www.okta.com/exk1", Subject: "jane@acme.example", Keep: []byte("refresh token")}
		if diff := cmp.Diff(want, kept); err != nil || diff != "" {
			t.Errorf("kept: %v (-want +got):\n%s", err, diff)
		}
	})
}

// Who reads the database learns no token, and nothing of what the plugin keeps.
func TestTheDatabaseHoldsNoToken(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		_, token := r.start(jane())
		var hash, keep []byte
		err := r.Store.Read(t.Context(), func(tx *store.Tx) error {
			return tx.QueryRow(t.Context(), `SELECT token, keep FROM session`).Scan(&hash, &keep)
		})
		if err != nil || len(hash) != 32 || bytes.Contains(keep, []byte("refresh")) || strings.Contains(token.Reveal(), string(hash)) {
			t.Errorf("%x, %x, %v", hash, keep, err)
		}
	})
}

func TestATokenThatIsNone(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		made, token := r.start(jane())
		other := jane()
		other.User = "u-joe"
		_, joes := r.start(other)
		id, rest := session.IDOf(token), strings.SplitN(joes.Reveal(), session.IDOf(joes), 2)[1]
		forged, err := secret.New(rand.Reader, session.TokenPrefix, id) // with a right checksum
		if err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string]secret.Text{
			"none": "", "another secret with the id": forged, "one's id with another's secret": secret.Text(session.TokenPrefix + "_" + id + rest),
			"cut": token[:len(token)-1], "longer": token + "a", "the id alone": secret.Text(made.ID), "an API key": "ghk_" + token[6:],
			"upper case": secret.Text(strings.ToUpper(token.Reveal())), "quoted": "\"" + token + "\"",
		} {
			if r.lives(text) {
				t.Errorf("%s is taken", name)
			}
		}
		if !r.lives(token) || !r.lives(joes) {
			t.Error("a genuine one is refused")
		}
	})
}

func TestASessionEndsByItself(t *testing.T) {
	for name, tt := range map[string]struct {
		ends  time.Duration // by the IdP; 0 is unsaid
		steps []time.Duration
		uses  bool // it is used at each step, and so not idle
		want  bool
	}{
		"within the idle time":           {steps: []time.Duration{11 * time.Hour}, want: true},
		"idle":                           {steps: []time.Duration{12 * time.Hour}},
		"used in between":                {steps: []time.Duration{11 * time.Hour, 11 * time.Hour}, uses: true, want: true},
		"the end of its life":            {steps: slices.Repeat([]time.Duration{8 * time.Hour}, 21), uses: true},
		"the IdP's end":                  {ends: time.Hour, steps: []time.Duration{time.Hour}},
		"before the IdP's end":           {ends: time.Hour, steps: []time.Duration{59 * time.Minute}, want: true},
		"an end of the IdP's that's far": {ends: 1000 * time.Hour, steps: slices.Repeat([]time.Duration{8 * time.Hour}, 21), uses: true},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, r *room) {
				n := jane()
				if tt.ends > 0 {
					n.Identity.SessionEnds = r.now().Add(tt.ends)
				}
				made, token := r.start(n)
				for _, step := range tt.steps {
					r.later(step)
					if tt.uses && r.lives(token) {
						r.Mark(made, r.now())
						if err := r.Flush(t.Context()); err != nil {
							t.Fatal(err)
						}
					}
				}
				if got := r.lives(token); got != tt.want {
					t.Errorf("lives: %v", got)
				}
				if err := r.Sweep(t.Context()); err != nil {
					t.Fatal(err)
				}
				list, err := r.List(t.Context(), session.Query{Limit: 10})
				if err != nil || (len(list) == 1) != tt.want {
					t.Errorf("listed: %v, %v", list, err)
				}
			})
		})
	}
}

// What was marked and is not written counts all the same.
func TestAMarkCountsAtOnce(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		made, token := r.start(jane())
		r.later(11 * time.Hour)
		r.Mark(made, r.now())
		r.later(11 * time.Hour)
		if !r.lives(token) {
			t.Error("it is over")
		}
	})
}

func TestWhatEndsSessions(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		other := func(change func(*session.Start)) session.Start {
			n := jane()
			change(&n)
			return n
		}
		starts := map[string]session.Start{
			"jane":                      jane(),
			"jane, another IdP session": other(func(n *session.Start) { n.Identity.SessionIndex = "_si2" }),
			"joe": other(func(n *session.Start) {
				n.User, n.Identity.Subject, n.Identity.SessionIndex = "u-joe", "joe@acme.example", "_si3"
			}),
			"globex": other(func(n *session.Start) {
				n.Organization, n.Connection, n.User = "globex", "globex", "u-g" // with the very names of the others
			}),
			"no index": other(func(n *session.Start) { n.User, n.Identity.Subject, n.Identity.SessionIndex = "u-n", "n", "" }),
		}
		named := func(connection string, e authn.Ended) func(tx *store.Tx) error {
			return func(tx *store.Tx) error {
				_, err := r.EndNamed(r.t.Context(), tx, by, connection, e)
				return err
			}
		}
		for name, tt := range map[string]struct {
			do   func(tx *store.Tx) error
			want []string // who is out
		}{
			"an index": {named("acme-okta", authn.Ended{SessionIndexes: []string{"_si1"}}), []string{"jane"}},
			"indexes":  {named("acme-okta", authn.Ended{SessionIndexes: []string{"_si1", "_si3", "_si9"}}), []string{"jane", "joe"}},
			"a subject": {
				named("acme-okta", authn.Ended{Issuer: "http://www.okta.com/exk1", Subject: "jane@acme.example"}),
				[]string{"jane", "jane, another IdP session"},
			},
			"a subject with an index that is another's": {named("acme-okta", authn.Ended{Subject: "joe@acme.example", SessionIndexes: []string{"_si1"}}), nil},
			"another issuer":        {named("acme-okta", authn.Ended{Issuer: "other", Subject: "jane@acme.example"}), nil},
			"of another connection": {named("initech", authn.Ended{Subject: "jane@acme.example"}), nil},
			"nothing":               {named("acme-okta", authn.Ended{}), nil},
			"an empty index":        {named("acme-okta", authn.Ended{SessionIndexes: []string{""}}), nil},
			"an issuer alone":       {named("acme-okta", authn.Ended{Issuer: "http://www.okta.com/exk1"}), nil},
			"an e-mail address":     {named("acme-okta", authn.Ended{Email: "jane@acme.example", Subject: "jane@acme.example"}), nil},
			"a user": {func(tx *store.Tx) error {
				_, err := r.EndOf(r.t.Context(), tx, by, session.UserLeft, []string{"u-jane"})
				return err
			}, []string{"jane", "jane, another IdP session"}},
			"a user of another's": {func(tx *store.Tx) error {
				_, err := r.EndOf(r.t.Context(), tx, session.By{Within: "globex"}, session.Revoked, []string{"u-jane"})
				return err
			}, nil},
			"nobody": {func(tx *store.Tx) error { _, err := r.EndOf(r.t.Context(), tx, by, session.UserLeft, nil); return err }, nil},
			"many users, one of them her": {func(tx *store.Tx) error {
				_, err := r.EndOf(r.t.Context(), tx, by, session.UserLeft, append(many(400), "u-joe"))
				return err
			}, []string{"joe"}},
		} {
			t.Run(name, func(t *testing.T) {
				tokens := map[string]secret.Text{}
				for who, start := range starts {
					_, tokens[who] = r.start(start)
				}
				if err := r.Store.Write(t.Context(), tt.do); err != nil {
					t.Fatal(err)
				}
				var out []string
				for who, token := range tokens {
					if !r.lives(token) {
						out = append(out, who)
					}
				}
				slices.Sort(out)
				if diff := cmp.Diff(tt.want, out); diff != "" {
					t.Errorf("out (-want +got):\n%s", diff)
				}
				err := r.Store.Write(t.Context(), func(tx *store.Tx) error { _, err := tx.Exec(t.Context(), `DELETE FROM session`); return err })
				if err != nil {
					t.Fatal(err)
				}
			})
		}
	})
}

func many(n int) (list []string) {
	for i := range n {
		list = append(list, fmt.Sprintf("u-%d", i))
	}
	return list
}

// An answer that rests on a session is stale before whoever ended it is answered.
func TestAnEndIsAnnounced(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		made, token := r.start(jane())
		deps := r.feed.Observe(change.Session(session.IDOf(token)))
		if !deps.Fresh() {
			t.Fatal("it is stale before")
		}
		if _, err := r.End(t.Context(), session.By{Actor: "admin:a", Within: "globex"}, session.Revoked, made.ID); !problem.Is(err, problem.NotFound) || !deps.Fresh() || !r.lives(token) {
			t.Fatalf("another organization's administrator: %v", err)
		}
		if _, err := r.End(t.Context(), session.By{Actor: "admin:a", Within: "acme"}, session.Revoked, made.ID); err != nil {
			t.Fatal(err)
		}
		if deps.Fresh() || r.lives(token) {
			t.Error("it is still known")
		}
		if _, err := r.End(t.Context(), by, session.Revoked, made.ID); !problem.Is(err, problem.NotFound) {
			t.Errorf("once more: %v", err)
		}
		var actions []string
		err := r.Store.Read(t.Context(), func(tx *store.Tx) error {
			rows, err := tx.Query(t.Context(), `SELECT action FROM audit ORDER BY seq`)
			if err != nil {
				return err
			}
			defer rows.Close()
			for rows.Next() {
				var action string
				if err := rows.Scan(&action); err != nil {
					return err
				}
				actions = append(actions, action)
			}
			return rows.Err()
		})
		if diff := cmp.Diff([]string{"session.started", "session.ended"}, actions); err != nil || diff != "" {
			t.Errorf("audit: %v (-want +got):\n%s", err, diff)
		}
	})
}

func TestOneUserHasSoMany(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		r.Configure(session.Settings{Idle: time.Hour, Life: time.Hour, PerUser: 3})
		var tokens []secret.Text
		var ids []string
		for range 3 {
			made, token := r.start(jane())
			tokens, ids = append(tokens, token), append(ids, made.ID)
			r.later(time.Minute)
		}
		r.Mark(session.Session{ID: ids[0]}, r.now()) // the first is the one used last
		joe := jane()
		joe.User = "u-joe"
		_, joes := r.start(joe)
		_, fourth := r.start(jane())
		if !r.lives(tokens[0]) || r.lives(tokens[1]) || !r.lives(tokens[2]) || !r.lives(fourth) || !r.lives(joes) {
			t.Error("another one made room than the one that was used least lately")
		}
	})
}

func TestSigningOnAgainEndsTheBrowsersSession(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		made, token := r.start(jane())
		again := jane()
		again.Before = made.ID
		_, next := r.start(again)
		if r.lives(token) || !r.lives(next) {
			t.Error("the session before goes on")
		}
	})
}

func TestListInPages(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		var want []string
		for i := range 7 {
			n := jane()
			n.User = fmt.Sprintf("u-%d", i)
			made, _ := r.start(n)
			want = append(want, made.ID)
			if i%2 == 0 {
				r.later(time.Second) // some start in the same moment
			}
			n.Organization, n.Connection, n.User = "globex", "globex", "u-g"
			r.start(n)
		}
		var got []string
		for after := ""; ; {
			page, err := r.List(t.Context(), session.Query{Organization: "acme", After: after, Limit: 2})
			if err != nil {
				t.Fatal(err)
			}
			for _, one := range page {
				got = append(got, one.ID)
			}
			if len(page) < 2 {
				break
			}
			after = page[1].ID
		}
		slices.Sort(want)
		if sorted := slices.Sorted(slices.Values(got)); !slices.Equal(sorted, want) {
			t.Errorf("pages have %v, want %v", sorted, want)
		}
		if _, err := r.List(t.Context(), session.Query{Organization: "globex", After: want[0], Limit: 2}); !problem.Is(err, problem.Invalid) {
			t.Errorf("a page after another organization's: %v", err)
		}
	})
}

func TestCookies(t *testing.T) {
	h := http.Header{}
	session.SetCookie(h, "ghses_abc")
	if got, want := h.Get("Set-Cookie"), "__Host-gatehouse=ghses_abc; Path=/; HttpOnly; Secure; SameSite=Lax"; got != want {
		t.Errorf("it sets %s, want %s", got, want)
	}
	h = http.Header{}
	session.ClearCookie(h)
	if got := h.Get("Set-Cookie"); !strings.Contains(got, "Max-Age=0") || !strings.Contains(got, "__Host-gatehouse=;") {
		t.Errorf("it clears with %s", got)
	}
	for line, want := range map[string]struct{ token, rest string }{
		"__Host-gatehouse=ghses_a":                           {"ghses_a", ""},
		"a=b; __Host-gatehouse=ghses_a; c=d":                 {"ghses_a", "a=b; c=d"},
		"a=b;__Host-gatehouse=ghses_a;c=d":                   {"ghses_a", "a=b; c=d"},
		"__Host-gatehouse=ghses_a; __Host-gatehouse=ghses_b": {"", ""},
		"a=b":                        {"", "a=b"},
		"x__Host-gatehouse=ghses_a":  {"", "x__Host-gatehouse=ghses_a"},
		"__Host-gatehouse-2=ghses_a": {"", "__Host-gatehouse-2=ghses_a"},
		"a=__Host-gatehouse=ghses_a": {"", "a=__Host-gatehouse=ghses_a"},
		"__host-gatehouse=ghses_a":   {"", "__host-gatehouse=ghses_a"},
	} {
		if got := session.TokenOf(http.Header{"Cookie": {line}}).Reveal(); got != want.token {
			t.Errorf("%s: token %q", line, got)
		}
		if got := strings.Join(session.Without([]string{line}), "|"); got != want.rest {
			t.Errorf("%s: the application gets %q, want %q", line, got, want.rest)
		}
	}
}
