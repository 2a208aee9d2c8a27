package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// Select runs one statement that reads, and calls each for every row. One
// statement sees one snapshot by itself: it needs no transaction, and so it is for
// what is asked often.
func (s *Store) Select(ctx context.Context, each func(*sql.Rows) error, query string, args ...any) (err error) {
	defer s.observe(Reading, time.Now(), &err)
	if err := s.usable(); err != nil {
		return err
	}
	rows, err := s.reader.QueryContext(ctx, query, args...)
	for try := 1; stale(err) && try < tries; try++ {
		rows, err = s.reader.QueryContext(ctx, query, args...)
	}
	if err != nil {
		return s.answer(err)
	}
	defer func() { _ = rows.Close() }() // what went wrong is in Err
	for rows.Next() {
		if err := each(rows); err != nil {
			return s.answer(fmt.Errorf("reading a row: %w", err))
		}
	}
	return s.answer(rows.Err())
}
