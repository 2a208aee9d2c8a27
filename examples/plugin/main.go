// Command signed-token is a Gatehouse plugin of a third party. It accepts
// bearer tokens that an issuer has signed with Ed25519:
//
//	sgt_<base64url of {"sub":…,"org":…,"exp":…,"scope":…}>.<base64url of the signature of all before the dot>
package main

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/diag"
	"github.com/gatehouse-id/gatehouse/sdk/instance"
	"github.com/gatehouse-id/gatehouse/sdk/plugin"
	"github.com/gatehouse-id/gatehouse/sdk/schema"
)

const prefix = "sgt_"

func main() { plugin.Serve(describe()) }

// describe is what the host learns before it configures anything.
func describe() plugin.Plugin {
	return plugin.Plugin{Name: "signed-token", Version: "1.0.0", Programs: []authn.ProgramKind{{
		Name: "signed-token", Doc: "Bearer tokens that an issuer has signed with Ed25519.",
		Records: authn.RecordsNone, Credentials: []authn.Credential{authn.InBearer(prefix)}, New: newTokens,
		Schema: schema.Schema{Attributes: []schema.Attribute{
			{Name: "public_key", Type: schema.String, Required: true, Doc: "The issuer's Ed25519 public key, 32 bytes in base64."},
			{Name: "max_age", Type: schema.Duration, Default: "1h", Doc: "The longest time that a token may still be valid for.", Example: `"15m"`},
		}},
	}}}
}

// tokens is one instance.
type tokens struct {
	key    ed25519.PublicKey
	maxAge time.Duration
}

// newTokens makes an instance from one authenticator block.
func newTokens(_ context.Context, c instance.Config) (authn.Programs, diag.Diagnostics) {
	var values struct {
		PublicKey string `json:"public_key"`
		MaxAge    string `json:"max_age"`
	}
	ds := c.Decode(&values)
	key, err := base64.StdEncoding.DecodeString(values.PublicKey)
	if !c.IsUnknown("public_key") && (err != nil || len(key) != ed25519.PublicKeySize) {
		ds.Errorf(diag.Path{"public_key"}, "No Ed25519 public key", "It is 32 bytes in base64.")
	}
	maxAge, err := time.ParseDuration(values.MaxAge)
	if !c.IsUnknown("max_age") && (err != nil || maxAge <= 0) {
		ds.Errorf(diag.Path{"max_age"}, "No usable duration", `It is more than nothing, such as "15m".`)
	}
	return &tokens{key: key, maxAge: maxAge}, ds
}

// Verify checks the signature before it reads what was signed.
func (t *tokens) Verify(_ context.Context, r authn.VerifyRequest) (authn.VerifyResponse, error) {
	signed, signature, _ := strings.Cut(r.Secret.Reveal(), ".")
	sig, err := base64.RawURLEncoding.Strict().DecodeString(signature)
	if err != nil || !strings.HasPrefix(signed, prefix) || strings.ContainsAny(signature, "\r\n") {
		return authn.Refuse(authn.Malformed), nil
	}
	if !ed25519.Verify(t.key, []byte(signed), sig) {
		return authn.Refuse(authn.WrongSecret), nil
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(signed, prefix))
	var claims struct {
		Sub, Org, Scope string
		Exp             int64
	}
	if err != nil || json.Unmarshal(payload, &claims) != nil || claims.Sub == "" || claims.Org == "" {
		return authn.Refuse(authn.Malformed), nil
	}
	switch left := time.Until(time.Unix(claims.Exp, 0)); {
	case left <= 0:
		return authn.Refuse(authn.Expired), nil
	case left > t.maxAge:
		return authn.Refuse(authn.NotYetValid), nil // it may come back when less is left
	}
	return authn.AcceptSubject(authn.Subject{
		ID: claims.Sub, Organization: claims.Org, Expires: time.Unix(claims.Exp, 0), Scopes: strings.Fields(claims.Scope),
		RevocationID: fmt.Sprintf("%x", sha256.Sum256([]byte(signed)))}), nil
}
