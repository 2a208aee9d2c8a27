package keyset

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"slices"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// The limits of a set of keys.
const (
	Limit    = 256 << 10 // bytes
	keysMost = 100

	leastRSA = 2048 // bits (RFC 7518 §3.3)
	mostRSA  = 8192 // a larger one is a way to keep us busy
)

// algorithms are those that a key can verify, by the kind of key (RFC 7518 §3.1,
// RFC 8037 §3.1). None is symmetric: a public key is no secret.
var (
	rsaAlgorithms = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}
	edAlgorithms  = []string{"EdDSA"}
)

// key is one that signatures are verified with.
type key struct {
	id         string
	public     any
	algorithms []string
}

// read reads a JWK Set (RFC 7517 §5). A key that is of no use here is passed over,
// as §5 says; one that nobody may use, too.
func read(text []byte) ([]key, error) {
	if len(text) > Limit {
		return nil, problem.New(problem.BadUpstream, "the keys of the identity provider have more than %d bytes", Limit)
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if json.Unmarshal(text, &set) != nil || set.Keys == nil {
		return nil, problem.New(problem.BadUpstream, "the keys of the identity provider are no JWK Set")
	}
	if len(set.Keys) > keysMost {
		return nil, problem.New(problem.BadUpstream, "the identity provider has %d keys, %d are read", len(set.Keys), keysMost)
	}
	var keys []key
	for _, one := range set.Keys {
		if k, ok := readKey(one); ok {
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 { // the ones there were before are better than none
		return nil, problem.New(problem.BadUpstream, "none of the %d keys of the identity provider verifies a signature", len(set.Keys))
	}
	return keys, nil
}

func readKey(text []byte) (key, bool) {
	var use struct {
		Use        string   `json:"use"`
		Operations []string `json:"key_ops"`
	}
	var k jose.JSONWebKey
	if json.Unmarshal(text, &use) != nil || k.UnmarshalJSON(text) != nil || !k.IsPublic() {
		return key{}, false
	}
	if use.Use != "" && use.Use != "sig" || use.Operations != nil && !slices.Contains(use.Operations, "verify") {
		return key{}, false // RFC 7517 §4.2 and §4.3
	}
	can := algorithmsOf(k.Key)
	if k.Algorithm != "" { // §4.4: it is for this one only
		can = slices.DeleteFunc(slices.Clone(can), func(a string) bool { return a != k.Algorithm })
	}
	return key{k.KeyID, k.Key, can}, len(can) > 0
}

func algorithmsOf(public any) []string {
	switch k := public.(type) {
	case *rsa.PublicKey:
		if bits := k.N.BitLen(); bits >= leastRSA && bits <= mostRSA && k.E >= 3 && k.E%2 == 1 {
			return rsaAlgorithms
		}
	case *ecdsa.PublicKey: // each curve has one algorithm (RFC 7518 §3.4)
		switch k.Curve {
		case elliptic.P256():
			return []string{"ES256"}
		case elliptic.P384():
			return []string{"ES384"}
		case elliptic.P521():
			return []string{"ES512"}
		}
	case ed25519.PublicKey:
		return edAlgorithms
	}
	return nil
}
