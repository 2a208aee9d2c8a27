package credential_test

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/core/audit"
	"github.com/gatehouse-id/gatehouse/core/change"
	"github.com/gatehouse-id/gatehouse/core/credential"
	"github.com/gatehouse-id/gatehouse/core/keyring"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

// plugin stands for an authenticator's process, at the room's edge.
type plugin struct{ fail error }

func (p plugin) Issue(_ context.Context, _, _ string, r authn.IssueRequest) (authn.IssueResponse, error) {
	if p.fail != nil {
		return authn.IssueResponse{}, p.fail
	}
	text, err := secret.New(rand.Reader, "ghk", r.RecordID)
	sum := sha256.Sum256([]byte(text.Reveal()))
	return authn.IssueResponse{Secret: text, Verifier: sum[:], Hint: "ghk_" + r.RecordID}, err
}

type mac struct{}

func (mac) MAC(p keyring.Purpose, data []byte) ([]byte, error) {
	m := hmac.New(sha256.New, []byte("a key of the tests"))
	m.Write([]byte(p))
	m.Write(data)
	return m.Sum(nil), nil
}

func (mac) IsOutdated(keyring.Purpose, []byte) bool { return false }

func (k mac) CheckMAC(p keyring.Purpose, data, sum []byte) bool {
	want, err := k.MAC(p, data)
	return err == nil && hmac.Equal(want, sum)
}

type rooms struct {
	*credential.Records
	tokens *credential.AdminTokens
	usage  *credential.Usage
	store  *store.Store
	feed   *change.Feed
	audit  *audit.Log
	now    time.Time
	first  map[string]made // the keys that clients were made with, for key
}

// made is a key with its secret.
type made struct {
	key  credential.Key
	text secret.Text
}

var by = credential.By{Actor: "tester", TraceID: "trace"}

func each(t *testing.T, f func(t *testing.T, r *rooms)) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		r := &rooms{store: s, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), first: map[string]made{}}
		clock := func() time.Time { return r.now }
		r.feed, r.audit = change.NewFeed(s, clock), audit.New(clock, rand.Reader)
		o := credential.Options{Store: s, Feed: r.feed, Audit: r.audit, Issuer: plugin{}, Importer: plugin{}, Clock: clock, Random: rand.Reader}
		r.Records, r.tokens, r.usage = credential.New(o), credential.NewAdminTokens(o, mac{}), credential.NewUsage(s)
		f(t, r)
	})
}

func nothing(*store.Tx) error { return nil }

// client makes a client with its first key.
func (r *rooms) client(t *testing.T, id string) credential.Client {
	t.Helper()
	c, k, text, err := r.Create(t.Context(), by, credential.Client{
		ID: id, Organization: "acme", Instance: "apikey", Name: "A client", Scopes: []string{"query:execute", "policy:read"},
		Networks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::/32")}, Rate: 90 * 60,
	}, 0, nothing)
	if err != nil {
		t.Fatal(err)
	}
	r.first[id] = made{k, text}
	return c
}

// keyless declares a client, which has no key.
func (r *rooms) keyless(t *testing.T, id string) {
	t.Helper()
	if err := r.Declare(t.Context(), by, []credential.Client{{ID: id, Organization: "acme", Instance: "apikey"}}, nothing); err != nil {
		t.Fatal(err)
	}
}

// key is the first key of a client, or after that a further one.
func (r *rooms) key(t *testing.T, client string) (credential.Key, secret.Text) {
	t.Helper()
	if first, ok := r.first[client]; ok {
		delete(r.first, client)
		return first.key, first.text
	}
	k, text, err := r.Issue(t.Context(), by, client, 0)
	if err != nil {
		t.Fatal(err)
	}
	return k, text
}

func TestARecordIsFoundByClientAndByKey(t *testing.T) {
	each(t, func(t *testing.T, r *rooms) {
		c := r.client(t, "my-tenant")
		k, _ := r.key(t, "my-tenant")
		want := credential.Record{Client: c, Keys: []credential.Key{k}}
		for _, id := range []string{"my-tenant", k.ID} {
			got, ok, err := r.Find(t.Context(), id)
			if err != nil || !ok {
				t.Fatalf("Find(%q): %v, %v", id, ok, err)
			}
			if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
				t.Errorf("Find(%q) (-want +got):\n%s", id, diff)
			}
		}
		for _, id := range []string{"", "other", "K0", "my-tenant'--", "MY-TENANT", strings.Repeat("K", 9000)} {
			if _, ok, err := r.Find(t.Context(), id); ok || err != nil {
				t.Errorf("Find(%.20q): %v, %v", id, ok, err)
			}
		}
	})
}

func TestIDs(t *testing.T) {
	each(t, func(t *testing.T, r *rooms) {
		r.client(t, "taken")
		tests := map[string]struct {
			client credential.Client
			code   problem.Code
		}{
			"taken":              {credential.Client{ID: "taken", Organization: "other", Instance: "apikey"}, problem.Conflict},
			"upper case":         {credential.Client{ID: "Mine", Organization: "acme", Instance: "apikey"}, problem.Invalid},
			"like a key's":       {credential.Client{ID: "K123", Organization: "acme", Instance: "apikey"}, problem.Invalid},
			"empty":              {credential.Client{Organization: "acme", Instance: "apikey"}, problem.Invalid},
			"too long":           {credential.Client{ID: strings.Repeat("a", 64), Organization: "acme", Instance: "apikey"}, problem.Invalid},
			"no organization":    {credential.Client{ID: "mine", Instance: "apikey"}, problem.Invalid},
			"no authenticator":   {credential.Client{ID: "mine", Organization: "acme"}, problem.Invalid},
			"a slash in the id":  {credential.Client{ID: "a/b", Organization: "acme", Instance: "apikey"}, problem.Invalid},
			"a newline in an id": {credential.Client{ID: "a\nb", Organization: "acme", Instance: "apikey"}, problem.Invalid},
		}
		for name, tt := range tests {
			t.Run(name, func(t *testing.T) {
				if _, _, _, err := r.Create(t.Context(), by, tt.client, 0, nothing); !problem.Is(err, tt.code) {
					t.Errorf("got %v, want %s", err, tt.code)
				}
			})
		}
	})
}

func TestRotation(t *testing.T) {
	each(t, func(t *testing.T, r *rooms) {
		r.keyless(t, "none")
		if _, _, err := r.Rotate(t.Context(), by, "none", 0, time.Hour); !problem.Is(err, problem.Conflict) {
			t.Errorf("rotating nothing: %v", err)
		}
		r.client(t, "my-tenant")
		first, _ := r.key(t, "my-tenant")
		r.now = r.now.Add(time.Minute)
		second, _, err := r.Rotate(t.Context(), by, "my-tenant", 0, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		record, _, err := r.Find(t.Context(), "my-tenant")
		if err != nil || len(record.Keys) != 2 || record.Keys[0].ID != second.ID || record.Keys[1].ID != first.ID {
			t.Fatalf("both keys live during the overlap: %+v, %v", record.Keys, err)
		}
		if want := r.now.Add(time.Hour); !record.Keys[1].ExpiresAt.Equal(want) {
			t.Errorf("the old key ends at %s, want %s", record.Keys[1].ExpiresAt, want)
		}
		if _, _, err := r.Rotate(t.Context(), by, "my-tenant", 0, time.Hour); !problem.Is(err, problem.Conflict) {
			t.Errorf("a third live key: %v", err)
		}
		if _, _, err := r.Issue(t.Context(), by, "my-tenant", 0); !problem.Is(err, problem.Conflict) {
			t.Errorf("a third live key: %v", err)
		}
		r.now = r.now.Add(2 * time.Hour) // the old one is past its end: there is room again
		if _, _, err := r.Rotate(t.Context(), by, "my-tenant", 0, 0); err != nil {
			t.Fatal(err)
		}
		keys, err := r.Keys(t.Context(), "my-tenant")
		if err != nil || len(keys) != 3 || keys[1].State != credential.Revoked || keys[1].RevokedReason != "rotated" {
			t.Errorf("an overlap of zero revokes at once: %+v, %v", keys, err)
		}
		for _, bad := range []time.Duration{-1, 100 * 24 * time.Hour} {
			if _, _, err := r.Rotate(t.Context(), by, "my-tenant", 0, bad); !problem.Is(err, problem.Invalid) {
				t.Errorf("overlap %s: %v", bad, err)
			}
		}
	})
}

// However many rotations meet, no more than two keys are ever live.
func TestConcurrentIssues(t *testing.T) {
	each(t, func(t *testing.T, r *rooms) {
		r.client(t, "my-tenant")
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				_, _, err := r.Issue(context.WithoutCancel(t.Context()), by, "my-tenant", 0)
				if err != nil && !problem.Is(err, problem.Conflict) && !problem.Is(err, problem.Unavailable) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		record, _, err := r.Find(t.Context(), "my-tenant")
		if err != nil || len(record.Keys) != 2 {
			t.Errorf("%d live keys, %v", len(record.Keys), err)
		}
	})
}

func TestARevocationIsSeenByWhoDependsOnIt(t *testing.T) {
	each(t, func(t *testing.T, r *rooms) {
		r.client(t, "my-tenant")
		k, _ := r.key(t, "my-tenant")
		byKey, byClient := r.feed.Observe(change.ClientKey(k.ID)), r.feed.Observe(change.Client("my-tenant"))
		other := r.feed.Observe(change.Client("other"))
		revoked, err := r.Revoke(t.Context(), by, k.ID, "leaked")
		if err != nil || revoked.State != credential.Revoked {
			t.Fatalf("%+v, %v", revoked, err)
		}
		if byKey.Fresh() || byClient.Fresh() || !other.Fresh() {
			t.Error("the wrong answers became stale")
		}
		record, ok, err := r.Find(t.Context(), k.ID)
		if err != nil || !ok || len(record.Keys) != 0 {
			t.Errorf("a revoked key is still found: %+v, %v", record.Keys, err)
		}
		r.now = r.now.Add(time.Hour)
		again, err := r.Revoke(t.Context(), by, k.ID, "again")
		if err != nil || again.RevokedReason != "leaked" {
			t.Errorf("a second revocation changed the first: %+v, %v", again, err)
		}
		if _, err := r.Revoke(t.Context(), by, "K0", ""); !problem.Is(err, problem.NotFound) {
			t.Errorf("an unknown key: %v", err)
		}
	})
}

func TestDeclare(t *testing.T) {
	each(t, func(t *testing.T, r *rooms) {
		r.client(t, "made-at-run-time")
		declare := func(cs ...credential.Client) error { return r.Declare(t.Context(), by, cs, nothing) }
		one := credential.Client{ID: "one", Organization: "acme", Instance: "apikey", Name: "One"}
		two := credential.Client{ID: "two", Organization: "acme", Instance: "apikey"}
		if err := declare(one, two); err != nil {
			t.Fatal(err)
		}
		k, _ := r.key(t, "one")
		before, err := r.Client(t.Context(), "", "one")
		if err != nil {
			t.Fatal(err)
		}
		if err := declare(one, two); err != nil {
			t.Fatal(err)
		}
		if after, err := r.Client(t.Context(), "", "one"); err != nil || after.Version != before.Version {
			t.Errorf("the same block again was a change: %+v, %v", after, err)
		}
		if err := declare(two); err != nil {
			t.Fatal(err)
		}
		if gone, err := r.Client(t.Context(), "", "one"); err != nil || gone.State != credential.Suspended {
			t.Errorf("a block that is gone: %+v, %v", gone, err)
		}
		if other, err := r.Client(t.Context(), "", "made-at-run-time"); err != nil || other.State != credential.Active {
			t.Errorf("a client of the API's was touched: %+v, %v", other, err)
		}
		one.Scopes = []string{"policy:read"}
		if err := declare(one, two); err != nil {
			t.Fatal(err)
		}
		back, _, err := r.Find(t.Context(), "one")
		if err != nil || back.Client.State != credential.Active || len(back.Client.Scopes) != 1 || len(back.Keys) != 1 || back.Keys[0].ID != k.ID {
			t.Errorf("a block that came back: %+v, %v", back, err)
		}
		refused := map[string]credential.Client{
			"another organization":  {ID: "one", Organization: "other", Instance: "apikey"},
			"another authenticator": {ID: "one", Organization: "acme", Instance: "apikey.two"},
			"made at run time":      {ID: "made-at-run-time", Organization: "acme", Instance: "apikey"},
		}
		for name, c := range refused {
			if err := declare(c, two); !problem.Is(err, problem.Conflict) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if still, err := r.Client(t.Context(), "", "one"); err != nil || still.State != credential.Active {
			t.Errorf("a refused declaration changed something: %+v, %v", still, err)
		}
	})
}

// What is not written with its audit record is not written.
func TestEveryChangeIsAudited(t *testing.T) {
	each(t, func(t *testing.T, r *rooms) {
		r.client(t, "my-tenant")
		k, text := r.key(t, "my-tenant")
		if _, err := r.Revoke(t.Context(), by, k.ID, "leaked"); err != nil {
			t.Fatal(err)
		}
		if err := r.RevokeSelfContained(t.Context(), by, "token", "r1", "leaked"); err != nil {
			t.Fatal(err)
		}
		token, tokenText, err := r.tokens.Create(t.Context(), by, "ci", "", nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.tokens.Revoke(t.Context(), by, token.ID); err != nil {
			t.Fatal(err)
		}
		var entries []audit.Entry
		err = r.store.Read(t.Context(), func(tx *store.Tx) (err error) {
			entries, err = r.audit.List(t.Context(), tx, audit.Query{})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		var actions []audit.Action
		for _, e := range entries {
			actions = append(actions, e.Action)
			if err := e.Verify(); err != nil {
				t.Error(err)
			}
			if e.Payload.Actor != "tester" || e.Payload.TraceID != "trace" {
				t.Errorf("%s does not say who: %+v", e.Action, e.Payload)
			}
			raw, err := json.Marshal(e)
			if err != nil {
				t.Fatal(err)
			}
			if shown := string(raw) + string(e.Payload.Raw); strings.Contains(shown, text.Reveal()) || strings.Contains(shown, tokenText.Reveal()) {
				t.Errorf("%s holds a secret", e.Action)
			}
		}
		want := []audit.Action{audit.AdminTokenRevoked, audit.AdminTokenCreated, audit.CredentialRevoked, audit.KeyRevoked, audit.KeyIssued, audit.ClientCreated}
		if diff := cmp.Diff(want, actions); diff != "" {
			t.Errorf("actions, newest first (-want +got):\n%s", diff)
		}
	})
}

func TestSelfContainedRevocation(t *testing.T) {
	each(t, func(t *testing.T, r *rooms) {
		deps := r.feed.Observe(change.Revocation("token", "r1"))
		for range 2 { // a repetition is harmless
			if err := r.RevokeSelfContained(t.Context(), by, "token", "r1", "leaked"); err != nil {
				t.Fatal(err)
			}
		}
		for id, want := range map[string]bool{"r1": true, "r2": false} {
			if got, err := r.IsRevoked(t.Context(), "token", id); err != nil || got != want {
				t.Errorf("IsRevoked(%q) = %v, %v", id, got, err)
			}
		}
		if got, err := r.IsRevoked(t.Context(), "another", "r1"); err != nil || got {
			t.Errorf("another instance's id is revoked too: %v", err)
		}
		if deps.Fresh() {
			t.Error("who depends on it was not told")
		}
	})
}

func TestUsage(t *testing.T) {
	each(t, func(t *testing.T, r *rooms) {
		r.client(t, "my-tenant")
		k, _ := r.key(t, "my-tenant")
		at := r.now.Add(time.Minute)
		r.usage.Mark(k.ID, r.now, netip.MustParseAddr("10.0.0.1"))
		r.usage.Mark(k.ID, at, netip.MustParseAddr("10.0.0.2"))
		if err := r.usage.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		keys, err := r.Keys(t.Context(), "my-tenant")
		if err != nil || !keys[0].LastUsedAt.Equal(at) || keys[0].LastUsedFrom != "10.0.0.2" {
			t.Errorf("last use %+v, %v", keys, err)
		}
	})
}

func TestANewVerifierTakesThePlaceOfTheOld(t *testing.T) {
	each(t, func(t *testing.T, r *rooms) {
		r.client(t, "my-tenant")
		k, _ := r.key(t, "my-tenant")
		r.usage.Rehash(k.ID, []byte("made with a newer key"))
		if err := r.usage.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		record, _, err := r.Find(t.Context(), "my-tenant")
		if err != nil || string(record.Keys[0].Verifier) != "made with a newer key" {
			t.Errorf("%+v, %v", record.Keys, err)
		}
	})
}

func TestAdminTokens(t *testing.T) {
	each(t, func(t *testing.T, r *rooms) {
		token, text, err := r.tokens.Create(t.Context(), by, "ci", "", []string{"gatehouse:clients:read"}, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		got, err := r.tokens.Verify(t.Context(), text)
		if err != nil || got.ID != token.ID || len(got.Scopes) != 1 {
			t.Fatalf("%+v, %v", got, err)
		}
		forged, err := secret.New(rand.Reader, credential.AdminTokenPrefix, token.ID)
		if err != nil {
			t.Fatal(err)
		}
		unknown, err := secret.New(rand.Reader, credential.AdminTokenPrefix, "T0")
		if err != nil {
			t.Fatal(err)
		}
		another, err := secret.New(rand.Reader, "ghk", token.ID)
		if err != nil {
			t.Fatal(err)
		}
		refusal := ""
		for name, bad := range map[string]secret.Text{"forged": forged, "unknown": unknown, "of another kind": another, "empty": "", "cut": text[:40]} {
			_, err := r.tokens.Verify(t.Context(), bad)
			if !problem.Is(err, problem.Unauthenticated) || (refusal != "" && err.Error() != refusal) {
				t.Errorf("%s: %v, want the same refusal as for the others", name, err)
			}
			refusal = err.Error()
		}
		r.now = r.now.Add(2 * time.Hour)
		if _, err := r.tokens.Verify(t.Context(), text); !problem.Is(err, problem.Unauthenticated) {
			t.Errorf("past its end: %v", err)
		}
		r.now = r.now.Add(-2 * time.Hour)
		if _, err := r.tokens.Revoke(t.Context(), by, token.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := r.tokens.Verify(t.Context(), text); !problem.Is(err, problem.Unauthenticated) {
			t.Errorf("revoked: %v", err)
		}
		if list, err := r.tokens.List(t.Context(), "", "", 10); err != nil || len(list) != 1 || list[0].RevokedAt.IsZero() {
			t.Errorf("%+v, %v", list, err)
		}
	})
}
