// Package audit writes the record of what was done, in the transaction that
// does it: what cannot be recorded does not happen.
//
// A record has two parts. Its proof is a line of canonical bytes and the hash
// that a Merkle tree will have as its leaf; it is kept for ever and holds
// nothing about a person. Its payload says who did what to whom; it may be
// erased, and the proof still shows that there was a record, when, of which
// action, and that no other payload can take its place.
package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

// Record is what somebody did. Before and After are what it changed, as
// encoding/json writes it; a secret.Text in them stays hidden, other types of
// secret do not belong there.
type Record struct {
	Action       Action
	Actor        string // who: a principal, an admin token, or a part of the host
	Organization string // whose data it was; "" is the installation
	Subject      string // to what: an id
	TraceID      string // of the request, "" if there was none
	Before       any
	After        any
}

// payload is the part of a record that may be erased.
type payload struct {
	Actor        string          `json:"actor"`
	Organization string          `json:"organization"`
	Subject      string          `json:"subject"`
	TraceID      string          `json:"trace_id,omitempty"`
	Before       json.RawMessage `json:"before,omitempty"`
	After        json.RawMessage `json:"after,omitempty"`
}

// Log writes and reads records.
type Log struct {
	now    func() time.Time
	random io.Reader
}

// New returns a log. random makes ids and salts: crypto/rand.Reader outside of
// tests.
func New(now func() time.Time, random io.Reader) *Log {
	return &Log{now: now, random: random}
}

// appendRows is how many records one statement writes. SQLite looks for the name
// of each parameter among all others, so that longer statements are no faster.
const appendRows = 20

// Append writes records within tx, in their order. Its error is to fail the
// transaction.
func (l *Log) Append(ctx context.Context, tx *store.Tx, records ...Record) error {
	for some := range slices.Chunk(records, appendRows) {
		var proofs, payloads rows
		for _, r := range some {
			if err := l.add(&proofs, &payloads, r); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, `INSERT INTO audit (id, at, action, canonical, leaf) VALUES `+proofs.values(), proofs.args...); err != nil {
			return fmt.Errorf("writing the audit log: %w", err)
		}
		if _, err := tx.Exec(ctx, `INSERT INTO audit_payload (audit_id, organization, actor, subject, salt, payload) VALUES `+payloads.values(), payloads.args...); err != nil {
			return fmt.Errorf("writing the audit log: %w", err)
		}
	}
	return nil
}

// add puts a record into the rows of both of its tables.
func (l *Log) add(proofs, payloads *rows, r Record) error {
	if !r.Action.known() {
		return fmt.Errorf("%q is not an action that the audit log knows", string(r.Action))
	}
	body, err := encode(r)
	if err != nil {
		return fmt.Errorf("audit record of %s: %w", r.Action, err)
	}
	id, err := secret.NewID(l.random, "", 22)
	if err != nil {
		return fmt.Errorf("audit record of %s: %w", r.Action, err)
	}
	salt := make([]byte, saltSize)
	if _, err := io.ReadFull(l.random, salt); err != nil {
		return fmt.Errorf("audit record of %s: %w", r.Action, err)
	}
	at := l.now().UnixMicro()
	proof := canonical(id, at, r.Action, payloadHash(salt, body))
	proofs.add(id, at, string(r.Action), proof, leafHash(proof))
	payloads.add(id, r.Organization, r.Actor, r.Subject, salt, string(body))
	return nil
}

// rows are the values of an INSERT.
type rows struct {
	columns int
	args    []any
}

func (r *rows) add(values ...any) {
	r.columns, r.args = len(values), append(r.args, values...)
}

// values is the list of parameters, a row for each that was added.
func (r *rows) values() string {
	var b strings.Builder
	for i := range r.args {
		switch {
		case i == 0:
			b.WriteString("($")
		case i%r.columns == 0:
			b.WriteString("), ($")
		default:
			b.WriteString(", $")
		}
		b.WriteString(strconv.Itoa(i + 1))
	}
	b.WriteByte(')')
	return b.String()
}

func encode(r Record) ([]byte, error) {
	p := payload{Actor: r.Actor, Organization: r.Organization, Subject: r.Subject, TraceID: r.TraceID}
	for _, part := range []struct {
		from any
		to   *json.RawMessage
	}{{r.Before, &p.Before}, {r.After, &p.After}} {
		if part.from == nil {
			continue
		}
		raw, err := json.Marshal(part.from)
		if err != nil {
			return nil, err
		}
		*part.to = raw
	}
	raw, err := json.Marshal(p)
	if err == nil && mayHoldSecret(raw) {
		raw = secrets.ReplaceAllFunc(raw, hide)
	}
	return raw, err
}

// secrets finds what may be a secret of ours; its checksum
// decides. Text that a secret.Text does not cover, such as a map's key or what
// somebody pasted into a name, is to stay out of the log as well.
var secrets = regexp.MustCompile(`[a-z][a-z0-9]{1,15}_[0-9A-Za-z]{1,64}_[0-9A-Za-z]{49}`)

// mayHoldSecret reports whether raw has what every secret ends with: an underscore
// and 49 letters and digits. It costs a tenth of the expression, and most records
// have none.
func mayHoldSecret(raw []byte) bool {
	run := -1 // letters and digits since an underscore
	for _, c := range raw {
		switch {
		case c == '_':
			run = 0
		case run >= 0 && ('0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'):
			if run++; run == 49 {
				return true
			}
		default:
			run = -1
		}
	}
	return false
}

// hide replaces the secret in candidate. Letters may stand before it, such as
// the n of an escaped line break.
func hide(candidate []byte) []byte {
	for i := range bytes.IndexByte(candidate, '_') {
		if _, _, err := secret.Parse(secret.Text(candidate[i:])); err == nil {
			return fmt.Append(candidate[:i:i], secret.Text(candidate[i:]))
		}
	}
	return candidate
}
