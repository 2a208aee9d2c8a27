//go:build linux

package forwardauth_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// TestPeopleSignOn is somebody with a browser: they are sent to sign on and come
// back, the application knows them, and never sees the token of their session.
func TestPeopleSignOn(t *testing.T) {
	t.Parallel()
	forEachProxy(t, func(t *testing.T, proxy string, g gatehouse, app *recorder) {
		navigation := func(cookies string) http.Header {
			return http.Header{"Sec-Fetch-Mode": {"navigate"}, "Accept": {"text/html"}, "Cookie": {cookies}}
		}
		open := func(target, cookies string) (*http.Response, string) {
			return ask(t, http.MethodGet, proxy, target, navigation(cookies), nil)
		}
		resp, text := open("/api/v1/whoami?x=1%2F2", "")
		if to := resp.Header.Get("Location"); resp.StatusCode != http.StatusFound || to != "/login?return_to=%2Fapi%2Fv1%2Fwhoami%3Fx%3D1%252F2" {
			t.Fatalf("a page without a session: status %d, to %q: %s", resp.StatusCode, to, text)
		}
		resp, text = open(resp.Header.Get("Location"), "")
		if resp.StatusCode != http.StatusSeeOther || len(resp.Cookies()) != 1 {
			t.Fatalf("/login: status %d, %v: %s", resp.StatusCode, resp.Header, text)
		}
		begun := resp.Cookies()[0]
		back, err := url.Parse(g.portal.Answer(resp.Header.Get("Location"), nil))
		if err != nil {
			t.Fatal(err)
		}
		resp, text = open(back.RequestURI(), begun.Name+"="+begun.Value)
		token := ""
		for _, c := range resp.Cookies() {
			if c.Name == "__Host-gatehouse" {
				token = c.Value
			}
		}
		if token == "" || resp.Header.Get("Location") != "/api/v1/whoami?x=1%2F2" {
			t.Fatalf("back from the portal: status %d, %v: %s", resp.StatusCode, resp.Header, text)
		}
		for name, cookies := range map[string][2]string{
			"alone":  {"__Host-gatehouse=" + token, ""},
			"first":  {"__Host-gatehouse=" + token + "; a=1; b=2", "a=1; b=2"},
			"middle": {"a=1; __Host-gatehouse=" + token + "; b=2", "a=1; b=2"},
			"last":   {"a=1; b=2; __Host-gatehouse=" + token, "a=1; b=2"},
		} {
			app.seen()
			resp, text := open("/api/v1/whoami", cookies[0])
			if resp.StatusCode != http.StatusOK || !strings.Contains(text, `"kind":"user","organization":"acme","roles":["analyst"]`) {
				t.Errorf("%s: status %d: %s", name, resp.StatusCode, text)
			}
			for _, r := range app.seen() {
				if got := strings.TrimSuffix(strings.TrimSpace(r.Header.Get("Cookie")), ";"); got != cookies[1] {
					t.Errorf("%s: the application gets the cookies %q, want %q", name, got, cookies[1])
				}
			}
		}
		// A script of a page is told what is wrong, and is not sent anywhere.
		resp, _ = ask(t, http.MethodGet, proxy, "/api/v1/whoami", http.Header{"Sec-Fetch-Mode": {"cors"}, "Accept": {"text/html"}}, nil)
		if resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("a script: status %d", resp.StatusCode)
		}
	})
}
