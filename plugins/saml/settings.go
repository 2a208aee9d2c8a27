package saml

import (
	"crypto/x509"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-id/gatehouse/plugins/saml/internal/idp"
	"github.com/gatehouse-id/gatehouse/plugins/saml/internal/provider"
	"github.com/gatehouse-id/gatehouse/sdk/diag"
	"github.com/gatehouse-id/gatehouse/sdk/instance"
)

// settings are what the block says.
type settings struct {
	MetadataURL         string   `json:"metadata_url"`
	Metadata            string   `json:"metadata"`
	MetadataCertificate string   `json:"metadata_certificate"`
	MetadataRefresh     string   `json:"metadata_refresh"`
	NewCertificates     string   `json:"new_certificates"`
	EntityID            string   `json:"entity_id"`
	SSOURL              string   `json:"sso_url"`
	SLOURL              string   `json:"slo_url"`
	Certificates        []string `json:"certificates"`

	Binding           string   `json:"binding"`
	SignRequests      bool     `json:"sign_requests"`
	NameIDFormat      string   `json:"name_id_format"`
	AuthnContext      []string `json:"authn_context"`
	RequireEncryption bool     `json:"require_encryption"`
	AllowSHA1         bool     `json:"allow_sha1"`
	AllowCBC          bool     `json:"allow_cbc"`
	ClockSkew         string   `json:"clock_skew"`
	MaxSize           float64  `json:"max_size"`
	Logout            bool     `json:"logout"`

	GroupsAttribute      string   `json:"groups_attribute"`
	GroupsSeparator      string   `json:"groups_separator"`
	EmailAttribute       string   `json:"email_attribute"`
	UserNameAttribute    string   `json:"user_name_attribute"`
	DisplayNameAttribute string   `json:"display_name_attribute"`
	GivenNameAttribute   string   `json:"given_name_attribute"`
	FamilyNameAttribute  string   `json:"family_name_attribute"`
	MFAContexts          []string `json:"mfa_contexts"`
	MFAAttribute         string   `json:"mfa_attribute"`
	MFAValues            []string `json:"mfa_values"`

	skew     time.Duration
	refresh  time.Duration
	pins     []*x509.Certificate // of the block
	signer   *x509.Certificate   // of metadata; nil: it need not be signed
	stated   idp.Provider        // by the block or by metadata in it; without metadata_url
	defaults provider.Defaults
}

// The bounds of what can be set.
const (
	mostSkew     = 10 * time.Minute
	leastRefresh = 5 * time.Minute
	mostRefresh  = 7 * 24 * time.Hour
	leastSize    = 16 << 10
	mostSize     = 2 << 20
)

func readSettings(c instance.Config, now time.Time) (settings, diag.Diagnostics) {
	var s settings
	ds := c.Decode(&s)
	if ds.HasErrors() {
		return s, ds
	}
	r := settingsReader{settings: &s, config: c, ds: &ds}
	r.words()
	s.skew, s.refresh = r.span("clock_skew", s.ClockSkew, 0, mostSkew), r.span("metadata_refresh", s.MetadataRefresh, leastRefresh, mostRefresh)
	r.certificates()
	r.source(now)
	s.defaults = s.mapped(provider.For(c.Provider))
	return s, ds
}

// settingsReader checks the settings of one block.
type settingsReader struct {
	*settings
	config instance.Config
	ds     *diag.Diagnostics
}

func (r settingsReader) bad(name, summary, detail string, args ...any) {
	if !r.config.IsUnknown(name) {
		r.ds.Errorf(diag.Path{name}, summary, detail, args...)
	}
}

func (r settingsReader) span(name, text string, least, most time.Duration) time.Duration {
	d, err := time.ParseDuration(text)
	if err != nil || d < least || d > most {
		r.bad(name, "Out of bounds", "It is from %s to %s.", least, most)
	}
	return d
}

func (r settingsReader) words() {
	if !slices.Contains([]string{"", "redirect", "post"}, r.Binding) {
		r.bad("binding", "Not a binding", `It is "redirect" or "post"; without it, that which the IdP offers, redirect before post.`)
	}
	if !slices.Contains([]string{newOverlap, newAlways, newNever}, r.NewCertificates) {
		r.bad("new_certificates", "Not a rule", `It is "overlap", "always" or "never".`)
	}
	if r.NameIDFormat != "" {
		if full, known := nameIDFormats[r.NameIDFormat]; known {
			r.NameIDFormat = full
		} else if u, err := url.Parse(r.NameIDFormat); err != nil || !u.IsAbs() || len(r.NameIDFormat) > 512 {
			r.bad("name_id_format", "Not a format", `It is "email", "persistent", "transient", "unspecified", or a URI.`)
		}
	}
	if r.MaxSize < leastSize || r.MaxSize > mostSize || r.MaxSize != float64(int(r.MaxSize)) {
		r.bad("max_size", "Out of bounds", "It is a whole number of bytes, from %d to %d.", leastSize, mostSize)
	}
	for _, list := range []struct {
		name   string
		values []string
	}{{"authn_context", r.AuthnContext}, {"mfa_contexts", r.MFAContexts}} {
		for _, class := range list.values {
			if u, err := url.Parse(class); err != nil || !u.IsAbs() || len(class) > 512 || len(list.values) > 16 {
				r.bad(list.name, "Not a class", "It is at most 16 URIs, such as https://refeds.org/profile/mfa.")
				break
			}
		}
	}
	if (r.MFAAttribute == "") != (len(r.MFAValues) == 0) && !r.config.IsUnknown("mfa_attribute") {
		r.bad("mfa_values", "One without the other", "mfa_attribute names an attribute, and mfa_values the values of it that say so.")
	}
}

// nameIDFormats are short words for the formats: SAML Core §8.3.
var nameIDFormats = map[string]string{
	"email":       "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress",
	"unspecified": formatUnspecified,
	"persistent":  formatPersistent,
	"transient":   formatTransient,
}

const (
	formatUnspecified = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"
	formatEmail       = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
	formatPersistent  = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
	formatTransient   = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
)

func (r settingsReader) certificates() {
	for _, text := range r.Certificates {
		list, err := idp.ParseCertificates(text)
		if err != nil {
			r.bad("certificates", "Not a certificate", "Of one of them: %v. Expected certificates of the IdP, in PEM.", err)
			continue
		}
		r.pins = idp.Join(r.pins, list)
	}
	if len(r.pins) > idp.MostCertificates {
		r.bad("certificates", "Too many", "There are %d at most.", idp.MostCertificates)
	}
	if r.MetadataCertificate != "" {
		list, err := idp.ParseCertificates(r.MetadataCertificate)
		if err != nil || len(list) != 1 {
			r.bad("metadata_certificate", "Not a certificate", "Expected the one certificate that metadata is signed with, in PEM.")
			return
		}
		r.signer = list[0]
	}
}

// source reads where the IdP is known from: one of three ways, and no two.
func (r settingsReader) source(now time.Time) {
	for _, a := range []struct{ name, value string }{{"metadata_url", r.MetadataURL}, {"sso_url", r.SSOURL}, {"slo_url", r.SLOURL}} {
		if a.value != "" {
			if err := idp.CheckURL(a.value); err != nil {
				r.bad(a.name, "Not a URL", "It begins with https:// and a host, without a user, a fragment or white space.")
			}
		}
	}
	if slices.ContainsFunc([]string{"metadata_url", "metadata", "entity_id", "sso_url", "certificates", "metadata_certificate"}, r.config.IsUnknown) {
		return
	}
	switch {
	case r.MetadataURL != "" && r.Metadata != "":
		r.bad("metadata", "Two sources", "The IdP is known by metadata_url or by metadata.")
	case (r.MetadataURL != "" || r.Metadata != "") && r.SSOURL != "":
		r.bad("sso_url", "Two sources", "Where to sign on stands in the metadata.")
	case r.MetadataURL != "":
	case r.Metadata != "":
		p, err := idp.Parse([]byte(strings.TrimSpace(r.Metadata)), r.EntityID, r.signer, now)
		if err != nil {
			r.bad("metadata", "Not the metadata of an IdP", "In it: %v. Expected the XML that the IdP gives out, such as file(\"idp.xml\").", err)
		}
		p.Certificates = idp.Join(p.Certificates, r.pins)
		r.stated = p
	default:
		r.byHand()
	}
}

func (r settingsReader) byHand() {
	const detail = "Without metadata_url and metadata, entity_id, sso_url and certificates say what the IdP is."
	if r.EntityID == "" && r.SSOURL == "" && len(r.Certificates) == 0 {
		r.ds.Errorf(nil, "No identity provider", "Expected metadata_url, metadata, or entity_id with sso_url and certificates.")
		return
	}
	if r.EntityID == "" || len(r.EntityID) > 1024 {
		r.bad("entity_id", "Value missing", detail)
	}
	if r.SSOURL == "" {
		r.bad("sso_url", "Value missing", detail)
	}
	if len(r.Certificates) == 0 {
		r.bad("certificates", "Value missing", detail+" A connection without a certificate lets nobody in.")
	}
	r.stated = idp.Provider{EntityID: r.EntityID, Certificates: r.pins, SSO: []idp.Endpoint{{Binding: idp.Redirect, URL: r.SSOURL}}}
	if r.Binding == "post" {
		r.stated.SSO[0].Binding = idp.POST
	}
	if r.SLOURL != "" {
		r.stated.SLO = []idp.Endpoint{{Binding: r.stated.SSO[0].Binding, URL: r.SLOURL}}
	}
}

// mapped are the provider's defaults, with what the block says in their place.
func (s settings) mapped(d provider.Defaults) provider.Defaults {
	for _, a := range []struct {
		named string
		names *[]string
	}{
		{s.GroupsAttribute, &d.Groups}, {s.EmailAttribute, &d.Email}, {s.UserNameAttribute, &d.UserName}, {s.DisplayNameAttribute, &d.DisplayName},
		{s.GivenNameAttribute, &d.GivenName}, {s.FamilyNameAttribute, &d.FamilyName},
	} {
		if a.named != "" {
			*a.names = []string{a.named}
		}
	}
	if s.MFAAttribute != "" {
		d.MFAAttribute, d.MFAValues = s.MFAAttribute, s.MFAValues
	}
	if len(s.MFAContexts) > 0 {
		d.MFAContexts = s.MFAContexts
	}
	return d
}
