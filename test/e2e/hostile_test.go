//go:build linux

package e2e_test

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/test/gatehousetest"
)

// recorder is an application that answers everything and keeps what it saw.
type recorder struct {
	mu   sync.Mutex
	seen []*http.Request
}

func (r *recorder) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen = append(r.seen, req.Clone(req.Context()))
	_, _ = w.Write([]byte("answer"))
}

// take returns, and forgets, what reached the application.
func (r *recorder) take() []*http.Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	seen := r.seen
	r.seen = nil
	return seen
}

// raw sends a request byte for byte: what it holds no client library would.
func raw(t *testing.T, h *gatehousetest.Host, head ...string) answer {
	t.Helper()
	conn, err := net.Dial("tcp", h.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	text := strings.Join(append(head, "Host: "+h.Addr, "Connection: close"), "\r\n") + "\r\n\r\n"
	go func() { _, _ = conn.Write([]byte(text)) }() // the host may answer, and close, before it has read all
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	a, err := read(resp)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestHostileRequests(t *testing.T) {
	t.Parallel()
	app := &recorder{}
	h := gatehousetest.New(t, gatehousetest.Options{})
	furnish(t, h, app, "60s")
	h.Start()
	one, other := analyst(h, "one"), analyst(h, "other")
	inside := analyst(h, "inside", "--network", "198.51.100.0/24")
	basic := func(text string) string {
		return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(text))
	}
	id, secret := "X-Client-Id: one", "X-Client-Secret: "+one.Secret
	const get = "GET /api/v1/query/x HTTP/1.1"

	tests := map[string]struct {
		head   []string
		status int
		code   problem.Code // "" is an answer of the HTTP library, which has no body of ours
		passes bool
	}{
		"all is right":                         {[]string{get, id, secret}, 200, "", true},
		"a header over the limit":              {[]string{get, id, secret, "X-Long: " + strings.Repeat("a", 64<<10)}, 431, "", false},
		"a secret over the limit":              {[]string{get, id, "X-Client-Secret: ghk_" + strings.Repeat("a", 9<<10)}, 413, problem.TooLarge, false},
		"Basic that is no base64":              {[]string{get, "Authorization: Basic !!!"}, 401, problem.Unauthenticated, false},
		"Basic without a colon":                {[]string{get, basic("one")}, 401, problem.Unauthenticated, false},
		"Basic without anything":               {[]string{get, "Authorization: Basic"}, 401, problem.Unauthenticated, false},
		"Basic with a null byte":               {[]string{get, basic("one\x00:" + one.Secret)}, 401, problem.Unauthenticated, false},
		"an id alone":                          {[]string{get, id}, 401, problem.Unauthenticated, false},
		"a secret alone":                       {[]string{get, secret}, 401, problem.Unauthenticated, false},
		"an empty id":                          {[]string{get, "X-Client-Id:", secret}, 401, problem.Unauthenticated, false},
		"the id twice":                         {[]string{get, id, id, secret}, 400, problem.Invalid, false},
		"the secret twice":                     {[]string{get, id, secret, secret}, 400, problem.Invalid, false},
		"Authorization twice":                  {[]string{get, basic("one:" + one.Secret), basic("one:" + one.Secret)}, 400, problem.Invalid, false},
		"two credentials of one client":        {[]string{get, id, secret, "Authorization: Bearer " + one.Secret}, 200, "", true},
		"two credentials of different clients": {[]string{get, id, secret, "Authorization: Bearer " + other.Secret}, 400, problem.Invalid, false},
		"a right and a wrong credential":       {[]string{get, id, secret, basic("one:" + other.Secret)}, 401, problem.Unauthenticated, false},
		"a null byte in a header":              {[]string{get, "X-Client-Id: on\x00e", secret}, 400, "", false},
		"a null byte in the path":              {[]string{"GET /api/v1/query/%00 HTTP/1.1", id, secret}, 400, problem.Invalid, false},
		"a path out of its folder":             {[]string{"GET /open/../api/v1/admin/x HTTP/1.1", id, secret}, 400, problem.Invalid, false},
		"an encoded path out of its folder":    {[]string{"GET /open/%2e%2e/api/v1/admin/x HTTP/1.1", id, secret}, 400, problem.Invalid, false},
		"an encoded slash":                     {[]string{"GET /open%2f..%2fapi/v1/admin/x HTTP/1.1", id, secret}, 400, problem.Invalid, false},
		"a backslash":                          {[]string{`GET /open/..%5capi/v1/admin/x HTTP/1.1`, id, secret}, 400, problem.Invalid, false},
		"a length and chunks":                  {[]string{"POST /api/v1/query/x HTTP/1.1", id, secret, "Content-Length: 5", "Transfer-Encoding: chunked, identity"}, 501, "", false},
		"from a network that is allowed":       {[]string{get, "X-Client-Id: inside", "X-Client-Secret: " + inside.Secret, "X-Forwarded-For: 198.51.100.7"}, 200, "", true},
		"from one that is not":                 {[]string{get, "X-Client-Id: inside", "X-Client-Secret: " + inside.Secret, "X-Forwarded-For: 203.0.113.5"}, 403, problem.Network, false},
		"from one that claims to be allowed":   {[]string{get, "X-Client-Id: inside", "X-Client-Secret: " + inside.Secret, "X-Forwarded-For: 198.51.100.7, 203.0.113.5"}, 403, problem.Network, false},
		"from nowhere":                         {[]string{get, "X-Client-Id: inside", "X-Client-Secret: " + inside.Secret, "X-Forwarded-For: unknown"}, 403, problem.Network, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			app.take()
			a := raw(t, h, tt.head...)
			if tt.code != "" {
				a.refusal(t, tt.status, tt.code)
			} else if a.status != tt.status {
				t.Errorf("status %d, want %d: %s", a.status, tt.status, a.body)
			}
			if passed := len(app.take()) > 0; passed != tt.passes {
				t.Errorf("the application was reached: %v, want %v", passed, tt.passes)
			}
			for _, secret := range []string{one.Secret, other.Secret, inside.Secret} {
				if strings.Contains(a.body, secret) {
					t.Error("the answer repeats a secret")
				}
			}
		})
	}
	for _, secret := range []string{one.Secret, other.Secret, inside.Secret} {
		if strings.Contains(h.Log.String(), secret) {
			t.Error("the log has a secret in it")
		}
	}
}

// The attack: identity headers from outside, in every spelling that an
// application could read as one of ours.
func TestIdentityHeadersFromOutside(t *testing.T) {
	t.Parallel()
	app := &recorder{}
	h := gatehousetest.New(t, gatehousetest.Options{})
	furnish(t, h, app, "60s")
	h.Start()
	k := analyst(h, "my-tenant")
	credential := []string{"X-Client-Id: my-tenant", "X-Client-Secret: " + k.Secret}
	names := []string{"X-Gatehouse-Subject", "X-Gatehouse-Kind", "X-Gatehouse-Organization", "X-Gatehouse-Roles", "X-Gatehouse-Assertion", "X-Gatehouse-Anything"}
	spellings := map[string]func(name string) string{
		"as it is":         func(name string) string { return name },
		"lower case":       strings.ToLower,
		"upper case":       strings.ToUpper,
		"underscores":      func(name string) string { return strings.ReplaceAll(name, "-", "_") },
		"first underscore": func(name string) string { return strings.Replace(name, "-", "_", 1) },
		"last underscore":  func(name string) string { return "X-Gatehouse_" + strings.TrimPrefix(name, "X-Gatehouse-") },
		"dots":             func(name string) string { return strings.ReplaceAll(name, "-", ".") },
	}
	for spelling, spell := range spellings {
		for target, head := range map[string][]string{"/api/v1/query/x": credential, "/open/x": nil} {
			t.Run(spelling+" "+target, func(t *testing.T) {
				app.take()
				lines := append([]string{"GET " + target + " HTTP/1.1"}, head...)
				for _, name := range names {
					lines = append(lines, spell(name)+": forged", spell(name)+": forged again")
				}
				if a := raw(t, h, lines...); a.status != http.StatusOK {
					t.Fatalf("status %d: %s", a.status, a.body)
				}
				seen := app.take()
				if len(seen) != 1 {
					t.Fatalf("%d requests reached the application", len(seen))
				}
				for name, values := range seen[0].Header {
					if strings.Contains(strings.Join(values, ""), "forged") {
						t.Errorf("the application sees %s: %q", name, values)
					}
				}
				if want := map[bool]string{true: "my-tenant", false: ""}[head != nil]; seen[0].Header.Get("X-Gatehouse-Subject") != want {
					t.Errorf("the application sees the subject %q, want %q", seen[0].Header.Get("X-Gatehouse-Subject"), want)
				}
			})
		}
	}
}

func TestAdminAPIBounds(t *testing.T) {
	t.Parallel()
	h := before(t, gatehousetest.Options{})
	h.Start()
	var made struct{ Secret string }
	h.JSON(&made, "admin", "token", "create", "test")
	header := http.Header{"Authorization": {"Bearer " + made.Secret}, "Content-Type": {"application/json"}}
	url := h.URL + "/api/admin/v1/clients"
	large := fmt.Sprintf(`{"id": "large", "organization": "acme", "name": %q}`, strings.Repeat("a", 2<<20))
	ask(t, http.MethodPost, url, header, large).refusal(t, http.StatusRequestEntityTooLarge, problem.TooLarge)
	ask(t, http.MethodPost, url, header, `{"id": "x", "organization": "acme", "unheard_of": "y"}`).refusal(t, http.StatusBadRequest, problem.Invalid)
	ask(t, http.MethodPost, url, nil, `{}`).refusal(t, http.StatusUnauthorized, problem.Unauthenticated)
}
