package oidc

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/gatehouse-id/gatehouse/plugins/oidc/internal/idtoken"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
)

// Receive reads what the provider sends of its own accord, by a browser or from its
// servers.
func (c *client) Receive(ctx context.Context, r authn.ReceiveRequest) (authn.Received, error) {
	switch {
	case r.Browser:
		return c.receiveBrowser(r)
	case r.Incoming.Authorization != "":
		return c.revoked(ctx, r)
	}
	return c.loggedOut(ctx, r)
}

// loggedOut reads a logout token (Back-Channel Logout 1.0 §2.5 and §2.6). What says
// sub and sid ends that session, and what says sub alone all of the person's.
func (c *client) loggedOut(ctx context.Context, r authn.ReceiveRequest) (authn.Received, error) {
	var none authn.Received
	raw, err := logoutToken(r.Incoming)
	switch {
	case err != nil:
		return none, err
	case !c.BackLogout:
		return none, authn.Deny("not_configured", "backchannel_logout is off")
	}
	d, err := c.discovered(ctx)
	if err != nil {
		return none, err
	}
	l, err := c.verifier(d).Logout(ctx, raw)
	if err != nil {
		return none, err
	}
	ended := authn.Ended{Issuer: l.Issuer, Subject: l.Subject}
	if l.Session != "" {
		ended.SessionIndexes = []string{l.Session}
	}
	if c.SubjectClaim != "sub" { // the host knows the person by another name
		if ended.Subject = ""; l.Session == "" {
			return none, authn.Deny("subject", "it says sub and no sid, and people are known by %s here", c.SubjectClaim)
		}
	}
	if err := c.once(ctx, "logout", l.ID, l.Ends); err != nil {
		return none, err
	}
	return authn.Received{Ended: []authn.Ended{ended}, Status: http.StatusOK}, nil
}

// logoutToken finds the token of a request (§2.5).
func logoutToken(in authn.Incoming) (string, error) {
	raw := ""
	for _, f := range in.Form {
		if f.Name != "logout_token" {
			continue
		}
		if raw != "" {
			return "", authn.Deny("logout_form", "there is more than one logout_token")
		}
		raw = f.Value
	}
	if raw == "" {
		return "", authn.Deny("logout_form", "there is no logout_token")
	}
	return raw, nil
}

// once takes the id of a message: it counts once.
func (c *client) once(ctx context.Context, kind, id string, ends time.Time) error {
	first, err := c.host.Take(ctx, kind, id, ends)
	if err == nil && !first {
		err = authn.Deny("replay", "it has been received before")
	}
	return err
}

// revoked reads a request to revoke all tokens of a person
// (draft-parecki-oauth-global-token-revocation; developer.okta.com, Universal Logout):
// a token that authorizes it, and in the body who it is about.
func (c *client) revoked(ctx context.Context, r authn.ReceiveRequest) (authn.Received, error) {
	if c.Universal == nil {
		return authn.Received{}, status(http.StatusForbidden, authn.Deny("not_configured", "there is no block universal_logout"))
	}
	scheme, raw, _ := strings.Cut(r.Incoming.Authorization, " ")
	if !strings.EqualFold(scheme, "Bearer") || raw == "" {
		return authn.Received{}, status(http.StatusUnauthorized, authn.Deny("authorization", "there is no bearer token"))
	}
	v, err := c.revocations(ctx)
	if err != nil {
		return authn.Received{}, err
	}
	id, ends, err := v.Revocation(ctx, raw, r.Endpoints.ReceiveURL)
	if denied := (*authn.Denied)(nil); errors.As(err, &denied) {
		return authn.Received{}, status(http.StatusUnauthorized, denied)
	} else if err != nil {
		return authn.Received{}, err
	}
	ended, err := c.about(r.Incoming.Body)
	if err != nil {
		return authn.Received{}, err
	}
	if err := c.once(ctx, "revocation", id, ends); err != nil {
		return authn.Received{}, err
	}
	return authn.Received{Ended: []authn.Ended{ended}, Status: http.StatusNoContent}, nil
}

// revocations reads the tokens of such requests.
func (c *client) revocations(ctx context.Context) (idtoken.Verifier, error) {
	d, err := c.discovered(ctx)
	if err != nil {
		return idtoken.Verifier{}, err
	}
	v := c.verifier(d)
	v.Issuer = exactly(c.Universal.Issuer)
	if c.Universal.JWKS != "" && c.Universal.JWKS != d.JWKSURL {
		v.Keys = c.keys("revocation-keys", c.Universal.JWKS)
	}
	return v, nil
}

// exactly is an issuer by its one name.
type exactly string

// Accepts implements idtoken.Issuer.
func (e exactly) Accepts(issuer, _ string) (string, bool) { return issuer, issuer == string(e) }

// String implements idtoken.Issuer.
func (e exactly) String() string { return string(e) }

// bodyMost bounds the body of such a request, in bytes.
const bodyMost = 16 << 10

// about reads whom a request is about (RFC 9493 §3.2): a person by their e-mail address, or by
// what the provider knows them by. That an address names them here is no way to be
// somebody: it only ends what there is.
func (c *client) about(body []byte) (authn.Ended, error) {
	var said struct {
		Subject struct {
			Format string `json:"format"`
			Email  string `json:"email"`
			Issuer string `json:"iss"`
			Name   string `json:"sub"`
		} `json:"sub_id"`
	}
	if len(body) > bodyMost || json.Unmarshal(body, &said) != nil {
		return authn.Ended{}, authn.Deny("revocation_form", "the body is no JSON of that form, or has more than %d bytes", bodyMost)
	}
	s := said.Subject
	switch {
	case s.Format == "email" && strings.Contains(s.Email, "@") && len(s.Email) <= hintMost && printing(s.Email):
		return authn.Ended{Email: s.Email, Keys: c.Universal.Keys}, nil
	case s.Format == "iss_sub" && s.Name != "" && len(s.Name) <= longMost && printing(s.Name) && c.SubjectClaim == "sub" && !c.issuer.Many() &&
		(s.Issuer == c.Universal.Issuer || s.Issuer == c.Issuer):
		return authn.Ended{Issuer: c.Issuer, Subject: s.Name, Keys: c.Universal.Keys}, nil
	}
	return authn.Ended{}, status(http.StatusUnprocessableEntity, authn.Deny("subject", "the person is named by the format %.20q, or in a way that means nobody here", printable(s.Format)))
}

// status says how a server is answered.
func status(code int, d *authn.Denied) *authn.Denied {
	d.Status = code
	return d
}
