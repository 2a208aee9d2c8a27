package pull

import (
	"context"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// Ask has a pass over a source begin now rather than at its time, and one that
// waits after a failure go on now. The error is a Problem (Conflict) where one is
// under way: it takes over all that there is, and another would find no more.
func (p *Pulls) Ask(ctx context.Context, of Source) error {
	was, err := p.read(ctx, of)
	if err != nil {
		return err
	}
	if was.State != Waiting && !p.Clock().Before(was.RetryAt) {
		return problem.New(problem.Conflict, "a pass over the identity provider of %s is under way since %s", of.Instance, was.StartedAt.UTC().Format(time.RFC3339)).
			WithHint("gatehouse status says how far it is")
	}
	is := was
	is.Organization, is.Connection, is.RetryAt = of.Organization, of.Connection, time.Time{}
	if was.State == Waiting {
		is.StartedAt = time.Time{}
	}
	return p.save(ctx, was, is)
}
