package oidc

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gatehouse-id/gatehouse/plugins/oidc/internal/discovery"
	"github.com/gatehouse-id/gatehouse/plugins/oidc/internal/idtoken"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
)

// The limits of what a browser brings.
const (
	responseMost = 64 << 10 // bytes of all parameters
	codeMost     = 8 << 10  // bytes of a code: Entra's have 1 to 2 KiB

	// flowMost is how long a sign-on may take. The host ends it before.
	flowMost = 30 * time.Minute
)

// Complete reads an authorization response (OpenID Connect Core 1.0 §3.1.2.5), trades
// its code for tokens, and reads those. The sign-on counts once from before the code is
// sent anywhere.
func (c *client) Complete(ctx context.Context, r authn.CompleteRequest) (authn.Identity, error) {
	var none authn.Identity
	p, err := parameters(r.Incoming)
	if err != nil {
		return none, err
	}
	asked, err := c.answered(r, p)
	if err != nil {
		return none, err
	}
	d, err := c.discovered(ctx)
	if err != nil {
		return none, err
	}
	code, err := c.code(p, d)
	if err != nil {
		return none, err
	}
	if first, err := c.host.Take(ctx, "nonce", asked.Nonce, c.clock().Add(flowMost)); err != nil {
		return none, err // nobody knows whether it was used
	} else if !first {
		return none, authn.Deny("replay", "this sign-on was answered before")
	}
	got, err := c.exchange(ctx, d, r.Endpoints, code, asked.Verifier)
	if err != nil {
		return none, err
	}
	if got.id == "" {
		return none, authn.Deny("no_id_token", "the provider gave an access token, and no ID token: is openid among the scopes?")
	}
	t, err := c.verifier(d).ID(ctx, got.id, idtoken.Expect{Nonce: asked.Nonce, AccessToken: got.access})
	if err != nil {
		return none, err
	}
	if p["iss"] != "" && c.issuer.Many() && p["iss"] != t.Issuer {
		return none, authn.Deny("issuer", "the answer is of %.200q, the token of %.200q", p["iss"], t.Issuer)
	}
	if err := c.fresh(r, t); err != nil {
		return none, err
	}
	return c.identity(ctx, d, t, got, session{Nonce: asked.Nonce})
}

// parameters are those of an authorization response, of which none stands twice (RFC
// 6749 §3.1).
func parameters(in authn.Incoming) (map[string]string, error) {
	p := map[string]string{}
	size := len(in.RawQuery)
	values, err := url.ParseQuery(in.RawQuery[:min(size, responseMost+1)])
	for _, f := range in.Form {
		size += len(f.Name) + len(f.Value)
		if in.Method == http.MethodPost { // response_mode=form_post
			values[f.Name] = append(values[f.Name], f.Value)
		}
	}
	switch {
	case size > responseMost || len(in.Body) > responseMost:
		return nil, authn.Deny("response_size", "the answer has more than %d bytes", responseMost)
	case err != nil:
		return nil, authn.Deny("response_form", "the answer's parameters cannot be read")
	}
	for name, list := range values {
		if len(list) > 1 {
			return nil, authn.Deny("response_form", "the parameter %.40q stands in the answer more than once", printable(name))
		}
		p[name] = list[0]
	}
	return p, nil
}

// answered finds what was asked, and that this answers it.
func (c *client) answered(r authn.CompleteRequest, p map[string]string) (begun, error) {
	var asked begun
	if r.Unsolicited {
		return asked, authn.Deny("unsolicited", "nobody asked for it, and OpenID Connect has no such answers")
	}
	if json.Unmarshal(r.State, &asked) != nil || asked.Nonce == "" || asked.Verifier == "" || asked.Relay == "" {
		return asked, authn.Deny("state", "there is no sign-on that it answers")
	}
	if asked.Issuer != c.Issuer {
		return asked, authn.Deny("state", "the sign-on was begun with another provider")
	}
	if subtle.ConstantTimeCompare([]byte(asked.Relay), []byte(p["state"])) != 1 {
		return asked, authn.Deny("state", "it answers another sign-on")
	}
	return asked, nil
}

// code returns the code of an answer that is the provider's (RFC 9207 §2.4), and no
// error (Core §3.1.2.6).
func (c *client) code(p map[string]string, d discovery.Document) (string, error) {
	issuer, said := p["iss"]
	switch {
	case said && !c.issuer.Answers(issuer):
		return "", authn.Deny("issuer", "the answer is of %.200q, and %s was asked", printable(issuer), c.issuer)
	case !said && d.IssuerParameter:
		return "", authn.Deny("issuer", "the answer does not say whose it is, and %s says that it does", c.issuer)
	}
	if e, failed := p["error"]; failed {
		return "", idpError(e, p["error_description"])
	}
	code := p["code"]
	if code == "" || len(code) > codeMost || strings.ContainsFunc(code, func(r rune) bool { return r < ' ' || r > '~' }) { // RFC 6749 §A.11
		return "", authn.Deny("code", "the answer has no code")
	}
	return code, nil
}

// fresh checks when a person signed on at the provider, where that was asked for. A
// provider that does not say it has not done it (Core §3.1.3.7, 13).
func (c *client) fresh(r authn.CompleteRequest, t idtoken.Token) error {
	if !r.Fresh && r.MaxAge <= 0 {
		return nil
	}
	if t.Authentic.IsZero() {
		return authn.Deny("auth_time", "the provider does not say when the person signed on")
	}
	earliest := r.Begun.Add(-c.skew)
	if !r.Fresh {
		earliest = earliest.Add(-r.MaxAge)
	}
	if t.Authentic.Before(earliest.Truncate(time.Second)) {
		return authn.Deny("auth_time", "the person signed on at %s, expected %s or later", t.Authentic.UTC().Format(time.RFC3339), earliest.UTC().Format(time.RFC3339))
	}
	return nil
}
