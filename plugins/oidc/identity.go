package oidc

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/gatehouse-id/gatehouse/plugins/oidc/internal/discovery"
	"github.com/gatehouse-id/gatehouse/plugins/oidc/internal/idtoken"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
)

// The limits of what the host takes of an identity.
const (
	keepMost      = 16 << 10 // bytes
	nameMost      = 256
	longMost      = 1 << 10
	valueMost     = 16 << 10
	attributeMost = 512
	methodsMost   = 32
)

// session is what the host keeps with a session, for Refresh and Logout.
type session struct {
	Refresh string `json:"r,omitempty"` // the refresh token
	ID      string `json:"i,omitempty"` // the ID token, as a hint at sign-out
	Subject string `json:"s"`           // sub, whatever the person is known by here
	Nonce   string `json:"n,omitempty"`
}

// identity is what tokens say about a person.
func (c *client) identity(ctx context.Context, d discovery.Document, t idtoken.Token, got tokens, k session) (authn.Identity, error) {
	claims := t.Claims
	if c.UserInfo {
		more, err := c.userInfo(ctx, d, t.Subject, got.access)
		if err != nil {
			return authn.Identity{}, err
		}
		claims = joined(claims, more)
	}
	if err := c.ours(claims); err != nil {
		return authn.Identity{}, err
	}
	i := authn.Identity{
		Issuer: t.Issuer, Subject: t.Subject, Email: line(claims, c.Email, 320), UserName: line(claims, c.UserName, nameMost),
		DisplayName: line(claims, c.DisplayName, nameMost), GivenName: line(claims, c.GivenName, nameMost), FamilyName: line(claims, c.FamilyName, nameMost),
		SessionIndex: line(claims, "sid", longMost), Attributes: c.attributes(claims), Authentication: c.authentication(claims),
	}
	i.EmailVerified = i.Email != "" && claims.Truth(c.defaults.Claims.EmailVerified)
	i.Authentication.Time = t.Authentic
	if c.SubjectClaim != "sub" {
		// From the ID token alone: what names a person is signed.
		if i.Subject = line(t.Claims, c.SubjectClaim, 255); i.Subject == "" {
			return authn.Identity{}, authn.Deny("subject", "the token has no %s", c.SubjectClaim)
		}
	}
	i.GroupsState, i.Groups = c.groups(ctx, claims, got.access)
	k.Subject, k.Refresh, k.ID = t.Subject, got.refresh, got.id
	i.Keep, i.Refreshable = k.encode()
	return i, nil
}

// encode writes it within what the host keeps. The hint is what can be done without.
func (k session) encode() (text []byte, refreshable bool) {
	text, _ = json.Marshal(k) // texts always encode
	if len(text) > keepMost {
		k.ID = ""
		text, _ = json.Marshal(k)
	}
	if len(text) > keepMost {
		k.Refresh = ""
		text, _ = json.Marshal(k)
	}
	return text, k.Refresh != ""
}

// ours checks that the account is one of the organization's, where the provider has
// accounts for everybody.
func (c *client) ours(claims idtoken.Claims) error {
	if c.HostedDomain == "" {
		return nil
	}
	domain, ok := claims.Text(c.defaults.HostedDomain)
	if !ok || !strings.EqualFold(domain, c.HostedDomain) {
		return authn.Deny("hosted_domain", "the account is of the domain %.100q, expected %q", printable(domain), c.HostedDomain)
	}
	return nil
}

// joined adds what the userinfo endpoint says. What is signed counts for more.
func joined(signed, more idtoken.Claims) idtoken.Claims {
	all := maps.Clone(more)
	maps.DeleteFunc(all, func(name string, _ json.RawMessage) bool { return slices.Contains(protocol, name) })
	maps.Copy(all, signed)
	return all
}

// protocol are claims about a token, or how somebody signed on: they are no attributes of a
// person, and count in an ID token only.
var protocol = []string{
	"iss", "sub", "aud", "exp", "iat", "nbf", "jti", "nonce", "azp", "at_hash", "c_hash", "s_hash", "rt_hash", "sid", "auth_time", "acr", "acrs", "amr",
	"tid", "oid", "hd", "events", "typ", "ver", "uti", "rh", "aio",
}

// line returns a claim that is one line of text, and "" where it is not, or is longer
// than the host takes.
func line(claims idtoken.Claims, name string, most int) string {
	text, ok := claims.Text(name)
	if text = strings.TrimSpace(text); !ok || len(text) > most || strings.ContainsFunc(text, unicode.IsControl) {
		return ""
	}
	return text
}

// authentication is how a person signed on.
func (c *client) authentication(claims idtoken.Claims) authn.Authentication {
	var a authn.Authentication
	methods, _ := claims.Texts("amr")
	contexts, _ := claims.Texts(c.defaults.Factor.ContextClaim)
	a.Context = line(claims, "acr", longMost)
	for _, m := range methods {
		if m != "" && len(m) <= nameMost && len(a.Methods) < methodsMost && !strings.ContainsFunc(m, unicode.IsControl) {
			a.Methods = append(a.Methods, m)
		}
	}
	sign := func(list, signs []string) bool {
		return slices.ContainsFunc(list, func(s string) bool { return slices.Contains(signs, s) })
	}
	switch {
	case sign(methods, c.MFAMethods):
		a.MultiFactor = authn.MultiFactorYes
	case sign(contexts, c.MFAContexts):
		a.MultiFactor = authn.MultiFactorYes
		if a.Context == "" {
			a.Context = contexts[slices.IndexFunc(contexts, func(s string) bool { return slices.Contains(c.MFAContexts, s) })]
		}
	case len(methods) > 0:
		a.MultiFactor = authn.MultiFactorNo
	}
	return a
}

// attributes are all that is said of the person, but for their groups, which have a
// list of their own.
func (c *client) attributes(claims idtoken.Claims) []authn.Attribute {
	var list []authn.Attribute
	for name := range claims {
		if name == c.Groups || name == "_claim_names" || name == "_claim_sources" || slices.Contains(protocol, name) && name != "tid" && name != "oid" && name != "hd" {
			continue
		}
		if name == "" || len(name) > nameMost || strings.ContainsFunc(name, unicode.IsControl) {
			continue
		}
		if values := texts(claims[name]); len(values) > 0 {
			list = append(list, authn.Attribute{Name: name, Values: values})
		}
	}
	slices.SortFunc(list, func(a, b authn.Attribute) int { return strings.Compare(a.Name, b.Name) })
	return list[:min(len(list), attributeMost)]
}

// texts are the values of a claim: texts as they are, anything else in JSON.
func texts(value json.RawMessage) []string {
	var list []json.RawMessage
	if json.Unmarshal(value, &list) != nil {
		list = []json.RawMessage{value}
	}
	var out []string
	for _, one := range list {
		text := string(one)
		if text == "null" {
			continue
		}
		var plain string
		if json.Unmarshal(one, &plain) == nil {
			text = plain
		}
		odd := func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }
		if len(text) <= valueMost && !strings.ContainsFunc(text, odd) {
			out = append(out, text)
		}
	}
	return out
}
