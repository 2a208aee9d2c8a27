package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// shrinkLimit is how long Shrink may hold connections that others wait for.
const shrinkLimit = 50 * time.Millisecond

// Shrink gives back the pages of the file that SQLite keeps for each connection
// that reads, up to 2 MiB of each. They are read again when they are needed, so
// it is for when nobody asks. On PostgreSQL there is nothing to give back.
//
// The connections stay open: another one would open whatever is at the path then.
func (s *Store) Shrink(ctx context.Context) (err error) {
	if s.dialect != SQLite {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, shrinkLimit)
	defer cancel()
	var held []*sql.Conn // all at once: one that was given back would come again
	defer func() {
		for _, c := range held {
			_ = c.Close() // it goes back to the pool
		}
	}()
	for range s.reader.Stats().Idle {
		c, err := s.reader.Conn(ctx)
		if err != nil {
			return fmt.Errorf("a connection to shrink: %w", err)
		}
		held = append(held, c)
		if _, err := c.ExecContext(ctx, `PRAGMA shrink_memory`); err != nil {
			return fmt.Errorf("shrinking a connection: %w", err)
		}
	}
	return nil
}
