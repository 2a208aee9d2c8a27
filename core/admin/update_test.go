package admin_test

import (
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gatehouse-id/gatehouse/core/credential"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

func TestAClientIsChanged(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		h := newHost(t, s)
		api, ctx := h.dial(t), t.Context()
		end := time.Date(2027, 6, 30, 0, 0, 0, 0, time.UTC)
		made, err := api.CreateClient(ctx, wire.NewClient{
			ID: "my-tenant", Organization: "acme", Name: "before", Roles: []string{"analyst"}, Scopes: []string{"query:*"}, ExpiresAt: end,
		})
		if err != nil {
			t.Fatal(err)
		}
		h.set(h.now.Load().Add(time.Hour))
		got, err := api.UpdateClient(ctx, "my-tenant", made.Client.Version, wire.ClientChange{
			Name: wire.To("after"), Roles: wire.To([]string{"admin"}), Networks: wire.To([]string{"192.0.2.0/24"}), Rate: wire.To("90/m"), ExpiresAt: wire.To(time.Time{}),
		})
		if err != nil {
			t.Fatal(err)
		}
		want := made.Client
		want.Name, want.Networks, want.Rate, want.ExpiresAt = "after", []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}, "90/m", time.Time{}
		want.Version, want.UpdatedAt = made.Client.Version+1, *h.now.Load()
		if diff := cmp.Diff(want, got, comparePrefix, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if _, err := api.RotateKey(ctx, "my-tenant", wire.Rotation{}); err != nil {
			t.Fatal(err)
		}
		detail, err := api.Client(ctx, "my-tenant")
		if err != nil || detail.Version != got.Version {
			t.Errorf("a key of its own made it version %d, not %d: %v", detail.Version, got.Version, err)
		}
		if len(detail.Roles) != 1 || detail.Roles[0].Name != "admin" {
			t.Errorf("roles: %+v", detail.Roles)
		}
		if _, err := api.UpdateClient(ctx, "my-tenant", wire.AnyVersion, wire.ClientChange{Roles: wire.To[[]string](nil), Scopes: wire.To[[]string](nil), Rate: wire.To("")}); err != nil {
			t.Fatal(err)
		}
		if detail, err = api.Client(ctx, "my-tenant"); err != nil || len(detail.Roles)+len(detail.Scopes) != 0 || detail.Rate != "" || detail.Name != "after" {
			t.Errorf("%+v, %v", detail, err)
		}
	})
}

// Of many who have seen the same version one changes it, and the others are told.
func TestNobodyTakesBackWhatTheyHaveNotSeen(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		h := newHost(t, s)
		api, ctx := h.dial(t), t.Context()
		made, err := api.CreateClient(ctx, wire.NewClient{ID: "my-tenant", Organization: "acme"})
		if err != nil {
			t.Fatal(err)
		}
		var done, told atomic.Int32
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				_, err := api.UpdateClient(ctx, "my-tenant", made.Client.Version, wire.ClientChange{Name: wire.To("x")})
				switch {
				case err == nil:
					done.Add(1)
				case problem.Is(err, problem.Changed) && strings.Contains(err.Error(), "has changed"):
					told.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		all.Wait()
		if done.Load() != 1 || told.Load() != 7 {
			t.Errorf("%d changed it, %d were told", done.Load(), told.Load())
		}
	})
}

func TestAClientOfAFileIsNotChanged(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		h := newHost(t, s)
		declared := credential.Client{ID: "declared", Organization: "acme", Instance: "apikey"}
		err := h.records.Declare(t.Context(), credential.By{Actor: "config:1"}, []credential.Client{declared}, func(*store.Tx) error { return nil })
		if err != nil {
			t.Fatal(err)
		}
		api := h.dial(t)
		_, err = api.UpdateClient(t.Context(), "declared", wire.AnyVersion, wire.ClientChange{Roles: wire.To([]string{"admin"})})
		refused(t, err, problem.Conflict, "declared in a file")
		if detail, err := api.Client(t.Context(), "declared"); err != nil || len(detail.Roles) != 0 || detail.Version != 1 {
			t.Errorf("%+v, %v", detail, err)
		}
	})
}

func TestBadChanges(t *testing.T) {
	h := newHost(t, storetest.Open(t, storetest.SQLite(t)))
	_, token := h.token(t)
	if _, err := h.dial(t).CreateClient(t.Context(), wire.NewClient{ID: "my-tenant", Organization: "acme"}); err != nil {
		t.Fatal(err)
	}
	const name = `{"name":"x"}`
	for title, tt := range map[string]struct {
		match, body string
		status      int
		words       string
	}{
		"no If-Match":            {"", name, 428, "If-Match"},
		"another version":        {`"7"`, name, 412, "version 1"},
		"a weak one":             {`W/"1"`, name, 412, "version 1"},
		"no entity tag":          {`1`, name, 400, "If-Match"},
		"an open quote":          {`"1`, name, 400, "If-Match"},
		"a star among others":    {`"1", *`, name, 400, "If-Match"},
		"a huge one":             {`"` + strings.Repeat("9", 100_000) + `"`, name, 412, "version 1"},
		"a number beyond all":    {`"99999999999999999999999999"`, name, 412, "version 1"},
		"nothing":                {`"1"`, ``, 400, "changes nothing"},
		"an empty object":        {`"1"`, `{}`, 400, "changes nothing"},
		"the organization":       {`"1"`, `{"organization":"globex"}`, 400, "organization"},
		"the version":            {`"1"`, `{"version":9}`, 400, "version"},
		"a role by a slip":       {`"1"`, `{"roles":["analist"]}`, 400, "analyst"},
		"null among the roles":   {`"1"`, `{"roles":[null]}`, 400, "no role"},
		"a scope that is none":   {`"1"`, `{"scopes":["query execute"]}`, 400, "query:execute"},
		"null among the scopes":  {`"1"`, `{"scopes":[null]}`, 400, "no permission"},
		"a network that is none": {`"1"`, `{"networks":["10.0.0.1"]}`, 400, "CIDR"},
		"an end that has passed": {`"1"`, `{"expires_at":"2020-01-01T00:00:00Z"}`, 400, "has passed"},
		"a name over two lines":  {`"1"`, `{"name":"a\nb"}`, 400, "one line"},
		"plain JSON":             {`"1"`, name, 415, "merge-patch"},
	} {
		t.Run(title, func(t *testing.T) {
			header := with(token)
			if title != "plain JSON" {
				header.Set("Content-Type", "application/merge-patch+json")
			}
			if tt.match != "" {
				header.Set("If-Match", tt.match)
			}
			res, body := h.send(t, http.MethodPatch, wire.Prefix+"/clients/my-tenant", tt.body, header)
			if res.StatusCode != tt.status || !strings.Contains(body, tt.words) || res.Header.Get("ETag") != "" {
				t.Errorf("%s %s, want %d with %q", res.Status, body, tt.status, tt.words)
			}
		})
	}
	header := with(token)
	res, body := h.send(t, http.MethodGet, wire.Prefix+"/clients/my-tenant", "", header)
	if res.Header.Get("ETag") != `"1"` {
		t.Fatalf("after all refusals it is at %s: %s", res.Header.Get("ETag"), body)
	}
	header.Set("Content-Type", "application/merge-patch+json")
	header.Set("If-Match", `"9", "1"`)
	if res, body := h.send(t, http.MethodPatch, wire.Prefix+"/clients/my-tenant", name, header); res.StatusCode != http.StatusOK || res.Header.Get("ETag") != `"2"` {
		t.Errorf("one of several: %s %s %s", res.Status, res.Header.Get("ETag"), body)
	}
}
