package provider

import (
	"regexp"
	"slices"
	"strings"
)

// tenantForm is that of a tenant's id: a GUID.
var tenantForm = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// placeholder stands for the tenant in what Entra's discovery documents for many
// tenants name as the issuer (learn.microsoft.com/entra/identity-platform/access-tokens,
// "Validate the issuer").
const placeholder = "{tenantid}"

// manyTenants are the parts of an address that mean tenants of any kind.
var manyTenants = []string{"/common/", "/organizations/"}

// Issuer is the issuer of the configuration, and whose tokens count as its.
type Issuer struct {
	configured string
	named      string // what the discovery document names
	aliases    []string
	tenants    []string // in lower case; none: tid is not looked at
}

// NewIssuer makes it. The tenants are GUIDs; of an issuer for many tenants those
// count, and no others.
func (d Defaults) NewIssuer(configured string, tenants []string) Issuer {
	i := Issuer{configured: configured, named: configured, aliases: d.Aliases[configured]}
	for _, t := range tenants {
		i.tenants = append(i.tenants, strings.ToLower(t))
	}
	if !d.Tenants {
		return i
	}
	for _, many := range manyTenants {
		if before, after, found := strings.Cut(configured, many); found {
			i.named = before + "/" + placeholder + "/" + after
			break
		}
	}
	return i
}

// IsTenant reports whether a text is the id of a tenant.
func IsTenant(id string) bool { return tenantForm.MatchString(strings.ToLower(id)) }

// Many reports whether the issuer is one for many tenants.
func (i Issuer) Many() bool { return i.named != i.configured }

// Named is the issuer that the discovery document has to name.
func (i Issuer) Named() string { return i.named }

// String is the issuer of the configuration.
func (i Issuer) String() string { return i.configured }

// Accepts returns the name that an issuer is known by, and whether its tokens count.
// With many tenants, the tenant that the token names is one of those that are allowed,
// and the issuer is that tenant's, letter for letter.
func (i Issuer) Accepts(issuer, tenant string) (name string, ok bool) {
	tenant = strings.ToLower(tenant)
	if len(i.tenants) > 0 && (!IsTenant(tenant) || !slices.Contains(i.tenants, tenant)) {
		return "", false
	}
	if i.Many() {
		return issuer, len(i.tenants) > 0 && issuer == strings.Replace(i.named, placeholder, tenant, 1)
	}
	if issuer == i.configured || slices.Contains(i.aliases, issuer) {
		return i.configured, true
	}
	return "", false
}

// Answers reports whether an authorization response may name the issuer (RFC 9207
// §2.4), and a message of logout that has no token. Which tenant it is, tokens tell.
func (i Issuer) Answers(issuer string) bool {
	if !i.Many() {
		return issuer == i.configured || slices.Contains(i.aliases, issuer)
	}
	return slices.ContainsFunc(i.tenants, func(t string) bool { return issuer == strings.Replace(i.named, placeholder, t, 1) })
}
