package server

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/gatehouse-id/gatehouse/core/access"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// failureLog writes lines for what is not the caller's doing, a few a second:
// while something is down every request fails, and whoever sends many must not
// be able to fill the disk. How many were left out is said with the next line.
type failureLog struct {
	logger *slog.Logger
	clock  func() time.Time

	mu      sync.Mutex
	second  int64
	written int
	left    int
}

// failureLines is how many lines a second are written.
const failureLines = 10

func (f *failureLog) write(ctx context.Context, asked *access.Request, err error) {
	left, ok := f.admit()
	if !ok {
		return
	}
	f.logger.ErrorContext(ctx, "a request failed", "trace_id", asked.TraceID(), "method", asked.Method, "path", asked.Path,
		"error", err, "hint", problem.As(err).Hint, "left_out_before", left)
}

func (f *failureLog) admit() (left int, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := f.clock().Unix(); now != f.second {
		f.second, f.written = now, 0
	}
	if f.written >= failureLines {
		f.left++
		return 0, false
	}
	f.written++
	left, f.left = f.left, 0
	return left, true
}
