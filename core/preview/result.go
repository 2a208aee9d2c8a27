package preview

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"time"

	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
)

// result puts together what was found, and what follows from the configurations
// alone.
func (c *comparison) result(ctx context.Context) (plan wire.Plan, err error) {
	c.sums.write(&plan)
	if plan.Lockouts, err = c.lockouts(ctx); err != nil {
		return wire.Plan{}, err
	}
	plan.MultiFactor = []string{}
	for _, label := range slices.Sorted(maps.Keys(c.after.Connections)) {
		if before, was := c.before.Connections[label]; was && c.after.Connections[label].MultiFactor && !before.MultiFactor {
			plan.MultiFactor = append(plan.MultiFactor, label)
		}
	}
	plan.Addresses = addresses(c.before.Addresses, c.after.Addresses)
	plan.Permissions = permissions(&c.before, &c.after)
	plan.Routes = routes(&c.before, &c.after)
	plan.Connections = names(c.before.Connections, c.after.Connections)
	plan.Declarations = names(c.before.Roles, c.after.Roles)
	plan.MadeAt = c.Clock().UTC()
	plan.Digest, err = c.digest(plan)
	return plan, err
}

// digest is of what would change: for whom, and of what is said of it. How many
// were looked at, and how many have a protected role, is not what changes.
func (c *comparison) digest(plan wire.Plan) (string, error) {
	plan.Users, plan.Clients, plan.MadeAt = 0, 0, time.Time{}
	plan.Lockouts = slices.Clone(plan.Lockouts)
	for i := range plan.Lockouts {
		plan.Lockouts[i].Users, plan.Lockouts[i].Clients = 0, 0
	}
	text, err := json.Marshal(plan)
	if err != nil {
		return "", err
	}
	_, _ = c.sums.digest.Write(text) // a hash takes everything
	return hex.EncodeToString(c.sums.digest.Sum(nil)), nil
}

// names are the keys that come and go.
func names[V any](before, after map[string]V) wire.PlannedNames {
	list := wire.PlannedNames{Added: []string{}, Removed: []string{}}
	for _, name := range slices.Sorted(maps.Keys(after)) {
		if _, was := before[name]; !was {
			list.Added = append(list.Added, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(before)) {
		if _, is := after[name]; !is {
			list.Removed = append(list.Removed, name)
		}
	}
	return list
}
