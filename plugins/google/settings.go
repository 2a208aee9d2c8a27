package google

import (
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/gatehouse-id/gatehouse/sdk/diag"
	"github.com/gatehouse-id/gatehouse/sdk/instance"
	"github.com/gatehouse-id/gatehouse/sdk/schema"
)

// settings are what the block says.
type settings struct {
	Credentials string   `json:"credentials"`
	Subject     string   `json:"subject"`
	Customer    string   `json:"customer"`
	Domain      string   `json:"domain"`
	Groups      []string `json:"groups"`
	Adopt       bool     `json:"adopt"`
	APIURL      string   `json:"api_url"`

	account account
}

func block() schema.Schema {
	return schema.Schema{Attributes: []schema.Attribute{
		{
			Name: "credentials", Type: schema.String, Required: true, Sensitive: true, Example: `file("google-service-account.json")`,
			Doc: "The key of the service account: the JSON file that the Google Cloud console gives.",
		},
		{
			Name: "subject", Type: schema.String, Required: true, Example: `"admin@acme.example"`,
			Doc: "The administrator whom the service account acts for. A role that may read users and groups is enough.",
		},
		{
			Name: "customer", Type: schema.String, Default: "my_customer", Example: `"C03az79cb"`,
			Doc: "Whose people they are: `my_customer` is the administrator's own account.",
		},
		{
			Name: "domain", Type: schema.String, Example: `"acme.example"`,
			Doc: "Only the users and groups of this domain of the account. Without it, those of all.",
		},
		{
			Name: "groups", Type: schema.Strings, Example: `["platform-admins@acme.example"]`,
			Doc: "Only these groups are taken over, by their e-mail addresses. Without it, all. Users come over in either case.",
		},
		{
			Name: "adopt", Type: schema.Bool, Default: false, Example: "true",
			Doc: "A user who is new, and whose address a user of the organization has as userName whom no connection provisions, becomes that user.",
		},
		{
			Name: "api_url", Type: schema.String, Default: "https://admin.googleapis.com", Example: `"https://admin.googleapis.com"`,
			Doc: "Where the API is, for tests. The host connects to public addresses only, and to those that its `fetch` block allows.",
		},
	}}
}

func readSettings(c instance.Config) (settings, diag.Diagnostics) {
	var s settings
	ds := c.Decode(&s)
	if ds.HasErrors() {
		return s, ds
	}
	if !c.IsUnknown("credentials") {
		var err error
		if s.account, err = readAccount([]byte(s.Credentials)); err != nil {
			ds.Errorf(diag.Path{"credentials"}, "Not a key of a service account", "In the JSON %v. Expected the file that the Google Cloud console gives under IAM & Admin, Service Accounts, Keys.", err)
		}
	}
	for _, a := range []struct{ name, value string }{{"subject", s.Subject}, {"customer", s.Customer}} {
		if !c.IsUnknown(a.name) && (a.value == "" || a.name == "subject" && !strings.Contains(a.value, "@")) {
			ds.Errorf(diag.Path{a.name}, "Value missing", "Expected the e-mail address of an administrator as subject, and my_customer or an id as customer.")
		}
	}
	for _, g := range s.Groups {
		if !c.IsUnknown("groups") && !strings.Contains(g, "@") {
			ds.Errorf(diag.Path{"groups"}, "Not an address", "Groups are named by their e-mail addresses.")
			break
		}
	}
	if u, err := url.Parse(s.APIURL); !c.IsUnknown("api_url") && (err != nil || !absolute(u) || u.RawQuery != "") {
		ds.Errorf(diag.Path{"api_url"}, "Not a URL", "Expected an https URL without a query.")
	}
	s.APIURL = strings.TrimSuffix(s.APIURL, "/")
	return s, ds
}

// absolute reports whether requests can go to a URL. Whether http is allowed is
// the host's to say.
func absolute(u *url.URL) bool {
	return (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil && u.Fragment == ""
}

// fingerprint says what a pass is over. A cursor of another leads nowhere.
func (s settings) fingerprint() string {
	text, _ := json.Marshal([]any{s.account.Email, s.Subject, s.Customer, s.Domain, s.Groups, s.APIURL}) // texts always encode
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// wants reports whether a group is taken over.
func (s settings) wants(g group) bool {
	return len(s.Groups) == 0 || slices.ContainsFunc(s.Groups, func(one string) bool {
		return strings.EqualFold(one, g.Email) || slices.ContainsFunc(g.Aliases, func(a string) bool { return strings.EqualFold(one, a) })
	})
}

// account is the key of a service account, as the console gives it.
type account struct {
	Type       string `json:"type"`
	Email      string `json:"client_email"`
	KeyID      string `json:"private_key_id"`
	PrivateKey string `json:"private_key"` // PKCS #8, in PEM
	TokenURI   string `json:"token_uri"`

	key *rsa.PrivateKey
}

// leastKey is that of RS256 (RFC 7518 §3.3), in bits.
const leastKey = 2048

// readAccount's errors name no value of the key.
func readAccount(text []byte) (a account, err error) {
	if json.Unmarshal(text, &a) != nil {
		return a, errors.New("there is no object")
	}
	if a.Type != "service_account" || a.Email == "" || a.KeyID == "" {
		return a, errors.New(`the type is not "service_account", or client_email or private_key_id is missing`)
	}
	if u, err := url.Parse(a.TokenURI); err != nil || !absolute(u) {
		return a, errors.New("the token_uri is no URL")
	}
	block, _ := pem.Decode([]byte(a.PrivateKey))
	if block == nil || block.Type != "PRIVATE KEY" { // RFC 7468 §10
		return a, errors.New("the private_key is not in PEM")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return a, errors.New("the private_key is not in PKCS #8")
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok || key.N.BitLen() < leastKey {
		return a, errors.New("the private_key is not an RSA key of at least 2048 bits")
	}
	a.PrivateKey, a.key = "", key
	return a, nil
}
