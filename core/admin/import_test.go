package admin_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// Import takes every hash that does not begin with "bad".
func (i *issuer) Import(_ context.Context, _ string, hashes []string) ([]authn.Imported, error) {
	if slices.Contains(hashes, "unsupported") {
		return nil, problem.New(problem.Unsupported, "the plugin could not answer")
	}
	out := make([]authn.Imported, len(hashes))
	for n, h := range hashes {
		if strings.HasPrefix(h, "bad") {
			out[n].Problem = "it is bad"
			continue
		}
		out[n] = authn.Imported{Verifier: []byte("verifier-canary" + h), Scheme: "bcrypt"}
	}
	return out, nil
}

func TestImportOfKeys(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		h := newHost(t, s)
		api, ctx := h.dial(t), t.Context()
		good := []wire.ForeignKey{
			{Client: "one", Organization: "acme", Name: "One", Roles: []string{"analyst"}, Rate: "10/s", Hash: "h1"},
			{Client: "one", Hash: "h2"},
		}
		tried, err := api.ImportKeys(ctx, wire.KeyImport{DryRun: true, Keys: good})
		if err != nil || len(tried.Keys) != 2 || tried.Keys[0].ID != "" || !tried.Keys[0].NewClient {
			t.Errorf("a dry run: %+v, %v", tried, err)
		}
		_, err = api.Client(ctx, "one")
		refused(t, err, problem.NotFound, "no client")
		done, err := api.ImportKeys(ctx, wire.KeyImport{Keys: good})
		if err != nil || len(done.Keys) != 2 || done.Keys[0].ID == "" || done.Keys[1].NewClient || done.Keys[1].Scheme != "bcrypt" {
			t.Fatalf("%+v, %v", done, err)
		}
		detail, err := api.Client(ctx, "one")
		if err != nil || len(detail.Keys) != 2 || len(detail.Roles) != 1 || detail.Rate != "10/s" || !detail.Keys[0].ForeignHash {
			t.Errorf("the client: %+v, %v", detail, err)
		}
		again, err := api.ImportKeys(ctx, wire.KeyImport{Keys: good})
		if err != nil || !again.Keys[0].Known || again.Keys[0].ID != done.Keys[0].ID {
			t.Errorf("again: %+v, %v", again, err)
		}
	})
}

// An authenticator that is not set up for it is the caller's to put right, and no
// failure of the service.
func TestImportToAnAuthenticatorThatTakesNone(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		h := newHost(t, s)
		_, err := h.dial(t).ImportKeys(t.Context(), wire.KeyImport{Keys: []wire.ForeignKey{{Client: "one", Organization: "acme", Hash: "unsupported"}}})
		refused(t, err, problem.Invalid, "takes no keys that another system has hashed")
	})
}

func TestAWrongImportSaysAllThatIsWrong(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		h := newHost(t, s)
		api, ctx := h.dial(t), t.Context()
		wrong := []wire.ForeignKey{
			{Client: "fine", Organization: "acme", Hash: "h"},
			{Client: "UPPER", Organization: "acme", Hash: "h"},
			{Client: "nul\x00", Organization: "acme", Hash: "h"},
			{Client: "a", Organization: "nowhere", Hash: "h"},
			{Client: "b", Organization: "acme", Roles: []string{"nothing"}, Hash: "h"},
			{Client: "c", Organization: "acme", Hash: "bad"},
			{Client: "d", Organization: "acme", Hash: "two words"},
			{Client: "e", Organization: "acme", Hash: "h", ExpiresAt: h.now.Load().Add(-1)},
			{Client: "fine", Organization: "globex", Hash: "h"},
		}
		_, err := api.ImportKeys(ctx, wire.KeyImport{Keys: wrong})
		var got *wire.Error
		if !errors.As(err, &got) || len(got.Mistakes) != len(wrong)-1 {
			t.Fatalf("%v with %d mistakes, want %d", err, len(got.Mistakes), len(wrong)-1)
		}
		for i, m := range got.Mistakes {
			if m.Index != i+1 || m.Problem == "" {
				t.Errorf("mistake %d: %+v", i, m)
			}
		}
		_, err = api.Client(ctx, "fine")
		refused(t, err, problem.NotFound, "no client")
		_, err = api.ImportKeys(ctx, wire.KeyImport{Keys: []wire.ForeignKey{}})
		refused(t, err, problem.Invalid, "0 keys")
		_, err = api.ImportKeys(ctx, wire.KeyImport{Keys: make([]wire.ForeignKey, 1001)})
		refused(t, err, problem.Invalid, "1001 keys")
		_, err = h.dial(t, "gatehouse:clients:read").ImportKeys(ctx, wire.KeyImport{Keys: wrong[:1]})
		refused(t, err, problem.Forbidden, "")
		if strings.Contains(h.log.String(), "canary") {
			t.Errorf("the log has a verifier: %s", h.log)
		}
	})
}

func TestAnAdminOfOneOrganizationImportsNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		h := newHost(t, s)
		_, token := h.confined(t, "acme", "gatehouse:*")
		for name, body := range map[string]string{
			"into another": `{"keys": [{"client": "x", "organization": "globex", "hash": "h"}]}`,
			"into its own": `{"keys": [{"client": "x", "organization": "acme", "hash": "h"}]}`,
		} {
			res, text := h.send(t, "POST", "/api/admin/v1/keys/import", body, with(token))
			if res.StatusCode != 403 {
				t.Errorf("%s: %d %s, want 403", name, res.StatusCode, text)
			}
		}
		_, err := h.dial(t).Client(t.Context(), "x")
		refused(t, err, problem.NotFound, "no client")
	})
}
