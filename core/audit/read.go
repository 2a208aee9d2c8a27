package audit

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/gatehouse-id/gatehouse/core/store"
)

// Entry is a record as it stands in the log.
type Entry struct {
	Seq       int64
	ID        string
	At        time.Time
	Action    Action
	Canonical []byte
	Leaf      []byte
	Payload   *Payload // nil once it was erased
}

// Payload is the part of an entry that may be erased. Raw is the JSON text
// whose salted hash the entry's canonical bytes have; the other fields are
// read from it.
type Payload struct {
	Actor, Organization, Subject, TraceID string
	Before, After                         json.RawMessage
	Salt, Raw                             []byte
}

// ErrNotProved is an entry that does not fit its proof.
var ErrNotProved = errors.New("the audit record was altered")

// Query chooses entries. The zero Query is the newest 100.
type Query struct {
	Organization string // only this one's, which leaves out what was erased; "" is all
	Before       int64  // only entries with a smaller Seq: the cursor; 0 is the newest
	Limit        int    // 0 is 100
}

// List returns entries, newest first. Seq of the last one is the next Before.
func (l *Log) List(ctx context.Context, tx *store.Tx, q Query) ([]Entry, error) {
	if q.Before == 0 {
		q.Before = math.MaxInt64
	}
	if q.Limit == 0 {
		q.Limit = 100
	}
	rows, err := tx.Query(ctx, `SELECT a.seq, a.id, a.at, a.action, a.canonical, a.leaf, p.salt, p.payload
		FROM audit a LEFT JOIN audit_payload p ON p.audit_id = a.id
		WHERE a.seq < $1 AND ($2 = '' OR p.organization = $2)
		ORDER BY a.seq DESC LIMIT $3`, q.Before, q.Organization, q.Limit)
	if err != nil {
		return nil, fmt.Errorf("reading the audit log: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var entries []Entry
	for rows.Next() {
		e, err := scan(rows)
		if err != nil {
			return nil, fmt.Errorf("reading the audit log: %w", err)
		}
		entries = append(entries, e)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading the audit log: %w", err)
	}
	return entries, nil
}

func scan(rows *sql.Rows) (Entry, error) {
	var (
		e    Entry
		at   int64
		salt []byte
		raw  sql.NullString
	)
	if err := rows.Scan(&e.Seq, &e.ID, &at, &e.Action, &e.Canonical, &e.Leaf, &salt, &raw); err != nil {
		return e, err
	}
	e.At = time.UnixMicro(at).UTC()
	if !raw.Valid {
		return e, nil
	}
	var p payload
	if err := json.Unmarshal([]byte(raw.String), &p); err != nil {
		return e, fmt.Errorf("record %s: %w: %w", e.ID, ErrNotProved, err)
	}
	e.Payload = &Payload{Actor: p.Actor, Organization: p.Organization, Subject: p.Subject, TraceID: p.TraceID,
		Before: p.Before, After: p.After, Salt: salt, Raw: []byte(raw.String)}
	return e, nil
}

// Verify reports whether the entry is what was written: its leaf is that of
// its canonical bytes, and those say its id, time, action and, where it still
// stands, its payload.
func (e Entry) Verify() error {
	if !bytes.Equal(e.Leaf, leafHash(e.Canonical)) {
		return fmt.Errorf("record %s: %w: the leaf is of other bytes", e.ID, ErrNotProved)
	}
	var said struct {
		Payload string `json:"payload"`
	}
	if err := json.Unmarshal(e.Canonical, &said); err != nil {
		return fmt.Errorf("record %s: %w: %w", e.ID, ErrNotProved, err)
	}
	var hash [32]byte
	if e.Payload != nil {
		hash = payloadHash(e.Payload.Salt, e.Payload.Raw)
	} else if err := unhex(&hash, said.Payload); err != nil {
		return fmt.Errorf("record %s: %w: %w", e.ID, ErrNotProved, err)
	}
	if !bytes.Equal(e.Canonical, canonical(e.ID, e.At.UnixMicro(), e.Action, hash)) {
		return fmt.Errorf("record %s: %w: its columns or its payload are not those that were written", e.ID, ErrNotProved)
	}
	return nil
}
