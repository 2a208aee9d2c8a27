package response_test

import (
	"errors"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/plugins/saml/samltest"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
)

// FuzzRead changes genuine messages: none of them may panic, fail otherwise than as
// denied, or be about anybody but whom the IdP has signed.
func FuzzRead(f *testing.F) {
	x := expected()
	for _, shape := range samltest.Shapes() {
		for _, edit := range []string{"as it is", "Okta's list of prefixes", "Entra's default namespace", "line breaks", "strange characters"} {
			m := genuine()
			m.Shape = shape
			honest()[edit](&m)
			f.Add([]byte(write(f, m)))
		}
	}
	for _, seed := range []string{"", "<a/>", "<!DOCTYPE a>", `<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol"/>`} {
		f.Add([]byte(seed))
	}
	v := validator()
	f.Fuzz(func(t *testing.T, message []byte) {
		x := x
		x.Now = time.Now()
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
