// Package discovery reads what an OpenID provider says of itself (OpenID Connect
// Discovery 1.0 §3 and §4, RFC 8414 §2, and what RFC 9207, RP-Initiated and
// Back-Channel Logout add), and refuses what would lead elsewhere.
package discovery

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// Limit bounds a document, in bytes. Those of the common providers have 1 to 4 KiB.
const Limit = 256 << 10

// Document is what the OpenID provider says, as far as it is used.
type Document struct {
	oidc.ProviderConfig // issuer, authorization_endpoint, token_endpoint, jwks_uri, userinfo_endpoint, id_token_signing_alg_values_supported

	EndSession      string   `json:"end_session_endpoint"`                             // RP-Initiated Logout 1.0 §2.1
	IssuerParameter bool     `json:"authorization_response_iss_parameter_supported"`   // RFC 9207 §3
	TokenAuth       []string `json:"token_endpoint_auth_methods_supported"`            // Discovery §3
	TokenAuthAlgs   []string `json:"token_endpoint_auth_signing_alg_values_supported"` // Discovery §3
	Challenges      []string `json:"code_challenge_methods_supported"`                 // RFC 8414 §2
}

// URL is where the document of an issuer stands (Discovery §4.1).
func URL(issuer string) string {
	return strings.TrimSuffix(issuer, "/") + "/.well-known/openid-configuration"
}

// Read reads the document of an issuer. It has to name that issuer, letter for
// letter (§4.3), and endpoints with TLS, unless the issuer itself has none. The
// error is a *problem.Problem with the code BadUpstream.
func Read(issuer string, text []byte) (Document, error) {
	var d Document
	bad := func(format string, args ...any) (Document, error) {
		return Document{}, problem.New(problem.BadUpstream, "the discovery document of %s: "+format, append([]any{issuer}, args...)...)
	}
	if len(text) > Limit {
		return bad("it has more than %d bytes", Limit)
	}
	if json.Unmarshal(text, &d) != nil {
		return bad("it is no JSON of that form")
	}
	if d.IssuerURL != issuer {
		return bad("it names the issuer %.200q; write into the configuration what it names, if that is who you mean", d.IssuerURL)
	}
	plain := strings.HasPrefix(issuer, "http://")
	for _, e := range []struct {
		name, address string
		required      bool
	}{
		{"authorization_endpoint", d.AuthURL, true}, {"token_endpoint", d.TokenURL, true}, {"jwks_uri", d.JWKSURL, true},
		{"userinfo_endpoint", d.UserInfoURL, false}, {"end_session_endpoint", d.EndSession, false},
	} {
		if e.address == "" && !e.required {
			continue
		}
		if err := CheckURL(e.address, plain); err != nil {
			return bad("its %s: %v", e.name, err)
		}
	}
	if len(d.Challenges) > 0 && !slices.Contains(d.Challenges, "S256") {
		return bad("it knows PKCE, but not by S256")
	}
	return d, nil
}

// CheckURL says what is wrong with an address of an OpenID provider. plain allows
// one without TLS.
func CheckURL(address string, plain bool) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Hostname() == "":
		return fmt.Errorf("%.200q is no absolute URL", address)
	case u.Scheme != "https" && (u.Scheme != "http" || !plain):
		return fmt.Errorf("%.200q does not begin with https://", address)
	case u.User != nil || u.Fragment != "" || strings.ContainsAny(address, "#\\"):
		return fmt.Errorf("%.200q has a user or a fragment", address)
	}
	return nil
}
