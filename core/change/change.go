// Package change says what has changed. A change is written to the log in its
// own transaction, as tags from a closed list, and announced in this process
// when it has been committed and before the writer is answered. So an answer
// that is remembered with the tags it depends on is never used after a change
// that it does not know of.
package change

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse-id/gatehouse/core/store"
)

// Feed announces changes to this process and writes them to the log.
type Feed struct {
	position atomic.Uint64 // how many changes were announced
	last     atomic.Int64  // microseconds: when the last one was
	now      func() time.Time
	marks    *marks

	mu          sync.Mutex
	subscribers []*subscriber // replaced, never changed in place
}

type subscriber struct{ fn func([]Tag) }

// NewFeed returns the feed of a store. Where the store is in doubt of what
// this process remembers, everything counts as changed.
func NewFeed(s *store.Store, now func() time.Time) *Feed {
	f := &Feed{now: now, marks: newMarks()}
	f.last.Store(now().UnixMicro())
	s.OnDoubt(func() { f.announce([]Tag{All()}) })
	return f
}

// Append writes the tags to the log within tx, and announces them once tx is
// committed: to the marks first, then to the subscribers. Without tags, or
// with one that is not of the list, the transaction fails.
func (f *Feed) Append(ctx context.Context, tx *store.Tx, tags ...Tag) error {
	if len(tags) == 0 {
		return errors.New("a change without a tag would be seen by nobody")
	}
	tags = slices.Compact(slices.Sorted(slices.Values(tags)))
	lines := make([]string, len(tags))
	for i, t := range tags {
		if err := t.check(); err != nil {
			return err
		}
		lines[i] = string(t)
	}
	_, err := tx.Exec(ctx, `INSERT INTO change_log (at, tags) VALUES ($1, $2)`,
		f.now().UnixMicro(), strings.Join(lines, "\n"))
	if err != nil {
		return fmt.Errorf("writing the change log: %w", err)
	}
	tx.OnCommit(func() { f.announce(tags) })
	return nil
}

// Announce tells this process alone of a change that is not in the store, such
// as that of how a plugin's process is configured.
func (f *Feed) Announce(tags ...Tag) { f.announce(tags) }

// Subscribe calls fn with the tags of each change after it was committed, for
// work that goes beyond caches, such as closing streams. It is called on the
// goroutine of the writer, who waits for it. cancel ends it; a call that has
// begun goes on.
func (f *Feed) Subscribe(fn func([]Tag)) (cancel func()) {
	s := &subscriber{fn}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.subscribers = append(slices.Clone(f.subscribers), s)
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.subscribers = slices.DeleteFunc(slices.Clone(f.subscribers), func(o *subscriber) bool { return o == s })
	}
}

// Position counts the changes that were announced. Who reads first and learns
// only then what the answer depends on, takes the position before, adds the tag
// after, and has read late enough if the position is still the same; else it
// reads again.
func (f *Feed) Position() uint64 { return f.position.Load() }

// Last is when the last change was announced, or when the feed was made: what is
// remembered is how things have been since then.
func (f *Feed) Last() time.Time { return time.UnixMicro(f.last.Load()) }

func (f *Feed) announce(tags []Tag) {
	f.last.Store(f.now().UnixMicro())
	// Before the cells, so that whoever sees a cell's new version sees this too.
	f.position.Add(1)
	for _, t := range tags {
		f.marks.bump(t)
	}
	f.mu.Lock()
	subscribers := f.subscribers
	f.mu.Unlock()
	for _, s := range subscribers {
		s.fn(slices.Clone(tags))
	}
}
