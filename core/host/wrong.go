package host

import (
	"fmt"
	"strings"
	"time"

	"github.com/gatehouse-id/gatehouse/core/keyring"
	"github.com/gatehouse-id/gatehouse/core/pluginhost"
	"github.com/gatehouse-id/gatehouse/core/provisioning/brake"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/sdk/admin"
)

// overdue is how late the next signing key may be before somebody is told: the
// host tries each minute.
const overdue = time.Hour

// pullFailures is from how many failures in a row somebody is told: before that
// an identity provider may only have been busy.
const pullFailures = 3

// wrong says what somebody has to do something about: what, who notices it, and
// what to do first.
func wrong(s admin.Status, dialect store.Dialect, plugins []pluginhost.Status, keys []keyring.Info, now time.Time) (list []admin.Wrong) {
	for _, c := range s.Conditions {
		if !c.OK {
			list = append(list, failed(c, dialect, plugins))
		}
	}
	if s.Refused != nil {
		list = append(list, admin.Wrong{
			Problem: "a newer configuration was refused: " + s.Refused.Reason,
			Affects: fmt.Sprintf("nobody who calls: revision %d goes on; what was changed is not in force", s.Revision),
			Next:    "gatehouse validate, and once it is right gatehouse apply",
		})
	}
	for _, k := range keys {
		if k.State == "next" && now.Sub(k.ActivatesAt) > overdue {
			list = append(list, admin.Wrong{
				Problem: fmt.Sprintf("signing key %s should sign since %s and does not", k.ID, k.ActivatesAt.UTC().Format(time.RFC3339)),
				Affects: "nobody yet: the key before goes on",
				Next:    "gatehouse keyring rotate --purpose assertion, which says why it fails",
			})
		}
	}
	for _, p := range s.Pulls {
		if p.Failures >= pullFailures {
			list = append(list, admin.Wrong{
				Problem: fmt.Sprintf("provisioner %s could not ask its identity provider %d times in a row", p.Instance, p.Failures),
				Affects: "who joins, changes or leaves there is not taken over; everybody else goes on",
				Next:    "gatehouse status, which has the last problem among the pulls; the host tries again by itself",
			})
		}
	}
	return list
}

// braked says which connections wait for an operator.
func braked(windows []brake.Window) (list []admin.Wrong) {
	for _, w := range windows {
		switch {
		case w.State == brake.Tripped:
			left := fmt.Sprintf("the %d who have left have no access", w.Leavers)
			if w.Held > 0 {
				left += fmt.Sprintf("; %d more are kept from leaving, and the identity provider is told to try again later", w.Held)
			}
			list = append(list, admin.Wrong{
				Problem: fmt.Sprintf("the brake of connection %s (mode %s) has tripped at %s: %d were sent away, and %d were active at first", w.Connection, w.Mode, w.TrippedAt.UTC().Format(time.RFC3339), w.Leavers, w.Active),
				Affects: left,
				Next:    fmt.Sprintf("gatehouse brake list %[1]s, then gatehouse brake release %[1]s or gatehouse brake discard %[1]s", w.Connection),
			})
		case w.State == brake.Restoring && w.Stuck > 0:
			list = append(list, admin.Wrong{
				Problem: fmt.Sprintf("%d of those who had left connection %s could not be restored", w.Stuck, w.Connection),
				Affects: "them: they have no access",
				Next:    fmt.Sprintf("gatehouse brake list %s, which says why; discard again once that is put right, or release them", w.Connection),
			})
		}
	}
	return list
}

// failed is a condition that does not hold.
func failed(c admin.Condition, dialect store.Dialect, plugins []pluginhost.Status) admin.Wrong {
	w := admin.Wrong{Problem: c.Name + ": " + c.Detail, Affects: "everybody", Next: "look into the host's log"}
	switch kind, name, _ := strings.Cut(c.Name, " "); kind {
	case "store":
		w.Affects, w.Next = "callers who are not in memory, and whoever changes something", "df -h, and look at the database file that the store block names"
		if dialect == store.PostgreSQL {
			w.Next = "pg_isready, with the address of the store block"
		}
	case "plugin":
		w.Affects, w.Next = "callers of "+instancesOf(name, plugins)+" who are not in memory", "gatehouse plugins list; the host's log has what the process last said"
	case "authenticator":
		w.Affects, w.Next = "whoever has a credential of "+name, "gatehouse validate, and look at its block"
	}
	return w
}

// instancesOf names those whom a plugin serves.
func instancesOf(plugin string, all []pluginhost.Status) string {
	var names []string
	for _, p := range all {
		for _, i := range p.Instances {
			if p.Plugin == plugin {
				names = append(names, i.Name)
			}
		}
	}
	if len(names) == 0 {
		return plugin
	}
	return strings.Join(names, ", ")
}
