// Package decided makes the id of a decision: what was decided, when, for whom and
// by which rule, sealed in a text of one size. Nothing is written for a request, and
// an operator who is shown an id can still open it. To everybody else it is noise:
// two ids of one principal have nothing in common that could be seen.
package decided

import (
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-id/gatehouse/core/policy"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// Facts are what an id holds. Texts that are compared later are in it as digests.
type Facts struct {
	At       time.Time // to the millisecond
	Process  uint32    // which process of the host decided
	Revision int64     // of the configuration
	Way      Way
	Method   string // "" is one that is not common
	Upstream int    // index in the revision; None is none
	Rule     int    // the same of a route; None is that no rule stands there
	Outcome  string // Allowed, or the code of the refusal
	Reason   policy.Reason

	Kind         string // of the principal; "" is nobody
	Principal    string // id, or how a long one begins: see Cut
	Cut          bool
	Recorded     bool   // the principal has a record
	Organization Tag    // of its label
	Credential   uint32 // Hash of the id of the key or session; 0 is none
	Roles        uint32 // Hash of the names, joined by commas

	digest [digestSize]byte // of an id that was cut
}

// None is the index of what there is none of.
const None = -1

// Allowed is the outcome of a request that may pass.
const Allowed = "allowed"

// Way is how a request came.
type Way byte

// The ways.
const (
	Proxied     Way = iota // through us
	ForwardAuth            // another proxy asked
)

// Tag stands for a name that is too long to be in an id.
type Tag [8]byte

// TagOf returns that of a name.
func TagOf(name string) (t Tag) {
	sum := sha256.Sum256([]byte(name))
	copy(t[:], sum[:])
	return t
}

// Hash tells a few names apart (FNV-1a); 0 is that of none.
func Hash(name string) uint32 {
	if name == "" {
		return 0
	}
	h := uint32(2166136261)
	for i := range len(name) {
		h = (h ^ uint32(name[i])) * 16777619
	}
	return h
}

// Is reports whether the principal has this id.
func (f *Facts) Is(id string) bool {
	if !f.Cut {
		return f.Principal == id
	}
	sum := sha256.Sum256([]byte(id))
	return len(id) > cutAt && id[:cutAt] == f.Principal && [digestSize]byte(sum[:digestSize]) == f.digest
}

// The parts of the plain text, which has one size whatever is in it. Numbers are
// big-endian; the time is in milliseconds of 48 bits.
const (
	idSize     = 34
	digestSize = 8
	cutAt      = idSize - digestSize
	plainSize  = 40 + idSize

	noUpstream = 1<<16 - 1
	noRule     = 1<<24 - 1
)

// How an id stands there.
const (
	formText = iota
	formUUID
	formCut
)

// The words that stand as numbers. They are only ever added to, at the end: an id
// is opened by the versions that come after.
var (
	outcomes = [...]string{
		Allowed, string(problem.Invalid), string(problem.Unauthenticated), string(problem.Expired), string(problem.NotYetValid),
		string(problem.InsufficientAuthentication), string(problem.Network), string(problem.Forbidden), string(problem.NotFound), string(problem.TooLarge),
		string(problem.Throttled), string(problem.Unavailable), string(problem.DeadlineExceeded), string(problem.Internal), "other",
	}
	reasons = [...]policy.Reason{
		"", policy.ReasonPublic, policy.ReasonAuthenticated, policy.ReasonPermitted, policy.ReasonNoRule, policy.ReasonPermissionMissing,
		policy.ReasonOwnerMissing, policy.ReasonScopeMissing,
	}
	methods = [...]string{"", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"}
	kinds   = [...]string{"", policy.KindClient, policy.KindUser}
)

// place is where a word stands in a list, or otherwise a last resort.
func place[T comparable](list []T, word T, otherwise int) byte {
	for i := range list {
		if list[i] == word {
			return byte(i)
		}
	}
	return byte(otherwise)
}

// pack writes the facts.
func (f *Facts) pack(b *[plainSize]byte) {
	clear(b[:])
	at := uint64(max(0, f.At.UnixMilli()))
	binary.BigEndian.PutUint16(b[0:], uint16(at>>32))
	binary.BigEndian.PutUint32(b[2:], uint32(at))
	binary.BigEndian.PutUint32(b[6:], f.Process)
	binary.BigEndian.PutUint32(b[10:], uint32(f.Revision))
	b[14] = byte(f.Way)<<4 | place(methods[:], f.Method, 0)
	b[15] = place(outcomes[:], f.Outcome, len(outcomes)-1)
	b[16] = place(reasons[:], f.Reason, 0)
	b[17] = place(kinds[:], f.Kind, 0)
	if f.Recorded {
		b[17] |= 1 << 7
	}
	upstream, rule := noUpstream, noRule
	if f.Upstream >= 0 && f.Upstream < noUpstream {
		upstream = f.Upstream
	}
	if f.Rule >= 0 && f.Rule < noRule {
		rule = f.Rule
	}
	binary.BigEndian.PutUint16(b[18:], uint16(upstream))
	b[20] = byte(rule >> 16)
	binary.BigEndian.PutUint16(b[21:], uint16(rule))
	copy(b[23:], f.Organization[:])
	binary.BigEndian.PutUint32(b[31:], f.Credential)
	binary.BigEndian.PutUint32(b[35:], f.Roles)
	f.packID(b)
}

func (f *Facts) packID(b *[plainSize]byte) {
	id := b[40:]
	if len(f.Principal) <= idSize {
		b[39] = byte(len(f.Principal)) | formText<<6
		copy(id, f.Principal)
		return
	}
	if f.Kind == policy.KindUser {
		if u, err := uuid.Parse(f.Principal); err == nil && canonical(f.Principal) {
			b[39] = formUUID << 6
			copy(id, u[:])
			return
		}
	}
	b[39] = formCut << 6
	copy(id, f.Principal[:cutAt])
	sum := sha256.Sum256([]byte(f.Principal))
	copy(id[cutAt:], sum[:digestSize])
}

// canonical reports whether a UUID is written as its String is.
func canonical(id string) bool {
	for i := range len(id) {
		if 'A' <= id[i] && id[i] <= 'F' {
			return false
		}
	}
	return len(id) == 36
}

// unpack reads what pack wrote. It reports false for what no pack of this version
// has written.
func (f *Facts) unpack(b *[plainSize]byte) bool {
	at := int64(binary.BigEndian.Uint16(b[0:]))<<32 | int64(binary.BigEndian.Uint32(b[2:]))
	*f = Facts{
		At: time.UnixMilli(at), Process: binary.BigEndian.Uint32(b[6:]), Revision: int64(binary.BigEndian.Uint32(b[10:])), Way: Way(b[14] >> 4),
		Recorded: b[17]>>7 == 1, Upstream: None, Rule: None, Organization: Tag(b[23:31]), Credential: binary.BigEndian.Uint32(b[31:]), Roles: binary.BigEndian.Uint32(b[35:]),
	}
	method, outcome, reason, kind := int(b[14]&15), int(b[15]), int(b[16]), int(b[17]&^(1<<7))
	if f.Way > ForwardAuth || method >= len(methods) || outcome >= len(outcomes) || reason >= len(reasons) || kind >= len(kinds) {
		return false
	}
	f.Method, f.Outcome, f.Reason, f.Kind = methods[method], outcomes[outcome], reasons[reason], kinds[kind]
	if n := int(binary.BigEndian.Uint16(b[18:])); n != noUpstream {
		f.Upstream = n
	}
	if n := int(b[20])<<16 | int(binary.BigEndian.Uint16(b[21:])); n != noRule {
		f.Rule = n
	}
	id, n := b[40:], int(b[39]&63)
	switch {
	case b[39]>>6 == formText && n <= idSize:
		f.Principal = string(id[:n])
	case b[39] == formUUID<<6:
		f.Principal = uuid.UUID(id[:16]).String()
	case b[39] == formCut<<6:
		f.Principal, f.Cut, f.digest = string(id[:cutAt]), true, [digestSize]byte(id[cutAt:])
	default:
		return false
	}
	return true
}
