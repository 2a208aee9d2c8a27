package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// Select runs one statement that reads, and calls each for every row. One
// statement sees one snapshot by itself: it needs no transaction, and is parsed
// once for each connection. So it is for what is asked often; query is a
// constant, since it is remembered for as long as the store is open.
func (s *Store) Select(ctx context.Context, each func(*sql.Rows) error, query string, args ...any) (err error) {
	defer s.observe(Reading, time.Now(), &err)
	if err := s.usable(); err != nil {
		return err
	}
	statement, err := s.prepared(ctx, query) //nolint:sqlclosecheck // it is kept for as long as the store is open
	if err != nil {
		return s.answer(err)
	}
	rows, err := statement.QueryContext(ctx, args...)
	for try := 1; stale(err) && try < tries; try++ {
		rows, err = statement.QueryContext(ctx, args...)
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

func (s *Store) prepared(ctx context.Context, query string) (*sql.Stmt, error) {
	if known, ok := s.statements.Load(query); ok {
		return known.(*sql.Stmt), nil
	}
	made, err := s.reader.PrepareContext(ctx, query)
	for try := 1; stale(err) && try < tries; try++ {
		made, err = s.reader.PrepareContext(ctx, query)
	}
	if err != nil {
		return nil, err
	}
	if first, taken := s.statements.LoadOrStore(query, made); taken {
		_ = made.Close()
		return first.(*sql.Stmt), nil
	}
	return made, nil
}
