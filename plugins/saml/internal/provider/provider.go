// Package provider is what is known of the products of identity providers: the names
// that they give to attributes, what they call our addresses, and what says that
// somebody has signed on with more than one factor. It is data, each with where it
// is from; nothing here decides anything.
package provider

// Defaults are what a connection has that says nothing else.
type Defaults struct {
	Groups         []string // names of the attribute with the groups, the first that is there counts
	GroupsOverflow string   // the attribute that stands in its place where there are too many
	GroupsCut      int      // as many groups may be only the first of them; 0: the list is whole

	Email, UserName, DisplayName, GivenName, FamilyName []string

	MFAContexts  []string // AuthnContextClassRefs that say so
	MFAAttribute string
	MFAValues    []string

	// LogoutIssuers are prefixes of other names of the IdP, in what it says about
	// logout.
	LogoutIssuers []string

	// What the forms of its console call our entityID, the two addresses, and the
	// certificate that verifies our requests.
	EntityID, ACS, SLO, Certificate string

	Source string // where it is from
}

// For are the defaults for a provider.
func For(name string) Defaults {
	switch name {
	case "okta":
		return okta()
	case "entra":
		return entra()
	case "onelogin":
		return oneLogin()
	case "ping":
		return ping()
	case "jumpcloud":
		return jumpCloud()
	case "google":
		return google()
	}
	return generic()
}

const (
	claims    = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"
	microsoft = "http://schemas.microsoft.com/identity/claims/"
)

// Names by which attributes are known whatever the product: in plain words, those of
// X.500 and inetOrgPerson as URNs (MACE-Dir SAML Attribute Profile §2.2), and those of
// the Identity Metasystem (OASIS IMI 1.0 §7), which AD FS has.
func generic() Defaults {
	return Defaults{
		Groups:      []string{"groups", "memberOf", "urn:oid:1.3.6.1.4.1.5923.1.5.1.1", "http://schemas.xmlsoap.org/claims/Group"},
		Email:       []string{"email", "mail", "emailAddress", "urn:oid:0.9.2342.19200300.100.1.3", claims + "emailaddress"},
		UserName:    []string{"userName", "username", "uid", "urn:oid:0.9.2342.19200300.100.1.1"},
		DisplayName: []string{"displayName", "urn:oid:2.16.840.1.113730.3.1.241"},
		GivenName:   []string{"firstName", "givenName", "urn:oid:2.5.4.42", claims + "givenname"},
		FamilyName:  []string{"lastName", "sn", "surname", "urn:oid:2.5.4.4", claims + "surname"},
		MFAContexts: []string{"https://refeds.org/profile/mfa"}, // https://refeds.org/profile/mfa
		EntityID:    "Entity ID", ACS: "Assertion Consumer Service URL", SLO: "Single Logout URL", Certificate: "Certificate of requests",
		Source: "OASIS SAML 2.0 Metadata and the MACE-Dir SAML Attribute Profile",
	}
}

// The class of Okta is a setting of the application and proves nothing, so none is
// taken for more than one factor; an attribute from session.amr does.
func okta() Defaults {
	d := generic()
	d.MFAContexts, d.MFAAttribute, d.MFAValues = nil, "amr", []string{"mfa"}
	d.EntityID, d.ACS, d.SLO, d.Certificate = "Audience URI (SP Entity ID)", "Single sign-on URL", "Single Logout URL", "Signature Certificate"
	d.Source = "Okta's developer documentation; the okta_app_saml resource of its Terraform provider"
	return d
}

func entra() Defaults {
	return Defaults{
		Groups:         []string{"http://schemas.microsoft.com/ws/2008/06/identity/claims/groups"},
		GroupsOverflow: "http://schemas.microsoft.com/claims/groups.link", // above 150 groups
		Email:          []string{claims + "emailaddress"},
		UserName:       []string{claims + "name"},
		DisplayName:    []string{microsoft + "displayname"},
		GivenName:      []string{claims + "givenname"},
		FamilyName:     []string{claims + "surname"},
		MFAAttribute:   "http://schemas.microsoft.com/claims/authnmethodsreferences",
		MFAValues:      []string{"http://schemas.microsoft.com/claims/multipleauthn"},
		LogoutIssuers:  []string{"https://login.microsoftonline.com/"}, // single-sign-out-saml-protocol: not the name that is in assertions
		EntityID:       "Identifier (Entity ID)", ACS: "Reply URL (Assertion Consumer Service URL)", SLO: "Logout Url", Certificate: "Verification certificate",
		Source: "MicrosoftDocs/entra-docs, docs/identity-platform: reference-saml-tokens.md, single-sign-out-saml-protocol.md",
	}
}

func oneLogin() Defaults {
	d := generic()
	d.Groups = []string{"memberOf", "groups"}
	d.Email = append([]string{"User.email"}, d.Email...)
	d.GivenName = append([]string{"User.FirstName"}, d.GivenName...)
	d.FamilyName = append([]string{"User.LastName"}, d.FamilyName...)
	d.MFAContexts = nil
	d.EntityID, d.ACS, d.SLO = "Audience (EntityID)", "ACS (Consumer) URL", "Single Logout URL"
	d.Source = "OneLogin's application templates, as integrators' guides have them"
	return d
}

func ping() Defaults {
	d := generic()
	d.EntityID, d.ACS, d.SLO, d.Certificate = "Entity ID", "ACS URLs", "SLO Endpoint", "Verification certificate"
	d.Source = "developer.pingidentity.com, PingOne"
	return d
}

func jumpCloud() Defaults {
	d := generic()
	d.MFAContexts = nil
	d.EntityID, d.ACS = "SP Entity ID", "ACS URLs"
	d.Source = "jumpcloud.com/support"
	return d
}

// At most 75 groups can be mapped, and nothing says that there are more.
func google() Defaults {
	d := generic()
	d.GroupsCut, d.MFAContexts = 75, nil
	d.EntityID, d.ACS = "Entity ID", "ACS URL"
	d.Source = "support.google.com: about group membership mapping"
	return d
}
