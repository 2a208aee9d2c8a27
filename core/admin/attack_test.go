package admin_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/core/credential"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

// What is no credential is answered alike, whatever path it asks for.
func TestNothingWithoutACredential(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		h := newHost(t, s)
		_, good := h.token(t)
		revokedID, revoked := h.token(t)
		if _, err := h.tokens.Revoke(t.Context(), credential.By{}, revokedID); err != nil {
			t.Fatal(err)
		}
		_, expired, err := h.tokens.Create(t.Context(), credential.By{}, "short", "", nil, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		h.set(h.now.Load().Add(2 * time.Minute))
		key, err := h.dial(t).CreateClient(t.Context(), wire.NewClient{ID: "my-tenant", Organization: "acme"})
		if err != nil {
			t.Fatal(err)
		}
		other := newHost(t, storetest.Open(t, storetest.SQLite(t)))
		_, foreign := other.token(t)
		text := good.Reveal()
		for name, header := range map[string]http.Header{
			"none":                         {},
			"an empty one":                 {"Authorization": {""}},
			"no scheme":                    {"Authorization": {text}},
			"no token":                     {"Authorization": {"Bearer  "}},
			"Basic":                        {"Authorization": {"Basic " + text}},
			"in a cookie":                  {"Cookie": {"token=" + text}},
			"in another header":            {"X-Api-Key": {text}},
			"a revoked token":              {"Authorization": {"Bearer " + revoked.Reveal()}},
			"an expired token":             {"Authorization": {"Bearer " + expired.Reveal()}},
			"another host's token":         {"Authorization": {"Bearer " + foreign.Reveal()}},
			"a client's key":               {"Authorization": {"Bearer " + key.Secret.Reveal()}},
			"a token with a typo":          {"Authorization": {"Bearer " + text[:len(text)-1] + "!"}},
			"a token that is cut":          {"Authorization": {"Bearer " + text[:len(text)-8]}},
			"a token and more":             {"Authorization": {"Bearer " + text + " x"}},
			"loopback, says who asks":      {"X-Forwarded-For": {"127.0.0.1"}, "X-Real-Ip": {"127.0.0.1"}},
			"an identity, says who asks":   {"X-Gatehouse-Subject": {"admin"}, "X-Gatehouse-Roles": {"admin"}},
			"the token of nobody, by form": {"Authorization": {"Bearer " + secret.Text("gha_T_").Reveal()}},
		} {
			t.Run(name, func(t *testing.T) {
				for _, path := range []string{"/status", "/clients/my-tenant", "/no-such-path"} {
					res, body := h.send(t, http.MethodGet, wire.Prefix+path, "", header)
					if res.StatusCode != http.StatusUnauthorized || res.Header.Get("WWW-Authenticate") == "" {
						t.Errorf("%s: %s, WWW-Authenticate %q", path, res.Status, res.Header.Get("WWW-Authenticate"))
					}
					if strings.Contains(body, "acme") || strings.Contains(body, text) {
						t.Errorf("%s: it tells %s", path, body)
					}
				}
			})
		}
	})
}

func TestBadRequests(t *testing.T) {
	h := newHost(t, storetest.Open(t, storetest.SQLite(t)))
	_, token := h.token(t)
	if _, err := h.dial(t).CreateClient(t.Context(), wire.NewClient{ID: "my-tenant", Organization: "acme"}); err != nil {
		t.Fatal(err)
	}
	client := func(fields string) string { return `{"id":"new","organization":"acme"` + fields + `}` }
	for name, tt := range map[string]struct {
		method, path, body, contentType string
		status                          int
		words                           string
	}{
		"a form of a web page":       {"POST", "/clients", "id=x&organization=acme", "application/x-www-form-urlencoded", 415, "application/json"},
		"a form that looks like it":  {"POST", "/clients", client(""), "text/plain", 415, "application/json"},
		"no content type":            {"POST", "/clients", client(""), "", 415, "application/json"},
		"another charset":            {"POST", "/clients", client(""), "application/json; charset=utf-16", 415, "application/json"},
		"over the limit":             {"POST", "/clients", client(`,"name":"` + strings.Repeat("x", 1<<20) + `"`), "", 413, "1048576 bytes"},
		"a field that is not known":  {"POST", "/clients", client(`,"role":"admin"`), "", 400, `\"role\"`},
		"a second document":          {"POST", "/clients", client("") + "{}", "", 400, "after the end"},
		"cut short":                  {"POST", "/clients", `{"id":"new"`, "", 400, "cut short"},
		"no JSON":                    {"POST", "/clients", `id: new`, "", 400, "no JSON"},
		"a list for an object":       {"POST", "/clients", `[]`, "", 400, "array"},
		"a field in another case":    {"POST", "/clients", `{"ID":"new","organization":"acme"}`, "", 400, `\"ID\"`},
		"a field twice":              {"POST", "/clients", client(`,"organization":"globex"`), "", 400, "twice"},
		"null for a text":            {"POST", "/clients", client(`,"name":null`), "", 400, "null"},
		"null for the body":          {"POST", "/clients", `null`, "", 400, "null"},
		"what is no UTF-8":           {"POST", "/clients", client(`,"name":"` + "\xff" + `"`), "", 400, "UTF-8"},
		"a number for a text":        {"POST", "/clients", client(`,"name":7`), "", 400, `\"name\"`},
		"a bare number of seconds":   {"POST", "/clients", client(`,"key_lifetime":60`), "", 400, "key_lifetime"},
		"a duration that is none":    {"POST", "/clients", client(`,"key_lifetime":"a while"`), "", 400, "24h"},
		"a time that is none":        {"POST", "/clients", client(`,"expires_at":"tomorrow"`), "", 400, "RFC 3339"},
		"an end that has passed":     {"POST", "/clients", client(`,"expires_at":"2020-01-01T00:00:00Z"`), "", 400, "has passed"},
		"an organization by a slip":  {"POST", "/clients", `{"id":"new","organization":"amce"}`, "", 400, `did you mean \"acme\"?`},
		"no organization":            {"POST", "/clients", `{"id":"new"}`, "", 400, "no organization"},
		"a role by a slip":           {"POST", "/clients", client(`,"roles":["analist"]`), "", 400, `did you mean \"analyst\"?`},
		"an authenticator unknown":   {"POST", "/clients", client(`,"authenticator":"saml"`), "", 400, "there is: apikey"},
		"an owner that is no id":     {"POST", "/clients", client(`,"owner":"user:u_1"`), "", 400, "cannot be the owner"},
		"an owner of no kind":        {"POST", "/clients", client(`,"owner":"u-acme"`), "", 400, "user:"},
		"an owner that is nobody":    {"POST", "/clients", client(`,"owner":"user:u-nobody"`), "", 400, "no user"},
		"another's user as owner":    {"POST", "/clients", client(`,"owner":"user:u-globex"`), "", 400, "no user"},
		"an owner who is inactive":   {"POST", "/clients", client(`,"owner":"user:u-acme-left"`), "", 400, "inactive"},
		"an id in capitals":          {"POST", "/clients", `{"id":"New","organization":"acme"}`, "", 400, "lower case"},
		"an id that is a path":       {"POST", "/clients", `{"id":"../x","organization":"acme"}`, "", 400, "lower case"},
		"a scope that is none":       {"POST", "/clients", client(`,"scopes":["query execute"]`), "", 400, "query:execute"},
		"a network that is none":     {"POST", "/clients", client(`,"networks":["10.0.0.1"]`), "", 400, "CIDR"},
		"an address in a network":    {"POST", "/clients", client(`,"networks":["10.0.0.1/8"]`), "", 400, "10.0.0.0/8"},
		"a rate that is none":        {"POST", "/clients", client(`,"rate":"100"`), "", 400, "100/s"},
		"a mapped network":           {"POST", "/clients", client(`,"networks":["::ffff:10.0.0.0/104"]`), "", 400, "IPv4 form"},
		"a name over two lines":      {"POST", "/clients", client(`,"name":"a\nb"`), "", 400, "one line"},
		"a name with a null byte":    {"POST", "/clients", client(`,"name":"a\u0000b"`), "", 400, "printed"},
		"very many roles":            {"POST", "/clients", client(`,"roles":["x"` + strings.Repeat(`,"x"`, 100) + `]`), "", 400, "100 entries"},
		"an id that is taken":        {"POST", "/clients", `{"id":"my-tenant","organization":"globex"}`, "", 409, "taken"},
		"a lifetime below zero":      {"POST", "/clients/my-tenant/keys", `{"lifetime":"-1h"}`, "", 400, "out of bounds"},
		"a lifetime without end":     {"POST", "/clients/my-tenant/keys", `{"lifetime":"900000h"}`, "", 400, "ten years"},
		"an overlap below zero":      {"POST", "/clients/my-tenant/rotate", `{"overlap":"-1s"}`, "", 400, "out of bounds"},
		"a reason of many lines":     {"POST", "/keys/K1/revoke", `{"reason":"a\r\nb"}`, "", 400, "one line"},
		"a key that is not there":    {"POST", "/keys/K1/revoke", `{}`, "", 404, "no key"},
		"no body where none needed":  {"POST", "/keys/K1/revoke", ``, "", 404, "no key"},
		"an empty credential":        {"POST", "/revocations", `{"authenticator":"token","id":""}`, "", 400, "no id"},
		"a credential with a line":   {"POST", "/revocations", `{"authenticator":"token","id":"a\nconfig"}`, "", 400, "no id"},
		"a stranger's credential":    {"POST", "/revocations", `{"authenticator":"other","id":"x"}`, "", 400, "there is: token"},
		"a credential of a record":   {"POST", "/revocations", `{"authenticator":"apikey","id":"x"}`, "", 400, "there is: token"},
		"a token without a name":     {"POST", "/admin-tokens", `{}`, "", 400, "no name"},
		"a scope of nothing":         {"POST", "/admin-tokens", `{"name":"ci","scopes":["gatehouse:client:read"]}`, "", 400, "gatehouse:clients:read"},
		"a scope of everything else": {"POST", "/admin-tokens", `{"name":"ci","scopes":["*"]}`, "", 400, "covers no permission"},
		"a token that is not there":  {"POST", "/admin-tokens/T1/revoke", `{}`, "", 404, "no admin token"},
		"a parameter unknown":        {"GET", "/clients?organisation=acme", ``, "", 400, "organization"},
		"a limit of nothing":         {"GET", "/clients?limit=0", ``, "", 400, "1 to 1000"},
		"a limit beyond":             {"GET", "/clients?limit=1001", ``, "", 400, "1 to 1000"},
		"a page after nothing":       {"GET", "/clients?after=%00", ``, "", 400, "cannot be"},
		"an organization of nobody":  {"GET", "/clients?organization=", ``, "", 400, "no organization"},
		"a parameter twice":          {"GET", "/clients?limit=1&limit=2", ``, "", 400, "2 times"},
		"a query that is none":       {"GET", "/clients?limit=%zz", ``, "", 400, "cannot be read"},
		"a parameter of nothing":     {"GET", "/status?verbose=1", ``, "", 400, "no parameters"},
		"a page after no token":      {"GET", "/admin-tokens?after=T0", ``, "", 400, "no page begins"},
		"a page of 0 plugins":        {"GET", "/plugins?limit=0", ``, "", 400, "1 to 1000"},
		"a client unknown":           {"GET", "/clients/nobody", ``, "", 404, "no client"},
		"a path out of the ids":      {"GET", "/clients/../status", ``, "", 404, "nothing at this path"},
		"the same, encoded":          {"GET", "/clients/%2e%2e%2fstatus", ``, "", 404, "nothing at this path"},
		"a slash in an id":           {"GET", "/clients/a%2Fb", ``, "", 404, "nothing at this path"},
		"a null byte in an id":       {"GET", "/clients/a%00", ``, "", 404, "nothing at this path"},
		"an empty id":                {"GET", "/clients//keys", ``, "", 404, "nothing at this path"},
		"a slash at the end":         {"GET", "/clients/", ``, "", 404, "nothing at this path"},
		"capitals":                   {"GET", "/CLIENTS", ``, "", 404, "nothing at this path"},
		"another method":             {"DELETE", "/clients/my-tenant", ``, "", 405, "GET, PATCH, HEAD"},
		"a method made up":           {"CLIENTS", "/clients", ``, "", 405, "POST"},
	} {
		t.Run(name, func(t *testing.T) {
			header := with(token)
			if tt.contentType != "" {
				header.Set("Content-Type", tt.contentType)
			}
			if name == "no content type" {
				header.Del("Content-Type")
			}
			res, body := h.send(t, tt.method, wire.Prefix+tt.path, tt.body, header)
			if res.StatusCode != tt.status || !strings.Contains(body, tt.words) {
				t.Fatalf("%s %s, want %d with %q", res.Status, body, tt.status, tt.words)
			}
			var doc problem.Document
			if err := json.Unmarshal([]byte(body), &doc); err != nil || doc.Status != tt.status || doc.Code == "" || doc.TraceID != "trace-1" {
				t.Errorf("no problem details: %s, %v", body, err)
			}
			if res.Header.Get("Content-Type") != problem.MediaType || res.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("Content-Type %q, Cache-Control %q", res.Header.Get("Content-Type"), res.Header.Get("Cache-Control"))
			}
		})
	}
	page, err := h.dial(t).Clients(t.Context(), wire.ClientQuery{})
	if err != nil || len(page.Clients) != 1 {
		t.Errorf("after all refusals there is more than the one client: %+v, %v", page, err)
	}
}

// A client id is taken for ever, and says no more than that.
func TestATakenIDTellsNothing(t *testing.T) {
	h := newHost(t, storetest.Open(t, storetest.SQLite(t)))
	api := h.dial(t)
	if _, err := api.CreateClient(t.Context(), wire.NewClient{ID: "my-tenant", Organization: "acme", Roles: []string{"analyst"}}); err != nil {
		t.Fatal(err)
	}
	_, err := api.CreateClient(t.Context(), wire.NewClient{ID: "my-tenant", Organization: "globex", Roles: []string{"admin"}})
	refused(t, err, problem.Conflict, "taken")
	if strings.Contains(err.Error(), "acme") {
		t.Errorf("it tells whose the id is: %v", err)
	}
	detail, err := api.Client(t.Context(), "my-tenant")
	if err != nil || len(detail.Roles) != 1 || detail.Roles[0].Name != "analyst" {
		t.Errorf("the refused request changed the roles: %+v, %v", detail.Roles, err)
	}
}

func FuzzRequest(f *testing.F) {
	h := newHost(f, storetest.Open(f, storetest.SQLite(f)))
	_, token := h.token(f)
	f.Add("POST", "/clients", `{"id":"a","organization":"acme","expires_at":"2027-01-01T00:00:00Z"}`)
	f.Add("POST", "/clients/a/rotate", `{"overlap":"1h"}`)
	f.Add("GET", "/clients?after=a&limit=2", "")
	f.Add("POST", "/revocations", `{"authenticator":"token","id":"x"}`)
	f.Add("POST", "/admin-tokens", `{"name":"x","scopes":["gatehouse:*"]}`)
	f.Fuzz(func(t *testing.T, method, path, body string) {
		req, err := http.NewRequestWithContext(t.Context(), method, h.URL+wire.Prefix+path, strings.NewReader(body))
		if err != nil || req.URL.Host != strings.TrimPrefix(h.URL, "http://") {
			return
		}
		req.Header = with(token)
		res, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			return // the transport does not send it
		}
		defer func() { _ = res.Body.Close() }()
		if res.StatusCode >= http.StatusInternalServerError || res.StatusCode == http.StatusMovedPermanently {
			t.Errorf("%s %q with %q: %s\n%s", method, path, body, res.Status, h.log)
		}
	})
}
