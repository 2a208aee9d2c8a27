// Package authn is what an author implements to check the credentials of
// programs: API keys, license keys, signed tokens.
//
// An authenticator answers one question, whose credential this is, and keeps
// nothing between calls. It never learns of roles, sessions or rules, and never
// decides what somebody may do: that is the host's.
package authn

import (
	"context"
	"fmt"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/diag"
	"github.com/gatehouse-id/gatehouse/sdk/instance"
	"github.com/gatehouse-id/gatehouse/sdk/schema"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

// ProgramKind describes one kind of authenticator of programs, and makes
// instances of it.
type ProgramKind struct {
	Name        string // as it stands in the configuration: authenticator "name" {}
	Doc         string // one or two sentences for the operator
	Schema      schema.Schema
	Credentials []Credential
	Records     RecordsMode
	Imports     bool // its instances are Importers

	// New makes an instance from its configuration, or says what is wrong with
	// it. It is also called only to validate: it must not act on anything
	// outside. The instance may also implement Issuer and CredentialReader.
	New func(ctx context.Context, c instance.Config) (Programs, diag.Diagnostics)
}

// RecordsMode says who keeps what a credential is checked against.
type RecordsMode int

// RecordsHost: the host keeps a record with a verifier for each secret, and
// sends those that may match. RecordsNone: the credential carries everything
// itself, as a signed token does.
const (
	RecordsHost RecordsMode = iota + 1
	RecordsNone
)

// Programs checks credentials. Methods are called from many goroutines at once.
//
// An instance that holds something that must be given back, such as a goroutine,
// also implements io.Closer. It is closed when it was removed or replaced, or
// made only to validate; the last calls may still be running then.
type Programs interface {
	// Verify says whose credential this is, with Accept, AcceptSubject or
	// Refuse. An error means that it could not find out: the request is
	// refused with 503, never let through. The host may repeat a call that a
	// crash interrupted.
	Verify(ctx context.Context, r VerifyRequest) (VerifyResponse, error)
}

// Issuer makes new secrets. An authenticator whose records the host keeps has
// to be one.
type Issuer interface {
	Issue(ctx context.Context, r IssueRequest) (IssueResponse, error)
}

// Importer makes verifiers of hashes that another system made of its secrets.
// Its kind says so with Imports.
type Importer interface {
	// Import answers for each hash, in their order. An error means that none
	// can be imported, such as by an instance that is not set up for it.
	Import(ctx context.Context, hashes []string) ([]Imported, error)
}

// Imported is what became of one hash of another system.
type Imported struct {
	Verifier []byte
	Scheme   string // how the other system hashed, such as "bcrypt"
	Digest   []byte // what a Locator makes of the secret; nil where the scheme allows none
	Problem  string // why the hash cannot be imported, without a part of it; "" is none
}

// Locator makes the digests under which the record of a secret that comes
// without an id may be kept: as many for each secret, and the same as Import
// gave. An instance with a credential that is found by digest has to be one.
type Locator interface {
	Locate(ctx context.Context, presented secret.Text) ([][]byte, error)
}

// CredentialReader is an instance whose configuration changes where its
// credentials stand, or what they begin with.
type CredentialReader interface {
	Credentials() []Credential
}

// VerifyRequest is a credential as it came with a request, and with RecordsHost
// the live records that it may belong to. Where there are none the host sends
// decoys, so that time does not tell whether an id exists: treat all alike.
type VerifyRequest struct {
	ID      string // what came beside the secret, if anything did
	Secret  secret.Text
	Records []Record
}

// Record is what the host keeps of one secret.
type Record struct {
	ID       string
	Verifier []byte
}

// VerifyResponse is an answer; make one with Accept, AcceptSubject or Refuse.
// The zero value refuses.
type VerifyResponse struct {
	RecordID    string // accepted: the record whose secret was presented
	NewVerifier []byte // replaces the record's verifier, if not empty
	Subject     *Subject
	Reason      Reason // why it was refused
}

// Subject is what a credential without a record says of itself.
type Subject struct {
	ID           string
	Organization string    // the host checks that the instance may speak for it
	Expires      time.Time // zero is no end
	Scopes       []string  // empty does not restrict
	Attributes   map[string]string
	RevocationID string // under which a revocation would be recorded; required
}

// Accept answers that the secret of this record was presented.
func Accept(recordID string) VerifyResponse { return VerifyResponse{RecordID: recordID} }

// AcceptSubject answers with what a credential without a record says.
func AcceptSubject(s Subject) VerifyResponse { return VerifyResponse{Subject: &s} }

// Refuse answers that the credential does not verify.
func Refuse(r Reason) VerifyResponse { return VerifyResponse{Reason: r} }

// Reason says why a credential was refused. The caller is told no more than
// that it does not verify, unless the credential is known to be genuine
// (Expired, NotYetValid, Revoked).
type Reason int

// The reasons.
const (
	WrongSecret Reason = iota + 1
	Malformed
	Expired
	NotYetValid
	Revoked
)

// String is the reason's stable word, for metrics and the audit log.
func (r Reason) String() string {
	switch r {
	case WrongSecret:
		return "wrong_secret"
	case Malformed:
		return "malformed"
	case Expired:
		return "expired"
	case NotYetValid:
		return "not_yet_valid"
	case Revoked:
		return "revoked"
	}
	return fmt.Sprintf("reason_%d", int(r))
}

// IssueRequest asks for a new secret. RecordID was made by the host, of letters
// and digits; put it into the secret, so that IDPattern finds it there.
type IssueRequest struct {
	RecordID string
	ClientID string
}

// IssueResponse is a new secret, what to keep of it, and a few characters by
// which people recognise it in a list.
type IssueResponse struct {
	Secret   secret.Text
	Verifier []byte
	Hint     string
}
