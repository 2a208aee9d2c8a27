package domain

import (
	"context"
	"slices"
	"time"

	"github.com/gatehouse-id/gatehouse/core/audit"
	"github.com/gatehouse-id/gatehouse/core/change"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

// challengePrefix is how a challenge begins, so that whoever reads it among the
// records of a domain knows what it is for.
const challengePrefix = "gatehouse-domain-verification="

// challengeDigits of base 62 are 154 bits, which nobody guesses.
const challengeDigits = 26

// Add claims a domain for an organization. What is claimed or proved already is
// answered as it is; a claim that has expired begins anew, with another challenge.
// The error is a Problem: Invalid where it is no domain that one organization can
// have, Conflict where it is another's ("taken", not whose) or the files', and
// where there are too many.
func (d *Domains) Add(ctx context.Context, by By, organization, name string) (added Domain, err error) {
	if err := by.reaches(organization); err != nil {
		return Domain{}, err
	}
	if name, err = Normalize(name); err != nil {
		return Domain{}, err
	}
	switch d.Filed(name) {
	case "":
	case organization:
		return Domain{}, problem.New(problem.Conflict, "the domain %s of organization %q is in the configuration's files", name, organization).
			WithHint("it counts as proved: there is nothing to do")
	default:
		return Domain{}, taken(name)
	}
	id, err := secret.NewID(d.Random, "D", 15)
	if err != nil {
		return Domain{}, err
	}
	challenge, err := secret.NewID(d.Random, challengePrefix, challengeDigits)
	if err != nil {
		return Domain{}, err
	}
	now := d.Clock().Truncate(time.Microsecond)
	err = d.Store.Write(ctx, func(tx *store.Tx) error {
		// Those that have expired make room, this one's among them.
		if _, err := tx.Exec(ctx, `DELETE FROM organization_domain WHERE organization = $1 AND proved_at = 0 AND added_at <= $2`,
			organization, now.Add(-ClaimLife).UnixMicro()); err != nil {
			return err
		}
		list, err := read(ctx, tx, `WHERE name = $1 AND (organization = $2 OR proved_at <> 0)`, name, organization)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(list, func(one Domain) bool { return one.Organization != organization }) {
			return taken(name)
		}
		if len(list) > 0 {
			added = list[0]
			return nil
		}
		var n int
		if err := tx.QueryRow(ctx, `SELECT count(*) FROM organization_domain WHERE organization = $1`, organization).Scan(&n); err != nil {
			return err
		}
		if n >= PerOrganization {
			return problem.New(problem.Conflict, "organization %q has %d domains, and may not have more", organization, n).
				WithHint("remove those that are not needed: gatehouse domain list --organization %s", organization)
		}
		added = Domain{ID: id, Organization: organization, Name: name, Challenge: challenge, AddedAt: now}
		if _, err := tx.Exec(ctx, `INSERT INTO organization_domain (`+columns+`) VALUES ($1, $2, $3, $4, $5, 0, '', 0, '')`,
			id, organization, name, challenge, now.UnixMicro()); err != nil {
			return err
		}
		return d.Audit.Append(ctx, tx, audit.Record{
			Actor: by.Actor, Action: audit.DomainAdded, Organization: organization, Subject: id, TraceID: by.TraceID, After: map[string]any{"domain": name},
		})
	})
	return added, err
}

// Remove takes a domain away from its organization, whether it was proved or not:
// with the next request its people are not found by it any more, and their
// addresses are not shown as verified.
func (d *Domains) Remove(ctx context.Context, by By, id string) (removed Domain, err error) {
	err = d.Store.Write(ctx, func(tx *store.Tx) (err error) {
		if removed, err = find(ctx, tx, by, id); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM organization_domain WHERE id = $1`, id); err != nil {
			return err
		}
		before := map[string]any{"domain": removed.Name}
		if !removed.ProvedAt.IsZero() {
			before["proved_at"], before["proved_by"] = removed.ProvedAt.UTC().Format(time.RFC3339), removed.ProvedBy
		}
		if err := d.Audit.Append(ctx, tx, audit.Record{
			Actor: by.Actor, Action: audit.DomainRemoved, Organization: removed.Organization, Subject: id, TraceID: by.TraceID, Before: before,
		}); err != nil || removed.ProvedAt.IsZero() {
			return err
		}
		return d.changed(ctx, tx, removed.Organization)
	})
	return removed, err
}

// changed tells those who remember whose which domain is.
func (d *Domains) changed(ctx context.Context, tx *store.Tx, organization string) error {
	return d.Feed.Append(ctx, tx, change.Domains(), change.Organization(organization))
}

// reaches refuses another organization than the one that by is confined to.
func (by By) reaches(organization string) error {
	if by.Within == "" || by.Within == organization {
		return nil
	}
	return problem.New(problem.Forbidden, "this is confined to the organization %q", by.Within)
}

// taken does not say whose it is.
func taken(name string) error {
	return problem.New(problem.Conflict, "the domain %s is taken", name).
		WithHint("another organization has proved it, or the configuration names it; if it is yours, ask the operator of this service")
}

// find reads one domain. To whoever is confined that of another organization is not
// there.
func find(ctx context.Context, tx *store.Tx, by By, id string) (Domain, error) {
	list, err := read(ctx, tx, `WHERE id = $1 AND ($2 = '' OR organization = $2)`, id, by.Within)
	if err != nil {
		return Domain{}, err
	}
	if len(list) == 0 {
		return Domain{}, problem.New(problem.NotFound, "there is no domain with the id %q", id).WithHint("gatehouse domain list shows those that there are")
	}
	return list[0], nil
}
