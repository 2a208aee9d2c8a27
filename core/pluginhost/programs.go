//go:build unix

package pluginhost

import (
	"context"
	"errors"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

// callLimit is how long a plugin may take to check or make a credential.
const callLimit = 2 * time.Second

// recordLimit is how many records may be checked in one call.
const recordLimit = 16

// Programs is an instance that authenticates programs. It stays good while the
// instance is configured anew, moved or removed: each call finds it where it is.
type Programs struct {
	host     *Host
	instance string
}

// Programs returns the instance of that name, whether it is configured or not.
func (h *Host) Programs(instance string) *Programs { return &Programs{host: h, instance: instance} }

// Verify asks whose credential this is, for an organization (empty where that is
// what the credential says). If the plugin dies meanwhile the call is repeated
// once. An error is never an answer: the request is to be refused.
func (p *Programs) Verify(ctx context.Context, organization string, r authn.VerifyRequest) (answer authn.VerifyResponse, err error) {
	ctx, span := callSpan(ctx, p.instance, "Verify")
	defer func() { span.End(err) }()
	return observed(p.host, p.instance, "Verify", func(s *supervised, kind Kind) (authn.VerifyResponse, error) {
		if err := checkVerify(kind, r); err != nil {
			return authn.VerifyResponse{}, err
		}
		return twice(ctx, s.supervisor, p.instance, func(ctx context.Context, g *process) (authn.VerifyResponse, error) {
			ctx, cancel := context.WithTimeout(ctx, callLimit)
			defer cancel()
			return g.verify(ctx, p.instance, organization, kind.Records, r)
		})
	})
}

// Issue makes a new secret for a client of an organization. It is never
// repeated.
func (p *Programs) Issue(ctx context.Context, organization string, r authn.IssueRequest) (answer authn.IssueResponse, err error) {
	ctx, span := callSpan(ctx, p.instance, "Issue")
	defer func() { span.End(err) }()
	return observed(p.host, p.instance, "Issue", func(s *supervised, kind Kind) (authn.IssueResponse, error) {
		if !kind.Issues {
			return authn.IssueResponse{}, problem.New(problem.Unsupported, "%q does not issue secrets", kind.Name)
		}
		return once(ctx, s.supervisor, p.instance, func(ctx context.Context, g *process) (authn.IssueResponse, error) {
			ctx, cancel := context.WithTimeout(ctx, callLimit)
			defer cancel()
			return g.issue(ctx, p.instance, organization, r)
		})
	})
}

// importLimit is how many hashes may be imported in one call.
const importLimit = 1000

// Import makes verifiers of hashes that another system made: one answer for
// each, in their order. It changes nothing.
func (p *Programs) Import(ctx context.Context, organization string, hashes []string) (answer []authn.Imported, err error) {
	ctx, span := callSpan(ctx, p.instance, "Import")
	defer func() { span.End(err) }()
	return observed(p.host, p.instance, "Import", func(s *supervised, kind Kind) ([]authn.Imported, error) {
		switch {
		case !kind.Imports:
			return nil, problem.New(problem.Unsupported, "the plugin of %q does not import keys that were hashed elsewhere", p.instance).
				WithHint("its author can add it; apikey, which comes with Gatehouse, does")
		case len(hashes) > importLimit:
			return nil, problem.New(problem.TooLarge, "%d hashes were to be imported at once, %d can be", len(hashes), importLimit)
		}
		return once(ctx, s.supervisor, p.instance, func(ctx context.Context, g *process) ([]authn.Imported, error) {
			ctx, cancel := context.WithTimeout(ctx, callLimit)
			defer cancel()
			return g.imports(ctx, p.instance, organization, hashes)
		})
	})
}

// Locate makes the digests under which the record of a secret that came without
// an id may be kept. If the plugin dies meanwhile the call is repeated once.
func (p *Programs) Locate(ctx context.Context, presented secret.Text) (digests [][]byte, err error) {
	ctx, span := callSpan(ctx, p.instance, "Locate")
	defer func() { span.End(err) }()
	return observed(p.host, p.instance, "Locate", func(s *supervised, _ Kind) ([][]byte, error) {
		if len(presented) > secretLimit {
			return nil, problem.New(problem.TooLarge, "the credential is longer than %d bytes", secretLimit)
		}
		return twice(ctx, s.supervisor, p.instance, func(ctx context.Context, g *process) ([][]byte, error) {
			ctx, cancel := context.WithTimeout(ctx, callLimit)
			defer cancel()
			return g.locate(ctx, p.instance, presented)
		})
	})
}

// checkVerify refuses what no plugin should have to look at.
func checkVerify(kind Kind, r authn.VerifyRequest) error {
	switch {
	case len(r.ID) > secretLimit || len(r.Secret) > secretLimit:
		return problem.New(problem.TooLarge, "the credential is longer than %d bytes", secretLimit)
	case kind.Records == 0:
		return problem.New(problem.Unsupported, "%q checks no credentials of programs", kind.Name)
	case kind.Records == authn.RecordsHost && (len(r.Records) == 0 || len(r.Records) > recordLimit):
		return problem.New(problem.Internal, "%d records were to be checked, 1 to %d can be", len(r.Records), recordLimit)
	case kind.Records == authn.RecordsNone && len(r.Records) > 0:
		return problem.New(problem.Internal, "records were to be checked of a kind that has none")
	}
	return nil
}

// observed makes a call where the instance is, and tells of it.
func observed[T any](h *Host, instance, method string, call func(*supervised, Kind) (T, error)) (T, error) {
	var none T
	h.mu.Lock()
	at, ok := h.placements[instance]
	h.mu.Unlock()
	if !ok {
		return none, errNotConfigured(instance)
	}
	s, kind := at.get()
	if s == nil {
		return none, errNotConfigured(instance)
	}
	began := time.Now()
	answer, err := call(s, kind)
	if away := (*turnedAway)(nil); errors.As(err, &away) {
		// The call was not made. If that is because the instance was moved to
		// another process meanwhile, it is made there.
		if now, kind := at.get(); now != nil && now != s {
			s = now
			answer, err = call(s, kind)
		}
	}
	if o := h.options.Observer; o != nil {
		failed := err
		if denied := (*authn.Denied)(nil); errors.As(err, &denied) {
			failed = nil // it has answered
		}
		o.CallEnded(s.program.spec.Name, method, time.Since(began), failed)
	}
	return answer, err
}

func errNotConfigured(instance string) error {
	return problem.New(problem.Unavailable, "instance %q is not configured", instance).WithRetryAfter(retrySoon)
}
