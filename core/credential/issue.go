package credential

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/gatehouse-id/gatehouse/core/audit"
	"github.com/gatehouse-id/gatehouse/core/change"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

// Lifetimes of a key.
const (
	DefaultLifetime = 365 * 24 * time.Hour
	maxLifetime     = 10 * 365 * 24 * time.Hour

	// DefaultOverlap is for how long the old secret goes on after a rotation.
	DefaultOverlap = 24 * time.Hour
	maxOverlap     = 90 * 24 * time.Hour
)

// Create makes a client of the API's and its first key, both or neither. What
// with does joins their transaction. The secret is in no record: it is returned
// once.
func (r *Records) Create(ctx context.Context, by By, c Client, lifetime time.Duration, with func(*store.Tx) error) (Client, Key, secret.Text, error) {
	c.Source, c.State, c.Version = FromAPI, Active, 1
	c.CreatedAt = r.now()
	c.UpdatedAt = c.CreatedAt
	if c.Owner == "" {
		c.Owner = OrganizationOwned
	}
	if err := c.check(); err != nil {
		return Client{}, Key{}, "", err
	}
	if by.Within != "" && c.Organization != by.Within {
		return Client{}, Key{}, "", problem.New(problem.Forbidden, "who is confined to an organization makes clients of that one only")
	}
	key, text, err := r.newKey(ctx, c, lifetime)
	if err != nil {
		return Client{}, Key{}, "", err
	}
	err = r.store.Write(ctx, func(tx *store.Tx) error {
		if err := r.insert(ctx, tx, by, c); err != nil {
			return err
		}
		if err := with(tx); err != nil {
			return err
		}
		return r.insertKey(ctx, tx, by, c.Organization, key)
	})
	if errors.Is(err, store.ErrConflict) {
		err = problem.Wrap(err, problem.Conflict, "the client id %q is taken", c.ID).
			WithHint("ids are unique in the installation and are never used again: choose another")
	}
	if err != nil {
		return Client{}, Key{}, "", err
	}
	return c, key, text, nil
}

func (r *Records) insert(ctx context.Context, tx *store.Tx, by By, c Client) error {
	_, err := tx.Exec(ctx, `INSERT INTO client (id, organization, source, instance, name, owner, state, scopes, networks,
		attributes, rate, expires_at, version, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, '{}', $10, $11, $12, $13, $14)`,
		c.ID, c.Organization, c.Source, c.Instance, c.Name, c.Owner, c.State, strings.Join(c.Scopes, "\n"),
		joinPrefixes(c.Networks), perHour(c.Rate), micros(c.ExpiresAt), c.Version, c.CreatedAt.UnixMicro(), c.UpdatedAt.UnixMicro())
	if err != nil {
		return err
	}
	return r.record(ctx, tx, by, audit.ClientCreated, c.Organization, c.ID, nil, c, change.Client(c.ID))
}

// Issue makes a first or further secret for a client that is there. The secret is
// in no record: it is returned once.
func (r *Records) Issue(ctx context.Context, by By, client string, lifetime time.Duration) (Key, secret.Text, error) {
	return r.add(ctx, by, client, lifetime, func(_ *store.Tx, live []Key) error {
		if len(live) >= maxLive {
			return tooMany(client)
		}
		return nil
	})
}

// Rotate makes a new secret and ends the one in use after the overlap; zero
// ends it at once.
func (r *Records) Rotate(ctx context.Context, by By, client string, lifetime, overlap time.Duration) (Key, secret.Text, error) {
	if overlap < 0 || overlap > maxOverlap {
		return Key{}, "", problem.New(problem.Invalid, "an overlap of %s is out of bounds", overlap).WithHint("at most %s", maxOverlap)
	}
	return r.add(ctx, by, client, lifetime, func(tx *store.Tx, live []Key) error {
		if len(live) == 0 {
			return problem.New(problem.Conflict, "client %q has no live key to rotate", client).WithHint("make one: gatehouse keys create %s", client)
		}
		if len(live) >= maxLive {
			return tooMany(client)
		}
		old := live[0]
		if overlap == 0 {
			return r.revoke(ctx, tx, by, old, "rotated")
		}
		end := r.now().Add(overlap)
		if !old.ExpiresAt.IsZero() && !end.Before(old.ExpiresAt) {
			return nil // it ends sooner by itself
		}
		return r.end(ctx, tx, by, old, end)
	})
}

// end brings the end of a key forward.
func (r *Records) end(ctx context.Context, tx *store.Tx, by By, key Key, at time.Time) error {
	c, err := r.client(ctx, tx, by.Within, key.ClientID)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `UPDATE client_key SET expires_at = $1 WHERE id = $2`, at.UnixMicro(), key.ID); err != nil {
		return err
	}
	after := key
	after.ExpiresAt = at
	return r.record(ctx, tx, by, audit.KeyRotated, c.Organization, key.ID, describe(key), describe(after), change.Client(key.ClientID), change.ClientKey(key.ID))
}

func tooMany(client string) error {
	return problem.New(problem.Conflict, "client %q has two live keys already", client).
		WithHint("see which is still used with gatehouse keys show %s, and revoke the other", client)
}

// newKey asks the plugin for a secret, and makes the record that is to be written:
// a transaction calls no other process.
func (r *Records) newKey(ctx context.Context, c Client, lifetime time.Duration) (Key, secret.Text, error) {
	if lifetime == 0 {
		lifetime = DefaultLifetime
	}
	if lifetime < 0 || lifetime > maxLifetime {
		return Key{}, "", problem.New(problem.Invalid, "a lifetime of %s is out of bounds", lifetime).WithHint("at most ten years")
	}
	id, err := secret.NewID(r.random, "K", 15)
	if err != nil {
		return Key{}, "", err
	}
	issued, err := r.issuer.Issue(ctx, c.Instance, c.Organization, authn.IssueRequest{RecordID: id, ClientID: c.ID})
	if err != nil {
		return Key{}, "", err
	}
	now := r.now()
	return Key{
		ID: id, ClientID: c.ID, Instance: c.Instance, State: Live, Verifier: issued.Verifier, Hint: issued.Hint,
		CreatedAt: now, ExpiresAt: now.Add(lifetime),
	}, issued.Secret, nil
}

func (r *Records) insertKey(ctx context.Context, tx *store.Tx, by By, organization string, key Key) error {
	if _, err := tx.Exec(ctx, `INSERT INTO client_key (id, client_id, instance, state, verifier, hint, expires_at, created_at, revoked_reason, last_used_from)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, '', '')`,
		key.ID, key.ClientID, key.Instance, key.State, key.Verifier, key.Hint, micros(key.ExpiresAt), key.CreatedAt.UnixMicro()); err != nil {
		return err
	}
	return r.record(ctx, tx, by, audit.KeyIssued, organization, key.ID, nil, describe(key), change.Client(key.ClientID), change.ClientKey(key.ID))
}

// add makes a key of a client that is there, and writes it if the check of the
// live ones agrees.
func (r *Records) add(ctx context.Context, by By, client string, lifetime time.Duration, check func(*store.Tx, []Key) error) (Key, secret.Text, error) {
	c, err := r.Client(ctx, by.Within, client)
	if err != nil {
		return Key{}, "", err
	}
	key, text, err := r.newKey(ctx, c, lifetime)
	if err != nil {
		return Key{}, "", err
	}
	err = r.store.Write(ctx, func(tx *store.Tx) error {
		// The row of the client is what two rotations at once meet at.
		if _, err := tx.Exec(ctx, `UPDATE client SET version = version WHERE id = $1`, client); err != nil {
			return err
		}
		// A new configuration may have moved it meanwhile.
		if c, err = r.client(ctx, tx, by.Within, client); err != nil {
			return err
		}
		live, err := r.live(ctx, tx, client)
		if err != nil {
			return err
		}
		if err := check(tx, live); err != nil {
			return err
		}
		return r.insertKey(ctx, tx, by, c.Organization, key)
	})
	if err != nil {
		return Key{}, "", err
	}
	return key, text, nil
}

// live returns the keys that are neither revoked nor past their end, newest
// first.
func (r *Records) live(ctx context.Context, tx *store.Tx, client string) ([]Key, error) {
	all, err := keys(ctx, tx, client)
	if err != nil {
		return nil, err
	}
	var live []Key
	for _, k := range all {
		if k.State == Live && (k.ExpiresAt.IsZero() || k.ExpiresAt.After(r.now())) {
			live = append(live, k)
		}
	}
	return live, nil
}

// describe is what the audit log keeps of a key: nothing to verify with.
func describe(k Key) any {
	as := map[string]any{"id": k.ID, "client": k.ClientID, "hint": k.Hint, "state": k.State, "expires_at": k.ExpiresAt.UTC()}
	if !k.StoppedAt.IsZero() {
		as["stopped_at"] = k.StoppedAt.UTC()
	}
	return as
}

func (r *Records) record(ctx context.Context, tx *store.Tx, by By, action audit.Action, organization, subject string, before, after any, tags ...change.Tag) error {
	if err := r.feed.Append(ctx, tx, tags...); err != nil {
		return err
	}
	return r.audit.Append(ctx, tx, audit.Record{
		Action: action, Actor: by.Actor, TraceID: by.TraceID, Organization: organization, Subject: subject, Before: before, After: after,
	})
}

// now is the clock at the store's precision.
func (r *Records) now() time.Time { return r.clock().Truncate(time.Microsecond) }
