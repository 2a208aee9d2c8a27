package change

import (
	"fmt"
	"strings"
)

// Tag names something that may change. Tags come from the functions below,
// which are the closed list of kinds; the text is what the change log keeps.
type Tag string

const (
	clientKind       = "client:"
	clientKeyKind    = "client_key:"
	grantsKind       = "grants:"
	revocationKind   = "revocation:"
	adminTokenKind   = "admin_token:"
	provisioningKind = "provisioning_token:"
	organizationKind = "organization:"
	connectionKind   = "connection:"
	userKind         = "user:"
	sessionKind      = "session:"
	instanceKind     = "instance:"
	keyKind          = "key:"
	policy           = Tag("policy")
	config           = Tag("config")
	domains          = Tag("domains")
	all              = Tag("all")
)

// Client is a client's record, and its secrets.
func Client(id string) Tag { return Tag(clientKind + id) }

// ClientKey is one secret of a client, by the id that stands in it.
func ClientKey(id string) Tag { return Tag(clientKeyKind + id) }

// Grants are the roles that a principal was given, such as "client:my-tenant".
func Grants(principal string) Tag { return Tag(grantsKind + principal) }

// Revocation is whether a credential without a record was revoked, by the
// instance that verifies it and the id that it has there.
func Revocation(instance, id string) Tag { return Tag(revocationKind + instance + "/" + id) }

// AdminToken is the record of an admin token.
func AdminToken(id string) Tag { return Tag(adminTokenKind + id) }

// ProvisioningToken is the record of a provisioning token.
func ProvisioningToken(id string) Tag { return Tag(provisioningKind + id) }

// Organization is an organization's own record, such as its state.
func Organization(label string) Tag { return Tag(organizationKind + label) }

// Connection is what the mappings of a connection give to its users, where the
// grants of each are not up to it yet.
func Connection(label string) Tag { return Tag(connectionKind + label) }

// User is the record of a user: whether they are active, and what is known of
// them.
func User(id string) Tag { return Tag(userKind + id) }

// Session is one session of a person with a browser.
func Session(id string) Tag { return Tag(sessionKind + id) }

// Instance is one configured block of a plugin, with the keys that it was
// given.
func Instance(name string) Tag { return Tag(instanceKind + name) }

// Key is the set of the host's own keys of one purpose.
func Key(purpose string) Tag { return Tag(keyKind + purpose) }

// Policy is what roles, mappings and route rules say.
func Policy() Tag { return policy }

// Config is the configuration revision in force.
func Config() Tag { return config }

// Domains are which e-mail domains were proved at run time, by whichever
// organization. It comes before the Organization of which one was: tags are announced
// in the order of their names, so whoever sees that something of the organization has
// changed finds what is remembered of domains stale.
func Domains() Tag { return domains }

// All is everything: whatever is remembered must be read again.
func All() Tag { return all }

var kinds = []string{
	clientKind, clientKeyKind, grantsKind, revocationKind, adminTokenKind, provisioningKind, organizationKind, connectionKind, userKind, sessionKind, instanceKind, keyKind,
}

// check refuses a text that did not come from the functions above, or has a
// name that the log's format has no room for: it is one tag a line.
func (t Tag) check() error {
	switch t {
	case policy, config, domains, all:
		return nil
	}
	for _, kind := range kinds {
		if name, ok := strings.CutPrefix(string(t), kind); ok && name != "" && !strings.ContainsAny(name, "\r\n\x00") {
			return nil
		}
	}
	return fmt.Errorf("%q is not the tag of anything that can change", string(t))
}
