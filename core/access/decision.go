package access

import (
	"time"

	"github.com/gatehouse-id/gatehouse/core/access/decided"
	"github.com/gatehouse-id/gatehouse/core/policy"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// Decision is the answer to one request. Beside an error it says what was known
// when the request was refused, and lets nobody pass.
type Decision struct {
	Principal *Principal // nil: nobody, on a public path
	Identity  *Identity  // what the application is told; of nobody, empty values
	Rule      policy.Rule
	Reason    policy.Reason // what the policy said; "" where it was not asked
	ID        []string      // the one value of the decision's id, as a header has it; nil: it has none

	entry *entry
}

// toNobody is the decision that lets anybody pass as nobody.
func (d Decision) toNobody() Decision {
	return Decision{Identity: nobody, Rule: d.Rule, Reason: policy.ReasonPublic}
}

// Fresh reports whether what the decision rests on is still so. Who holds a
// stream open asks it again when something has changed.
func (d *Decision) Fresh() bool {
	return d.entry == nil || d.entry.deps.Fresh() && d.entry.principal.fresh()
}

// Expires is when the credential of the decision ends; zero is no end.
func (d *Decision) Expires() time.Time {
	if d.entry == nil {
		return time.Time{}
	}
	return d.entry.expires.time()
}

// Facts are what the id of a decision says of it. err is what came with it.
func (d *Decision) Facts(r *Request, err error) decided.Facts {
	f := decided.Facts{Method: r.Method, Upstream: decided.None, Rule: decided.None, Outcome: decided.Allowed, Reason: d.Reason}
	if d.Rule.Upstream != "" { // else nobody serves the host, or it was refused before anybody looked
		f.Upstream, f.Rule = r.Upstream, d.Rule.Index
	}
	if err != nil {
		f.Outcome = string(problem.As(err).Code)
	}
	p := d.Principal
	if p == nil {
		return f
	}
	f.Kind, f.Principal, f.Recorded = p.Kind(), p.ID, p.recorded || p.session != nil
	f.Organization, f.Credential, f.Roles = p.ground.tag, decided.Hash(d.entry.keyID), decided.Hash(p.rights.joined)
	return f
}
