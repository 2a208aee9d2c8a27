package saml

import "github.com/gatehouse-id/gatehouse/sdk/schema"

// block is what may stand in authenticator "saml" {}.
func block() schema.Schema {
	return schema.Schema{Attributes: []schema.Attribute{
		{
			Name: "metadata_url", Type: schema.String, Example: `"https://acme.okta.com/app/exk1/sso/saml/metadata"`,
			Doc: "Where the IdP publishes its metadata. It is asked again as `metadata_refresh` says; while it cannot be reached, the last good document counts.",
		},
		{
			Name: "metadata", Type: schema.String, Example: `file("idp.xml")`,
			Doc: "The IdP's metadata itself, where it has no address for it.",
		},
		{
			Name: "metadata_certificate", Type: schema.String, Example: `file("federation.pem")`,
			Doc: "The certificate that metadata has to be signed with. Signed metadata may bring any new certificate.",
		},
		{
			Name: "metadata_refresh", Type: schema.Duration, Default: "1h", Example: `"1h"`,
			Doc: "How old metadata may be before it is asked for again, at the next sign-on: from 5m to 168h. What the document itself says, if it is less, counts.",
		},
		{
			Name: "new_certificates", Type: schema.String, Default: newOverlap, Example: `"always"`,
			Doc: "When certificates of newer metadata are trusted that nobody has signed: `overlap` if one of those that are trusted is still in it, `always`, or `never`. Other metadata is held back, with a warning and an audit record, until the operator adds its certificate to `certificates`.",
		},
		{
			Name: "entity_id", Type: schema.String, Example: `"http://www.okta.com/exk1"`,
			Doc: "The IdP's name for itself. With metadata, that which has to stand in it, or which of several is meant.",
		},
		{
			Name: "sso_url", Type: schema.String, Example: `"https://acme.okta.com/app/acme/exk1/sso/saml"`,
			Doc: "Where people sign on, without metadata.",
		},
		{
			Name: "slo_url", Type: schema.String, Example: `"https://acme.okta.com/app/acme/exk1/slo/saml"`,
			Doc: "Where sessions end, without metadata.",
		},
		{
			Name: "certificates", Type: schema.Strings, Example: `[file("okta.pem"), file("okta-next.pem")]`,
			Doc: "Certificates of the IdP that are trusted, beside those of its metadata: in PEM. Their periods do not count. To change one, have both here for a while.",
		},
		{
			Name: "binding", Type: schema.String, Example: `"post"`,
			Doc: "How a request gets to the IdP: `redirect` or `post`. Without it, what the IdP offers.",
		},
		{
			Name: "sign_requests", Type: schema.Bool, Default: true, Example: "true",
			Doc: "Whether requests are signed. An IdP whose metadata wants it gets them signed in any case.",
		},
		{
			Name: "name_id_format", Type: schema.String, Example: `"persistent"`,
			Doc: "The form of name that the IdP is asked for: `email`, `persistent`, `transient`, `unspecified` or a URI. An answer with another is refused then; without it any is taken.",
		},
		{
			Name: "authn_context", Type: schema.Strings, Example: `["urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"]`,
			Doc: "The ways to sign on that the IdP is asked for, of which the answer has to name one.",
		},
		{
			Name: "require_encryption", Type: schema.Bool, Default: false, Example: "true",
			Doc: "Whether an assertion that is not encrypted is refused. Encrypted ones are always taken.",
		},
		{
			Name: "allow_sha1", Type: schema.Bool, Default: false, Example: "false",
			Doc: "Whether signatures with SHA-1 are taken, which can be forged with effort. Each sign-on says then that it has this weakness.",
		},
		{
			Name: "allow_cbc", Type: schema.Bool, Default: false, Example: "false",
			Doc: "Whether encryption in the mode CBC is taken, of an IdP that has no GCM. Its Response has to be signed then.",
		},
		{
			Name: "clock_skew", Type: schema.Duration, Default: "3m", Example: `"3m"`,
			Doc: "By how much the IdP's clock may differ from ours: at most 10m.",
		},
		{
			Name: "max_size", Type: schema.Number, Default: float64(mostSize), Example: "2097152",
			Doc: "How large the XML of a message may be, in bytes: from 16384 to 2097152. A person with 20,000 groups has 0.9 MB.",
		},
		{
			Name: "logout", Type: schema.Bool, Default: true, Example: "true",
			Doc: "Whether the IdP is told when a session ends here, where it has an address for it.",
		},
		{
			Name: "groups_attribute", Type: schema.String, Example: `"groups"`,
			Doc: "The attribute with the names of the groups. Without it, what the provider calls it by default.",
		},
		{
			Name: "groups_separator", Type: schema.String, Example: `";"`,
			Doc: "What separates groups within one value. Without it a value is a group.",
		},
		{Name: "email_attribute", Type: schema.String, Example: `"email"`, Doc: "The attribute with the e-mail address."},
		{Name: "user_name_attribute", Type: schema.String, Example: `"login"`, Doc: "The attribute with the user name. Without it, and without one that is known, the name of the subject is it, unless that is persistent or transient."},
		{Name: "display_name_attribute", Type: schema.String, Example: `"displayName"`, Doc: "The attribute with the name that is shown."},
		{Name: "given_name_attribute", Type: schema.String, Example: `"firstName"`, Doc: "The attribute with the given name."},
		{Name: "family_name_attribute", Type: schema.String, Example: `"lastName"`, Doc: "The attribute with the family name."},
		{
			Name: "mfa_contexts", Type: schema.Strings, Example: `["https://refeds.org/profile/mfa"]`,
			Doc: "The classes (AuthnContextClassRef) that say that more than one factor was used. The IdP is asked for them where the connection requires it.",
		},
		{
			Name: "mfa_attribute", Type: schema.String, Example: `"amr"`,
			Doc: "The attribute whose values say how somebody signed on.",
		},
		{
			Name: "mfa_values", Type: schema.Strings, Example: `["mfa"]`,
			Doc: "The values of `mfa_attribute` that say that more than one factor was used.",
		},
	}}
}
