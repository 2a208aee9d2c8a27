package provisioning

import (
	"encoding/base64"
	"net/http"
	"strings"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

// maxAuthorization bounds the header, in bytes. A token has less than 100.
const maxAuthorization = 1024

// presented reads the token of a request: as Bearer (RFC 6750 §2.1), as the
// password of Basic with any user name (RFC 7617; PingFederate and Okta offer
// only this to some of their applications), or by itself, which is what comes of
// an IdP that sends the field of its form as it is. The scheme's case does not
// count (RFC 9110 §11.1).
//
// No other place is looked at: a token in a URL would stand in every log.
func presented(h http.Header) (secret.Text, error) {
	values := h["Authorization"]
	switch {
	case len(values) == 0:
		return "", problem.New(problem.Unauthenticated, "the request carries no provisioning token").
			WithHint("send Authorization: Bearer with a token that gatehouse scim-token create has made")
	case len(values) > 1:
		return "", problem.New(problem.Invalid, "the header Authorization stands %d times", len(values)).WithHint("send it once")
	case len(values[0]) > maxAuthorization:
		return "", invalid()
	}
	value := strings.Trim(values[0], " \t")
	scheme, rest, ok := strings.Cut(value, " ")
	rest = strings.Trim(rest, " \t")
	switch {
	case ok && rest != "" && strings.EqualFold(scheme, "Bearer"):
		return secret.Text(rest), nil
	case ok && rest != "" && strings.EqualFold(scheme, "Basic"):
		pair, err := base64.StdEncoding.DecodeString(rest)
		if _, password, found := strings.Cut(string(pair), ":"); err == nil && found {
			return secret.Text(password), nil
		}
	case !ok:
		if prefix, _, err := secret.Parse(secret.Text(value)); err == nil && prefix == TokenPrefix {
			return secret.Text(value), nil
		}
	}
	return "", invalid()
}

// countedAs is the id that attempts are counted by, "" where the text names none.
// No instance of an authenticator has a space in its name, so none has this id.
func countedAs(text secret.Text) string {
	prefix, id, err := secret.Parse(text)
	if err != nil || prefix != TokenPrefix {
		return ""
	}
	return "provisioning token/" + id
}
