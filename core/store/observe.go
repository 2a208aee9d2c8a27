package store

import (
	"context"
	"errors"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// Operation is what a transaction does.
type Operation string

// The operations.
const (
	Reading Operation = "read"
	Writing Operation = "write"
)

// Observer is told of each transaction how long it took, with the wait for its
// turn, and whether it failed for the store's sake: not because there was no
// such row, a name was taken, or the caller went away.
type Observer func(op Operation, took time.Duration, failed bool)

// Observe has an observer told. It is called once, before the store is used by
// more than one goroutine.
func (s *Store) Observe(o Observer) { s.observer = o }

func (s *Store) observe(op Operation, began time.Time, err *error) {
	if s.observer != nil {
		s.observer(op, time.Since(began), isOurs(*err))
	}
}

// isOurs reports whether a transaction failed for the store's sake.
func isOurs(err error) bool {
	if err == nil || errors.Is(err, context.Canceled) {
		return false
	}
	var p *problem.Problem
	return !errors.As(err, &p) || p.Code == problem.Unavailable || p.Code == problem.DeadlineExceeded || p.Code == problem.Internal
}
