package host

import (
	"context"

	"github.com/gatehouse-id/gatehouse/sdk/admin"
)

// status is what the admin API shows of the host.
func (h *house) status(ctx context.Context) admin.Status {
	now := h.current.Load()
	s := admin.Status{
		Version: h.Version, Revision: now.revision, LoadedAt: now.since.UTC(), StartedAt: h.started, Uptime: admin.Duration(h.clock().Sub(h.started)),
		PublicURL: h.publicURL(), Ready: true,
	}
	for _, c := range h.ready(ctx) {
		s.Ready = s.Ready && c.OK
		s.Conditions = append(s.Conditions, admin.Condition(c))
	}
	if r := h.refused.Load(); r != nil {
		s.Refused = &admin.RefusedReload{At: r.at.UTC(), Reason: r.reason}
	}
	s.Ending = h.ending(ctx, now.certificate)
	s.Pulls = h.asked(ctx)
	s.Wrong = wrong(s, h.store.Dialect(), h.plugins.Status(), h.keyring.Keys(), h.clock())
	windows, err := h.brake.List(ctx, "")
	if err != nil {
		s.Wrong = append(s.Wrong, admin.Wrong{
			Problem: "it cannot be read whether a brake has tripped", Affects: "whoever has left a connection meanwhile, perhaps",
			Next: "gatehouse brake list, once the store answers",
		})
	}
	s.Wrong = append(s.Wrong, braked(windows)...)
	s.Wrong = append(s.Wrong, unanswered(h.grants.Failing())...)
	s.Wrong = append(s.Wrong, h.unheld(ctx)...)
	return s
}
