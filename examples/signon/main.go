// Command signed-link is a Gatehouse plugin of a third party. It signs people on
// with a company's own portal, which sends them back with a token that it has
// signed with Ed25519:
//
//	?state=…&token=<base64url of {"sub":…,"aud":…,"state":…,"jti":…,"exp":…}>.<base64url of the signature of all before the dot>
package main

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/diag"
	"github.com/gatehouse-id/gatehouse/sdk/hostsvc"
	"github.com/gatehouse-id/gatehouse/sdk/instance"
	"github.com/gatehouse-id/gatehouse/sdk/plugin"
	"github.com/gatehouse-id/gatehouse/sdk/schema"
)

// longest is how long a token may be good for: it is for one way back.
const longest = 10 * time.Minute

func main() { plugin.Serve(describe()) }

// describe is what the host learns before it configures anything.
func describe() plugin.Plugin {
	return plugin.Plugin{Name: "signed-link", Version: "1.0.0", HostServices: []string{hostsvc.OnceService}, People: []authn.PersonKind{{
		Name: "signed-link", Doc: "Signs people on with a portal that signs links.", New: newPortal,
		Schema: schema.Schema{Attributes: []schema.Attribute{
			{Name: "url", Type: schema.String, Required: true, Doc: "Where the portal is sent people to.", Example: `"https://portal.example.com/sign-on"`},
			{Name: "public_key", Type: schema.String, Required: true, Doc: "The portal's Ed25519 public key, 32 bytes in base64."},
		}},
	}}}
}

// portal is one instance.
type portal struct {
	url  *url.URL
	key  ed25519.PublicKey
	host hostsvc.Host
}

// newPortal makes an instance from one authenticator block.
func newPortal(_ context.Context, c instance.Config) (authn.People, diag.Diagnostics) {
	var values struct {
		URL       string `json:"url"`
		PublicKey string `json:"public_key"`
	}
	ds := c.Decode(&values)
	at, err := url.Parse(values.URL)
	if !c.IsUnknown("url") && (err != nil || at.Scheme != "https" || at.Hostname() == "" || at.User != nil || at.Fragment != "") {
		ds.Errorf(diag.Path{"url"}, "No address of a portal", "It begins with https:// and a host, without a user, and has no fragment.")
	}
	key, err := base64.StdEncoding.DecodeString(values.PublicKey)
	if !c.IsUnknown("public_key") && (err != nil || len(key) != ed25519.PublicKeySize) {
		ds.Errorf(diag.Path{"public_key"}, "No Ed25519 public key", "It is 32 bytes in base64.")
	}
	return &portal{url: at, key: key, host: c.Host}, ds
}

// Begin sends the browser to the portal, and keeps what the token has to name.
func (p *portal) Begin(_ context.Context, r authn.BeginRequest) (authn.Begun, error) {
	to, query := *p.url, p.url.Query()
	query.Set("state", r.Relay)
	query.Set("return_to", r.Endpoints.CompleteURL)
	to.RawQuery = query.Encode()
	return authn.Begun{URL: to.String(), State: []byte(r.Relay)}, nil
}

// Complete checks the signature before it reads what was signed, and takes the
// token's id last: one that is wrong must not use it up.
func (p *portal) Complete(ctx context.Context, r authn.CompleteRequest) (authn.Identity, error) {
	query, err := url.ParseQuery(r.Incoming.RawQuery)
	if err != nil || len(query["token"]) != 1 {
		return authn.Identity{}, authn.Deny("form", "there is not one token")
	}
	signed, signature, _ := strings.Cut(query.Get("token"), ".")
	sig, err := base64.RawURLEncoding.Strict().DecodeString(signature)
	if err != nil || !ed25519.Verify(p.key, []byte(signed), sig) {
		return authn.Identity{}, authn.Deny("signature", "the token is not signed with the portal's key")
	}
	var said struct { // without Groups the portal sends none
		Sub, Name, Email, Aud, State, JTI string
		Exp                               int64
		Groups                            []string
	}
	payload, err := base64.RawURLEncoding.DecodeString(signed)
	if err != nil || json.Unmarshal(payload, &said) != nil || said.Sub == "" || said.JTI == "" || len(said.JTI) > hostsvc.OnceIDLimit {
		return authn.Identity{}, authn.Deny("claims", "sub or jti is missing, or it is no JSON")
	}
	expires := time.Unix(said.Exp, 0)
	switch left := time.Until(expires); {
	case said.Aud != r.Endpoints.EntityID:
		return authn.Identity{}, authn.Deny("audience", "it is for %q, not for %q", said.Aud, r.Endpoints.EntityID)
	case said.State == "" || said.State != string(r.State):
		return authn.Identity{}, authn.Deny("state", "it answers another sign-on")
	case left <= 0 || left > longest:
		return authn.Identity{}, authn.Deny("expiry", "it is good until %s: that is over, or more than %s from now", expires.UTC(), longest)
	case r.Fresh || r.MaxAge > 0:
		return authn.Identity{}, authn.Deny("age", "the portal does not say when they signed on")
	}
	if first, err := p.host.Take(ctx, "token", said.JTI, expires); err != nil {
		return authn.Identity{}, err // nobody knows whether it was used
	} else if !first {
		return authn.Identity{}, authn.Deny("replay", "the token has been used")
	}
	groups := authn.GroupsAbsent
	if said.Groups != nil {
		groups = authn.GroupsPresent
	}
	return authn.Identity{
		Issuer: p.url.String(), Subject: said.Sub, DisplayName: said.Name, Email: said.Email, GroupsState: groups, Groups: said.Groups,
	}, nil
}

// Metadata is what the portal has to be told.
func (p *portal) Metadata(_ context.Context, e authn.Endpoints) (authn.Metadata, error) {
	return authn.Metadata{Values: []authn.Field{{Name: "return_to", Value: e.CompleteURL}, {Name: "aud", Value: e.EntityID}}}, nil
}
