package admin_test

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gatehouse-id/gatehouse/core/credential"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

func TestTheLifeOfAClient(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		h := newHost(t, s)
		api, ctx := h.dial(t), t.Context()
		end := time.Date(2027, 6, 30, 0, 0, 0, 0, time.UTC)
		first, err := api.CreateClient(ctx, wire.NewClient{
			ID: "my-tenant", Organization: "acme", Name: "Nightly import", Roles: []string{"analyst"}, Scopes: []string{"query:*"},
			Networks: []string{"192.0.2.0/24"}, Rate: "600/m", ExpiresAt: end, KeyLifetime: wire.Duration(48 * time.Hour),
		})
		if err != nil {
			t.Fatal(err)
		}
		want := wire.Client{
			ID: "my-tenant", Organization: "acme", Name: "Nightly import", Source: "api", Authenticator: "apikey", Owner: "organization",
			State: "active", Scopes: []string{"query:*"}, Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}, Rate: "10/s", ExpiresAt: end, Version: 1,
		}
		if diff := cmp.Diff(want, first.Client, cmpopts.IgnoreFields(wire.Client{}, "CreatedAt", "UpdatedAt"), comparePrefix); diff != "" {
			t.Errorf("client (-want +got):\n%s", diff)
		}
		if _, id, err := secret.Parse(first.Secret); err != nil || id != first.Key.ID {
			t.Errorf("the secret is not that of key %s: %v", first.Key.ID, err)
		}
		if life := first.Key.ExpiresAt.Sub(first.Key.CreatedAt); life != 48*time.Hour {
			t.Errorf("the key lives for %s", life)
		}

		owned, err := api.CreateClient(ctx, wire.NewClient{ID: "jane-key", Organization: "acme", Owner: "user:u-acme"})
		if err != nil || owned.Client.Owner != "user:u-acme" {
			t.Errorf("a client of a user: %+v, %v", owned.Client, err)
		}

		overlap := wire.Duration(time.Hour)
		second, err := api.RotateKey(ctx, "my-tenant", wire.Rotation{Overlap: &overlap})
		if err != nil {
			t.Fatal(err)
		}
		if len(second.Others) != 1 || second.Others[0].ID != first.Key.ID || second.Others[0].ExpiresAt.Sub(*h.now.Load()) != time.Hour {
			t.Errorf("keys beside the new one: %+v", second.Others)
		}
		_, err = api.CreateKey(ctx, "my-tenant", wire.NewKey{})
		refused(t, err, problem.Conflict, "two live keys")

		h.set(h.now.Load().Add(2 * time.Hour))
		third, err := api.CreateKey(ctx, "my-tenant", wire.NewKey{})
		if err != nil {
			t.Fatalf("the old key has ended, and a new one is refused: %v", err)
		}
		revoked, err := api.RevokeKey(ctx, second.Key.ID, wire.Revocation{Reason: "leaked"})
		if err != nil || revoked.State != wire.KeyRevoked || revoked.RevokedReason != "leaked" {
			t.Fatalf("revoked: %+v, %v", revoked, err)
		}
		if again, err := api.RevokeKey(ctx, second.Key.ID, wire.Revocation{Reason: "other"}); err != nil || again.RevokedReason != "leaked" {
			t.Errorf("a second revocation changed the first: %+v, %v", again, err)
		}
		detail, err := api.Client(ctx, "my-tenant")
		if err != nil {
			t.Fatal(err)
		}
		states := map[string]wire.KeyState{}
		for _, k := range detail.Keys {
			states[k.ID] = k.State
		}
		if diff := cmp.Diff(map[string]wire.KeyState{first.Key.ID: wire.KeyExpired, second.Key.ID: wire.KeyRevoked, third.Key.ID: wire.KeyLive}, states); diff != "" {
			t.Errorf("states (-want +got):\n%s", diff)
		}
		if len(detail.Roles) != 1 || detail.Roles[0].Name != "analyst" || detail.Roles[0].Source != "api" {
			t.Errorf("roles: %+v", detail.Roles)
		}
	})
}

var comparePrefix = cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })

// A secret stands in the answer that made it, and in no other, nor in the log.
func TestASecretIsShownOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		h := newHost(t, s)
		api := h.dial(t)
		issued, err := api.CreateClient(t.Context(), wire.NewClient{ID: "my-tenant", Organization: "acme"})
		if err != nil {
			t.Fatal(err)
		}
		token, err := api.CreateToken(t.Context(), wire.NewToken{Name: "ci"})
		if err != nil {
			t.Fatal(err)
		}
		_, root := h.token(t)
		var seen strings.Builder
		for _, path := range []string{"/clients", "/clients/my-tenant", "/admin-tokens", "/plugins", "/status"} {
			res, body := h.send(t, http.MethodGet, wire.Prefix+path, "", with(root))
			if res.StatusCode != http.StatusOK || res.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s: %s, Cache-Control %q", path, res.Status, res.Header.Get("Cache-Control"))
			}
			seen.WriteString(body)
		}
		for _, path := range []string{"/keys/" + issued.Key.ID, "/admin-tokens/" + token.Token.ID} {
			_, body := h.send(t, http.MethodPost, wire.Prefix+path+"/revoke", "{}", with(root))
			seen.WriteString(body)
		}
		seen.WriteString(h.log.String())
		for _, text := range []string{issued.Secret.Reveal(), token.Secret.Reveal(), root.Reveal(), "verifier-canary", "dmVyaWZpZXItY2FuYXJ5"} {
			if strings.Contains(seen.String(), text) {
				t.Errorf("a secret was shown again: %s", seen.String())
			}
		}
	})
}

func TestClientsComeInPages(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		h := newHost(t, s)
		api := h.dial(t)
		for _, id := range []string{"c", "a", "d", "b"} {
			organization := map[bool]string{true: "acme", false: "globex"}[id < "d"]
			if _, err := api.CreateClient(t.Context(), wire.NewClient{ID: id, Organization: organization}); err != nil {
				t.Fatal(err)
			}
		}
		var got []string
		q := wire.ClientQuery{Organization: "acme", Limit: 2}
		for {
			page, err := api.Clients(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range page.Clients {
				got = append(got, c.ID)
			}
			got = append(got, "|")
			if q.After = page.Next; q.After == "" {
				break
			}
		}
		if diff := cmp.Diff([]string{"a", "b", "|", "c", "|"}, got); diff != "" {
			t.Errorf("pages (-want +got):\n%s", diff)
		}
	})
}

func TestTokensComeInPages(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		h := newHost(t, s)
		var want []string
		for i := range 5 { // two of the same microsecond
			h.set(h.now.Load().Add(time.Duration(i%2) * time.Second))
			id, _ := h.token(t)
			want = append(want, id)
		}
		_, text := h.token(t)
		all, err := h.dial(t).Tokens(t.Context())
		if err != nil || len(all) != 7 {
			t.Fatalf("%d tokens, %v", len(all), err)
		}
		seen, next := map[string]bool{}, ""
		for pages := 0; pages == 0 || next != ""; pages++ {
			if pages > 4 {
				t.Fatal("the pages do not end")
			}
			path := wire.Prefix + "/admin-tokens?limit=2"
			if next != "" {
				path += "&after=" + next
			}
			_, body := h.send(t, http.MethodGet, path, "", with(text))
			var page wire.TokenList
			if err := json.Unmarshal([]byte(body), &page); err != nil || len(page.Tokens) > 2 {
				t.Fatalf("%s, %v", body, err)
			}
			for _, one := range page.Tokens {
				if seen[one.ID] {
					t.Errorf("token %s is on two pages", one.ID)
				}
				seen[one.ID] = true
			}
			next = page.Next
		}
		for _, id := range want {
			if !seen[id] {
				t.Errorf("token %s is on no page", id)
			}
		}
	})
}

func TestPluginsComeInPages(t *testing.T) {
	h := newHost(t, storetest.Open(t, storetest.SQLite(t)))
	_, text := h.token(t)
	for path, want := range map[string]string{"/plugins?limit=1": `"name":"apikey"`, "/plugins?after=aaa": `"name":"apikey"`, "/plugins?after=apikey": `"plugins":[]`} {
		if res, body := h.send(t, http.MethodGet, wire.Prefix+path, "", with(text)); res.StatusCode != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: %s %s", path, res.Status, body)
		}
	}
}

func TestAClientOfAFileGetsKeys(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		h := newHost(t, s)
		api := h.dial(t)
		declared := credential.Client{ID: "declared", Organization: "acme", Instance: "apikey"}
		err := h.records.Declare(t.Context(), credential.By{Actor: "config:1"}, []credential.Client{declared}, func(*store.Tx) error { return nil })
		if err != nil {
			t.Fatal(err)
		}
		issued, err := api.CreateKey(t.Context(), "declared", wire.NewKey{})
		if err != nil || issued.Client.Source != "file" {
			t.Fatalf("%+v, %v", issued, err)
		}
		_, err = api.CreateClient(t.Context(), wire.NewClient{ID: "declared", Organization: "globex", Roles: []string{"admin"}})
		refused(t, err, problem.Conflict, "taken")
		detail, err := api.Client(t.Context(), "declared")
		if err != nil || detail.Organization != "acme" || len(detail.Roles) != 0 {
			t.Errorf("the file's client was changed: %+v, %v", detail, err)
		}
	})
}

// Client and key are made together: without the key, the id is not taken.
func TestAPluginThatIsDownLeavesNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		h := newHost(t, s)
		api := h.dial(t)
		h.issuer.down.Store(true)
		asked := wire.NewClient{ID: "my-tenant", Organization: "acme", Roles: []string{"analyst"}}
		_, err := api.CreateClient(t.Context(), asked)
		refused(t, err, problem.Unavailable, "")
		if problem.As(err).RetryAfter != time.Second {
			t.Errorf("Retry-After was lost: %v", err)
		}
		_, err = api.Client(t.Context(), "my-tenant")
		refused(t, err, problem.NotFound, "")
		h.issuer.down.Store(false)
		if _, err := api.CreateClient(t.Context(), asked); err != nil {
			t.Errorf("the same again: %v", err)
		}
	})
}

// An error of the store is never an empty list.
func TestAStoreThatIsGone(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url)
		h := newHost(t, s)
		api := h.local(t) // whose token needs no store
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		for name, call := range map[string]func() error{
			"list":   func() error { _, err := api.Clients(t.Context(), wire.ClientQuery{}); return err },
			"show":   func() error { _, err := api.Client(t.Context(), "my-tenant"); return err },
			"tokens": func() error { _, err := api.Tokens(t.Context()); return err },
			"create": func() error {
				_, err := api.CreateClient(t.Context(), wire.NewClient{ID: "a", Organization: "acme"})
				return err
			},
			"revoke": func() error { _, err := api.RevokeKey(t.Context(), "K1", wire.Revocation{}); return err },
		} {
			refused(t, call(), problem.Unavailable, "")
			if t.Failed() {
				t.Fatalf("in %s", name)
			}
		}
		if !strings.Contains(h.log.String(), "trace-1") {
			t.Errorf("the operator's log does not tell: %s", h.log)
		}
	})
}
