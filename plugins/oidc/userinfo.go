package oidc

import (
	"context"
	"io"
	"mime"
	"net/http"

	"github.com/gatehouse-id/gatehouse/plugins/oidc/internal/discovery"
	"github.com/gatehouse-id/gatehouse/plugins/oidc/internal/idtoken"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// userInfo asks the userinfo endpoint (OpenID Connect Core 1.0 §5.3). Its answer is
// about the person of the token, or about nobody (§5.3.2).
func (c *client) userInfo(ctx context.Context, d discovery.Document, subject, access string) (idtoken.Claims, error) {
	if d.UserInfoURL == "" {
		return nil, problem.New(problem.BadUpstream, "%s has no userinfo endpoint", c.issuer).WithHint("leave userinfo out of the block")
	}
	status, header, text, err := c.ask(ctx, http.MethodGet, d.UserInfoURL, access, nil)
	switch {
	case err != nil:
		return nil, err
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return nil, authn.Deny("userinfo", "the userinfo endpoint refuses the access token: status %d", status)
	case status != http.StatusOK:
		return nil, problem.New(problem.Unavailable, "%s was answered with status %d", d.UserInfoURL, status)
	}
	if kind, _, _ := mime.ParseMediaType(header.Get("Content-Type")); kind == "application/jwt" {
		return nil, authn.Deny("userinfo", "the answer of the userinfo endpoint is signed or encrypted: switch that off at the provider")
	}
	claims, ok := idtoken.ReadClaims(text)
	if !ok {
		return nil, authn.Deny("userinfo", "the answer of the userinfo endpoint is no JSON object")
	}
	if sub, ok := claims.Text("sub"); !ok || sub == "" || sub != subject {
		return nil, authn.Deny("userinfo_subject", "the answer of the userinfo endpoint is about somebody else")
	}
	return claims, nil
}

// ask makes a request with an access token.
func (c *client) ask(ctx context.Context, method, where, access string, body io.Reader) (status int, header http.Header, text []byte, err error) {
	r, err := http.NewRequestWithContext(ctx, method, where, body)
	if err != nil {
		return 0, nil, nil, problem.Wrap(err, problem.BadUpstream, "%.200q is no address", where)
	}
	r.Header.Set("Authorization", "Bearer "+access)
	r.Header.Set("Accept", "application/json")
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	got, err := c.web(ctx, groupsBytes).Do(r)
	if err != nil {
		return 0, nil, nil, failed(err, where)
	}
	defer got.Body.Close()
	if text, err = io.ReadAll(got.Body); err != nil {
		return 0, nil, nil, failed(err, where)
	}
	return got.StatusCode, got.Header, text, nil
}
