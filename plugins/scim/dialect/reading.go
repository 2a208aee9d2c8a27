package dialect

import (
	"fmt"

	"github.com/gatehouse-id/gatehouse/sdk/provision"
)

// Reading is how one request is read: what is put up with, and what was. It
// belongs to one request. The zero value and nil are strict, and a nil one
// remembers nothing.
type Reading struct {
	quirks Set
	notes  []provision.Note
	counts []int
}

// Read begins to read a request.
func (s Set) Read() *Reading { return &Reading{quirks: s} }

// Allows reports whether the quirk is put up with, without a note: for what did
// not change the meaning.
func (r *Reading) Allows(q Quirk) bool { return r != nil && r.quirks.Has(q) }

// Took reports whether the quirk is put up with, and notes that it was met. The
// detail says where: a path or a name, never a value.
func (r *Reading) Took(q Quirk, detail string) bool {
	if !r.Allows(q) {
		return false
	}
	r.Note(q.String(), detail)
	return true
}

// Note remembers what the operator is to see. Of what comes again the first is
// kept, and counted: a request with a thousand of them has one note.
func (r *Reading) Note(rule, detail string) {
	if r == nil {
		return
	}
	for i := range r.notes {
		if r.notes[i].Rule == rule {
			r.counts[i]++
			return
		}
	}
	r.notes = append(r.notes, provision.Note{Rule: rule, Detail: detail})
	r.counts = append(r.counts, 1)
}

// Notes lists what was met, in the order in which it was met first.
func (r *Reading) Notes() []provision.Note {
	if r == nil {
		return nil
	}
	out := make([]provision.Note, len(r.notes))
	for i, n := range r.notes {
		if r.counts[i] > 1 {
			n.Detail = fmt.Sprintf("%s (%d times)", n.Detail, r.counts[i])
		}
		out[i] = n
	}
	return out
}
