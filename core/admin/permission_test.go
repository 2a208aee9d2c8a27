package admin_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/gatehouse-id/gatehouse/core/admin"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// Each route with each kind of token: it passes with its own permission only.
func TestEachRouteAsksForItsPermission(t *testing.T) {
	routes := []struct{ method, path, permission string }{
		{"GET", "/clients", "gatehouse:clients:read"},
		{"POST", "/clients", "gatehouse:clients:write"},
		{"GET", "/clients/x", "gatehouse:clients:read"},
		{"POST", "/clients/x/keys", "gatehouse:clients:write"},
		{"POST", "/clients/x/rotate", "gatehouse:clients:write"},
		{"POST", "/keys/K1/revoke", "gatehouse:clients:write"},
		{"POST", "/revocations", "gatehouse:clients:write"},
		{"GET", "/admin-tokens", "gatehouse:tokens:read"},
		{"POST", "/admin-tokens", "gatehouse:tokens:write"},
		{"POST", "/admin-tokens/T1/revoke", "gatehouse:tokens:write"},
		{"GET", "/plugins", "gatehouse:plugins:read"},
		{"GET", "/status", "gatehouse:status:read"},
		{"GET", "/keyring", "gatehouse:keyring:read"},
		{"POST", "/keyring/rotate", "gatehouse:keyring:write"},
		{"GET", "/provisioning-tokens", "gatehouse:provisioning:read"},
		{"POST", "/provisioning-tokens", "gatehouse:provisioning:write"},
		{"POST", "/provisioning-tokens/P1/revoke", "gatehouse:provisioning:write"},
		{"GET", "/connections", "gatehouse:provisioning:read"},
		{"GET", "/connections/acme-okta", "gatehouse:provisioning:read"},
		{"POST", "/connections/acme-pulled/pull", "gatehouse:provisioning:write"},
		{"GET", "/connections/acme-okta/exchanges", "gatehouse:provisioning:read"},
		{"GET", "/brakes", "gatehouse:provisioning:read"},
		{"GET", "/brakes/B1", "gatehouse:provisioning:read"},
		{"POST", "/brakes/B1/release", "gatehouse:provisioning:write"},
		{"POST", "/brakes/B1/discard", "gatehouse:provisioning:write"},
		{"GET", "/sessions", "gatehouse:sessions:read"},
		{"POST", "/sessions/S1/revoke", "gatehouse:sessions:write"},
		{"POST", "/users/1/unpin", "gatehouse:sessions:write"},
		{"GET", "/domains", "gatehouse:domains:read"},
		{"POST", "/domains", "gatehouse:domains:write"},
		{"POST", "/domains/D1/verify", "gatehouse:domains:write"},
		{"POST", "/domains/D1/remove", "gatehouse:domains:write"},
		{"GET", "/users", "gatehouse:users:read"},
		{"GET", "/users/1", "gatehouse:users:read"},
		{"GET", "/groups", "gatehouse:users:read"},
		{"GET", "/groups/1", "gatehouse:users:read"},
	}
	tokens := map[string][]string{ // scopes -> what they cover
		"":                                             {"gatehouse:clients:read", "gatehouse:clients:write", "gatehouse:tokens:read", "gatehouse:tokens:write", "gatehouse:plugins:read", "gatehouse:status:read", "gatehouse:keyring:read", "gatehouse:keyring:write", "gatehouse:provisioning:read", "gatehouse:provisioning:write", "gatehouse:users:read", "gatehouse:sessions:read", "gatehouse:sessions:write", "gatehouse:domains:read", "gatehouse:domains:write"},
		"gatehouse:*":                                  {"gatehouse:clients:read", "gatehouse:clients:write", "gatehouse:tokens:read", "gatehouse:tokens:write", "gatehouse:plugins:read", "gatehouse:status:read", "gatehouse:keyring:read", "gatehouse:keyring:write", "gatehouse:provisioning:read", "gatehouse:provisioning:write", "gatehouse:users:read", "gatehouse:sessions:read", "gatehouse:sessions:write", "gatehouse:domains:read", "gatehouse:domains:write"},
		"gatehouse:*:read":                             {"gatehouse:clients:read", "gatehouse:tokens:read", "gatehouse:plugins:read", "gatehouse:status:read", "gatehouse:keyring:read", "gatehouse:provisioning:read", "gatehouse:users:read", "gatehouse:sessions:read", "gatehouse:domains:read"},
		"gatehouse:keyring:read":                       {"gatehouse:keyring:read"},
		"gatehouse:provisioning:*":                     {"gatehouse:provisioning:read", "gatehouse:provisioning:write"},
		"gatehouse:users:read":                         {"gatehouse:users:read"},
		"gatehouse:domains:write":                      {"gatehouse:domains:write"},
		"gatehouse:clients:*":                          {"gatehouse:clients:read", "gatehouse:clients:write"},
		"gatehouse:clients:read":                       {"gatehouse:clients:read"},
		"gatehouse:clients:write":                      {"gatehouse:clients:write"},
		"gatehouse:tokens:read":                        {"gatehouse:tokens:read"},
		"gatehouse:tokens:write":                       {"gatehouse:tokens:write"},
		"gatehouse:plugins:read":                       {"gatehouse:plugins:read"},
		"gatehouse:status:read":                        {"gatehouse:status:read"},
		"gatehouse:plugins:read gatehouse:status:read": {"gatehouse:plugins:read", "gatehouse:status:read"},
		// A token whose record was written by another hand covers nothing by these.
		"*":                       nil,
		"*:clients:read":          nil,
		"gatehouse":               nil,
		"gatehouse:clients":       nil,
		"gatehouse:client*":       nil,
		"gatehouse:clients:read:": nil,
		"gatehouse:clients:*:*":   nil,
	}
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		h := newHost(t, s)
		for scopes, covered := range tokens {
			_, token := h.token(t, strings.Fields(scopes)...)
			for _, rt := range routes {
				body := ""
				if rt.method == http.MethodPost {
					body = `{}`
				}
				res, answer := h.send(t, rt.method, wire.Prefix+rt.path, body, with(token))
				passes := false
				for _, p := range covered {
					passes = passes || p == rt.permission
				}
				if passes == (res.StatusCode == http.StatusForbidden) || res.StatusCode >= 500 || res.StatusCode == 401 {
					t.Errorf("%s %s with %q: %s", rt.method, rt.path, scopes, res.Status)
				}
				if !passes && !strings.Contains(answer, `"permission":"`+rt.permission+`"`) {
					t.Errorf("%s %s with %q: the refusal does not name the permission: %s", rt.method, rt.path, scopes, answer)
				}
			}
		}
	})
}

func TestNobodyMakesATokenThatMayMore(t *testing.T) {
	h := newHost(t, storetest.Open(t, storetest.SQLite(t)))
	for name, tt := range map[string]struct {
		has, asks string
		ok        bool
	}{
		"everything from everything":    {"", "", true},
		"a part of everything":          {"", "gatehouse:tokens:*", true},
		"the same":                      {"gatehouse:tokens:write", "gatehouse:tokens:write", true},
		"a part of a wildcard":          {"gatehouse:tokens:*", "gatehouse:tokens:read", true},
		"a wildcard within a wildcard":  {"gatehouse:*", "gatehouse:tokens:*", true},
		"everything from a part":        {"gatehouse:*", "", false},
		"another":                       {"gatehouse:tokens:write", "gatehouse:clients:read", false},
		"one of two":                    {"gatehouse:tokens:write", "gatehouse:tokens:write gatehouse:clients:read", false},
		"a wildcard from its members":   {"gatehouse:tokens:read gatehouse:tokens:write", "gatehouse:tokens:*", false},
		"a wildcard in another place":   {"gatehouse:tokens:*", "gatehouse:*:write", false},
		"a wildcard of more from fewer": {"gatehouse:tokens:*", "gatehouse:*", false},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := h.dial(t, strings.Fields(tt.has)...).CreateToken(t.Context(), wire.NewToken{Name: "new", Scopes: strings.Fields(tt.asks)})
			if !tt.ok {
				refused(t, err, problem.Forbidden, "scope")
				return
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// Whatever a token may give to another covers nothing that it does not cover.
func TestGivingIsNotGaining(t *testing.T) {
	segment := rapid.SampledFrom([]string{"gatehouse", "clients", "tokens", "read", "write", "*"})
	pattern := rapid.Map(rapid.SliceOfN(segment, 1, 4), func(s []string) string { return "gatehouse:" + strings.Join(s, ":") })
	rapid.Check(t, func(t *rapid.T) {
		own, given := pattern.Draw(t, "own"), pattern.Draw(t, "given")
		permission := strings.ReplaceAll(pattern.Draw(t, "permission"), "*", "other")
		if admin.Covers(own, given) && admin.Covers(given, permission) && !admin.Covers(own, permission) {
			t.Fatalf("%q may give %q, which covers %q", own, given, permission)
		}
	})
}

func TestCheckToken(t *testing.T) {
	h := newHost(t, storetest.Open(t, storetest.SQLite(t)))
	_, status := h.token(t, "gatehouse:status:read")
	_, clients := h.token(t, "gatehouse:clients:*")
	for name, tt := range map[string]struct {
		header http.Header
		code   problem.Code
	}{
		"nobody":        {http.Header{}, problem.Unauthenticated},
		"twice":         {http.Header{"Authorization": {"Bearer " + status.Reveal(), "Bearer " + clients.Reveal()}}, problem.Invalid},
		"another scope": {with(clients), problem.Forbidden},
		"its scope":     {with(status), ""},
	} {
		r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
		r.Header = tt.header
		if err := h.api.CheckToken(r); (err == nil) != (tt.code == "") || err != nil && !problem.Is(err, tt.code) {
			t.Errorf("%s: %v, want %q", name, err, tt.code)
		}
	}
}
