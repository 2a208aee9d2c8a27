package oidc

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-id/gatehouse/plugins/oidc/internal/discovery"
	"github.com/gatehouse-id/gatehouse/plugins/oidc/provider"
	"github.com/gatehouse-id/gatehouse/sdk/diag"
	"github.com/gatehouse-id/gatehouse/sdk/instance"
)

// How the client says who it is at the token endpoint (OpenID Connect Core 1.0 §9).
const (
	authBasic = "client_secret_basic"
	authPost  = "client_secret_post"
	authKey   = "private_key_jwt"
)

// settings are what the block says.
type settings struct {
	Issuer       string `json:"issuer"`
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
	TokenAuth    string `json:"token_auth"`

	Scopes     []string          `json:"scopes"`
	Params     map[string]string `json:"params"`
	Algorithms []string          `json:"algorithms"`
	Audiences  []string          `json:"audiences"`
	ClockSkew  string            `json:"clock_skew"`
	UserInfo   bool              `json:"userinfo"`
	Renews     bool              `json:"refresh"`

	Groups       string `json:"groups_claim"`
	Email        string `json:"email_claim"`
	UserName     string `json:"user_name_claim"`
	DisplayName  string `json:"display_name_claim"`
	GivenName    string `json:"given_name_claim"`
	FamilyName   string `json:"family_name_claim"`
	SubjectClaim string `json:"subject_claim"`
	AllGroups    bool   `json:"all_groups"`

	MFAContexts []string `json:"mfa_acr_values"`
	MFAMethods  []string `json:"mfa_amr_values"`

	Tenants      []string `json:"tenants"`
	HostedDomain string   `json:"hosted_domain"`

	LogsOut     bool        `json:"logout"`
	FrontLogout bool        `json:"frontchannel_logout"`
	BackLogout  bool        `json:"backchannel_logout"`
	Universal   *revocation `json:"universal_logout"`

	defaults provider.Defaults
	issuer   provider.Issuer
	skew     time.Duration
}

// revocation is the block about the provider's requests to revoke tokens.
type revocation struct {
	Issuer string `json:"issuer"`
	JWKS   string `json:"jwks_uri"`
	Keys   bool   `json:"keys"`
}

// The clock skew: what is put up with unless it is set, and at most.
const (
	defaultSkew = "1m"
	mostSkew    = 5 * time.Minute
)

// asymmetric are the algorithms that can be allowed (RFC 7518 §3.1, RFC 8037 §3.1):
// none whose key the client would share, and not "none".
var asymmetric = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

// usualAlgorithms count unless the block says otherwise. Each caller has a list of its
// own: a decoder writes into the one that it is given.
func usualAlgorithms() []string { return []string{"RS256", "PS256", "ES256", "EdDSA"} }

// algorithms are those that the block allows and the provider says that it uses
// (RFC 8725 §3.1). A provider that says nothing uses RS256 (Discovery §3).
func (s settings) algorithms(d discovery.Document) []string {
	says := d.Algorithms
	if len(says) == 0 {
		says = []string{"RS256"}
	}
	return slices.DeleteFunc(slices.Clone(s.Algorithms), func(a string) bool { return !slices.Contains(says, a) })
}

// readSettings reads the block and checks it, without asking anybody.
func readSettings(c instance.Config) (settings, diag.Diagnostics) {
	s := settings{TokenAuth: authBasic, ClockSkew: defaultSkew, LogsOut: true, FrontLogout: true, BackLogout: true}
	ds := c.Decode(&s)
	if ds.HasErrors() {
		return s, ds
	}
	if s.Algorithms == nil {
		s.Algorithms = usualAlgorithms()
	}
	s.defaults = provider.For(c.Provider)
	s.issuer = s.defaults.NewIssuer(s.Issuer, s.Tenants)
	k := check{Config: c, ds: &ds}
	k.client(&s)
	k.asked(&s)
	k.whose(&s)
	k.universal(s.Universal, strings.HasPrefix(s.Issuer, "http://"))
	s.fill()
	return s, ds
}

// fill puts the provider's defaults where the block says nothing.
func (s *settings) fill() {
	if len(s.Scopes) == 0 {
		s.Scopes = slices.Clone(s.defaults.Scopes)
	}
	_, graph := s.defaults.Groups.Graph(s.Issuer)
	for _, more := range []struct {
		scope string
		ask   bool
	}{{"openid", true}, {s.defaults.Again.Scope, s.Renews}, {graph, s.AllGroups}} {
		if more.ask && more.scope != "" && !slices.Contains(s.Scopes, more.scope) {
			s.Scopes = append(s.Scopes, more.scope)
		}
	}
	names := s.defaults.Claims
	for _, n := range []struct {
		value *string
		usual string
	}{
		{&s.Groups, s.defaults.Groups.Claim}, {&s.Email, names.Email}, {&s.UserName, names.UserName}, {&s.DisplayName, names.DisplayName},
		{&s.GivenName, names.GivenName}, {&s.FamilyName, names.FamilyName}, {&s.SubjectClaim, "sub"},
	} {
		if *n.value == "" {
			*n.value = n.usual
		}
	}
	if s.MFAMethods == nil {
		s.MFAMethods = s.defaults.Factor.Methods
	}
	if s.MFAContexts == nil {
		s.MFAContexts = s.defaults.Factor.Contexts
	}
	if s.Universal != nil && s.Universal.Issuer == "" {
		s.Universal.Issuer = s.Issuer
	}
}

// check checks settings that are known.
type check struct {
	instance.Config
	ds *diag.Diagnostics
}

// wrong adds an error on an attribute, unless its value is not known yet.
func (k check) wrong(path diag.Path, summary, format string, args ...any) {
	if !k.IsUnknown(path.String()) && !k.IsUnknown(path[0]) {
		k.ds.Errorf(path, summary, format, args...)
	}
}

// client checks whom the provider knows us as.
func (k check) client(s *settings) {
	if err := checkIssuer(s.Issuer); err != "" {
		k.wrong(diag.Path{"issuer"}, "Not an issuer", "%s Copy it from the provider, letter for letter: a slash at the end makes another one.", err)
	}
	if s.ClientID == "" || len(s.ClientID) > 1<<10 || strings.ContainsFunc(s.ClientID, unprintable) {
		k.wrong(diag.Path{"client_id"}, "Not a client ID", "It is what the provider knows this application by.")
	}
	switch s.TokenAuth {
	case authBasic, authPost:
		if s.ClientSecret == "" && !k.IsUnknown("token_auth") {
			k.wrong(diag.Path{"client_secret"}, "Secret missing", "token_auth is %q, and needs one. With %q there is none.", s.TokenAuth, authKey)
		}
	case authKey:
		if s.ClientSecret != "" && !k.IsUnknown("token_auth") {
			k.wrong(diag.Path{"client_secret"}, "Secret without use", "With token_auth = %q the host's key takes its place. Leave it out.", authKey)
		}
	default:
		k.wrong(diag.Path{"token_auth"}, "No such way to authenticate", "It must be %s, %s or %s.", authBasic, authPost, authKey)
	}
}

// checkIssuer says what is wrong with an issuer (Discovery §2), and "" if nothing is.
func checkIssuer(issuer string) string {
	u, err := url.Parse(issuer)
	switch {
	case err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "":
		return "It begins with https:// and a host."
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || strings.ContainsAny(issuer, "#\\ "):
		return "It has no user, no query and no fragment."
	case strings.Contains(issuer, "/.well-known/"):
		return "It ends before /.well-known/."
	}
	return ""
}

func unprintable(r rune) bool { return r <= ' ' || r > '~' }

// reserved are parameters of a request that are not the operator's to set.
var reserved = []string{
	"response_type", "response_mode", "client_id", "client_secret", "redirect_uri", "scope", "state", "nonce", "code_challenge",
	"code_challenge_method", "request", "request_uri", "max_age", "prompt", "login_hint", "acr_values", "claims", "hd",
}

// asked checks what is asked of the provider, and how its tokens are read.
func (k check) asked(s *settings) {
	for _, scope := range s.Scopes {
		if scope == "" || strings.ContainsFunc(scope, func(r rune) bool { return unprintable(r) || r == '"' || r == '\\' }) { // RFC 6749 §3.3
			k.wrong(diag.Path{"scopes"}, "Not a scope", "Each is a word of its own, without spaces, quotation marks and backslashes.")
			break
		}
	}
	for name := range s.Params {
		if name == "" || slices.Contains(reserved, name) || strings.ContainsFunc(name, unprintable) {
			k.wrong(diag.Path{"params"}, "Not a parameter to set", "These are set by Gatehouse: %s.", strings.Join(reserved, ", "))
			break
		}
	}
	for _, a := range s.Algorithms {
		if !slices.Contains(asymmetric, a) {
			k.wrong(diag.Path{"algorithms"}, "No such algorithm", "Each is one of %s. Symmetric ones and \"none\" prove nothing.", strings.Join(asymmetric, ", "))
			break
		}
	}
	if len(s.Algorithms) == 0 {
		k.wrong(diag.Path{"algorithms"}, "No algorithm", "Without one no token counts. Leave the attribute out for %s.", strings.Join(usualAlgorithms(), ", "))
	}
	skew, err := time.ParseDuration(s.ClockSkew)
	if s.skew = skew; err != nil || skew < 0 || skew > mostSkew {
		k.wrong(diag.Path{"clock_skew"}, "Out of bounds", "It is from 0s to %s.", mostSkew)
	}
}

// whose checks whose people they are.
func (k check) whose(s *settings) {
	if s.SubjectClaim != "" && s.SubjectClaim != "sub" && !slices.Contains(s.defaults.Subjects, s.SubjectClaim) {
		k.wrong(diag.Path{"subject_claim"}, "Not a name that stays", "A person is known by it for ever. With this provider it is one of %s: anything else can change, or be given to somebody else.",
			strings.Join(append([]string{"sub"}, s.defaults.Subjects...), ", "))
	}
	for _, t := range s.Tenants {
		if !provider.IsTenant(t) {
			k.wrong(diag.Path{"tenants"}, "Not a tenant", "Each is a tenant's id, such as 72f988bf-86f1-41af-91ab-2d7cd011db47.")
			break
		}
	}
	if len(s.Tenants) > 0 && !s.defaults.Tenants {
		k.wrong(diag.Path{"tenants"}, "The provider has no tenants", "This is for connections of the provider \"entra\".")
	}
	if s.issuer.Many() && len(s.Tenants) == 0 && !k.IsUnknown("issuer") {
		k.wrong(diag.Path{"tenants"}, "Tenants missing", "The issuer is one for all tenants: name those whose people may sign on, or write the tenant's id into the issuer.")
	}
	if s.defaults.HostedDomain == "" && s.HostedDomain != "" {
		k.wrong(diag.Path{"hosted_domain"}, "The provider has no hosted domains", "This is for connections of the provider \"google\".")
	}
	if s.defaults.HostedDomain != "" && (s.HostedDomain == "" || strings.ContainsAny(s.HostedDomain, "@*/ ")) {
		k.wrong(diag.Path{"hosted_domain"}, "Hosted domain missing", "Everybody can have an account with this provider. Write the domain of the organization's accounts, such as acme.example.")
	}
	if graph, _ := s.defaults.Groups.Graph(s.Issuer); s.AllGroups && graph == "" && !k.IsUnknown("issuer") {
		k.wrong(diag.Path{"all_groups"}, "The provider has no such thing", "This is for connections of the provider \"entra\", with an issuer of Microsoft's.")
	}
}

// universal checks the block about requests to revoke tokens.
func (k check) universal(r *revocation, plain bool) {
	if r == nil {
		return
	}
	if err := checkIssuer(r.Issuer); r.Issuer != "" && err != "" {
		k.wrong(diag.Path{"universal_logout", "issuer"}, "Not an issuer", "%s", err)
	}
	if r.JWKS != "" && discovery.CheckURL(r.JWKS, plain) != nil {
		k.wrong(diag.Path{"universal_logout", "jwks_uri"}, "Not a URL", "Expected an https URL, without a user and a fragment.")
	}
}
