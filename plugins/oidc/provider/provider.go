// Package provider has what differs between the OpenID providers of the common
// identity providers, as data: names of claims, shapes of groups, signs of more than
// one factor. An operator can say otherwise in the block; nothing else goes by the
// name of a provider.
package provider

import "net/url"

// Defaults are what counts for a provider where the block does not say otherwise.
type Defaults struct {
	Scopes []string
	Claims Claims
	Groups Groups
	Factor Factors
	Again  Again

	// Subjects are claims that may stand in for sub: they never change, and are given
	// to nobody else.
	Subjects []string

	// Tenants says that issuers are templates for many tenants.
	Tenants bool

	// HostedDomain is the claim with the domain that a person's account belongs to. Where
	// there is one, the operator has to say whose accounts count: the provider has
	// accounts for everybody.
	HostedDomain string

	// Aliases are other names under which an issuer signs.
	Aliases map[string][]string
}

// Claims are the names of claims.
type Claims struct{ Email, EmailVerified, UserName, DisplayName, GivenName, FamilyName string }

// Groups say how groups are sent.
type Groups struct {
	Claim string

	// Cut is a number of groups at which the list is cut, without a word: a list of so
	// many may be one that was. 0 is none.
	Cut int

	// Overflow is a claim that is true where there are more groups than fit. The
	// pointer of distributed claims (OpenID Connect Core 1.0 §5.6.2) is understood of all.
	Overflow string

	// Graphs are the services where a person's groups can be asked for, by POST with
	// their access token: by the host of the issuer, since each cloud has its own.
	Graphs    map[string]string
	GraphPath string
	Scope     string // below the service's address, that allows it
	GraphMost int    // groups that an answer has at most
}

// Graph returns where the groups of an issuer's people can be asked for, and the scope
// that allows it; both are "" where there is no such thing.
func (g Groups) Graph(issuer string) (address, scope string) {
	u, err := url.Parse(issuer)
	if err != nil || g.Graphs[u.Host] == "" {
		return "", ""
	}
	return g.Graphs[u.Host] + g.GraphPath, g.Graphs[u.Host] + g.Scope
}

// Factors say how more than one factor shows.
type Factors struct {
	Methods      []string // in amr, each a sign by itself
	Contexts     []string // in the claim of the context
	ContextClaim string   // acr, unless the provider has another
	ByClaims     bool     // the context is asked for by the parameter claims (Core §5.5), not by acr_values
}

// Again says how a refresh token is asked for.
type Again struct {
	Scope  string
	Params map[string]string
}

// standard are the claims of OpenID Connect Core 1.0 §5.1.
func standard() Defaults {
	return Defaults{
		Scopes: []string{"openid", "profile", "email"}, // Core §5.4
		Claims: Claims{
			Email: "email", EmailVerified: "email_verified", UserName: "preferred_username",
			DisplayName: "name", GivenName: "given_name", FamilyName: "family_name",
		},
		Groups: Groups{Claim: "groups"}, // no standard, but what all that have a usual name have
		Factor: Factors{
			Methods:      []string{"mfa"}, // RFC 8176 §2: the one value that says it; two methods may be one factor
			ContextClaim: "acr",
		},
		// Core §11: without consent a provider ignores the scope, unless it has other rules.
		Again: Again{Scope: "offline_access", Params: map[string]string{"prompt": "consent"}},
	}
}

// For returns the defaults of a provider, by its name in the configuration. One that
// is not known is as the standard says.
func For(name string) Defaults {
	d := standard()
	switch name {
	case "okta":
		okta(&d)
	case "entra":
		entra(&d)
	case "onelogin":
		onelogin(&d)
	case "jumpcloud":
		jumpcloud(&d)
	case "google":
		google(&d)
	case "ping":
		// PingOne sends what is mapped in the application, under the names that were chosen
		// there (developer.pingidentity.com, application attribute mapping). Its acr is the
		// name of a sign-on policy, which the operator knows.
	}
	return d
}

func okta(d *Defaults) {
	// A claim of groups has at most 100, and what is beyond is left out without a word
	// (developer.hashicorp.com/vault/docs/auth/jwt/oidc-providers/okta). The scope
	// "groups" is of the org authorization server only: another one refuses it.
	d.Groups.Cut = 100
	// developer.okta.com/docs/guides/refresh-tokens: the scope is enough.
	d.Again.Params = nil
	// developer.okta.com/docs/guides/step-up-authentication: values of acr. "phr" and
	// "phrh" are left to the operator: they are about phishing, not about factors.
	d.Factor.Contexts = []string{"urn:okta:loa:2fa:any"}
}

func entra(d *Defaults) {
	// learn.microsoft.com/entra/identity-platform/id-token-claims-reference and
	// optional-claims-reference: email is not verified and can be changed; xms_edov says
	// that its domain's owner has verified it.
	d.Claims.EmailVerified = "xms_edov"
	// learn.microsoft.com/security/zero-trust/develop/configure-tokens-group-claims-app-roles:
	// beyond 200 groups there is a pointer instead. It names an interface that is gone, so
	// it is not followed but taken as a sign, and Microsoft Graph is asked:
	// learn.microsoft.com/graph/api/directoryobject-getmemberobjects.
	d.Groups = Groups{
		Claim: "groups", Overflow: "hasgroups",
		Graphs: map[string]string{ // learn.microsoft.com/graph/deployments
			"login.microsoftonline.com":        "https://graph.microsoft.com",
			"login.microsoftonline.us":         "https://graph.microsoft.us",
			"login.partner.microsoftonline.cn": "https://microsoftgraph.chinacloudapi.cn",
		},
		GraphPath: "/v1.0/me/getMemberObjects", Scope: "/User.Read", GraphMost: 11_000,
	}
	// amr is in tokens of version 1.0 only; acrs has the authentication contexts that a
	// policy of conditional access demands, by the names c1 to c99, and is asked for by
	// the parameter claims (learn.microsoft.com/entra/identity-platform/developer-guide-conditional-access-authentication-context).
	d.Factor = Factors{Methods: []string{"mfa"}, ContextClaim: "acrs", ByClaims: true}
	// learn.microsoft.com/entra/identity-platform/scopes-oidc: the scope is enough, and with
	// prompt=consent everybody is asked at each sign-on.
	d.Again.Params = nil
	// sub is another one in each application; oid is the same in all of a tenant, and what
	// provisioning sends as externalId if it is told to.
	d.Subjects = []string{"oid"}
	d.Tenants = true
}

func onelogin(d *Defaults) {
	// developers.onelogin.com/openid-connect/scopes: groups come with the scope "groups";
	// offline_access with the authorization code flow is an error, and refresh tokens are
	// a setting of the application.
	d.Scopes = append(d.Scopes, "groups")
	d.Again = Again{}
}

func jumpcloud(d *Defaults) {
	// jumpcloud.com/support/oidc-attributes-claims: the scope profile has names, and no
	// preferred_username. Groups have the name that is chosen in the application.
	d.Claims.UserName = "email"
	d.Again.Params = nil // the scope is enough, with the grant type of the application
}

func google(d *Defaults) {
	// developers.google.com/identity/openid-connect/reference: there is no
	// preferred_username, and no group; hd is the domain of a Workspace account, and is
	// missing of all others; iss has both forms.
	d.Claims.UserName = "email"
	d.HostedDomain = "hd"
	d.Aliases = map[string][]string{"https://accounts.google.com": {"accounts.google.com"}}
	// A refresh token is asked for by a parameter, and given with consent only.
	d.Again = Again{Params: map[string]string{"access_type": "offline", "prompt": "consent"}}
}
