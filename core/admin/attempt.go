package admin

import (
	"net/http"

	"github.com/gatehouse-id/gatehouse/core/credential"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

// verify finds the token that a request presents, unless too many attempts have
// failed: from where the request comes, or with the id that it names.
func (a *API) verify(r *http.Request, text secret.Text) (credential.AdminToken, error) {
	guard, from, id := a.Attempts(), a.Source(r), countedAs(text)
	if err := guard.Admit(r.Context(), from, id); err != nil {
		return credential.AdminToken{}, err
	}
	t, err := a.Tokens.Verify(r.Context(), text)
	guard.Ended(from, id, err)
	return t, err
}

// countedAs is the id that attempts are counted by, "" where the text names none.
// No instance of an authenticator has a space in its name, so none has this id.
func countedAs(text secret.Text) string {
	prefix, id, err := secret.Parse(text)
	if err != nil || prefix != credential.AdminTokenPrefix {
		return ""
	}
	return "admin token/" + id
}
