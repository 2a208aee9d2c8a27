package assertion_test

import (
	"errors"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/plugins/saml/internal/assertion"
	"github.com/gatehouse-id/gatehouse/plugins/saml/internal/wellformed"
	"github.com/gatehouse-id/gatehouse/plugins/saml/samltest"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
)

// FuzzLogout: messages of logout are denied or read, and what is read has a name and
// an end.
func FuzzLogout(f *testing.F) {
	const idp, at = "https://idp.example.com/metadata", "https://app.example.com/sso/acme/slo"
	f.Add([]byte(samltest.LogoutRequest(idp, at, "ada@example.com", samltest.Unspecified, "_s1")))
	f.Add([]byte(samltest.LogoutResponse(idp, at, "_x", samltest.Success)))
	f.Add([]byte("<a/>"))
	f.Fuzz(func(t *testing.T, message []byte) {
		root, err := wellformed.Parse(message, wellformed.Messages())
		denied := (*authn.Denied)(nil)
		if err != nil {
			if !errors.As(err, &denied) {
				t.Error(err)
			}
			return
		}
		x := assertion.LogoutExpected{Issuer: idp, Destination: at, InResponseTo: "_x", Now: time.Now(), Skew: time.Minute}
		if assertion.OpenLogout(root, "LogoutRequest") == nil {
			r, err := assertion.ReadLogoutRequest(root, x)
			if err == nil && (r.NameID.Value == "" || r.ID == "" || !r.Counts.After(x.Now)) || err != nil && !errors.As(err, &denied) {
				t.Errorf("%+v, %v", r, err)
			}
		}
		if assertion.OpenLogout(root, "LogoutResponse") == nil {
			if _, err := assertion.CheckLogoutResponse(root, x); err != nil && !errors.As(err, &denied) {
				t.Error(err)
			}
		}
	})
}
