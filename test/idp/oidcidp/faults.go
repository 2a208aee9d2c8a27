package oidcidp

import (
	"slices"
	"strings"
	"time"
)

// Faults are the ways to misbehave that have a name: whoever signs on while one of
// them is on must not be signed on. Where each comes from is at the list that it is in.
func (p *Provider) Faults() ([]Bend, error) {
	keys, err := p.keyFaults()
	if err != nil {
		return nil, err
	}
	return slices.Concat(p.claimFaults(), p.headerFaults(), keys, p.answerFaults(), p.documentFaults()), nil
}

// claimFaults: Core §3.1.3.7, and what libraries let pass (go-oidc and zitadel/oidc, each in
// its own way).
func (p *Provider) claimFaults() []Bend {
	in := func(d time.Duration) int64 { return p.clock().Add(d).Unix() }
	const other = "another-client"
	one := func(name, doc string, change func(map[string]any)) Bend {
		return Bend{Name: name, Doc: doc, Claims: change}
	}
	return []Bend{
		one("wrong-audience", "The token is for another client.", set("aud", other)),
		one("no-audience", "The token is for nobody.", set("aud", nil)),
		one("null-audience", "The token is for null.", set("aud", []any{nil})),
		one("audience-prefix", "The token is for a client whose name begins with ours.", func(c map[string]any) { c["aud"], c["azp"] = c["aud"].(string)+"-2", nil }),
		one("two-audiences", "The token is for us and another client, and does not say whose it is.", func(c map[string]any) { c["aud"] = []any{c["aud"], other}; delete(c, "azp") }),
		one("two-audiences-ours", "The token is for us and another client.", func(c map[string]any) { c["aud"] = []any{c["aud"], other} }),
		one("other-party", "The token was issued to another client.", set("azp", other)),
		one("wrong-issuer", "The token is of another issuer.", set("iss", "https://other.example")),
		one("issuer-slash", "The issuer has a slash too many.", set("iss", p.issuer+"/")),
		one("no-issuer", "The token has no issuer.", set("iss", nil)),
		one("no-subject", "The token is about nobody.", set("sub", nil)),
		one("empty-subject", "The subject is empty.", set("sub", "")),
		one("number-subject", "The subject is a number.", set("sub", 1)),
		one("long-subject", "The subject is longer than 255 characters.", set("sub", strings.Repeat("a", 256))),
		one("control-subject", "The subject has a line end.", set("sub", "ada\n")),
		one("no-nonce", "The token has no nonce.", set("nonce", nil)),
		one("wrong-nonce", "The token has the nonce of another sign-on.", set("nonce", "another")),
		one("list-nonce", "The nonce is a list.", func(c map[string]any) { c["nonce"] = []any{c["nonce"]} }),
		one("no-expiry", "The token never expires.", set("exp", nil)),
		one("expired", "The token has expired ten minutes ago.", set("exp", in(-10*time.Minute))),
		one("text-expiry", "The token expires at a text.", set("exp", "tomorrow")),
		one("huge-expiry", "The token expires after the end of time.", set("exp", 1e30)),
		one("no-issue", "The token does not say when it was issued.", set("iat", nil)),
		one("future-issue", "The token is issued in an hour.", set("iat", in(time.Hour))),
		one("old-issue", "The token was issued a year ago.", set("iat", in(-365*24*time.Hour))),
		one("not-yet", "The token is good in ten minutes.", set("nbf", in(10*time.Minute))),
		one("skewed-clock", "The clock of the provider is an hour slow.", all(set("iat", in(-time.Hour)), set("exp", in(-55*time.Minute)))),
		one("wrong-at-hash", "The access token is not the one that the ID token tells of.", set("at_hash", half("RS256", "another"))),
		one("empty-at-hash", "The hash of the access token is empty.", set("at_hash", "")),
		one("logout-token", "The ID token is a logout token.", set("events", map[string]any{logoutEvent: map[string]any{}})),
		one("future-sign-on", "The person signs on in an hour.", set("auth_time", in(time.Hour))),
		one("number-sid", "The session is a number.", set("sid", 1)),
	}
}

// answerFaults: RFC 6749 §4.1.2 and §5.1, RFC 9207 §2.4, Core §3.1.3.3 and §5.3.2.
func (p *Provider) answerFaults() []Bend {
	back := func(name, doc string, change func(map[string][]string)) Bend {
		return Bend{Name: name, Doc: doc, Response: change}
	}
	answer := func(name, doc string, change func(map[string]any)) Bend {
		return Bend{Name: name, Doc: doc, Tokens: change}
	}
	return []Bend{
		back("no-code", "The browser brings no code.", response("code")),
		back("two-codes", "The browser brings two codes.", response("code", "a", "b")),
		back("wrong-code", "The browser brings a code that nobody was given.", response("code", "made-up")),
		back("no-response-issuer", "The answer does not say whose it is, though the provider says that it does.", response("iss")),
		back("other-response-issuer", "The answer is of another provider: a mix-up.", response("iss", "https://other.example")),
		back("two-response-issuers", "The answer is of two providers.", response("iss", p.issuer, p.issuer)),
		back("wrong-state", "The answer is to another sign-on.", response("state", "another")),
		back("denied", "The provider answers with an error.", func(m map[string][]string) { m["error"] = []string{"access_denied"}; delete(m, "code") }),
		back("denied-with-code", "The provider answers with an error and a code.", response("error", "access_denied")),
		back("odd-error", "The error has markup in it.", func(m map[string][]string) {
			m["error"], m["error_description"] = []string{"<script>alert(1)</script>"}, []string{"<img src=x>"}
		}),
		answer("no-id-token", "There is no ID token.", set("id_token", nil)),
		answer("number-id-token", "The ID token is a number.", set("id_token", 1)),
		answer("other-token-type", "The access token is no bearer token.", set("token_type", "MAC")),
		answer("no-token-type", "The access token is of no type.", set("token_type", nil)),
		answer("no-access-token", "There is no access token.", set("access_token", nil)),
		answer("other-access-token", "The access token is another one than that which the ID token tells of.", set("access_token", "another")),
		answer("large-answer", "The answer of the token endpoint is too large.", set("x", strings.Repeat("a", 300<<10))),
		{Name: "token-endpoint-down", Doc: "The token endpoint is down.", Status: map[string]int{tokenPath: 503}},
	}
}

// documentFaults: Discovery §4.3. What is in the documents is not to be had at all.
func (p *Provider) documentFaults() []Bend {
	one := func(name, doc string, change func(map[string]any)) Bend {
		return Bend{Name: name, Doc: doc, Discovery: change}
	}
	return []Bend{
		one("other-discovery", "The discovery document is another provider's.", set("issuer", "https://other.example")),
		one("discovery-slash", "The discovery document names the issuer with a slash.", set("issuer", p.issuer+"/")),
		one("plain-keys", "The keys are at an address without TLS.", set("jwks_uri", "http://169.254.169.254/keys")),
		one("file-keys", "The keys are in a file.", set("jwks_uri", "file:///etc/passwd")),
		one("no-keys", "There is no address of keys.", set("jwks_uri", nil)),
		one("plain-token-endpoint", "The token endpoint is without TLS.", set("token_endpoint", "http://idp.example/token")),
		one("script-authorization", "The authorization endpoint is a script.", set("authorization_endpoint", "javascript:alert(1)")),
		one("plain-pkce", "The provider knows PKCE by plain only.", set("code_challenge_methods_supported", []string{"plain"})),
		one("large-discovery", "The discovery document is too large.", set("x", strings.Repeat("a", 300<<10))),
		{Name: "discovery-down", Doc: "There is no discovery document.", Status: map[string]int{discoveryPath: 500}},
		{Name: "keys-down", Doc: "There are no keys.", Status: map[string]int{keysPath: 500}},
	}
}
