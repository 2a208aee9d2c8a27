package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/gatehouse-id/gatehouse/core/audit"
	"github.com/gatehouse-id/gatehouse/core/change"
	"github.com/gatehouse-id/gatehouse/core/config"
	"github.com/gatehouse-id/gatehouse/core/store"
)

// revision is a configuration as the store has it: numbered, with env() and
// file() unresolved.
type revision struct {
	number int64
	digest string
	source config.Source
}

// latest returns the revision in force; false where there is none yet.
func latest(ctx context.Context, s *store.Store) (r revision, ok bool, err error) {
	err = s.Read(ctx, func(tx *store.Tx) error {
		r, ok, err = latestIn(ctx, tx)
		return err
	})
	return r, ok, err
}

func latestIn(ctx context.Context, tx *store.Tx) (r revision, ok bool, err error) {
	var files string
	err = tx.QueryRow(ctx, `SELECT number, digest, files FROM config_revision ORDER BY number DESC LIMIT 1`).Scan(&r.number, &r.digest, &files)
	if errors.Is(err, store.ErrNotFound) {
		return revision{}, false, nil
	}
	if err != nil {
		return revision{}, false, err
	}
	if err := json.Unmarshal([]byte(files), &r.source); err != nil {
		return revision{}, false, fmt.Errorf("revision %d of the configuration cannot be read: %w", r.number, err)
	}
	return r, true, nil
}

// take makes a source the revision in force, within the transaction that also
// makes its clients what it says. A source that is in force already stays it.
func take(ctx context.Context, tx *store.Tx, feed *change.Feed, log *audit.Log, actor string, at time.Time, source config.Source) (int64, error) {
	last, ok, err := latestIn(ctx, tx)
	if err != nil {
		return 0, err
	}
	digest := source.Digest()
	if ok && last.digest == digest {
		return last.number, nil
	}
	files, err := json.Marshal(source)
	if err != nil {
		return 0, err
	}
	number := last.number + 1
	if _, err := tx.Exec(ctx, `INSERT INTO config_revision (number, created_at, actor, digest, files) VALUES ($1, $2, $3, $4, $5)`,
		number, at.UnixMicro(), actor, digest, string(files)); err != nil {
		return 0, err
	}
	if err := feed.Append(ctx, tx, change.Config(), change.Policy()); err != nil {
		return 0, err
	}
	return number, log.Append(ctx, tx, audit.Record{
		Action: audit.ConfigTaken, Actor: actor, Subject: fmt.Sprint(number), After: map[string]any{"digest": digest, "files": len(source.Files)},
	})
}
