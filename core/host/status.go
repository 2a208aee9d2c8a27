package host

import (
	"context"

	"github.com/gatehouse-id/gatehouse/sdk/admin"
)

// status is what the admin API shows of the host.
func (h *house) status(ctx context.Context) admin.Status {
	s := admin.Status{Version: h.Version, Revision: h.current.Load().revision, StartedAt: h.started, Uptime: admin.Duration(h.clock().Sub(h.started)), PublicURL: h.publicURL(), Ready: true}
	for _, c := range h.ready(ctx) {
		s.Ready = s.Ready && c.OK
		s.Conditions = append(s.Conditions, admin.Condition(c))
	}
	return s
}
