package response_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"errors"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/plugins/saml/samltest"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
)

// FuzzRead changes genuine messages: none of them may panic, fail otherwise than as
// denied, or be about anybody but whom the IdP has signed.
func FuzzRead(f *testing.F) {
	// Workers are processes of their own: they have to have the same key and the same
	// time, or all that they try is by a stranger, or over.
	private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), []byte("a seed of thirty-two characters."))
	if err != nil {
		f.Fatal(err)
	}
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	key, err := samltest.Certify("idp", private, now.AddDate(-1, 0, 0), now.AddDate(1, 0, 0))
	if err != nil {
		f.Fatal(err)
	}
	x, v := expected(), validator()
	x.Now, v.Policy.Keys = now, certificates(key)
	for _, shape := range samltest.Shapes() {
		for _, edit := range []string{"as it is", "Okta's list of prefixes", "Entra's default namespace", "line breaks", "strange characters"} {
			m := genuine()
			m.Shape, m.Key, m.Now = shape, key, now
			honest()[edit](&m)
			message := write(f, m)
			accepted(f, edit, v, message, x)
			f.Add([]byte(message))
		}
	}
	for _, seed := range []string{"", "<a/>", "<!DOCTYPE a>", `<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol"/>`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		a, _, err := v.Read(t.Context(), message, x)
		denied := (*authn.Denied)(nil)
		switch {
		case err == nil && a.NameID.Value != person:
			t.Errorf("it is about %q", a.NameID.Value)
		case err != nil && !errors.As(err, &denied):
			t.Errorf("%v, want a *authn.Denied", err)
		case err != nil && denied.Reason == "unreadable":
			t.Error("something panicked")
		}
	})
}
