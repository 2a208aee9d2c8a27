package authn

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

// Location says where in a request a credential stands.
type Location int

// The places that the host looks at, in the order in which it looks.
const (
	HeaderPair Location = iota + 1 // an id header and a secret header
	Header                         // one header
	Basic                          // Authorization: Basic, user id and password (RFC 7617)
	Bearer                         // Authorization: Bearer (RFC 6750)
)

// String names the location in messages.
func (l Location) String() string {
	switch l {
	case HeaderPair:
		return "header pair"
	case Header:
		return "header"
	case Basic:
		return "Authorization: Basic"
	case Bearer:
		return "Authorization: Bearer"
	}
	return fmt.Sprintf("Location(%d)", int(l))
}

// Credential says where a credential stands and how the id of its record is
// read from it. Make one with InHeaders, InHeader, InBasic or InBearer.
type Credential struct {
	Location     Location
	IDHeader     string // HeaderPair: the header with the record's id
	SecretHeader string // HeaderPair and Header: the header with the secret

	// Prefix is how the secret begins. Basic and Bearer need one: an
	// Authorization header with another beginning belongs to the application
	// and passes. Prefixes of two plugins may not overlap.
	Prefix string

	// IDPattern is an RE2 pattern; its first group, matched against the whole
	// secret, is the record's id. For Header and Bearer of a plugin whose
	// records the host keeps.
	IDPattern string

	// Checksum says that the secret is in the form of package secret, so that
	// the host refuses a typing error before it looks anything up.
	Checksum bool

	// ByDigest says that nothing in the request is the record's id: the instance
	// is a Locator, and the record is found by what it makes of the secret. For
	// Header and Bearer of imported secrets; it needs a prefix.
	ByDigest bool
}

// InHeaders is a credential of two headers, such as X-Client-Id and
// X-Client-Secret.
func InHeaders(id, secretHeader, prefix string) Credential {
	return Credential{Location: HeaderPair, IDHeader: id, SecretHeader: secretHeader, Prefix: prefix}
}

// InHeader is a credential in one header of its own.
func InHeader(name, prefix string) Credential {
	return Credential{Location: Header, SecretHeader: name, Prefix: prefix}
}

// InBasic is the pair of id and secret as Authorization: Basic.
func InBasic(prefix string) Credential { return Credential{Location: Basic, Prefix: prefix} }

// InBearer is the secret alone as Authorization: Bearer.
func InBearer(prefix string) Credential { return Credential{Location: Bearer, Prefix: prefix} }

// WithID sets the pattern whose first group is the record's id.
func (c Credential) WithID(pattern string) Credential { c.IDPattern = pattern; return c }

// WithChecksum says that the secret is in the form of package secret.
func (c Credential) WithChecksum() Credential { c.Checksum = true; return c }

// FoundByDigest says that the record is found by a digest of the secret.
func (c Credential) FoundByDigest() Credential { c.ByDigest = true; return c }

const patternLimit = 256 // characters; a longer pattern is no description of an id

var headerName = regexp.MustCompile(`^[A-Za-z0-9-]{1,64}$`)

// Check reports what is wrong with the description for a plugin whose records
// are kept as mode says.
func (c Credential) Check(mode RecordsMode) error {
	switch c.Location {
	case HeaderPair:
		if !headerName.MatchString(c.IDHeader) || !headerName.MatchString(c.SecretHeader) {
			return errors.New("a header pair needs the names of two headers")
		}
	case Header:
		if !headerName.MatchString(c.SecretHeader) {
			return errors.New("it needs the name of a header")
		}
	case Basic, Bearer:
		if c.Prefix == "" {
			return fmt.Errorf("%s needs a prefix that tells its secrets from the application's own", c.Location)
		}
	default:
		return fmt.Errorf("%s is no location", c.Location)
	}
	if c.Checksum && !secret.ValidPrefix(c.Prefix) {
		return fmt.Errorf("prefix %q is none that a secret with a checksum can have", c.Prefix)
	}
	idBeside := c.Location == HeaderPair || c.Location == Basic
	if c.ByDigest && (mode != RecordsHost || idBeside || c.IDPattern != "" || c.Checksum || c.Prefix == "") {
		return fmt.Errorf("%s is found by digest: it has a prefix and neither an id nor a checksum, and the host keeps its record", c.Location)
	}
	if mode == RecordsHost && !idBeside && c.IDPattern == "" && !c.ByDigest {
		return fmt.Errorf("%s needs a pattern that finds the record's id in the secret", c.Location)
	}
	if c.IDPattern == "" {
		return nil
	}
	if len(c.IDPattern) > patternLimit {
		return fmt.Errorf("the id pattern is over %d characters", patternLimit)
	}
	re, err := regexp.Compile(c.IDPattern)
	if err != nil {
		return fmt.Errorf("the id pattern is no RE2: %w", err)
	}
	if re.NumSubexp() < 1 {
		return errors.New("the id pattern has no group")
	}
	return nil
}
