package host

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatehouse-id/gatehouse/core/grant"
	"github.com/gatehouse-id/gatehouse/sdk/admin"
)

// mostUnheld is how many protected roles status tells of, of each kind.
const mostUnheld = 20

// unheld says which protected roles nobody can use, and whose last grant is kept
// although its source has taken it. The host is as ready as before.
func (h *house) unheld(ctx context.Context) (list []admin.Wrong) {
	vacant, err := h.grants.Vacant(ctx)
	var kept []grant.Grant
	if err == nil {
		kept, err = h.grants.KeptBack(ctx, mostUnheld)
	}
	if err != nil {
		return []admin.Wrong{{
			Problem: "it cannot be read whether each protected role has a holder", Affects: "the administrators of organizations, perhaps",
			Next: "gatehouse grant list, once the store answers",
		}}
	}
	nobody := map[grant.Vacancy]bool{}
	for i, v := range vacant {
		nobody[v] = true
		if i == mostUnheld {
			list = append(list, admin.Wrong{Problem: fmt.Sprintf("%d more protected roles have no active holder", len(vacant)-i), Affects: "their organizations", Next: "gatehouse grant list"})
		}
		if i < mostUnheld {
			list = append(list, admin.Wrong{
				Problem: fmt.Sprintf("nobody who is active has the protected role %s of organization %s any more", v.Role, v.Organization),
				Affects: "whoever needs somebody with that role: who had it is deactivated, deleted, or of a connection that was taken away",
				Next:    fmt.Sprintf("gatehouse grant list --role %s --organization %s, then gatehouse grant add USER %[1]s --reason TEXT", v.Role, v.Organization),
			})
		}
	}
	for _, one := range kept {
		if nobody[grant.Vacancy{Role: one.Role, Organization: one.Organization}] {
			continue
		}
		list = append(list, admin.Wrong{
			Problem: fmt.Sprintf("%s has the protected role %s of organization %s only because nobody else has it; %s would have taken it at %s", one.Principal, one.Role, one.Organization, one.KeptFrom, one.KeptAt.UTC().Format(time.RFC3339)),
			Affects: "nobody yet: they go on with it",
			Next:    fmt.Sprintf("give the role to whoever is to have it, and it is taken: gatehouse grant add USER %s --reason TEXT, or by a mapping", one.Role),
		})
	}
	return list
}

// vacancies tells in how many organizations nobody can use a protected role.
// Labels are the protected roles, which the configuration bounds.
type vacancies struct {
	*prometheus.GaugeVec
	look  func(context.Context) ([]grant.Vacancy, error)
	roles func() []string
	clock func() time.Time
	mu    sync.Mutex
	next  time.Time // it looks at most once a minute: each organization is a step
}

func newVacancies(look func(context.Context) ([]grant.Vacancy, error), roles func() []string, clock func() time.Time) *vacancies {
	return &vacancies{look: look, roles: roles, clock: clock, GaugeVec: prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "gatehouse_protected_roles_vacant", Help: "Organizations in which nobody who is active has the protected role any more, up to a minute late.",
	}, []string{"role"})}
}

// Collect implements prometheus.Collector, which has no context to pass on. While
// the store cannot be read it is what it was.
func (v *vacancies) Collect(to chan<- prometheus.Metric) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if now := v.clock(); !now.Before(v.next) {
		ctx, cancel := context.WithTimeout(context.Background(), brakeLook)
		defer cancel()
		if list, err := v.look(ctx); err == nil {
			v.next = now.Add(time.Minute)
			v.Reset()
			for _, role := range v.roles() {
				v.WithLabelValues(role) // 0, from the start
			}
			for _, one := range list {
				v.WithLabelValues(one.Role).Inc()
			}
		}
	}
	v.GaugeVec.Collect(to)
}

// protectedRoles are those of the configuration in force.
func (h *house) protectedRoles() []string {
	if now := h.current.Load(); now != nil {
		return now.policy.Protected()
	}
	return nil
}
