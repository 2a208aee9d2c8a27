package domain

import (
	"context"
	"database/sql"
	"maps"
	"slices"
	"time"

	"github.com/gatehouse-id/gatehouse/core/change"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// Known says whose a domain is: by the files of one configuration, and by what was
// proved beside them.
type Known struct {
	filed  map[string]string // by domain, its organization
	proved *Domains
}

// With returns what is known with the files of a configuration.
func (d *Domains) With(filed map[string]string) *Known { return &Known{filed, d} }

// Filed is the organization whose domain it is by the files; "" is none.
func (k *Known) Filed(name string) string { return k.filed[name] }

// Owner is the organization that has a domain, given in the form of Normalize; "" is
// that nobody has it. Nothing is read for it unless something was proved or removed
// since it was asked last. The error is that of the store: who cannot know whether what
// they remember still holds does not go by it.
func (k *Known) Owner(ctx context.Context, name string) (organization string, err error) {
	if name == "" {
		return "", nil
	}
	if filed := k.filed[name]; filed != "" {
		return filed, nil
	}
	all, err := k.proved.all(ctx)
	if err != nil {
		return "", problem.Wrap(err, problem.Unavailable, "the organization of an e-mail domain cannot be found").WithRetryAfter(time.Second)
	}
	return all[name], nil
}

// kept is all that is proved, and what that rests on.
type kept struct {
	deps   change.Deps
	proved map[string]string // by domain, its organization; nobody changes it
}

// all is what is proved, read anew if it has changed.
func (d *Domains) all(ctx context.Context) (map[string]string, error) {
	if k := d.kept.Load(); k != nil && k.deps.Fresh() {
		return k.proved, nil
	}
	d.reading.Lock() // one reads for all who wait
	defer d.reading.Unlock()
	if k := d.kept.Load(); k != nil && k.deps.Fresh() {
		return k.proved, nil
	}
	k := &kept{deps: d.Feed.Observe(change.Domains()), proved: map[string]string{}}
	err := d.Store.Select(ctx, func(rows *sql.Rows) error {
		var name, organization string
		if err := rows.Scan(&name, &organization); err != nil {
			return err
		}
		k.proved[name] = organization
		return nil
	}, `SELECT name, organization FROM organization_domain WHERE proved_at <> 0`)
	if err != nil {
		return nil, err
	}
	d.kept.Store(k)
	return k.proved, nil
}

// Declare refuses the domains of a configuration's files of which another organization
// has proved one at run time, within the transaction that would bring them into force:
// then the configuration is refused as a whole. The error is a Problem (Conflict).
func Declare(ctx context.Context, tx *store.Tx, filed map[string]string) error {
	list, err := read(ctx, tx, `WHERE proved_at <> 0`)
	if err != nil {
		return err
	}
	proved := map[string]string{}
	for _, one := range list {
		proved[one.Name] = one.Organization
	}
	for _, name := range slices.Sorted(maps.Keys(filed)) {
		if has := proved[name]; has != "" && has != filed[name] {
			return problem.New(problem.Conflict, "the domain %q of organization %q was proved at run time by organization %q, and cannot be declared for another in a file", name, filed[name], has).
				WithHint("take it out of the block, or from the other organization with gatehouse domain remove %s --organization %s", name, has)
		}
	}
	return nil
}
