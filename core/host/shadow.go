package host

import (
	"context"

	"github.com/gatehouse-id/gatehouse/core/admin"
	"github.com/gatehouse-id/gatehouse/core/change"
	"github.com/gatehouse-id/gatehouse/core/preview"
	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
)

// inForce is the configuration that a shadow is compared with.
type inForce struct{ h *house }

var _ preview.InForce = inForce{}

func (i inForce) Revision() int64 {
	if now := i.h.current.Load(); now != nil {
		return now.revision
	}
	return 0
}

func (i inForce) Side() preview.Side { return i.h.side(i.h.current.Load().plan) }

// shadows evaluates other configurations beside the one in force, for the admin API.
type shadows struct{ h *house }

var _ admin.Shadow = shadows{}

func (s shadows) Start(ctx context.Context, files []wire.ConfigFile) (wire.Shadow, error) {
	source := sourceOf(files)
	p, err := s.h.glance(ctx, source)
	if err != nil {
		return wire.Shadow{}, err
	}
	s.h.shadow.Start(s.h.side(p), source.Digest())
	// Who is known is evaluated anew with their next request: so whoever comes is seen.
	s.h.feed.Announce(change.Policy())
	return s.h.shadow.Status(), nil
}

func (s shadows) Stop() (wire.Shadow, error) { return s.h.shadow.Stop() }

func (s shadows) Status() wire.Shadow { return s.h.shadow.Status() }
