package server

import (
	"context"
	"log/slog"
	"time"

	"github.com/gatehouse-id/gatehouse/core/access"
	"github.com/gatehouse-id/gatehouse/core/throttle"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// failureLog writes lines for what is not the caller's doing, a few a second:
// while something is down every request fails. How many were left out is said
// with the next line.
type failureLog struct {
	logger *slog.Logger
	lines  *throttle.Lines
}

// failureLines is how many lines a second are written.
const failureLines = 10

func newFailureLog(logger *slog.Logger, clock func() time.Time) *failureLog {
	return &failureLog{logger: logger, lines: throttle.NewLines(failureLines, clock)}
}

func (f *failureLog) write(ctx context.Context, asked *access.Request, err error) {
	left, ok := f.lines.Admit()
	if !ok {
		return
	}
	f.logger.ErrorContext(ctx, "a request failed", "trace_id", asked.TraceID(), "method", asked.Method, "path", asked.Path,
		"error", err, "hint", problem.As(err).Hint, "left_out_before", left)
}
