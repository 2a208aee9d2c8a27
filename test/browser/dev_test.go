//go:build linux

package browser_test

import (
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/gatehouse-id/gatehouse/test/gatehousetest"
)

// A newcomer starts `gatehouse dev`, opens it, and signs on by either protocol with
// the identity provider that comes with it.
func TestDevelopment(t *testing.T) {
	t.Parallel()
	h := gatehousetest.Start(t, gatehousetest.Options{Dev: true})

	for _, connection := range []string{"demo-oidc", "demo-saml"} {
		t.Run(connection, func(t *testing.T) {
			b := chromium(t)
			b.open(h.URL + "/")
			b.shows("Choose how your company signs on")
			b.picture("choose")
			b.follow(connection)
			b.shows("Who are you?")
			b.picture("provider " + connection)
			b.signOnAs("Ada Lovelace")
			b.shows("Hello, Ada Lovelace")
			b.shows("analyst")
			b.follow("Sign out")
			b.shows("signed out")
			b.open(h.URL + "/")
			b.shows("Choose how your company signs on")
		})
	}

	t.Run("from the provider", func(t *testing.T) {
		b := chromium(t)
		b.open(h.URL + "/idp/")
		b.picture("idp")
		b.follow("Open the application from here")
		b.signOnAs("Grace Hopper")
		b.shows("Hello, Grace Hopper")
		b.shows("admin")
	})

	// After the others, which it would bother.
	t.Run("a provider that misbehaves", func(t *testing.T) {
		b := chromium(t)
		b.open(h.URL + "/login?connection=demo-saml")
		mischief := chromedp.CSS("select[name=mischief]")
		b.do("choose what goes wrong", chromedp.WaitVisible(mischief), chromedp.SetValue(mischief, "another audience"))
		b.signOnAs("Ada Lovelace")
		b.shows("You are not signed on")
		b.shows("audience")
		b.picture("refused")
	})
}

// signOnAs clicks on somebody of a page of people: on their name, or on the button
// that stands beside it.
func (b tab) signOnAs(name string) {
	b.t.Helper()
	at := `(//button[contains(normalize-space(), '` + name + `')] | //form[b[contains(., '` + name + `')]]//button)[1]`
	b.do("sign on as "+name, chromedp.WaitVisible(at), chromedp.Click(at))
}
