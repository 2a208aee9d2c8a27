package provisioning_test

import (
	"context"
	"database/sql"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/core/credential"
	"github.com/gatehouse-id/gatehouse/core/provisioning"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

func TestATokenLivesAndEnds(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		w := newWorld(s)
		ctx := t.Context()
		made, text := w.token(t, "acme-okta")
		if prefix, id, err := secret.Parse(text); err != nil || prefix != provisioning.TokenPrefix || id != made.ID {
			t.Errorf("the secret is of %q, %q, %v", prefix, id, err)
		}
		if got, err := w.tokens.Verify(ctx, text); err != nil || got.Connection != "acme-okta" || got.Organization != "acme" || !got.ExpiresAt.Equal(made.ExpiresAt) {
			t.Errorf("%+v, %v", got, err)
		}
		if want := w.clock().Add(provisioning.DefaultTokenLifetime); !made.ExpiresAt.Equal(want) {
			t.Errorf("it ends %s, want %s", made.ExpiresAt, want)
		}
		w.pass(provisioning.DefaultTokenLifetime - time.Second)
		if _, ok := w.tokens.Known(text); !ok {
			t.Error("it is not known any more")
		}
		w.pass(time.Second)
		if _, ok := w.tokens.Known(text); ok {
			t.Error("it is known past its end")
		}
		if _, err := w.tokens.Verify(ctx, text); !problem.Is(err, problem.Unauthenticated) {
			t.Errorf("past its end: %v", err)
		}
	})
}

// The store has nothing that the secret could be made from.
func TestTheSecretIsNotKept(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		w := newWorld(s)
		_, text := w.token(t, "acme-okta")
		random := text.Reveal()[strings.LastIndexByte(text.Reveal(), '_')+1:]
		if err := s.Read(t.Context(), func(tx *store.Tx) error {
			for _, query := range []string{`SELECT * FROM provisioning_token`, `SELECT * FROM audit_payload`, `SELECT * FROM change_log`} {
				found, err := contains(t.Context(), tx, query, random)
				if err != nil || found {
					t.Errorf("%s: %v, %v", query, found, err)
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	})
}

func contains(ctx context.Context, tx *store.Tx, query, what string) (bool, error) {
	rows, err := tx.Query(ctx, query)
	if err != nil {
		return false, err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return false, err
	}
	found, seen := false, 0
	for rows.Next() {
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new(sql.RawBytes)
		}
		if err := rows.Scan(values...); err != nil {
			return false, err
		}
		seen++
		for _, v := range values {
			raw, _ := v.(*sql.RawBytes)
			found = found || strings.Contains(string(*raw), what)
		}
	}
	if seen == 0 {
		return false, fmt.Errorf("%s: there is nothing to look at", query)
	}
	return found, rows.Err()
}

// What ends soon is told, and whether its successor is there.
func TestEndingTokens(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		w := newWorld(s)
		ctx := t.Context()
		first, _ := w.token(t, "acme-okta")
		gone, _ := w.token(t, "globex-entra")
		if _, err := w.tokens.Revoke(ctx, operator, gone.ID); err != nil {
			t.Fatal(err)
		}
		ending := func(limit int) (said string) {
			if err := s.Read(ctx, func(tx *store.Tx) error {
				list, err := w.tokens.Ending(ctx, tx, w.clock(), w.clock().Add(14*24*time.Hour), limit)
				said = ""
				for _, one := range list {
					said += fmt.Sprintf("%s %s %v;", map[string]string{first.ID: "first"}[one.ID], one.Connection, one.Replaced)
				}
				return err
			}); err != nil {
				t.Fatal(err)
			}
			return said
		}
		if got := ending(10); got != "" {
			t.Errorf("a year before: %s", got)
		}
		w.pass(355 * 24 * time.Hour)
		if got := ending(10); got != "first acme-okta false;" {
			t.Errorf("ten days before: %s", got)
		}
		if got := ending(0); got != "" {
			t.Errorf("none are asked for: %s", got)
		}
		w.token(t, "acme-okta")
		if got := ending(10); got != "first acme-okta true;" {
			t.Errorf("with its successor: %s", got)
		}
		w.pass(10 * 24 * time.Hour)
		if got := ending(10); got != "" {
			t.Errorf("at its end: %s", got)
		}
	})
}

func TestTwoTokensAreLiveAtOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		w := newWorld(s)
		ctx := t.Context()
		first, _ := w.token(t, "acme-okta")
		_, second := w.token(t, "acme-okta")
		create := func() error {
			_, _, err := w.tokens.Create(ctx, operator, provisioning.NewToken{Connection: "acme-okta", Organization: "acme"})
			return err
		}
		if err := create(); !problem.Is(err, problem.Conflict) {
			t.Errorf("a third: %v", err)
		}
		w.token(t, "globex-entra") // which has its own
		if _, err := w.tokens.Revoke(ctx, operator, first.ID); err != nil {
			t.Fatal(err)
		}
		if err := create(); err != nil {
			t.Errorf("after one is revoked: %v", err)
		}
		if _, err := w.tokens.Verify(ctx, second); err != nil {
			t.Errorf("the other is refused: %v", err)
		}
		w.pass(provisioning.DefaultTokenLifetime)
		if err := create(); err != nil {
			t.Errorf("after all have ended: %v", err)
		}
	})
}

func TestManyAtOnceMakeTwo(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		w := newWorld(s)
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				_, _, err := w.tokens.Create(t.Context(), operator, provisioning.NewToken{Connection: "acme-okta", Organization: "acme"})
				if err != nil && !problem.Is(err, problem.Conflict) && !problem.Is(err, problem.Unavailable) {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if list, err := w.tokens.List(t.Context(), "", "acme-okta", "", 10); err != nil || len(list) > 2 || len(list) == 0 {
			t.Errorf("%d are live, %v", len(list), err)
		}
	})
}

func TestRefusedTokens(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		w := newWorld(s)
		_, right := w.token(t, "acme-okta")
		made, revoked := w.token(t, "acme-okta")
		if _, err := w.tokens.Revoke(t.Context(), operator, made.ID); err != nil {
			t.Fatal(err)
		}
		other, err := secret.New(strings.NewReader(strings.Repeat("x", 64)), "gha", "T1")
		if err != nil {
			t.Fatal(err)
		}
		_, id, _ := secret.Parse(right)
		guessed, err := secret.New(strings.NewReader(strings.Repeat("x", 64)), provisioning.TokenPrefix, id)
		if err != nil {
			t.Fatal(err)
		}
		nobody, err := secret.New(strings.NewReader(strings.Repeat("x", 64)), provisioning.TokenPrefix, "Pnobody")
		if err != nil {
			t.Fatal(err)
		}
		said := map[string]bool{}
		for name, text := range map[string]secret.Text{
			"empty": "", "no token": "hello", "cut short": right[:len(right)-1], "of the admin API": other, "a guessed secret": guessed, "of nobody": nobody, "revoked": revoked,
		} {
			_, err := w.tokens.Verify(t.Context(), text)
			if !problem.Is(err, problem.Unauthenticated) {
				t.Errorf("%s: %v", name, err)
				continue
			}
			said[err.Error()] = true
			if _, ok := w.tokens.Known(text); ok {
				t.Errorf("%s is known", name)
			}
		}
		if len(said) != 1 {
			t.Errorf("the refusals tell what is wrong: %v", said)
		}
	})
}

func TestRefusedNewTokens(t *testing.T) {
	w := newWorld(storetest.Open(t, storetest.SQLite(t)))
	many := make([]string, 101)
	for i := range many {
		many[i] = fmt.Sprintf("d%d.example", i)
	}
	for name, tt := range map[string]struct {
		by   credential.By
		n    provisioning.NewToken
		code problem.Code
	}{
		"of another organization": {credential.By{Within: "globex"}, provisioning.NewToken{Connection: "acme-okta", Organization: "acme"}, problem.Forbidden},
		"for ever":                {operator, provisioning.NewToken{Lifetime: 11 * 365 * 24 * time.Hour}, problem.Invalid},
		"ended already":           {operator, provisioning.NewToken{Lifetime: -1}, problem.Invalid},
		"an address":              {operator, provisioning.NewToken{Domains: []string{"jane@acme.example"}}, problem.Invalid},
		"one word":                {operator, provisioning.NewToken{Domains: []string{"acme"}}, problem.Invalid},
		"two lines":               {operator, provisioning.NewToken{Domains: []string{"acme.example\nglobex.example"}}, problem.Invalid},
		"a long one":              {operator, provisioning.NewToken{Domains: []string{strings.Repeat("a.", 130) + "example"}}, problem.Invalid},
		"too many":                {operator, provisioning.NewToken{Domains: many}, problem.Invalid},
	} {
		if _, text, err := w.tokens.Create(t.Context(), tt.by, tt.n); !problem.Is(err, tt.code) || text != "" {
			t.Errorf("%s: %v, want %s", name, err, tt.code)
		}
	}
}

func TestListsOfTokens(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		w := newWorld(s)
		ctx := t.Context()
		a1, _ := w.token(t, "acme-okta")
		w.pass(time.Second)
		g1, _ := w.token(t, "globex-entra")
		w.pass(time.Second)
		a2, _ := w.token(t, "acme-okta", "ACME.example", "acme.example")
		ids := func(organization, connection, after string, limit int) string {
			list, err := w.tokens.List(ctx, organization, connection, after, limit)
			if err != nil {
				return string(problem.As(err).Code)
			}
			var ids []string
			for _, one := range list {
				ids = append(ids, map[string]string{a1.ID: "a1", a2.ID: "a2", g1.ID: "g1"}[one.ID])
			}
			return strings.Join(ids, " ")
		}
		for _, tt := range []struct {
			organization, connection, after string
			limit                           int
			want                            string
		}{
			{"", "", "", 10, "a2 g1 a1"},
			{"", "", "", 1, "a2"},
			{"", "", a2.ID, 10, "g1 a1"},
			{"acme", "", "", 10, "a2 a1"},
			{"", "globex-entra", "", 10, "g1"},
			{"acme", "globex-entra", "", 10, ""},
			{"acme", "", g1.ID, 10, "invalid_request"},
			{"", "acme-okta", g1.ID, 10, "invalid_request"},
			{"", "", "P0", 10, "invalid_request"},
		} {
			if got := ids(tt.organization, tt.connection, tt.after, tt.limit); got != tt.want {
				t.Errorf("%+v: %q", tt, got)
			}
		}
		if len(a2.Domains) != 1 || a2.Domains[0] != "acme.example" {
			t.Errorf("domains %v", a2.Domains)
		}
		if _, err := w.tokens.Revoke(ctx, credential.By{Within: "globex"}, a1.ID); !problem.Is(err, problem.NotFound) {
			t.Errorf("revoked from another organization: %v", err)
		}
		first, err := w.tokens.Revoke(ctx, operator, a1.ID)
		if err != nil {
			t.Fatal(err)
		}
		w.pass(time.Hour)
		if again, err := w.tokens.Revoke(ctx, operator, a1.ID); err != nil || !again.RevokedAt.Equal(first.RevokedAt) {
			t.Errorf("revoked again: %+v, %v", again, err)
		}
	})
}

// A hash that was made with an old key is made anew when it is used, and keeps
// that key until then.
func TestHashesFollowTheKey(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		w := newWorld(s)
		ctx := t.Context()
		_, text := w.token(t, "acme-okta")
		w.mac.key, w.mac.old = "second", "first"
		named := func() (counts map[string]int) {
			if err := s.Read(ctx, func(tx *store.Tx) (err error) {
				counts, err = provisioning.Naming(ctx, tx, []string{"first", "second"}, w.clock())
				return err
			}); err != nil {
				t.Fatal(err)
			}
			return counts
		}
		if c := named(); c["first"] != 1 || c["second"] != 0 {
			t.Errorf("before: %v", c)
		}
		if _, err := w.tokens.Verify(ctx, text); err != nil {
			t.Fatal(err)
		}
		if c := named(); c["first"] != 0 || c["second"] != 1 {
			t.Errorf("after: %v", c)
		}
		w.mac.old = ""
		if _, err := w.tokens.Verify(ctx, text); err != nil {
			t.Errorf("with the new key: %v", err)
		}
		w.pass(2 * provisioning.DefaultTokenLifetime)
		if c := named(); c["second"] != 0 {
			t.Errorf("past its end: %v", c)
		}
	})
}

func TestUsesAreWritten(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		w := newWorld(s)
		made, text := w.token(t, "acme-okta")
		used := w.clock()
		if res := w.send(t, "GET", "/scim/v2/Users", "", text); res.Code != 200 {
			t.Fatal(res.Body)
		}
		w.pass(time.Minute)
		if err := w.tokens.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		list, err := w.tokens.List(t.Context(), "", "", "", 1)
		if err != nil || list[0].ID != made.ID || !list[0].LastUsedAt.Equal(used) || list[0].LastUsedFrom != netip.MustParseAddr("192.0.2.1").String() {
			t.Errorf("%+v, %v", list, err)
		}
	})
}

// Whoever begins a request after the revocation was acknowledged is refused.
func TestRevokedWhileRequestsGoOn(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		for range 10 {
			w := newWorld(s)
			made, text := w.token(t, "acme-okta")
			revoked := make(chan struct{})
			var all sync.WaitGroup
			for range 4 {
				all.Go(func() {
					for over := false; ; {
						select {
						case <-revoked:
							over = true
						default:
						}
						code := w.send(t, "GET", "/scim/v2/Users", "", text).Code
						if over {
							if code == 200 {
								t.Error("a revoked token is let in")
							}
							return
						}
						if code != 200 && code != 401 && code != 429 {
							t.Errorf("status %d", code)
						}
					}
				})
			}
			if _, err := w.tokens.Revoke(t.Context(), operator, made.ID); err != nil {
				t.Error(err)
			}
			close(revoked)
			all.Wait()
		}
	})
}
