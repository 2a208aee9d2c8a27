package directory

import (
	"container/list"
	"sync"

	sdk "github.com/gatehouse-id/gatehouse/sdk/directory"
)

// starts remembers where pages of whole listings ended, so that who reads one
// page after the other by number has the database count to none of them. It
// counts for as long as no resource of the type came or went.
type starts struct {
	mu    sync.Mutex
	known map[start]*list.Element
	order *list.List // of *ended, the latest first
}

// start is a page's first resource, by number, in the state of a listing.
type start struct {
	scope   Scope
	typ     sdk.Type
	changes int
	number  int
}

type ended struct {
	at   start
	last mark
}

// startsLimit is how many are remembered, about 200 bytes each.
const startsLimit = 4096

func newStarts() *starts { return &starts{known: map[start]*list.Element{}, order: list.New()} }

// find returns the last resource before a start.
func (s *starts) find(at start) (mark, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.known[at]
	if !ok {
		return mark{}, false
	}
	s.order.MoveToFront(e)
	return e.Value.(*ended).last, true
}

func (s *starts) put(at start, last mark) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e, ok := s.known[at]; ok {
		s.order.MoveToFront(e)
		return
	}
	s.known[at] = s.order.PushFront(&ended{at, last})
	if s.order.Len() > startsLimit {
		oldest := s.order.Back()
		delete(s.known, s.order.Remove(oldest).(*ended).at)
	}
}
