package oidc

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/hostsvc"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// Metadata is what the provider has to be told of the client, by the names of Dynamic
// Client Registration 1.0 §2 and the specifications of logout. Where the client signs,
// the document is its JWK Set (RFC 7517 §5), and its address the jwks_uri.
func (c *client) Metadata(ctx context.Context, e authn.Endpoints) (authn.Metadata, error) {
	m := authn.Metadata{Values: []authn.Field{
		{Name: "redirect_uri", Value: e.CompleteURL}, {Name: "token_endpoint_auth_method", Value: c.TokenAuth},
	}}
	add := func(name, value string) { m.Values = append(m.Values, authn.Field{Name: name, Value: value}) }
	if c.LogsOut {
		add("post_logout_redirect_uri", e.LogoutURL)
	}
	if c.FrontLogout {
		add("frontchannel_logout_uri", e.LogoutURL)
		add("frontchannel_logout_session_required", "true")
	}
	if c.BackLogout {
		add("backchannel_logout_uri", e.ReceiveURL)
		add("backchannel_logout_session_required", "true")
	}
	if c.Universal != nil {
		add("global_token_revocation_endpoint", e.ReceiveURL)
	}
	if c.TokenAuth != authKey {
		return m, nil
	}
	add("jwks_uri", e.EntityID)
	keys, err := c.host.Keys(ctx, hostsvc.KeySign)
	if err != nil {
		return authn.Metadata{}, err
	}
	var set jose.JSONWebKeySet
	for _, k := range keys {
		set.Keys = append(set.Keys, jose.JSONWebKey{
			Key: k.Certificate.PublicKey, KeyID: k.ID, Use: "sig", Certificates: []*x509.Certificate{k.Certificate},
		})
		add("certificate", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: k.Certificate.Raw}))) // for Entra, which takes no JWK Set
	}
	if m.Document, err = json.Marshal(set); err != nil {
		return authn.Metadata{}, problem.Wrap(err, problem.Internal, "the keys cannot be written")
	}
	m.ContentType = "application/json"
	return m, nil
}
