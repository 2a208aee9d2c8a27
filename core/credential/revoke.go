package credential

import (
	"context"
	"database/sql"
	"errors"

	"github.com/gatehouse-id/gatehouse/core/audit"
	"github.com/gatehouse-id/gatehouse/core/change"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// Revoke ends a key for good. It is in force with the next request. A key that
// is revoked already stays as it was.
func (r *Records) Revoke(ctx context.Context, by By, keyID, reason string) (key Key, err error) {
	err = r.store.Write(ctx, func(tx *store.Tx) error {
		var scan keyScan
		row := tx.QueryRow(ctx, `SELECT `+keyColumns+` FROM client_key k JOIN client c ON c.id = k.client_id
			WHERE k.id = $1 AND ($2 = '' OR c.organization = $2)`, keyID, by.Within)
		if err := row.Scan(scan.into()...); err != nil {
			if errors.Is(err, sql.ErrNoRows) || errors.Is(err, store.ErrNotFound) {
				return problem.New(problem.NotFound, "there is no key %q", keyID).WithHint("gatehouse keys show CLIENT lists the keys of a client")
			}
			return err
		}
		key = *scan.key()
		if key.State == Revoked {
			return nil
		}
		if err := r.revoke(ctx, tx, by, key, reason); err != nil {
			return err
		}
		key.State, key.RevokedAt, key.RevokedReason = Revoked, r.now(), reason
		return nil
	})
	return key, err
}

func (r *Records) revoke(ctx context.Context, tx *store.Tx, by By, key Key, reason string) error {
	c, err := r.client(ctx, tx, by.Within, key.ClientID)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `UPDATE client_key SET state = $1, revoked_at = $2, revoked_reason = $3 WHERE id = $4`,
		Revoked, r.now().UnixMicro(), reason, key.ID); err != nil {
		return err
	}
	after := key
	after.State = Revoked
	return r.record(ctx, tx, by, audit.KeyRevoked, c.Organization, key.ID, describe(key), describe(after), change.Client(key.ClientID), change.ClientKey(key.ID))
}

// RevokeSelfContained refuses a credential without a record (a signed token, a
// license key) from now on, by the id that its authenticator names for it.
func (r *Records) RevokeSelfContained(ctx context.Context, by By, instance, id, reason string) error {
	err := r.store.Write(ctx, func(tx *store.Tx) error {
		if _, err := tx.Exec(ctx, `INSERT INTO revocation (instance, id, reason, created_at) VALUES ($1, $2, $3, $4)
			ON CONFLICT (instance, id) DO NOTHING`, instance, id, reason, r.now().UnixMicro()); err != nil {
			return err
		}
		return r.record(ctx, tx, by, audit.CredentialRevoked, "", instance+"/"+id, nil, map[string]any{"reason": reason}, change.Revocation(instance, id))
	})
	return err
}

// IsRevoked reports whether a credential without a record was revoked.
func (r *Records) IsRevoked(ctx context.Context, instance, id string) (revoked bool, err error) {
	err = r.store.Select(ctx, func(*sql.Rows) error {
		revoked = true
		return nil
	}, `SELECT 1 FROM revocation WHERE instance = $1 AND id = $2`, instance, id)
	return revoked, err
}
