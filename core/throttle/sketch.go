package throttle

import (
	"sync/atomic"
	"time"
)

// The size of a sketch: 8 MiB, of which nothing is touched before the first
// failure.
const (
	sketchRows  = 4
	sketchWidth = 1 << 18
)

// sketch is a count-min sketch whose cells leak. A key has one cell in each
// row, which it shares with keys that nobody can choose, since the hash has a
// random seed; the emptiest of its cells is its level. So a level is never less
// than what the key itself has put in: no flood of other keys evicts it.
//
// A cell is the time when it will be empty. A failure adds window/limit, and
// the cell is full a window ahead; it leaks as time passes, which costs
// nothing. A flood of other keys adds to a level only if it fills a cell faster
// than this leaks: beyond sketchWidth*limit/window failures a second, which is
// 131,000 at 30 a minute, and 44,000 at a third of it.
type sketch struct{ rows [sketchRows][]atomic.Int64 }

func newSketch() *sketch {
	s := &sketch{}
	for i := range s.rows {
		s.rows[i] = make([]atomic.Int64, sketchWidth)
	}
	return s
}

// cell finds a key's cell of a row from the two halves of its hash.
func (s *sketch) cell(row int, key uint64) *atomic.Int64 {
	lo, hi := uint32(key), uint32(key>>32)|1
	return &s.rows[row][(lo+uint32(row)*hi)%sketchWidth]
}

// level is how long it takes until nothing is left of the key's failures.
func (s *sketch) level(key uint64, now time.Duration) time.Duration {
	least := time.Duration(s.cell(0, key).Load())
	for row := 1; row < sketchRows; row++ {
		least = min(least, time.Duration(s.cell(row, key).Load()))
	}
	return max(0, least-now)
}

// add puts a failure in. No cell is filled further than full, so that one
// window after an attack everything is as before.
func (s *sketch) add(key uint64, now, failure, full time.Duration) {
	for row := range sketchRows {
		cell := s.cell(row, key)
		for {
			old := cell.Load()
			next := int64(min(max(time.Duration(old), now)+failure, now+full))
			if next <= old || cell.CompareAndSwap(old, next) {
				break
			}
		}
	}
}
