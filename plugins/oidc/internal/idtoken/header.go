package idtoken

import (
	"encoding/base64"
	"slices"
	"strings"

	"github.com/gatehouse-id/gatehouse/sdk/authn"
)

// header is the protected header of a token, as far as it counts. Keys and addresses
// of keys in it (jwk, jku, x5c, x5u) are nothing that a stranger may choose, and are not
// read (RFC 8725 §3.9 and §3.10).
type header struct{ Algorithm, KeyID string }

// readHeader reads the header of a token in compact form (RFC 7515 §7.1), with an
// algorithm and a type that are allowed.
func readHeader(raw string, algorithms []string, types ...string) (h header, err error) {
	if len(raw) > Limit {
		return h, authn.Deny("token_size", "it has %d bytes, %d are read", len(raw), Limit)
	}
	switch strings.Count(raw, ".") {
	case 2:
	case 4:
		return h, authn.Deny("encrypted", "it is encrypted: switch encryption of ID tokens off at the provider")
	default:
		return h, authn.Deny("token_form", "it has not the three parts of a signed token")
	}
	// One token has one form: decoders take line ends, and bits that are left over.
	var text []byte
	for i, part := range strings.Split(raw, ".") {
		decoded, err := base64.RawURLEncoding.Strict().DecodeString(part)
		if err != nil || strings.ContainsAny(part, "\r\n") {
			return h, authn.Deny("token_form", "part %d is not in base64url", i+1)
		}
		if i == 0 {
			text = decoded
		}
	}
	c, ok := ReadClaims(text)
	if !ok {
		return h, authn.Deny("token_form", "its header is no JSON object")
	}
	if _, ok := c["crit"]; ok { // §4.1.11: and b64 needs it
		return h, authn.Deny("crit", "its header has extensions that nobody here knows")
	}
	if _, ok := c["b64"]; ok { // RFC 7797 §6
		return h, authn.Deny("crit", "its header has b64")
	}
	algorithm, ok := c.Text("alg")
	if !ok || !slices.Contains(algorithms, algorithm) {
		return h, authn.Deny("algorithm", "it is signed by %.20q, expected one of %s", algorithm, strings.Join(algorithms, ", "))
	}
	kid, ok := c.Text("kid")
	if !ok || len(kid) > 1<<10 {
		return h, authn.Deny("token_form", "kid is no string, or a long one")
	}
	if typ, ok := c.Text("typ"); !ok || !allowed(types, typ) {
		return h, authn.Deny("typ", "it is of the type %.60q, expected one of %q", typ, types)
	}
	return header{algorithm, kid}, nil
}

// allowed compares types: letters count in either case, and application/ may be left
// out (RFC 7515 §4.1.9).
func allowed(types []string, typ string) bool {
	return slices.ContainsFunc(types, func(t string) bool {
		return strings.EqualFold(t, typ) || t != "" && strings.EqualFold("application/"+t, typ)
	})
}
