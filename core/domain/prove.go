package domain

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/gatehouse-id/gatehouse/core/audit"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// Verify looks for the challenge of a claim in the DNS, and if it is there the domain is
// the organization's from the next request on. With vouch nobody is asked: whoever
// calls says so, which they may if they are confined to no organization, and the audit
// log names them. What is proved already stays as it is.
//
// The error is a Problem: Conflict where the challenge is not there, or the domain
// was another's before (it is "taken"), Unavailable where the DNS gave no answer.
func (d *Domains) Verify(ctx context.Context, by By, id string, vouch bool) (proved Domain, err error) {
	if vouch && by.Within != "" {
		return Domain{}, problem.New(problem.Forbidden, "an operator of the installation can vouch for a domain, and this is confined to the organization %q", by.Within).
			WithHint("publish the challenge, and verify without vouching")
	}
	var one Domain
	if err := d.Store.Read(ctx, func(tx *store.Tx) (err error) {
		one, err = d.open(ctx, tx, by, id)
		return err
	}); err != nil || !one.ProvedAt.IsZero() {
		return one, err
	}
	how := by.Actor
	if !vouch {
		how = ByDNS
		end, err := d.lookups.begin(one.Organization)
		if err != nil {
			return Domain{}, err
		}
		err = d.look(ctx, one)
		end()
		if err != nil {
			return Domain{}, d.note(ctx, one, err)
		}
	}
	return d.prove(ctx, by, one, how)
}

// open reads a claim that may be proved, or a domain that is.
func (d *Domains) open(ctx context.Context, tx *store.Tx, by By, id string) (Domain, error) {
	one, err := find(ctx, tx, by, id)
	if err != nil || !one.ProvedAt.IsZero() {
		return one, err
	}
	if one.State(d.Clock()) == Expired {
		return Domain{}, problem.New(problem.Conflict, "the claim of %s has ended at %s", one.Name, one.ExpiresAt().UTC().Format(time.RFC3339)).
			WithHint("claim it again, and publish the new challenge: gatehouse domain add %s --organization %s", one.Name, one.Organization)
	}
	if filed := d.Filed(one.Name); filed != "" && filed != one.Organization {
		return Domain{}, taken(one.Name)
	}
	others, err := read(ctx, tx, `WHERE name = $1 AND proved_at <> 0`, one.Name)
	if err == nil && len(others) > 0 {
		err = taken(one.Name)
	}
	return one, err
}

// prove gives a domain to its organization, if nothing has changed since it was
// looked for.
func (d *Domains) prove(ctx context.Context, by By, looked Domain, how string) (proved Domain, err error) {
	now := d.Clock().Truncate(time.Microsecond)
	err = d.Store.Write(ctx, func(tx *store.Tx) (err error) {
		if proved, err = d.open(ctx, tx, by, looked.ID); err != nil || !proved.ProvedAt.IsZero() {
			return err // somebody else was as fast
		}
		proved.ProvedAt, proved.ProvedBy, proved.Failure = now, how, ""
		if how == ByDNS {
			proved.CheckedAt = now
		}
		if _, err := tx.Exec(ctx, `UPDATE organization_domain SET proved_at = $1, proved_by = $2, checked_at = $3, failure = '' WHERE id = $4`,
			now.UnixMicro(), how, micros(proved.CheckedAt), proved.ID); err != nil {
			if errors.Is(err, store.ErrConflict) {
				return taken(proved.Name)
			}
			return err
		}
		if err := d.Audit.Append(ctx, tx, audit.Record{
			Actor: by.Actor, Action: audit.DomainProved, Organization: proved.Organization, Subject: proved.ID, TraceID: by.TraceID,
			After: map[string]any{"domain": proved.Name, "proved_by": how},
		}); err != nil {
			return err
		}
		return d.changed(ctx, tx, proved.Organization)
	})
	if err != nil {
		return Domain{}, err
	}
	return proved, nil
}

// maxFailure bounds what is kept of a failure, in bytes.
const maxFailure = 500

// note keeps why a challenge was not found, and returns that.
func (d *Domains) note(ctx context.Context, one Domain, why error) error {
	if ctx.Err() != nil {
		return why
	}
	text := problem.As(why).Detail
	text = strings.ToValidUTF8(text[:min(maxFailure, len(text))], "")
	if err := d.Store.Write(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE organization_domain SET checked_at = $1, failure = $2 WHERE id = $3 AND proved_at = 0`,
			d.Clock().UnixMicro(), text, one.ID)
		return err
	}); err != nil {
		return err
	}
	return why
}
