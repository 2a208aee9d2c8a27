// Package access answers, for each request, who makes it and whether they may.
// It is the hot path: an answer that was found once is kept under a keyed
// digest of the credential, with the versions of all that it depends on, and is
// used only while none of them has changed.
//
// It refuses where it cannot find out. It keeps no refusal, so that what was
// put right works with the next request.
package access

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"hash/maphash"
	"io"
	"math"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"
	"golang.org/x/sync/singleflight"

	"github.com/gatehouse-id/gatehouse/core/change"
	"github.com/gatehouse-id/gatehouse/core/credential"
	"github.com/gatehouse-id/gatehouse/core/grant"
	"github.com/gatehouse-id/gatehouse/core/policy"
	"github.com/gatehouse-id/gatehouse/core/throttle"
	"github.com/gatehouse-id/gatehouse/core/tracing"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

// Records finds the records that credentials are checked against.
type Records interface {
	Find(ctx context.Context, id string) (credential.Record, bool, error)
	IsRevoked(ctx context.Context, instance, id string) (bool, error)

	// FindID finds the id of an instance's live key that was imported under one
	// of these digests; "" is none.
	FindID(ctx context.Context, instance string, digests [][]byte) (string, error)
}

// Verifier asks an instance's plugin whose credential this is.
type Verifier interface {
	Verify(ctx context.Context, instance, organization string, r authn.VerifyRequest) (authn.VerifyResponse, error)

	// Locate makes the digests of a secret that came without an id.
	Locate(ctx context.Context, instance string, presented secret.Text) ([][]byte, error)
}

// Granted lists the roles that a principal was given.
type Granted interface {
	Of(ctx context.Context, principal string) ([]grant.Grant, error)
}

// Owners finds the users who own clients, with what they were given. Without
// such a user the error is a Problem (NotFound).
type Owners interface {
	Person(ctx context.Context, id string) (grant.Person, error)
}

// Used notes what the use of keys leads to.
type Used interface {
	Mark(keyID string, at time.Time, from netip.Addr)
	Rehash(keyID string, verifier []byte)
}

// Options are what a Service is made from.
type Options struct {
	Reader        *Reader
	Policy        *policy.Policy
	Rules         int // how many routes the policy was compiled from
	Records       Records
	Verifier      Verifier
	Granted       Granted
	Owners        Owners   // users, and who owns clients
	Sessions      Sessions // nil: nobody signs on
	Domains       Domains  // whose e-mail addresses count as verified; nil: nobody's
	Used          Used
	Decoys        map[string][]authn.Record // by instance: what an unknown id is verified against
	Organizations map[string]bool           // that instances without records may speak for
	Connections   map[string]bool           // whose users may own clients
	Assertions    Assertions
	// Undeclared is told of each answer for another organization than those; nil: nobody is.
	Undeclared func(ctx context.Context, instance, organization string)
	Attempts   *throttle.Guard
	Rates      *throttle.Rates
	Feed       *change.Feed
	Clock      func() time.Time
	Random     io.Reader
	Counted    Counted
	CacheSize  int      // credentials; 0 is DefaultCacheSize
	Before     *Service // whose place this one takes, with what it has verified; nil: there was none
}

// DefaultCacheSize is how many verified credentials are kept.
const DefaultCacheSize = 200_000

// Service decides. What it has verified goes on to the one that takes its place
// with another configuration: then the roles alone are evaluated anew.
type Service struct {
	Options
	*remembered
	generation uint32                        // a later Service has a greater one
	audience   *audience                     // of assertions
	grounds    sync.Map                      // by organization: *ground
	answers    *otter.Cache[string, *rights] // by the question to the policy
	rights     *otter.Cache[string, *rights] // by what is in them
	flights    singleflight.Group
}

// remembered is what outlives a configuration.
type remembered struct {
	digestKey   [32]byte
	credentials *otter.Cache[digest, *entry]
	records     *otter.Cache[recordKey, *foundRecord]
	principals  *otter.Cache[uint64, *Principal] // by a hash of the subject
	seed        maphash.Seed                     // of that hash
	known       atomic.Pointer[knownIDs]         // see even
	generations atomic.Uint32                    // how many Services there were after the first
}

// digest is a keyed digest of what was presented. The key is this process's
// own, so that the cache's memory tells nothing of a credential.
type digest [sha256.Size]byte

// entry is a verified credential. There is one for each that is known, so it
// has no room for what few have.
type entry struct {
	verified
	marked lastMark
}

// verified is what an entry says of its credential, and stays as it is.
type verified struct {
	principal *Principal
	expires   instant
	limits    *limits // nil: there are none
	keyID     string
	uses      Counter // nil: they are not counted
	deps      change.Deps
}

// limits are where a credential may be used from, and how often.
type limits struct {
	networks []netip.Prefix   // empty is everywhere
	rate     *throttle.Bucket // nil: it has none
}

// limit returns the limits of a credential, if it has any.
func limit(networks []netip.Prefix, rate *throttle.Bucket) *limits {
	if len(networks) == 0 && rate == nil {
		return nil
	}
	return &limits{networks, rate}
}

// instant is a time in microseconds since 1970.
type instant int64

// never is the end of what has none.
const never = instant(math.MaxInt64)

// ending is the instant of an end, of which the zero time is none.
func ending(at time.Time) instant {
	if at.IsZero() {
		return never
	}
	return instant(at.UnixMicro())
}

// over reports whether an end has come.
func (i instant) over(now time.Time) bool { return i <= instant(now.UnixMicro()) }

// time is the instant as others write it; that of never is zero.
func (i instant) time() time.Time {
	if i == never {
		return time.Time{}
	}
	return time.UnixMicro(int64(i))
}

// fresh reports whether nothing has changed that the entry, or the roles of its
// principal, rest on.
func (s *Service) fresh(e *entry) bool { return e.deps.Fresh() && s.knows(e.principal) }

// knows reports whether a principal's roles are those of this configuration,
// and nothing has changed that they rest on.
func (s *Service) knows(p *Principal) bool { return p.ground.generation == s.generation && p.fresh() }

// New returns a Service.
func New(o Options) (*Service, error) {
	s := &Service{Options: o, audience: &audience{o.Assertions.Issuer, o.Assertions.Upstreams}}
	s.Counted = o.Counted.whole()
	s.Before = nil // it goes when its last request does
	var err error
	if s.rights, err = otter.New(&otter.Options[string, *rights]{MaximumSize: rightsKept}); err != nil {
		return nil, err
	}
	if s.answers, err = otter.New(&otter.Options[string, *rights]{MaximumSize: rightsKept}); err != nil {
		return nil, err
	}
	if o.Before != nil {
		s.remembered = o.Before.remembered
		s.generation = s.generations.Add(1)
		if s.audience.equal(o.Before.audience) {
			s.audience = o.Before.audience
		}
		return s, nil
	}
	s.remembered, err = remember(o)
	return s, err
}

func remember(o Options) (*remembered, error) {
	m := &remembered{seed: maphash.MakeSeed()}
	if _, err := io.ReadFull(o.Random, m.digestKey[:]); err != nil {
		return nil, err
	}
	size := o.CacheSize
	if size == 0 {
		size = DefaultCacheSize
	}
	var err error
	if m.credentials, err = otter.New(&otter.Options[digest, *entry]{MaximumSize: size}); err != nil {
		return nil, err
	}
	if m.records, err = otter.New(&otter.Options[recordKey, *foundRecord]{MaximumSize: recordsKept}); err != nil {
		return nil, err
	}
	if m.principals, err = otter.New(&otter.Options[uint64, *Principal]{MaximumSize: size}); err != nil {
		return nil, err
	}
	return m, nil
}

// rightsKept is how many different sets of roles and scopes are kept with the
// verdicts on them, and how many questions with their answers.
const rightsKept = 10_000

// Request is what a decision is asked about. Path is canonical.
type Request struct {
	Header   http.Header
	Method   string
	Upstream int    // index in Assertions.Upstreams
	Host     string // the configured host that it is for: a session counts at its own
	Path     string
	Client   netip.Addr // the zero value where it is not known: such a client is in no network
	Again    bool       // it was let through before, and is decided on anew: it costs nothing of its client's rate
	Trace    string     // the trace id, where it is known already; see TraceID
}

// Check decides on one request. An error is a Problem: who may not pass is told
// why, as far as it is theirs to know. The decision beside it says how far it came.
func (s *Service) Check(ctx context.Context, r *Request) (d Decision, err error) {
	rule := s.Policy.Route(s.Assertions.Upstreams[r.Upstream], r.Method, r.Path)
	d.Rule = rule
	var found [maxPresented]presented
	n, foreign, err := s.Reader.read(r.Header, &found)
	if err != nil {
		return d, err
	}
	if n, err = s.readSession(r.Header, &found, n); err != nil {
		return d, err
	}
	if n == 0 {
		if rule.Public {
			return d.toNobody(), nil
		}
		return d, missing(foreign)
	}
	e, err := s.authenticate(ctx, r, found[:n])
	if err == nil {
		d.Principal, d.entry = e.principal, e
		if !e.principal.at(r.Host) {
			err = elsewhere()
		}
	}
	if err != nil {
		if rule.Public && n == 1 && found[0].by == bySession && problem.Is(err, problem.Unauthenticated) {
			return d.toNobody(), nil // a browser keeps the cookie of a session that is over
		}
		return d, err
	}
	now := s.Clock()
	if e.expires.over(now) {
		return d, expired(e.expires.time())
	}
	if err := e.limits.let(r, now); err != nil {
		return d, err
	}
	if d.Reason, err = s.may(ctx, e.principal, r.Upstream, rule); err != nil {
		return d, err
	}
	if err := signedOnAs(e.principal, rule.SignOn, now); err != nil {
		return d, err
	}
	if d.Identity, err = s.identity(e.principal, r.Upstream, now); err != nil {
		return d, err
	}
	if e.uses != nil {
		e.uses.Inc()
	}
	if e.keyID != "" && e.marked.due(now) {
		s.mark(e, now, r.Client)
	}
	return d, nil
}

// authenticate finds the principal that the presented credentials are of.
func (s *Service) authenticate(ctx context.Context, r *Request, found []presented) (*entry, error) {
	key := s.digest(found)
	e, _ := s.credentials.GetIfPresent(key)
	if e != nil && s.fresh(e) && !s.lapsed(e) {
		s.Counted.Known.Inc()
		return e, nil
	}
	// A copy, so that what is found stays on the stack where it is known.
	return s.miss(tracing.WithID(ctx, r.TraceID()), key, r.Client, slices.Clone(found), e)
}

// miss is what is done for a credential that is not known, or not any more:
// before is what was known of it.
func (s *Service) miss(ctx context.Context, key digest, from netip.Addr, found []presented, before *entry) (e *entry, err error) {
	if before != nil {
		s.Counted.Stale.Inc()
	} else {
		s.Counted.Unknown.Inc()
	}
	ctx, span := tracing.Child(ctx, "cache miss")
	defer func() { span.End(err) }()
	return s.attempt(ctx, key, from, found, before)
}

// Cached is how many verified credentials are kept now, nearly.
func (s *Service) Cached() int { return s.credentials.EstimatedSize() }

// verifications is how often a credential is verified once more because
// something that it rests on has changed meanwhile.
const verifications = 5

// learn verifies what is not known yet, and keeps it.
func (s *Service) learn(ctx context.Context, key digest, found []presented, before *entry) (*entry, error) {
	// Many requests with one credential that is not known yet make one call to
	// the plugin. It outlives the request that began it, since others wait for
	// it too; its time limit is the plugin host's. It runs on the goroutine of
	// that request, whose stack has grown before: a fresh one would copy its
	// stack several times on the way down.
	known, err, _ := s.flights.Do(string(key[:]), func() (any, error) {
		ctx := context.WithoutCancel(ctx)
		if before != nil && before.deps.Fresh() && s.mayBring(before.principal) && !s.lapsed(before) {
			return s.renew(ctx, before)
		}
		return s.verifyAll(ctx, found)
	})
	if err != nil {
		return nil, err
	}
	e := known.(*entry)
	if s.fresh(e) {
		if before == nil || before.principal.ground.generation <= s.generation { // a request of the configuration before may be late
			s.credentials.Set(key, e)
		}
		return e, nil
	}
	// Something changed while it was found: what one flight saw is not handed to
	// those who came after the change. Nor is what was put together from before and
	// after one: on a machine that is very busy while much is changed that happens
	// more than once.
	for range verifications {
		if e, err = s.verifyAll(ctx, found); err != nil || s.fresh(e) {
			return e, err
		}
	}
	return nil, problem.New(problem.Unavailable, "what this credential rests on keeps changing").WithRetryAfter(time.Second)
}

// renew evaluates the roles anew of a credential that stands as it was verified.
func (s *Service) renew(ctx context.Context, e *entry) (*entry, error) {
	principal, err := s.principal(ctx, e.principal.subject())
	if err != nil {
		return nil, err
	}
	renewed := &entry{verified: e.verified}
	renewed.principal = principal
	return renewed, nil
}

// verifyAll verifies each of the presented credentials; they have to be of one
// principal.
func (s *Service) verifyAll(ctx context.Context, found []presented) (*entry, error) {
	var first *entry
	for _, p := range found {
		e, err := s.verify(ctx, p)
		if err != nil {
			return nil, err
		}
		switch {
		case first == nil:
			first = e
		case first.principal.ID != e.principal.ID || first.principal.Kind() != e.principal.Kind():
			return nil, problem.New(problem.Invalid, "the request carries credentials of two different principals").WithHint("send one credential")
		}
		first.expires = min(first.expires, e.expires)
		if first != e {
			first.deps.Merge(&e.deps)
			first.deps.Merge(&e.principal.deps)
			first.deps.Merge(&e.principal.ground.deps)
		}
	}
	return first, nil
}

// digest is SHA-256 over a secret key and the parts with their lengths. Nobody
// outside sees digests, so extending one is no attack.
func (s *Service) digest(found []presented) digest {
	var space [512]byte
	b := append(space[:0], s.digestKey[:]...)
	for _, p := range found {
		b = appendPart(b, p.by.instance)
		b = append(b, byte(p.by.credential.Location))
		b = appendPart(b, p.id)
		b = appendPart(b, p.secret)
	}
	return sha256.Sum256(b)
}

func appendPart(b []byte, part string) []byte {
	b = binary.AppendUvarint(b, uint64(len(part)))
	return append(b, part...)
}

// let refuses a request that comes from elsewhere, or too soon after others.
func (l *limits) let(r *Request, now time.Time) error {
	if l == nil {
		return nil
	}
	if !allowedFrom(l.networks, r.Client) {
		return problem.New(problem.Network, "this key may not be used from %s", r.Client).
			WithHint("call from one of the networks that the key is allowed for, or ask the operator to add this one")
	}
	if l.rate == nil || r.Again {
		return nil
	}
	return l.rate.Take(now)
}

func allowedFrom(networks []netip.Prefix, client netip.Addr) bool {
	if len(networks) == 0 {
		return true
	}
	client = client.Unmap()
	for _, n := range networks {
		if n.Contains(client) {
			return true
		}
	}
	return false
}

func missing(foreign bool) error {
	p := problem.New(problem.Unauthenticated, "this path needs a credential, and the request carries none").
		WithHint("send X-Client-Id and X-Client-Secret, the same pair as HTTP Basic, or the secret as Authorization: Bearer")
	if foreign {
		p.Detail = "this path needs a credential; the Authorization header begins like none of this service's"
	}
	return p
}

func expired(at time.Time) error {
	return problem.New(problem.Expired, "the credential ended at %s", at.UTC().Format(time.RFC3339)).
		WithHint("ask the operator of this service for a new key")
}
