package admin

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

// actor is who calls, once authenticated.
type actor struct {
	name         string   // for the audit log, such as "local" or "admin_token:T…"
	scopes       []string // patterns of permissions; none is every permission
	organization string   // label of the one that the actor is confined to; "" is the whole installation
}

// authenticate says who makes a request. Its error is the answer.
type authenticate func(*http.Request) (actor, error)

// tokenActor authenticates by an admin token.
func (a *API) tokenActor(r *http.Request) (actor, error) {
	text, err := bearer(r)
	if err != nil {
		return actor{}, err
	}
	t, err := a.verify(r, text)
	if err != nil {
		return actor{}, err
	}
	if t.Organization != "" && !slices.Contains(a.Known.Organizations(), t.Organization) {
		return actor{}, problem.New(problem.Forbidden, "the organization %q of this admin token is not in the configuration", t.Organization).
			WithHint("declare it again, or use another token")
	}
	return actor{name: "admin_token:" + t.ID, scopes: t.Scopes, organization: t.Organization}, nil
}

// CheckToken refuses a request that carries no admin token by which its bearer
// may see how the host is. It is for what shows that outside of this API, such
// as metrics.
func (a *API) CheckToken(r *http.Request) error {
	who, err := a.tokenActor(r)
	if err != nil {
		return err
	}
	if err := who.may(ReadStatus); err != nil {
		return err
	}
	return who.reaches(wholeInstallation)
}

// bearer reads the token of a request (RFC 6750 §2.1). No other place is looked
// at: what a browser adds by itself can never be a credential here.
func bearer(r *http.Request) (secret.Text, error) {
	values := r.Header["Authorization"]
	if len(values) > 1 {
		return "", problem.New(problem.Invalid, "the header Authorization stands %d times", len(values)).WithHint("send it once")
	}
	if len(values) == 1 {
		scheme, token, ok := strings.Cut(values[0], " ")
		if token = strings.Trim(token, " "); ok && token != "" && strings.EqualFold(scheme, "Bearer") {
			return secret.Text(token), nil
		}
	}
	return "", problem.New(problem.Unauthenticated, "the admin API needs an admin token, and the request carries none").
		WithHint("send Authorization: Bearer with a token that gatehouse admin token create has made")
}

// may refuses what the actor's scopes do not cover.
func (a actor) may(p Permission) error {
	if len(a.scopes) == 0 {
		return nil
	}
	for _, scope := range a.scopes {
		if covers(scope, string(p)) {
			return nil
		}
	}
	return problem.New(problem.Forbidden, "this admin token does not have the permission %q", p).
		WithPermission(string(p)).WithHint("use a token with this scope")
}

// mayGive refuses scopes that the actor does not have: nobody makes a token
// that may do more than they.
func (a actor) mayGive(scopes []string) error {
	if len(a.scopes) == 0 {
		return nil
	}
	if len(scopes) == 0 {
		return problem.New(problem.Forbidden, "a token without scopes may do everything, and the one that asks may not").
			WithHint("give the new token scopes, among %s", strings.Join(a.scopes, ", "))
	}
	for _, want := range scopes {
		if a.may(Permission(want)) != nil {
			return problem.New(problem.Forbidden, "a token with the scope %q can be made only by one that has it", want).
				WithPermission(want).WithHint("the scopes of the token that asks: %s", strings.Join(a.scopes, ", "))
		}
	}
	return nil
}
