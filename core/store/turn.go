package store

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
)

// WriteInTurn is Write for functions of which many come at once and meet one
// another's changes. On PostgreSQL such transactions are run again, and with many
// of them some would meet others each time, until their tries are used up. So
// here, in this process,
//
//   - the functions of one line run one after the other, in the order in which
//     they came: they would change the same rows
//   - those of different lines run beside one another, and one that has met others
//     a few times runs without any of them.
//
// The wait is before BEGIN, where it holds no connection and no snapshot; a ctx
// that ends meanwhile drops the function. It is no lock: a Write beside it, or
// another node, may still change what fn reads, and then fn is run again. On
// SQLite all functions wait in one line anyway.
func (s *Store) WriteInTurn(ctx context.Context, line string, fn func(*Tx) error) (err error) {
	if s.dialect == SQLite {
		return s.Write(ctx, fn)
	}
	defer s.observe(Writing, time.Now(), &err)
	leave, err := s.turns.enter(ctx, line)
	if err != nil {
		return s.answer(err)
	}
	defer leave()
	if err := s.writable(); err != nil {
		return err
	}
	for _, t := range []struct {
		tries int
		room  int64
	}{{triesBeside, 1}, {tries, everybody}} {
		if err = s.turns.beside.Acquire(ctx, t.room); err != nil {
			break
		}
		err = s.write(ctx, t.tries, fn)
		s.turns.beside.Release(t.room)
		if !repeatable(err) {
			break
		}
	}
	return s.answer(err)
}

// triesBeside is how often a function meets others before it runs without them.
const triesBeside = 2

// everybody is more than run beside one another.
const everybody = connections

// turns are the lines in which somebody is, and who runs.
type turns struct {
	mu     sync.Mutex
	by     map[string]*line
	beside *semaphore.Weighted // of everybody
}

func newTurns() *turns {
	return &turns{by: map[string]*line{}, beside: semaphore.NewWeighted(everybody)}
}

// line lets one in at a time.
type line struct {
	one chan struct{} // who waits to send is served in the order of their coming
	in  int           // who are in it, with the one whose turn it is
}

// enter waits for a turn.
func (l *turns) enter(ctx context.Context, name string) (leave func(), err error) {
	l.mu.Lock()
	at := l.by[name]
	if at == nil {
		at = &line{one: make(chan struct{}, 1)}
		l.by[name] = at
	}
	at.in++
	l.mu.Unlock()
	gone := func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if at.in--; at.in == 0 {
			delete(l.by, name)
		}
	}
	select {
	case at.one <- struct{}{}:
		return func() { <-at.one; gone() }, nil
	case <-ctx.Done():
		gone()
		return nil, ctx.Err()
	}
}
