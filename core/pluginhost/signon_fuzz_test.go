package pluginhost_test

import (
	"net/url"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"

	"github.com/gatehouse-id/gatehouse/core/pluginhost"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	authnv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/authn/v1"
)

// Whatever a plugin says of a person, what is handed on is somebody, of texts that
// can be shown.
func FuzzIdentity(f *testing.F) {
	for _, i := range []*authnv1.Identity{
		person(func(*authnv1.Identity) {}),
		person(func(i *authnv1.Identity) {
			i.Authentication.TimeUnix, i.SessionEndsUnix, i.Keep = 1_800_000_000, -1, []byte{0}
		}),
		person(func(i *authnv1.Identity) { i.GroupsState, i.Email = 2, "a\x00" }),
	} {
		text, err := proto.Marshal(i)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var i authnv1.Identity
		if proto.Unmarshal(text, &i) != nil {
			return
		}
		got, err := pluginhost.Identified(&i)
		if err != nil {
			return
		}
		lines := []string{got.Issuer, got.Subject, got.Email, got.UserName, got.DisplayName, got.GivenName, got.FamilyName, got.SessionIndex, got.Authentication.Context}
		for _, line := range append(append(lines, got.Groups...), got.Authentication.Methods...) {
			if !utf8.ValidString(line) || strings.ContainsFunc(line, unicode.IsControl) || len(line) > 1<<10 {
				t.Errorf("it is handed on: %q", line)
			}
		}
		if got.Issuer == "" || got.Subject == "" || got.GroupsState < authn.GroupsPresent || got.GroupsState == authn.GroupsAbsent && len(got.Groups) > 0 {
			t.Errorf("it is handed on: %+v", got)
		}
		if y := got.SessionEnds.Year(); !got.SessionEnds.IsZero() && (y < 1999 || y > 9999) {
			t.Errorf("it ends in %d", y)
		}
	})
}

// Wherever a plugin sends a browser, it is an address of the web that means the
// same to the browser.
func FuzzForward(f *testing.F) {
	for _, text := range []string{
		"https://idp.example/sso?x=%2b", "javascript:alert(1)", "https://a@b/", "https://:1", `https://a\@b`, "HTTP://a/../?#", "https://[::1%25a]/", "//a",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := pluginhost.Forwarded(&authnv1.Forward{Url: text}, nil)
		if err != nil {
			return
		}
		u, err := url.Parse(got.URL)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil || u.Fragment != "" {
			t.Errorf("%q is handed on as %q, %v", text, got.URL, err)
		}
		if strings.ContainsFunc(got.URL, unicode.IsControl) || strings.ContainsAny(strings.SplitN(got.URL, "?", 2)[0], `\<>" `) {
			t.Errorf("%q is handed on as %q", text, got.URL)
		}
	})
}
