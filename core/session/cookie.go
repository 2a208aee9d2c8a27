package session

import (
	"net/http"
	"strings"

	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

// Cookie is the name of the cookie with a session's token. A browser takes a name
// with this prefix only over a connection that nobody reads, for this host alone
// and for all of its paths (RFC 6265bis §4.1.3.2), so neither a sibling host nor a
// page under another path can plant one.
const Cookie = "__Host-gatehouse"

// SetCookie hands the token to the browser. It goes with requests that other sites
// begin only where they are links (SameSite=Lax), and no script reads it. It ends
// with the browser at the latest: what ends the session is here.
func SetCookie(h http.Header, token secret.Text) {
	h.Add("Set-Cookie", (&http.Cookie{
		Name: Cookie, Value: token.Reveal(), Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}).String())
}

// ClearCookie takes the token from the browser.
func ClearCookie(h http.Header) {
	h.Add("Set-Cookie", (&http.Cookie{
		Name: Cookie, Path: "/", MaxAge: -1, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}).String())
}

// TokenOf returns the token of a request, "" where there is none. Of two cookies
// of the name, which no browser sends, none counts.
func TokenOf(h http.Header) secret.Text {
	var found string
	for _, line := range h["Cookie"] {
		for pair := range strings.SplitSeq(line, ";") {
			name, value, ok := strings.Cut(strings.TrimSpace(pair), "=")
			if !ok || name != Cookie {
				continue
			}
			if found != "" {
				return ""
			}
			found = value
		}
	}
	return secret.Text(found)
}

// Without returns a request's Cookie lines without the token, for the application
// behind: it never sees one.
func Without(lines []string) []string {
	var out []string
	for _, line := range lines {
		if !strings.Contains(line, Cookie) {
			out = append(out, line)
			continue
		}
		var kept []string
		for pair := range strings.SplitSeq(line, ";") {
			if name, _, _ := strings.Cut(strings.TrimSpace(pair), "="); name != Cookie {
				kept = append(kept, strings.TrimSpace(pair))
			}
		}
		if len(kept) > 0 {
			out = append(out, strings.Join(kept, "; "))
		}
	}
	return out
}
