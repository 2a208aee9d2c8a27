package change

import (
	"hash/maphash"
	"strings"
	"sync/atomic"
)

// The number of cells, of 8 bytes each. Tags that share a cell are taken as
// changed together, which costs whoever depends on the other one look: with a
// hundred thousand clients, the change of one is noticed by about one other.
const (
	narrowCells = 1 << 18
	wideCells   = 1 << 12
)

// marks count the changes of tags, in cells that tags are spread over by a
// hash. Whatever is remembered, they take the same memory, and nobody outside
// can choose tags that share a cell: the seed of the hash is this process's own.
//
// Tags that very much depends on have cells apart from those of single clients,
// whose changes come all the time.
type marks struct {
	seed  maphash.Seed
	cells []atomic.Uint64 // noCell, allCell, the wide ones, the narrow ones
}

// The first cells: one that nothing ever changes, and that of everything.
const (
	noCell    = 0
	allCell   = 1
	firstCell = 2
)

func newMarks() *marks {
	return &marks{seed: maphash.MakeSeed(), cells: make([]atomic.Uint64, firstCell+wideCells+narrowCells)}
}

// cell is the place of the tag's cell.
func (m *marks) cell(t Tag) uint32 {
	if t == all {
		return allCell
	}
	hash := maphash.String(m.seed, string(t))
	if t.narrow() {
		return uint32(firstCell + wideCells + hash%narrowCells)
	}
	return uint32(firstCell + hash%wideCells)
}

// narrow reports whether the tag is of one client, user, token or credential.
func (t Tag) narrow() bool {
	kind, _, found := strings.Cut(string(t), ":")
	if !found {
		return false
	}
	switch kind + ":" {
	case clientKind, clientKeyKind, grantsKind, revocationKind, adminTokenKind, provisioningKind, userKind:
		return true
	}
	return false
}

// bump announces a change of the tag to those who depend on it.
func (m *marks) bump(t Tag) {
	m.cells[m.cell(t)].Add(1)
}
