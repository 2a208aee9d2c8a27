// Package kept keeps a document of an identity provider: in memory, in the host's
// state for other nodes and the next start, and beyond its time while the identity
// provider does not answer. It is asked for by one call at a time, and no more
// often than it may be, whoever sends what.
package kept

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// How long a document counts.
const (
	Least   = 5 * time.Minute // whatever the identity provider says
	Usual   = time.Hour       // where it says nothing
	Most    = 24 * time.Hour
	Outlive = 24 * time.Hour // after its end, where there is no newer one to be had
)

// Store keeps blobs; a hostsvc.Host is one.
type Store interface {
	Load(ctx context.Context, name string) (blob []byte, version int64, err error)
	Save(ctx context.Context, name string, blob []byte, version int64) (now int64, err error)
}

// Options are what a Document is made from.
type Options[T any] struct {
	Name   string        // of the blob in the store
	Of     string        // which document it is; a blob that is of another does not count
	Every  time.Duration // how soon it is asked for again after an attempt that was of no use
	Store  Store
	Clock  func() time.Time
	Logger *slog.Logger

	// Read says what the text means, or why it does not count.
	Read func(text []byte) (T, error)

	// Fetch gets the text, and how long it is good for; 0 is unsaid.
	Fetch func(ctx context.Context) (text []byte, life time.Duration, err error)
}

// Document is one that is kept. It is for use by many at once.
type Document[T any] struct {
	Options[T]

	mu     sync.Mutex
	have   bool
	value  T
	number int // of the value; each fetch has another
	ends   time.Time
	loaded bool  // the store has been asked
	saved  int64 // version of the blob

	asked   time.Time // when the last attempt began; zero if it was of use
	failure error     // of that
	busy    chan struct{}
}

// New returns a document that nobody has asked for yet.
func New[T any](o Options[T]) *Document[T] { return &Document[T]{Options: o} }

// Got is a value, and whether it was fetched for whoever asked.
type Got[T any] struct {
	Value   T
	number  int
	fetched bool
}

// Get returns the document: one whose time is not over, a newer one, or the last
// there was while there is no newer one to be had. It fails where there is none.
func (d *Document[T]) Get(ctx context.Context) (Got[T], error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for asked := false; ; asked = true {
		now := d.Clock()
		switch {
		case d.have && now.Before(d.ends):
			return Got[T]{d.value, d.number, asked}, nil
		case d.failure == nil || !asked && (d.busy != nil || !d.lately(now)):
		case d.have && now.Before(d.ends.Add(Outlive)):
			return Got[T]{d.value, d.number, false}, nil
		default:
			return Got[T]{}, d.failure
		}
		if err := d.attempt(ctx, false); err != nil {
			return Got[T]{}, err
		}
	}
}

// lately reports whether it is too soon for another attempt.
func (d *Document[T]) lately(now time.Time) bool {
	return !d.asked.IsZero() && now.Before(d.asked.Add(d.Every))
}

// Again asks for a newer document than the one that was got, because something is
// missing in it. ok is false where it may not be asked for again yet.
func (d *Document[T]) Again(ctx context.Context, before Got[T]) (got Got[T], ok bool, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for d.number == before.number {
		if d.busy == nil && d.lately(d.Clock()) {
			return before, false, d.failure
		}
		if err := d.attempt(ctx, true); err != nil {
			return before, false, err
		}
	}
	return Got[T]{d.value, d.number, true}, true, nil
}

// Useful says that the document had what it was fetched for, so that the next one
// who misses something need not wait. It counts for who had it fetched only: else
// somebody with a good message could have it fetched without end.
func (d *Document[T]) Useful(got Got[T]) {
	if !got.fetched {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.number == got.number {
		d.asked = time.Time{}
	}
}

// attempt gets a document, or waits for whoever is about it. What came of it is in
// the fields; the error is that of a call which is over. The lock is held, but for
// the time that it takes.
func (d *Document[T]) attempt(ctx context.Context, newer bool) error {
	if busy := d.busy; busy != nil {
		d.mu.Unlock()
		defer d.mu.Lock()
		select {
		case <-busy:
			return nil
		case <-ctx.Done():
			return problem.Wrap(ctx.Err(), problem.DeadlineExceeded, "the identity provider did not answer in time")
		}
	}
	done, asked := make(chan struct{}), d.asked
	d.busy, d.asked = done, d.Clock()
	first := !d.loaded
	d.mu.Unlock()
	made, err := d.make(ctx, first, newer)
	d.mu.Lock()
	d.busy = nil
	close(done)
	switch {
	case err != nil && ctx.Err() != nil:
		d.asked = asked // it says nothing about the identity provider
		return err
	case err != nil:
		d.loaded, d.failure = true, err
		if made.text != nil { // the store had one whose time is over
			d.take(made)
		}
		d.Logger.WarnContext(ctx, "a document of the identity provider cannot be had", "document", d.Name, "error", err, "kept", d.have)
		return nil
	}
	d.loaded, d.failure = true, nil
	d.take(made)
	return nil
}

func (d *Document[T]) take(made version[T]) {
	d.have, d.value, d.ends, d.saved = true, made.value, made.ends, made.saved
	d.number++
}

// version is a document with how long it counts.
type version[T any] struct {
	text  []byte
	value T
	ends  time.Time
	saved int64
}

// blob is how a document stands in the store.
type blob struct {
	Of   string    `json:"of"`
	Ends time.Time `json:"ends"`
	Text []byte    `json:"text"`
}

// make loads the document, or fetches it. With an error it returns what the store
// had, if that may still be used.
func (d *Document[T]) make(ctx context.Context, first, newer bool) (version[T], error) {
	var old version[T]
	if first {
		old = d.load(ctx)
		if old.text != nil && !newer && d.Clock().Before(old.ends) {
			return old, nil
		}
	}
	text, life, err := d.Fetch(ctx)
	if err != nil {
		return old, err
	}
	value, err := d.Read(text)
	if err != nil {
		return old, err
	}
	if life == 0 {
		life = Usual
	}
	made := version[T]{text: text, value: value, ends: d.Clock().Add(min(max(life, Least), Most))}
	made.saved = d.save(ctx, made, max(old.saved, d.saved))
	return made, nil
}

// load returns what the store has of this document, and an empty version if that is
// nothing that counts.
func (d *Document[T]) load(ctx context.Context) (v version[T]) {
	text, saved, err := d.Store.Load(ctx, d.Name)
	if err != nil {
		d.Logger.WarnContext(ctx, "what is kept of the identity provider cannot be read", "document", d.Name, "error", err)
		return v
	}
	v.saved = saved
	var b blob
	if len(text) == 0 || json.Unmarshal(text, &b) != nil || b.Of != d.Of || !d.Clock().Before(b.Ends.Add(Outlive)) {
		return v
	}
	value, err := d.Read(b.Text)
	if err != nil { // a newer version of the plugin asks for more
		return v
	}
	return version[T]{text: b.Text, value: value, ends: b.Ends, saved: saved}
}

// save keeps a document for others. That it cannot be kept is no reason not to use
// it.
func (d *Document[T]) save(ctx context.Context, v version[T], saved int64) int64 {
	text, err := json.Marshal(blob{Of: d.Of, Ends: v.ends, Text: v.text})
	if err != nil {
		return saved
	}
	now, err := d.Store.Save(ctx, d.Name, text, saved)
	if problem.Is(err, problem.Changed) { // another node has: ours is as new
		if _, saved, err = d.Store.Load(ctx, d.Name); err == nil {
			now, err = d.Store.Save(ctx, d.Name, text, saved)
		}
	}
	if err != nil {
		d.Logger.WarnContext(ctx, "a document of the identity provider is not kept", "document", d.Name, "error", err)
		return saved
	}
	return now
}
