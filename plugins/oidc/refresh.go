package oidc

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/gatehouse-id/gatehouse/plugins/oidc/internal/discovery"
	"github.com/gatehouse-id/gatehouse/plugins/oidc/internal/idtoken"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// over are the reasons with which a provider says that a session is no longer good:
// the refresh token is revoked or expired, or the person is (RFC 6749 §5.2), or they
// have to come by themselves (Core §3.1.2.6; Entra says so of a refresh too).
var over = []string{"idp_invalid_grant", "idp_interaction_required", "idp_login_required", "idp_consent_required"}

// Refresh asks the provider about a session, with its refresh token (OpenID Connect
// Core 1.0 §12). That the provider does not answer ends no session, and neither does a
// client that it does not take.
func (c *client) Refresh(ctx context.Context, e authn.Endpoints, s authn.Session) (authn.Identity, error) {
	var none authn.Identity
	k, ok := readKept(s.Keep)
	if !ok || k.Refresh == "" {
		return none, problem.New(problem.Unsupported, "there is no refresh token of this session")
	}
	d, err := c.discovered(ctx)
	if err != nil {
		return none, err
	}
	got, err := c.renew(ctx, d, e, k.Refresh)
	if denied := (*authn.Denied)(nil); errors.As(err, &denied) {
		if slices.Contains(over, denied.Reason) {
			return none, authn.Deny("session_over", "%s", denied.Detail)
		}
		return none, problem.New(problem.BadUpstream, "the provider does not renew the session: %s: %s", denied.Reason, denied.Detail)
	}
	if err != nil {
		return none, err
	}
	t, err := c.renewed(ctx, d, got, k)
	if err != nil {
		return none, err
	}
	if got.id == "" {
		got.id = k.ID
	}
	i, err := c.identity(ctx, d, t, got, k)
	if err == nil && (i.Issuer != s.Issuer || i.Subject != s.Subject) {
		return none, authn.Deny("subject", "the renewed session is another person's")
	}
	return i, err
}

// renewed reads the ID token of a renewal: of the issuer and about the person of
// before (§12.2). A provider need not send one; then the userinfo endpoint says what
// there is to say.
func (c *client) renewed(ctx context.Context, d discovery.Document, got tokens, k session) (idtoken.Token, error) {
	if got.id == "" {
		if !c.UserInfo {
			return idtoken.Token{}, problem.New(problem.Unsupported, "the provider renews a session without saying whose it is").
				WithHint("set userinfo = true in the block")
		}
		return c.unsaid(k)
	}
	t, err := c.verifier(d).ID(ctx, got.id, idtoken.Expect{AccessToken: got.access, Same: k.Nonce})
	if err == nil && t.Subject != k.Subject {
		err = authn.Deny("subject", "the renewed session is another person's")
	}
	return t, err
}

// unsaid is a session that was renewed without an ID token: whose it is, is what the one
// of before says.
func (c *client) unsaid(k session) (idtoken.Token, error) {
	before, ok := idtoken.Unverified(k.ID)
	if !ok {
		return idtoken.Token{}, problem.New(problem.Unsupported, "the provider renews a session without saying whose it is")
	}
	issuer, _ := before.Text("iss")
	tenant, _ := before.Text("tid")
	name, ok := c.issuer.Accepts(issuer, tenant)
	if !ok {
		return idtoken.Token{}, authn.Deny("issuer", "the session is of a provider that no longer counts")
	}
	t := idtoken.Token{Issuer: name, Subject: k.Subject, Claims: idtoken.Claims{}}
	for _, name := range []string{"sid", "acr", "acrs", "amr", "tid", "oid", "hd"} { // which do not change while the session lives
		if before.Has(name) {
			t.Claims[name] = before[name]
		}
	}
	t.Session, _ = before.Text("sid")
	t.Authentic, _ = before.Time("auth_time")
	return t, nil
}

// readKept reads what the host has kept.
func readKept(text []byte) (session, bool) {
	var k session
	return k, json.Unmarshal(text, &k) == nil && k.Subject != ""
}
