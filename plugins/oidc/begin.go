package oidc

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"maps"
	"strconv"
	"strings"
	"time"
	"unicode"

	"golang.org/x/oauth2"

	"github.com/gatehouse-id/gatehouse/plugins/oidc/internal/discovery"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// hintMost is how long a hint at who signs on may be: as an e-mail address (RFC 5321
// §4.5.3.1).
const hintMost = 320

// begun is what the host keeps of a sign-on for Complete.
type begun struct {
	Relay    string `json:"r"`
	Nonce    string `json:"n"`
	Verifier string `json:"v"` // of PKCE
	Issuer   string `json:"i"` // who was asked
}

// Begin sends a browser to the authorization endpoint (OpenID Connect Core 1.0
// §3.1.2.1), with a nonce and a PKCE challenge by S256 (RFC 9700 §2.1.1).
func (c *client) Begin(ctx context.Context, r authn.BeginRequest) (authn.Begun, error) {
	d, err := c.discovered(ctx)
	if err != nil {
		return authn.Begun{}, err
	}
	b := begun{Relay: r.Relay, Nonce: rand.Text() + rand.Text(), Verifier: oauth2.GenerateVerifier(), Issuer: c.Issuer}
	state, err := json.Marshal(b)
	if err != nil {
		return authn.Begun{}, problem.Wrap(err, problem.Internal, "the sign-on cannot be kept")
	}
	options := []oauth2.AuthCodeOption{
		oauth2.S256ChallengeOption(b.Verifier), oauth2.SetAuthURLParam("nonce", b.Nonce),
	}
	for name, value := range c.parameters(r) {
		options = append(options, oauth2.SetAuthURLParam(name, value))
	}
	return authn.Begun{URL: c.oauth(d, r.Endpoints).AuthCodeURL(r.Relay, options...), State: state}, nil
}

// oauth is the client as golang.org/x/oauth2 has it.
func (c *client) oauth(d discovery.Document, e authn.Endpoints) *oauth2.Config {
	style := oauth2.AuthStyleInParams
	if c.TokenAuth == authBasic {
		style = oauth2.AuthStyleInHeader
	}
	return &oauth2.Config{
		ClientID: c.ClientID, ClientSecret: c.ClientSecret, RedirectURL: e.CompleteURL, Scopes: c.Scopes,
		Endpoint: oauth2.Endpoint{AuthURL: d.AuthURL, TokenURL: d.TokenURL, AuthStyle: style},
	}
}

// parameters are those of a request that say who is expected, and how.
func (c *client) parameters(r authn.BeginRequest) map[string]string {
	p := map[string]string{}
	maps.Copy(p, c.Params)
	if c.Renews {
		maps.Copy(p, c.defaults.Again.Params)
	}
	hint := strings.ToValidUTF8(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, r.LoginHint), "")
	if hint != "" && len(hint) <= hintMost {
		p["login_hint"] = hint
	}
	if c.HostedDomain != "" {
		p["hd"] = c.HostedDomain // a help for the person: what counts is the claim
	}
	if r.Fresh {
		// Not every provider does what prompt says. With max_age it has to say when the
		// person signed on (Core §3.1.2.1), and Complete looks.
		p["prompt"], p["max_age"] = strings.TrimSpace("login "+p["prompt"]), "0"
	} else if r.MaxAge > 0 {
		p["max_age"] = strconv.FormatInt(int64((r.MaxAge+time.Second-1)/time.Second), 10)
	}
	if r.MultiFactor && len(c.MFAContexts) > 0 {
		if c.defaults.Factor.ByClaims {
			p["claims"] = essential(c.defaults.Factor.ContextClaim, c.MFAContexts)
		} else {
			p["acr_values"] = strings.Join(c.MFAContexts, " ")
		}
	}
	return p
}

// essential is the parameter claims that asks for a claim with one of some values (Core
// §5.5.1).
func essential(claim string, values []string) string {
	text, _ := json.Marshal(map[string]any{"id_token": map[string]any{claim: map[string]any{"essential": true, "values": values}}}) // texts always encode
	return string(text)
}
