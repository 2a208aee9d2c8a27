package pull

import (
	"context"
	"errors"
	"time"

	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// State is where a source's pass is.
type State string

// The states of a source.
const (
	Waiting State = "waiting" // for the next pass
	Reading State = "reading" // the provider is asked
	Ending  State = "ending"  // whom the pass has not seen leaves
)

// Status is how a source is doing.
type Status struct {
	Instance     string
	Organization string // label
	Connection   string // label
	State        State
	Parts        int       // of this pass that are done, or of the last
	StartedAt    time.Time // of this pass, or of the last; zero: one begins at once
	CompletedAt  time.Time // of the last pass that was complete; zero is none
	RetryAt      time.Time // nothing is done before
	Failures     int       // in a row
	Problem      string    // the last failure; "" after a success

	pass, cursor string
}

// due says whether something is to be done now.
func (s Status) due(now time.Time, every time.Duration) bool {
	if now.Before(s.RetryAt) {
		return false
	}
	since := now.Sub(s.StartedAt)
	return s.State != Waiting || since >= every || since < 0 // a clock that was set back keeps nobody waiting
}

const columns = `instance, organization, connection, state, pass, cursor, parts, started_at, completed_at, retry_at, failures, problem`

func scan(from func(...any) error) (s Status, err error) {
	var started, completed, retry int64
	err = from(&s.Instance, &s.Organization, &s.Connection, &s.State, &s.pass, &s.cursor, &s.Parts, &started, &completed, &retry, &s.Failures, &s.Problem)
	s.StartedAt, s.CompletedAt, s.RetryAt = at(started), at(completed), at(retry)
	return s, err
}

func at(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros)
}

func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// read is a source's row. One that was never asked has none.
func (p *Pulls) read(ctx context.Context, of Source) (s Status, err error) {
	err = p.Store.Read(ctx, func(tx *store.Tx) error {
		s, err = scan(tx.QueryRow(ctx, `SELECT `+columns+` FROM pull WHERE instance = $1`, of.Instance).Scan)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return Status{Instance: of.Instance, Organization: of.Organization, Connection: of.Connection, State: Waiting}, nil
	}
	return s, err
}

// save writes what became of a row, unless somebody else has gone on with it.
func (p *Pulls) save(ctx context.Context, was, is Status) error {
	return p.Store.Write(ctx, func(tx *store.Tx) error {
		n, err := tx.Exec(ctx, `INSERT INTO pull (`+columns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
			ON CONFLICT (instance) DO UPDATE SET organization = excluded.organization, connection = excluded.connection, state = excluded.state,
				pass = excluded.pass, cursor = excluded.cursor, parts = excluded.parts, started_at = excluded.started_at,
				completed_at = excluded.completed_at, retry_at = excluded.retry_at, failures = excluded.failures, problem = excluded.problem
			WHERE pull.pass = $13 AND pull.parts = $14 AND pull.state = $15`,
			is.Instance, is.Organization, is.Connection, string(is.State), is.pass, is.cursor, is.Parts, micros(is.StartedAt), micros(is.CompletedAt),
			micros(is.RetryAt), is.Failures, is.Problem, was.pass, was.Parts, string(was.State))
		if err == nil && n != 1 {
			err = problem.New(problem.Conflict, "the pass of instance %q was gone on with elsewhere", is.Instance)
		}
		return err
	})
}

// All are the sources that were ever asked, by their names.
func (p *Pulls) All(ctx context.Context) (list []Status, err error) {
	err = p.Store.Read(ctx, func(tx *store.Tx) error {
		list = nil
		rows, err := tx.Query(ctx, `SELECT `+columns+` FROM pull ORDER BY instance`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			s, err := scan(rows.Scan)
			if err != nil {
				return err
			}
			list = append(list, s)
		}
		return rows.Err()
	})
	return list, err
}
