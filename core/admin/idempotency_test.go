package admin_test

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

// post sends a request with an idempotency key.
func (h *host) post(tb testing.TB, token secret.Text, key, path, body string) (*http.Response, string) {
	tb.Helper()
	header := with(token)
	header.Set("Idempotency-Key", key)
	return h.send(tb, http.MethodPost, wire.Prefix+path, body, header)
}

// A repetition makes nothing, and is told what the first has made: all but the
// secret, which nobody has any more.
func TestARepetitionMakesNoSecret(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		h := newHost(t, s)
		_, root := h.token(t)
		var secrets []string
		for i, tt := range []struct{ path, body string }{
			{"/clients", `{"id":"my-tenant","organization":"acme"}`},
			{"/clients/my-tenant/rotate", `{}`},
			{"/admin-tokens", `{"name":"ci"}`},
		} {
			key := fmt.Sprintf(`"key %d"`, i)
			res, body := h.post(t, root, key, tt.path, tt.body)
			var first struct {
				Secret string   `json:"secret"`
				Key    wire.Key `json:"key"`
			}
			if err := json.Unmarshal([]byte(body), &first); err != nil || res.StatusCode != http.StatusCreated || first.Secret == "" {
				t.Fatalf("%s: %s %s", tt.path, res.Status, body)
			}
			secrets = append(secrets, first.Secret)
			res, body = h.post(t, root, key, tt.path, tt.body)
			var again wire.Repeated
			if err := json.Unmarshal([]byte(body), &again); err != nil || res.StatusCode != http.StatusConflict || again.Made == nil {
				t.Fatalf("%s again: %s %s", tt.path, res.Status, body)
			}
			if again.Made.Key != nil && again.Made.Key.ID != first.Key.ID || again.Made.Key == nil && again.Made.Token == nil {
				t.Errorf("%s again: %s, and the key was %s", tt.path, body, first.Key.ID)
			}
		}
		if detail, err := h.dial(t).Client(t.Context(), "my-tenant"); err != nil || len(detail.Keys) != 2 {
			t.Errorf("%d keys, %v", len(detail.Keys), err)
		}
		rows := 0
		err := s.Select(t.Context(), func(r *sql.Rows) error {
			rows++
			var all string
			if err := r.Scan(&all); err != nil {
				return err
			}
			for _, text := range append(secrets, root.Reveal(), "redacted", "verifier", "key 0") {
				if strings.Contains(all, text) {
					t.Errorf("kept: %s", all)
				}
			}
			return nil
		}, `SELECT actor || ' ' || key || ' ' || request || ' ' || body FROM admin_answer`)
		if err != nil || rows != len(secrets) {
			t.Errorf("%d rows, %v", rows, err)
		}
	})
}

func TestARepetitionIsAnsweredAsTheFirst(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		h := newHost(t, s)
		_, root := h.token(t)
		issued, err := h.dial(t).CreateClient(t.Context(), wire.NewClient{ID: "my-tenant", Organization: "acme"})
		if err != nil {
			t.Fatal(err)
		}
		path := "/keys/" + issued.Key.ID + "/revoke"
		res, first := h.post(t, root, `"a"`, path, `{"reason":"leaked"}`)
		if res.StatusCode != http.StatusOK {
			t.Fatal(first)
		}
		h.set(h.now.Load().Add(time.Hour))
		if res, again := h.post(t, root, `"a"`, path, `{"reason":"leaked"}`); res.StatusCode != http.StatusOK || strings.TrimSpace(again) != strings.TrimSpace(first) {
			t.Errorf("%s\n%s, and first\n%s", res.Status, again, first)
		}
		for range 2 {
			if res, body := h.post(t, root, `"b"`, "/revocations", `{"authenticator":"token","id":"x"}`); res.StatusCode != http.StatusNoContent || body != "" {
				t.Errorf("%s %s", res.Status, body)
			}
		}
	})
}

func TestAKeyIsForOneRequestOfOneActor(t *testing.T) {
	h := newHost(t, storetest.Open(t, storetest.SQLite(t)))
	made, err := h.dial(t).CreateToken(t.Context(), wire.NewToken{Name: "lives longer than a key"})
	if err != nil {
		t.Fatal(err)
	}
	root := made.Secret
	_, other := h.token(t)
	const path, body = "/clients", `{"id":"one","organization":"acme"}`
	if res, text := h.post(t, root, `"a"`, path, body); res.StatusCode != http.StatusCreated {
		t.Fatal(text)
	}
	for name, tt := range map[string]struct {
		token            secret.Text
		key, path, body  string
		status           int
		words, unwelcome string
	}{
		"another body":              {root, `"a"`, path, `{"id":"two","organization":"acme"}`, 422, "another request", "one"},
		"the same in other bytes":   {root, `"a"`, path, `{"id":"one", "organization":"acme"}`, 422, "another request", ""},
		"another path":              {root, `"a"`, "/clients/one/keys", body, 422, "another request", ""},
		"somebody else's":           {other, `"a"`, path, body, 409, "taken", "made"},
		"without quotation marks":   {root, `a`, path, body, 400, "quotation marks", ""},
		"an empty one":              {root, `""`, path, body, 400, "quotation marks", ""},
		"a quotation mark in it":    {root, `"a\"b"`, path, body, 400, "quotation marks", ""},
		"two in one":                {root, `"a", "b"`, path, body, 400, "quotation marks", ""},
		"one that is very long":     {root, `"` + strings.Repeat("k", 256) + `"`, path, body, 400, "255", ""},
		"letters beyond ASCII":      {root, `"ä"`, path, body, 400, "ASCII", ""},
		"a body over the limit":     {root, `"c"`, path, `{"name":"` + strings.Repeat("x", 1<<20) + `"}`, 413, "bytes", ""},
		"a refusal is not kept":     {root, `"d"`, path, `{"id":"two","organization":"amce"}`, 400, "acme", ""},
		"nor is the body that goes": {root, `"d"`, path, `{"id":"one","organization":"acme"}`, 409, "taken", ""},
	} {
		t.Run(name, func(t *testing.T) {
			res, text := h.post(t, tt.token, tt.key, tt.path, tt.body)
			if res.StatusCode != tt.status || !strings.Contains(text, tt.words) || tt.unwelcome != "" && strings.Contains(text, `"`+tt.unwelcome+`"`) {
				t.Errorf("%s %s, want %d with %q", res.Status, text, tt.status, tt.words)
			}
		})
	}
	h.set(h.now.Load().Add(23 * time.Hour))
	if res, text := h.post(t, root, `"a"`, path, body); res.StatusCode != http.StatusConflict || !strings.Contains(text, `"made"`) {
		t.Errorf("within the day: %s %s", res.Status, text)
	}
	h.set(h.now.Load().Add(time.Hour))
	if res, text := h.post(t, root, `"a"`, path, body); res.StatusCode != http.StatusConflict || strings.Contains(text, `"made"`) {
		t.Errorf("after the day: %s %s", res.Status, text)
	}
}

// What failed is not done, and can be asked for again with the same key.
func TestAFailureLeavesTheKeyFree(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		h := newHost(t, s)
		api := h.dial(t)
		if _, err := api.CreateClient(t.Context(), wire.NewClient{ID: "my-tenant", Organization: "acme"}); err != nil {
			t.Fatal(err)
		}
		h.issuer.down.Store(true)
		_, err := api.Once("k").CreateKey(t.Context(), "my-tenant", wire.NewKey{})
		refused(t, err, problem.Unavailable, "")
		h.issuer.down.Store(false)
		if _, err := api.Once("k").CreateKey(t.Context(), "my-tenant", wire.NewKey{}); err != nil {
			t.Errorf("the plugin is back: %v", err)
		}
	})
}

// After a crash in the middle nobody knows whether it was done: it is not done
// twice.
func TestAnEndThatIsNotKnown(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		h := newHost(t, s)
		api := h.dial(t).Once("k")
		if _, err := api.CreateToken(t.Context(), wire.NewToken{Name: "ci"}); err != nil {
			t.Fatal(err)
		}
		if err := s.Write(t.Context(), func(tx *store.Tx) error {
			_, err := tx.Exec(t.Context(), `UPDATE admin_answer SET status = NULL, body = ''`)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		_, err := api.CreateToken(t.Context(), wire.NewToken{Name: "ci"})
		refused(t, err, problem.Conflict, "its end is not known")
		if list, err := api.Tokens(t.Context()); err != nil || len(list) != 2 {
			t.Errorf("%d tokens, %v", len(list), err)
		}
	})
}

// Of many at once one is done.
func TestManyWithOneKey(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		h := newHost(t, s)
		api := h.dial(t)
		var done atomic.Int32
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				switch _, err := api.Once("k").CreateToken(t.Context(), wire.NewToken{Name: "ci"}); {
				case err == nil:
					done.Add(1)
				case !problem.Is(err, problem.Conflict):
					t.Error(err)
				}
			})
		}
		all.Wait()
		if list, err := api.Tokens(t.Context()); err != nil || done.Load() != 1 || len(list) != 2 {
			t.Errorf("%d were done, and there are %d tokens: %v", done.Load(), len(list), err)
		}
	})
}
