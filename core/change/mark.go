package change

import (
	"hash/maphash"
	"runtime"
	"sync"
	"sync/atomic"
	"weak"
)

// Mark is the cell of one tag. Everybody who depends on the tag shares it.
type Mark struct {
	n   atomic.Uint64
	all *atomic.Uint64 // counts the changes of everything
}

// Version is different after each change of the tag, or of everything. Take
// the mark and its version before the first read of what the tag covers.
func (m *Mark) Version() uint64 {
	// Both only grow, so the sum is the same only if neither has changed.
	return m.n.Load() + m.all.Load()
}

const shards = 64

// marks holds the cells that somebody uses. A cell lives as long as somebody
// points to it, so whoever remembers answers bounds the memory.
type marks struct {
	all    atomic.Uint64
	seed   maphash.Seed
	shards [shards]struct {
		sync.Mutex
		cells map[Tag]weak.Pointer[Mark]
	}
}

func newMarks() *marks {
	m := &marks{seed: maphash.MakeSeed()}
	for i := range m.shards {
		m.shards[i].cells = map[Tag]weak.Pointer[Mark]{}
	}
	return m
}

// get returns the tag's cell. Without one nobody depends on the tag, so a new
// one may begin at zero.
func (m *marks) get(t Tag) *Mark {
	s := &m.shards[maphash.String(m.seed, string(t))%shards]
	s.Lock()
	defer s.Unlock()
	if cell := s.cells[t].Value(); cell != nil {
		return cell
	}
	cell := &Mark{all: &m.all}
	ref := weak.Make(cell)
	s.cells[t] = ref
	runtime.AddCleanup(cell, func(t Tag) {
		s.Lock()
		defer s.Unlock()
		if s.cells[t] == ref { // else a new cell has taken the place
			delete(s.cells, t)
		}
	}, t)
	return cell
}

// bump announces a change of the tag to those who depend on it.
func (m *marks) bump(t Tag) {
	if t == all {
		m.all.Add(1)
		return
	}
	s := &m.shards[maphash.String(m.seed, string(t))%shards]
	s.Lock()
	defer s.Unlock()
	if cell := s.cells[t].Value(); cell != nil {
		cell.n.Add(1)
	}
}
