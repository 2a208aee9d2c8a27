package session

import (
	"context"
	"maps"
	"time"

	"github.com/gatehouse-id/gatehouse/core/store"
)

// seenEvery is how late the record of a session's last use may be.
const seenEvery = time.Minute

// together bounds one transaction, so that no writer waits long behind it.
const together = 500

// Mark notes that a session was used, and with it the one that it belongs to.
// Callers may leave out uses that follow one another within seconds.
func (s *Sessions) Mark(one Session, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen[one.ID] = at
	if one.Parent != "" {
		s.seen[one.Parent] = at
	}
}

func (s *Sessions) marked(id string) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen[id]
}

// Run writes when sessions were used, and forgets those that are over, once a
// minute until ctx ends. What fails is reported, and tried again with the next.
func (s *Sessions) Run(ctx context.Context, report func(error)) {
	tick := time.NewTicker(seenEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := s.Flush(ctx)
		if err == nil {
			err = s.Sweep(ctx)
		}
		if err != nil && ctx.Err() == nil {
			report(err)
		}
	}
}

// Flush writes what was marked. What is not written stays marked.
func (s *Sessions) Flush(ctx context.Context) error {
	for {
		batch := map[string]time.Time{}
		s.mu.Lock()
		for id, at := range s.seen {
			if len(batch) == together {
				break
			}
			batch[id] = at
		}
		s.mu.Unlock()
		if len(batch) == 0 {
			return nil
		}
		err := s.Store.Write(ctx, func(tx *store.Tx) error {
			for id, at := range batch {
				if _, err := tx.Exec(ctx, `UPDATE session SET seen_at = $1 WHERE id = $2 AND seen_at < $1`, at.UnixMicro(), id); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		s.mu.Lock()
		maps.DeleteFunc(s.seen, func(id string, at time.Time) bool { return batch[id].Equal(at) })
		s.mu.Unlock()
	}
}

// Sweep forgets sessions that are over: by their end, or because nobody used them.
// They were refused before; nothing changes for anybody.
func (s *Sessions) Sweep(ctx context.Context) error {
	for {
		var gone int64
		err := s.Store.Write(ctx, func(tx *store.Tx) (err error) {
			now := s.Clock()
			gone, err = tx.Exec(ctx, `DELETE FROM session WHERE id IN (SELECT id FROM session WHERE ends_at <= $1 OR seen_at <= $2 LIMIT $3)`,
				now.UnixMicro(), now.Add(-s.settings.Load().Idle).UnixMicro(), together)
			return err
		})
		if err != nil || gone < together {
			return err
		}
	}
}
