package fetch_test

import (
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse-id/gatehouse/core/fetch"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

func TestURLs(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		url  string
		host string // empty: refused
	}{
		"https":                 {"https://idp.example/metadata?x=1", "idp.example"},
		"a port":                {"https://idp.example:8443/", "idp.example"},
		"an address":            {"https://192.0.2.1/", "192.0.2.1"},
		"an IPv6 address":       {"https://[2001:db8::1]:443/", "2001:db8::1"},
		"upper case":            {"HTTPS://IDP.EXAMPLE/", "IDP.EXAMPLE"},
		"http":                  {"http://idp.example/", ""},
		"a file":                {"file:///etc/passwd", ""},
		"another scheme":        {"gopher://idp.example/", ""},
		"no scheme":             {"//idp.example/", ""},
		"a path":                {"/etc/passwd", ""},
		"nothing":               {"", ""},
		"no host":               {"https:///x", ""},
		"only a port":           {"https://:443/", ""},
		"opaque":                {"https:idp.example", ""},
		"a user":                {"https://user@idp.example/", ""},
		"a password":            {"https://user:hunter2@idp.example/", ""},
		"an empty user":         {"https://@idp.example/", ""},
		"a port beyond":         {"https://idp.example:65536/", ""},
		"port 0":                {"https://idp.example:0/", ""},
		"an empty port":         {"https://idp.example:/", ""},
		"no number":             {"https://idp.example:https/", ""},
		"a space":               {"https://idp .example/", ""},
		"a line break":          {"https://idp.example/\r\nX: y", ""},
		"a zone":                {"https://[fe80::1%25eth0]/", ""},
		"brackets":              {"https://[idp.example]/", ""},
		"an encoded host":       {"https://127.0.0.1%2f.example/", ""},
		"an international name": {"https://idp.exämple/", ""},
		"another dot":           {"https://127。0。0。1/", ""},
		"too long":              {"https://idp.example/" + strings.Repeat("a", 8<<10), ""},
		"too long a name":       {"https://" + strings.Repeat("a", 300) + "/", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			host, err := fetch.CheckURL(c.url, false)
			if host != c.host || (c.host == "") != problem.Is(err, problem.Invalid) {
				t.Errorf("got %q, %v", host, err)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error repeats the URL: %v", err)
			}
		})
	}
	if _, err := fetch.CheckURL("http://idp.example/", true); err != nil {
		t.Errorf("http in development: %v", err)
	}
}

func FuzzURL(f *testing.F) {
	for _, s := range []string{
		"https://idp.example/a?b=c#d", "https://[::1]:1/", "https://a@b/", "https://a:b@c:1/", "https://%61/", "https://a\\@b/", "https://a/../b", "https://1:1:1/",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		host, err := fetch.CheckURL(text, false)
		if err != nil {
			return
		}
		u, err := url.Parse(text)
		if err != nil || u.Scheme != "https" || u.User != nil || u.Hostname() != host || host == "" {
			t.Fatalf("%q was taken with host %q", text, host)
		}
		if _, err := netip.ParseAddr(host); err != nil && strings.ContainsAny(host, "@/\\:%?# \t\r\n[]") {
			t.Fatalf("%q was taken with host %q", text, host)
		}
	})
}
