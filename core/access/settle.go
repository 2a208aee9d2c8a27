package access

import (
	"strings"

	"github.com/maypok86/otter/v2"
)

// together is how many credentials are moved into one piece of memory, such that
// as many principals fit in 8 KiB. Whoever holds one of them, such as a stream
// that stays open, keeps the piece.
const together = 63

// Settle moves what is remembered together, for a host that has rest. Each piece
// of it was allocated among what requests leave behind, and the runtime gives
// memory back in pages that are empty: so half of the pages would stay for the
// half of each that is in use. Records are dropped: they are for those who come
// again and again, and are read again. It is to be called by one at a time.
func (s *Service) Settle() {
	s.records.InvalidateAll()
	moved := map[*Principal]*Principal{}
	keys, entries := make([]digest, 0, together), make([]*entry, 0, together)
	for key, e := range s.credentials.All() {
		keys, entries = append(keys, key), append(entries, e)
		if len(keys) == together {
			s.move(keys, entries, moved)
			keys, entries = keys[:0], entries[:0]
		}
	}
	s.move(keys, entries, moved)
	for key, before := range s.principals.All() {
		if p := moved[before]; p != nil {
			replace(s.principals, key, before, p)
		}
	}
}

// move puts copies of some entries, and of their principals, in their places.
// What is put there by others meanwhile stays; what they note in the old one, a
// use or an assertion, is noted again.
func (s *Service) move(keys []digest, entries []*entry, moved map[*Principal]*Principal) {
	var texts texts
	var principals []*Principal
	for _, e := range entries {
		texts.add(e.keyID)
		if p := e.principal; moved[p] == nil {
			moved[p] = p
			principals = append(principals, p)
			texts.add(p.ID)
		}
	}
	copies := make([]Principal, len(principals))
	for i, p := range principals {
		copies[i].established = p.established
		copies[i].ID = texts.take(p.ID)
		copies[i].told.Store(p.told.Load())
		moved[p] = &copies[i]
	}
	settled := make([]entry, len(entries))
	for i, e := range entries {
		settled[i].verified = e.verified
		settled[i].keyID, settled[i].principal = texts.take(e.keyID), moved[e.principal]
		settled[i].marked.at.Store(e.marked.at.Load())
		replace(s.credentials, keys[i], e, &settled[i])
	}
}

// replace puts one value in the place of another, if that is still there.
func replace[K comparable, V any](cache *otter.Cache[K, *V], key K, before, after *V) {
	cache.ComputeIfPresent(key, func(now *V) (*V, otter.ComputeOp) {
		if now != before {
			return now, otter.CancelOp
		}
		return after, otter.WriteOp
	})
}

// texts are written one behind the other. First each is added, then each taken.
type texts struct {
	size int
	all  strings.Builder
}

func (t *texts) add(text string) { t.size += len(text) }

// take is a copy of a text that was added.
func (t *texts) take(text string) string {
	t.all.Grow(t.size - t.all.Len())
	from := t.all.Len()
	t.all.WriteString(text)
	return t.all.String()[from:]
}
