package admin_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/gatehouse-id/gatehouse/core/credential"
	"github.com/gatehouse-id/gatehouse/core/provisioning"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

// confined makes a token of one organization.
func (h *host) confined(tb testing.TB, organization string, scopes ...string) (id string, text secret.Text) {
	tb.Helper()
	t, text, err := h.tokens.Create(tb.Context(), credential.By{Actor: "test"}, "of "+organization, organization, scopes, 24*time.Hour)
	if err != nil {
		tb.Fatal(err)
	}
	return t.ID, text
}

// as is the Go client with a token.
func (h *host) as(tb testing.TB, text secret.Text) *wire.Host {
	tb.Helper()
	c, err := wire.Dial(tb.Context(), wire.Options{URL: h.URL, Token: text})
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// attack is a request of a token of acme that names something of globex, and the
// same with something that is not there.
type attack struct {
	path, body      string // with %s for what is named
	theirs, nothing string
	header          http.Header
}

func (a attack) send(t *testing.T, h *host, method string, token secret.Text, id string) string {
	t.Helper()
	header := with(token)
	if method == http.MethodPatch {
		header.Set("Content-Type", "application/merge-patch+json")
	}
	for name := range a.header {
		header.Set(name, a.header.Get(name))
	}
	fill := func(s string) string { return strings.ReplaceAll(s, "%s", id) }
	res, body := h.send(t, method, wire.Prefix+fill(a.path), fill(a.body), header)
	res.Header.Del("Date")
	if res.StatusCode < 400 || res.StatusCode >= 500 {
		t.Errorf("%s %s with %q: %s %s", method, fill(a.path), fill(a.body), res.Status, body)
	}
	return strings.ReplaceAll(fmt.Sprintln(res.Status, res.Header, body), id, "ID")
}

// Every operation of the document, with a token of one organization: that of the
// whole installation is refused, and what is of another organization is answered
// as what is not there, and is not touched.
func TestAnotherOrganizationIsNotThere(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		h := newHost(t, s)
		ctx, root := t.Context(), h.dial(t)
		made, err := root.CreateClient(ctx, wire.NewClient{ID: "theirs", Organization: "globex", Roles: []string{"analyst"}})
		if err != nil {
			t.Fatal(err)
		}
		if err := h.records.Declare(ctx, credential.By{Actor: "file"}, []credential.Client{{ID: "filed", Organization: "globex", Instance: "apikey"}}, func(*store.Tx) error { return nil }); err != nil {
			t.Fatal(err)
		}
		tokenID, _ := h.confined(t, "globex")
		wholeID, _ := h.token(t)
		_, token := h.confined(t, "acme")
		other := func(id string) string {
			return id[:len(id)-1] + map[bool]string{true: "1", false: "0"}[id[len(id)-1] == '0']
		}
		client := func(path, body string, header http.Header) []attack {
			return []attack{{path, body, "theirs", "nobody", header}, {path, body, "filed", "nobdy", header}}
		}
		idp, _, err := h.idp.Create(ctx, credential.By{Actor: "test"}, provisioning.NewToken{Connection: "globex-entra", Organization: "globex"})
		if err != nil {
			t.Fatal(err)
		}
		window := h.leave(t, "globex-entra", "globex", 3)
		once := http.Header{"Idempotency-Key": {`"a key"`}}
		theirs := h.signOn(t, "globex", "u-globex").ID
		claimed, err := root.AddDomain(ctx, wire.NewDomain{Organization: "globex", Domain: "globex.example"})
		if err != nil {
			t.Fatal(err)
		}
		claim := claimed.ID
		attacks := map[string][]attack{
			"GET /clients":              {{"/clients?organization=%s", "", "globex", "nobody", nil}},
			"POST /clients":             {{"/clients", `{"id":"new","organization":"%s"}`, "globex", "nobody", nil}},
			"GET /clients/{id}":         client("/clients/%s", "", nil),
			"PATCH /clients/{id}":       append(client("/clients/%s", `{"name":"mine"}`, http.Header{"If-Match": {"*"}}), client("/clients/%s", `{"name":"mine"}`, http.Header{"If-Match": {`"1"`}})...),
			"POST /clients/{id}/keys":   append(client("/clients/%s/keys", `{}`, nil), client("/clients/%s/keys", `{}`, once)...),
			"POST /clients/{id}/rotate": client("/clients/%s/rotate", `{"overlap":"0s"}`, nil),
			"POST /keys/{id}/revoke":    {{"/keys/%s/revoke", `{}`, made.Key.ID, other(made.Key.ID), nil}},
			"GET /admin-tokens":         {{"/admin-tokens?after=%s", "", tokenID, other(tokenID), nil}, {"/admin-tokens?after=%s", "", wholeID, other(wholeID), nil}},
			"POST /admin-tokens":        {{"/admin-tokens", `{"name":"new","organization":"%s"}`, "globex", "nobody", nil}},
			"POST /admin-tokens/{id}/revoke": {
				{"/admin-tokens/%s/revoke", `{}`, tokenID, other(tokenID), nil}, {"/admin-tokens/%s/revoke", `{}`, wholeID, other(wholeID), nil},
			},
		}
		maps.Copy(attacks, map[string][]attack{
			"GET /provisioning-tokens": {
				{"/provisioning-tokens?connection=%s", "", "globex-entra", "nobody-entra", nil}, {"/provisioning-tokens?after=%s", "", idp.ID, other(idp.ID), nil},
			},
			"POST /provisioning-tokens":             {{"/provisioning-tokens", `{"connection":"%s"}`, "globex-entra", "nobody-entra", nil}},
			"POST /provisioning-tokens/{id}/revoke": {{"/provisioning-tokens/%s/revoke", `{}`, idp.ID, other(idp.ID), nil}},
			"GET /connections":                      {{"/connections?organization=%s", "", "globex", "nobody", nil}},
			"GET /connections/{id}":                 {{"/connections/%s", "", "globex-entra", "nobody-entra", nil}},
			"POST /connections/{id}/pull":           {{"/connections/%s/pull", `{}`, "globex-entra", "nobody-entra", nil}},
			"GET /connections/{id}/exchanges":       {{"/connections/%s/exchanges", "", "globex-entra", "nobody-entra", nil}},
			"GET /brakes":                           {{"/brakes?organization=%s", "", "globex", "nobody", nil}},
			"GET /brakes/{id}":                      {{"/brakes/%s", "", window, other(window), nil}},
			"POST /brakes/{id}/release":             {{"/brakes/%s/release", `{}`, window, other(window), nil}},
			"POST /brakes/{id}/discard":             {{"/brakes/%s/discard", `{}`, window, other(window), nil}},
			"GET /sessions":                         {{"/sessions?organization=%s", "", "globex", "nobody", nil}, {"/sessions?connection=%s", "", "globex-entra", "nobody-entra", nil}, {"/sessions?after=%s", "", theirs, other(theirs), nil}},
			"POST /sessions/{id}/revoke":            {{"/sessions/%s/revoke", `{}`, theirs, other(theirs), nil}},
			"POST /users/{id}/unpin":                {{"/users/%s/unpin", `{}`, "u-globex", "u-nobody", nil}},
			"GET /domains":                          {{"/domains?organization=%s", "", "globex", "nobody", nil}, {"/domains?after=%s", "", claim, other(claim), nil}},
			"POST /domains":                         {{"/domains", `{"organization":"%s","domain":"new.example"}`, "globex", "nobody", nil}},
			"POST /domains/{id}/verify":             {{"/domains/%s/verify", `{}`, claim, other(claim), nil}, {"/domains/%s/verify", `{"vouch":true}`, claim, other(claim), nil}},
			"POST /domains/{id}/remove":             {{"/domains/%s/remove", `{}`, claim, other(claim), nil}},
			"GET /users":                            {{"/users?organization=%s", "", "globex", "nobody", nil}, {"/users?connection=%s", "", "globex-entra", "nobody-entra", nil}},
			"GET /users/{id}":                       {{"/users/%s", "", "u-globex", "u-nobody", nil}},
			"GET /users/{id}/explanation":           {{"/users/%s/explanation?role=admin", "", "u-globex", "u-nobody", nil}},
			"GET /clients/{id}/explanation":         client("/clients/%s/explanation?path=/x", "", nil),
			"GET /decisions/{id}":                   {{"/decisions/%s", "", "D-globex", "D-nobody", nil}},
			"GET /groups":                           {{"/groups?organization=%s", "", "globex", "nobody", nil}, {"/groups?connection=%s", "", "globex-entra", "nobody-entra", nil}},
			"GET /groups/{id}":                      {{"/groups/%s", "", "g-globex", "g-nobody", nil}},
		})
		attacks["PATCH /clients/{id}"] = append(attacks["PATCH /clients/{id}"], client("/clients/%s", `{"name":"mine"}`, nil)...)
		attacks["PATCH /clients/{id}"] = append(attacks["PATCH /clients/{id}"], client("/clients/%s", `{"name":"mine"}`, http.Header{"If-Match": {`"99"`}})...)
		before := everything(t, root)
		for path, operations := range loadSpec(t).paths {
			for method, operation := range operations {
				name := strings.ToUpper(method) + " " + path
				description, _ := operation.(map[string]any)["description"].(string)
				switch {
				case path == "/openapi.json":
				case strings.Contains(description, "A token of one organization is refused."):
					res, body := h.send(t, strings.ToUpper(method), wire.Prefix+strings.ReplaceAll(path, "{number}", "1"), "", with(token))
					if res.StatusCode != http.StatusForbidden || !strings.Contains(body, "whole installation") {
						t.Errorf("%s: %s %s", name, res.Status, body)
					}
				case attacks[name] == nil:
					t.Errorf("no attack on %s: name something of globex with a token of acme", name)
				default:
					for _, one := range attacks[name] {
						nothing, theirs := one.send(t, h, strings.ToUpper(method), token, one.nothing), one.send(t, h, strings.ToUpper(method), token, one.theirs)
						if diff := cmp.Diff(nothing, theirs); diff != "" {
							t.Errorf("%s %v tells (-not there +theirs):\n%s", name, one, diff)
						}
					}
				}
			}
		}
		if diff := cmp.Diff(before, everything(t, root)); diff != "" {
			t.Errorf("they have changed something (-before +after):\n%s", diff)
		}
	})
}

// everything is what there is of clients and tokens.
func everything(t *testing.T, root *wire.Host) string {
	t.Helper()
	var all []any
	page, err := root.Clients(t.Context(), wire.ClientQuery{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range page.Clients {
		detail, err := root.Client(t.Context(), c.ID)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, detail)
	}
	tokens, err := root.Tokens(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	idps, err := root.ProvisioningTokens(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	brakes, err := root.Brakes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.MarshalIndent(append(all, tokens, idps, brakes), "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The administrators of an organization do for it what those of the installation
// do for all.
func TestTheAdministratorsOfAnOrganization(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		h := newHost(t, s)
		ctx, root := t.Context(), h.dial(t)
		if _, err := root.CreateClient(ctx, wire.NewClient{ID: "theirs", Organization: "globex"}); err != nil {
			t.Fatal(err)
		}
		issued, err := root.CreateToken(ctx, wire.NewToken{Name: "acme's", Organization: new("acme")})
		if err != nil || issued.Token.Organization != "acme" {
			t.Fatalf("%+v, %v", issued.Token, err)
		}
		acme := h.as(t, issued.Secret)
		made, err := acme.CreateClient(ctx, wire.NewClient{ID: "mine", Organization: "acme", Roles: []string{"analyst"}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := acme.CreateKey(ctx, "mine", wire.NewKey{}); err != nil {
			t.Error(err)
		}
		if _, err := acme.RevokeKey(ctx, made.Key.ID, wire.Revocation{}); err != nil {
			t.Error(err)
		}
		if _, err := acme.RotateKey(ctx, "mine", wire.Rotation{}); err != nil {
			t.Error(err)
		}
		if page, err := acme.Clients(ctx, wire.ClientQuery{}); err != nil || len(page.Clients) != 1 || page.Clients[0].ID != "mine" {
			t.Errorf("clients: %+v, %v", page, err)
		}
		if detail, err := acme.Client(ctx, "mine"); err != nil || len(detail.Keys) != 3 {
			t.Errorf("%+v, %v", detail, err)
		}
		second, err := acme.CreateToken(ctx, wire.NewToken{Name: "second", Organization: new("acme"), Scopes: []string{"gatehouse:clients:read"}})
		if err != nil {
			t.Fatal(err)
		}
		names := func() (list []string) {
			tokens, err := acme.Tokens(ctx)
			if err != nil {
				t.Fatal(err)
			}
			for _, one := range tokens {
				list = append(list, one.Name+" "+string(one.State))
			}
			slices.Sort(list)
			return list
		}
		if diff := cmp.Diff([]string{"acme's live", "second live"}, names()); diff != "" {
			t.Error(diff)
		}
		if _, err := acme.RevokeToken(ctx, second.Token.ID); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff([]string{"acme's live", "second revoked"}, names()); diff != "" {
			t.Error(diff)
		}
		_, err = acme.CreateClient(ctx, wire.NewClient{ID: "theirs", Organization: "acme"})
		refused(t, err, problem.Conflict, "taken")
		if strings.Contains(err.Error(), "globex") {
			t.Errorf("it tells whose the id is: %v", err)
		}
		_, err = acme.Status(ctx)
		refused(t, err, problem.Forbidden, "confined to the organization")
		if r, err := http.NewRequestWithContext(ctx, http.MethodGet, "/metrics", nil); err != nil {
			t.Error(err)
		} else {
			r.Header = with(issued.Secret)
			if err := h.api.CheckToken(r); !problem.Is(err, problem.Forbidden) {
				t.Errorf("the metrics of the host: %v", err)
			}
		}
	})
}

func TestTokensOfAnOrganization(t *testing.T) {
	h := newHost(t, storetest.Open(t, storetest.SQLite(t)))
	for name, tt := range map[string]struct {
		confined, has, body string
		status              int
		words               string
	}{
		"of the installation, by one of it":            {"", "", `{"name":"new"}`, 201, ""},
		"of one, by one of the installation":           {"", "", `{"name":"new","organization":"acme"}`, 201, `"organization":"acme"`},
		"of one that is not there":                     {"", "", `{"name":"new","organization":"amce"}`, 400, `did you mean \"acme\"?`},
		"of one without a name":                        {"", "", `{"name":"new","organization":""}`, 400, "no organization"},
		"of null":                                      {"", "", `{"name":"new","organization":null}`, 400, "null"},
		"of its own":                                   {"acme", "", `{"name":"new","organization":"acme"}`, 201, `"organization":"acme"`},
		"of its own, with a part of its scopes":        {"acme", "gatehouse:*", `{"name":"new","organization":"acme","scopes":["gatehouse:clients:*"]}`, 201, ""},
		"of its own, with more scopes":                 {"acme", "gatehouse:tokens:write", `{"name":"new","organization":"acme","scopes":["gatehouse:clients:*"]}`, 403, "only by one that has it"},
		"of its own, with all scopes":                  {"acme", "gatehouse:*", `{"name":"new","organization":"acme"}`, 403, "without scopes"},
		"of the installation, by one of acme":          {"acme", "", `{"name":"new"}`, 403, "whole installation"},
		"of another, by one of acme":                   {"acme", "", `{"name":"new","organization":"globex"}`, 403, `confined to the organization \"acme\"`},
		"of one without a name, by one of acme":        {"acme", "", `{"name":"new","organization":""}`, 403, `confined to the organization \"acme\"`},
		"with a scope that gives it nothing":           {"", "", `{"name":"new","organization":"acme","scopes":["gatehouse:keyring:read"]}`, 400, "covers nothing that a token of one organization may do"},
		"with a wildcard that gives it something":      {"", "", `{"name":"new","organization":"acme","scopes":["gatehouse:*:read"]}`, 201, ""},
		"with a scope of everything, by a part of one": {"acme", "gatehouse:tokens:*", `{"name":"new","organization":"acme","scopes":["gatehouse:*"]}`, 403, "only by one that has it"},
	} {
		t.Run(name, func(t *testing.T) {
			_, token := h.confined(t, tt.confined, strings.Fields(tt.has)...)
			res, body := h.send(t, http.MethodPost, wire.Prefix+"/admin-tokens", tt.body, with(token))
			if res.StatusCode != tt.status || !strings.Contains(body, tt.words) {
				t.Errorf("%s %s, want %d with %q", res.Status, body, tt.status, tt.words)
			}
			if tt.confined != "" && strings.Contains(body, "globex") {
				t.Errorf("it tells which organizations there are: %s", body)
			}
		})
	}
}

// A token of an organization that is not in the configuration any more does
// nothing, as its clients do.
func TestATokenOfAnOrganizationThatIsGone(t *testing.T) {
	h := newHost(t, storetest.Open(t, storetest.SQLite(t)))
	_, token := h.confined(t, "gone")
	for _, path := range []string{"/clients", "/admin-tokens", "/plugins"} {
		if res, body := h.send(t, http.MethodGet, wire.Prefix+path, "", with(token)); res.StatusCode != http.StatusForbidden || !strings.Contains(body, "not in the configuration") {
			t.Errorf("%s: %s %s", path, res.Status, body)
		}
	}
}

// What a token has done with an idempotency key is told to no other.
func TestAKeyIsForOneToken(t *testing.T) {
	h := newHost(t, storetest.Open(t, storetest.SQLite(t)))
	_, globex := h.confined(t, "globex")
	_, acme := h.confined(t, "acme")
	if res, body := h.post(t, globex, `"a"`, "/clients", `{"id":"theirs","organization":"globex"}`); res.StatusCode != http.StatusCreated {
		t.Fatal(body)
	}
	for path, body := range map[string]string{
		"/clients":             `{"id":"theirs","organization":"globex"}`,
		"/clients/theirs/keys": `{}`,
	} {
		_, keyed := h.post(t, acme, `"a"`, path, body)
		_, plain := h.send(t, http.MethodPost, wire.Prefix+path, body, with(acme))
		if keyed != plain || strings.Contains(keyed, "made") {
			t.Errorf("%s with the key: %s, without: %s", path, keyed, plain)
		}
	}
}

// Two hosts, of which one has an organization more: whatever a token of acme asks
// them, they answer the same.
func TestNothingTellsOfAnother(t *testing.T) {
	type one struct {
		*host
		token secret.Text
	}
	var hosts []one
	for _, more := range []bool{false, true} {
		h := newHost(t, storetest.Open(t, storetest.SQLite(t)))
		if more {
			if _, err := h.dial(t).CreateClient(t.Context(), wire.NewClient{ID: "theirs", Organization: "globex", Roles: []string{"admin"}}); err != nil {
				t.Fatal(err)
			}
			h.confined(t, "globex")
		}
		_, token := h.confined(t, "acme")
		hosts = append(hosts, one{h, token})
	}
	id := rapid.SampledFrom([]string{"mine", "theirs", "nobody", "Theirs", "theirs-2"})
	organization := rapid.SampledFrom([]string{"acme", "globex", "nowhere", ""})
	header := rapid.SampledFrom([]http.Header{{}, {"If-Match": {"*"}}, {"If-Match": {`"1"`}}, {"If-Match": {`"2"`}}, {"Idempotency-Key": {`"k"`}}, {"Idempotency-Key": {"k"}}})
	rapid.Check(t, func(t *rapid.T) {
		type request struct{ method, path, body string }
		named, label := id.Draw(t, "id"), organization.Draw(t, "organization")
		asked := rapid.SampledFrom([]request{
			{"GET", "/clients", ""},
			{"GET", "/clients?limit=1&after=" + named, ""},
			{"GET", "/clients?organization=" + label, ""},
			{"GET", "/clients/" + named, ""},
			{"PATCH", "/clients/" + named, `{"name":"x"}`},
			{"PATCH", "/clients/" + named, `{"roles":["analyst"]}`},
			{"POST", "/clients/" + named + "/keys", `{}`},
			{"POST", "/clients/" + named + "/rotate", `{"overlap":"0s"}`},
			{"POST", "/clients", `{"id":"mine","organization":"` + label + `"}`},
			{"POST", "/admin-tokens", `{"name":"x","organization":"` + label + `"}`},
			{"DELETE", "/clients/" + named, ""},
		}).Draw(t, "request")
		more := header.Draw(t, "header")
		var answers []string
		for _, h := range hosts {
			h.set(h.now.Load().Add(time.Second)) // what is of one time is in the order of ids, which are drawn by lot
			sent := with(h.token)
			for name := range more {
				sent.Set(name, more.Get(name))
			}
			if asked.method == http.MethodPatch {
				sent.Set("Content-Type", "application/merge-patch+json")
			}
			req, err := http.NewRequest(asked.method, h.URL+wire.Prefix+asked.path, strings.NewReader(asked.body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header = sent
			answers = append(answers, said(t, req))
		}
		if answers[0] != answers[1] {
			t.Fatalf("%+v %v: %s\nand beside another organization: %s", asked, more, answers[0], answers[1])
		}
	})
}

// said is an answer without what is drawn by lot.
func said(t *rapid.T, req *http.Request) string {
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var body any
	if res.ContentLength != 0 {
		if err := json.NewDecoder(res.Body).Decode(&body); err != nil {
			t.Fatal(err)
		}
	}
	text, err := json.Marshal(without(body))
	if err != nil {
		t.Fatal(err)
	}
	return res.Status + " " + res.Header.Get("ETag") + " " + string(text)
}

// without takes out ids of keys and tokens, hints and secrets.
func without(value any) any {
	switch v := value.(type) {
	case []any:
		for i := range v {
			v[i] = without(v[i])
		}
	case map[string]any:
		for name := range v {
			if id, _ := v[name].(string); name == "secret" || name == "hint" && v["client"] != nil || name == "id" && (strings.HasPrefix(id, "K") || strings.HasPrefix(id, "T")) {
				v[name] = "by lot"
				continue
			}
			v[name] = without(v[name])
		}
	}
	return value
}
