package grant

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/gatehouse-id/gatehouse/core/audit"
	"github.com/gatehouse-id/gatehouse/core/change"
	"github.com/gatehouse-id/gatehouse/core/policy"
	"github.com/gatehouse-id/gatehouse/core/store"
)

// differences are what is to be written of one or many principals of an
// organization.
type differences struct {
	put, taken []Grant
	given      []Grant // of put, those that are new
	tags       []change.Tag
	strict     bool         // rather than keep the last grant of a protected role, refuse
	ended      audit.Action // what is recorded of those taken; "" is GrantTaken
}

// add compares what a principal has of one source with what it is to have, and
// reports whether a role was given or taken.
func (d *differences) add(principal string, source Source, have []Grant, want []policy.Granted) (changed bool) {
	type key struct{ role, rule string }
	old := make(map[key]Grant, len(have))
	for _, one := range have {
		old[key{one.Role, one.Rule}] = one
	}
	for _, w := range want {
		k := key{w.Role, w.Rule}
		before, known := old[k]
		delete(old, k)
		if known && before.Reason == w.Reason && !before.Kept() {
			continue
		}
		one := Grant{Principal: principal, Role: w.Role, Source: source, Rule: w.Rule, Reason: w.Reason}
		d.put = append(d.put, one)
		if !known || before.Kept() {
			d.given, changed = append(d.given, one), true
		}
	}
	for _, one := range have {
		if _, gone := old[key{one.Role, one.Rule}]; gone {
			d.taken, changed = append(d.taken, one), true
		}
	}
	return changed
}

// write writes differences, and what follows from them for the grants of
// protected roles.
func (g *Grants) write(ctx context.Context, tx *store.Tx, by By, d differences) error {
	if err := g.insert(ctx, tx, by.Organization, d.put); err != nil {
		return err
	}
	if err := remove(ctx, tx, d.taken); err != nil {
		return err
	}
	if err := g.protect(ctx, tx, by, &d); err != nil {
		return err
	}
	action := d.ended
	if action == "" {
		action = audit.GrantTaken
	}
	var records []audit.Record
	for _, one := range d.given {
		records = append(records, by.record(audit.GrantGiven, one))
	}
	for _, one := range d.taken {
		records = append(records, by.record(action, one))
	}
	if err := g.audit.Append(ctx, tx, records...); err != nil {
		return err
	}
	if len(d.tags) == 0 {
		return nil
	}
	return g.feed.Append(ctx, tx, d.tags...)
}

// insert writes what mappings and files give. One that is there has its reason
// written anew, and is its source's again if it was kept.
func (g *Grants) insert(ctx context.Context, tx *store.Tx, organization string, list []Grant) error {
	const columns = 7
	at := g.clock().UnixMicro()
	for some := range slices.Chunk(list, parameters/columns) {
		args := make([]any, 0, len(some)*columns)
		for _, one := range some {
			args = append(args, one.Principal, organization, one.Role, string(one.Source), one.Rule, one.Reason, at)
		}
		if _, err := tx.Exec(ctx, `INSERT INTO principal_grant (principal, organization, role, source, rule, reason, created_at) VALUES `+tuples(len(args), columns)+`
			ON CONFLICT (principal, role, source, rule) DO UPDATE SET reason = excluded.reason, kept_at = NULL, kept_from = ''`, args...); err != nil {
			return err
		}
	}
	return nil
}

// insertWhole writes one grant with all that is known of it.
func insertWhole(ctx context.Context, tx *store.Tx, one Grant) error {
	_, err := tx.Exec(ctx, `INSERT INTO principal_grant (`+grantColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
		ON CONFLICT (principal, role, source, rule) DO UPDATE SET reason = excluded.reason, given_by = excluded.given_by,
			expires_at = excluded.expires_at, kept_at = excluded.kept_at, kept_from = excluded.kept_from`,
		one.Principal, one.Organization, one.Role, string(one.Source), one.Rule, one.Reason, one.GivenBy, one.CreatedAt.UnixMicro(),
		micros(one.EndsAt), micros(one.KeptAt), one.KeptFrom)
	return err
}

// remove deletes grants.
func remove(ctx context.Context, tx *store.Tx, list []Grant) error {
	for some := range slices.Chunk(list, parameters/4) {
		args := make([]any, 0, len(some)*4)
		for _, one := range some {
			args = append(args, one.Principal, one.Role, string(one.Source), one.Rule)
		}
		if _, err := tx.Exec(ctx, `DELETE FROM principal_grant WHERE (principal, role, source, rule) IN (VALUES `+tuples(len(args), 4)+`)`, args...); err != nil {
			return err
		}
	}
	return nil
}

// tuples is the text of so many parameters, in parentheses of so many each.
func tuples(n, each int) string { return tuplesFrom(0, n, each) }

// tuplesFrom is tuples behind so many parameters that stand before.
func tuplesFrom(before, n, each int) string {
	var b strings.Builder
	for i := range n {
		switch {
		case i == 0:
			b.WriteByte('(')
		case i%each == 0:
			b.WriteString("), (")
		default:
			b.WriteString(", ")
		}
		b.WriteString(parameter(before + i + 1))
	}
	b.WriteByte(')')
	return b.String()
}

func parameter(n int) string { return "$" + strconv.Itoa(n) }
