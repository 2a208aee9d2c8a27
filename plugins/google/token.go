package google

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/gatehouse-id/gatehouse/sdk/hostsvc"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// scopes are those that the service account is given by domain-wide delegation.
// That of groups allows to read their members too.
const scopes = "https://www.googleapis.com/auth/admin.directory.user.readonly https://www.googleapis.com/auth/admin.directory.group.readonly"

const (
	assertionLife = time.Hour        // the most that Google takes
	skew          = 10 * time.Second // between its clock and ours
	tokenMargin   = time.Minute      // a token is not used so long before its end
)

// accessToken is one that is good for a while.
type accessToken struct {
	text string
	ends time.Time
}

// token gets an access token by an assertion (RFC 7523 §2.1), or the one there is.
func (a *api) token(ctx context.Context) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.clock()
	if a.access.text != "" && now.Add(tokenMargin).Before(a.access.ends) {
		return a.access.text, nil
	}
	assertion, err := a.assertion(now)
	if err != nil {
		return "", err
	}
	form := url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {assertion}}
	got, err := a.host.Fetch(ctx, hostsvc.FetchRequest{
		Method: http.MethodPost, URL: a.account.TokenURI, Body: []byte(form.Encode()), MaxBytes: 64 << 10,
		Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Accept": {"application/json"}},
	})
	if err != nil {
		return "", err
	}
	var answer struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int64  `json:"expires_in"` // seconds
		Error       string `json:"error"`      // RFC 6749 §5.2
	}
	err = json.Unmarshal(got.Body, &answer)
	switch {
	case got.Status == http.StatusTooManyRequests || got.Status >= http.StatusInternalServerError:
		return "", later(got, "Google gives no access token now")
	case got.Status == http.StatusBadRequest || got.Status == http.StatusUnauthorized:
		return "", problem.New(problem.Forbidden, "Google gives the service account no access token for %s: %s", a.Subject, errorCode(answer.Error)).
			WithHint("%s", hintFor(answer.Error))
	case got.Status != http.StatusOK || err != nil || answer.AccessToken == "" || answer.ExpiresIn <= 0:
		return "", problem.New(problem.BadUpstream, "Google answered the request for an access token with status %d and no token", got.Status)
	}
	a.access = accessToken{answer.AccessToken, now.Add(time.Duration(min(answer.ExpiresIn, 3600)) * time.Second)}
	return a.access.text, nil
}

// errorCode is an error code of a token's endpoint, if it has the form of one (RFC 6749
// §5.2): what else stands there may be the assertion.
func errorCode(code string) string {
	if codeForm.MatchString(code) {
		return code
	}
	return "it does not say why"
}

var codeForm = regexp.MustCompile(`^[a-z_]{1,40}$`)

// hintFor says what an error of the token's endpoint mostly comes from.
func hintFor(code string) string {
	if code == "unauthorized_client" {
		return "in the Admin console under Security, API controls, Domain-wide delegation, add the client ID of the service account with the scopes " + strings.ReplaceAll(scopes, " ", ",")
	}
	return "check that subject is an administrator of the account, that the key of the service account was not deleted, and that the clock of this machine is right"
}

// forget drops a token that was refused.
func (a *api) forget(text string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.access.text == text {
		a.access = accessToken{}
	}
}

func (a *api) assertion(now time.Time) (string, error) {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: a.account.key, KeyID: a.account.KeyID}},
		(&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return "", problem.Wrap(err, problem.Internal, "the key of the service account cannot sign")
	}
	issued := now.Add(-skew)
	text, err := jwt.Signed(signer).Claims(map[string]any{
		"iss": a.account.Email, "sub": a.Subject, "scope": scopes, "aud": a.account.TokenURI,
		"iat": issued.Unix(), "exp": issued.Add(assertionLife).Unix(),
	}).Serialize()
	if err != nil {
		return "", problem.Wrap(err, problem.Internal, "the key of the service account cannot sign")
	}
	return text, nil
}
