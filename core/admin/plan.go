package admin

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// Planning finds out what a configuration would change, and says so in lines while
// it does: the last is the plan. It is called once.
type Planning func(ctx context.Context, emit func(wire.PlanLine) error) error

// linesType is the media type of answers in lines of JSON.
const linesType = "application/x-ndjson"

// answers is the media type of success.
func (c contract) answers() string {
	if c.lines {
		return linesType
	}
	return "application/json"
}

// keyed reports whether a request may carry an idempotency key. What answers in
// lines changes nothing, and its answer is too large to be kept.
func (c contract) keyed() bool { return c.in != nil && !c.lines }

// planConfig can start the plugins that the files name and read what env() and
// file() in them reach, as applying them does: so it asks for the same permission.
func (a *API) planConfig(c *call) (int, any, error) {
	var asked wire.NewPlan
	if err := read(c, &asked); err != nil {
		return 0, nil, err
	}
	if len(asked.Files) == 0 {
		return 0, nil, problem.New(problem.Invalid, "a configuration has files, and the request has none")
	}
	planning, err := a.Config.Plan(c.Context(), asked)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, streamed(func(ctx context.Context, emit func(any) error) error {
		return planning(ctx, func(line wire.PlanLine) error { return emit(line) })
	}), nil
}

// streamed is a body in lines.
type streamed func(ctx context.Context, emit func(line any) error) error

// Of an answer in lines.
const (
	lineLimit = 30 * time.Second       // for the caller to read what was written
	sendEvery = 100 * time.Millisecond // how often lines are sent that do not fill a buffer
)

// stream writes lines as they come. The status has been sent by then: what goes
// wrong is said in the last line.
func (a *API) stream(w http.ResponseWriter, c *call, status int, run streamed) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Content-Type", linesType)
	control := http.NewResponseController(w)
	// The limits of a connection are for requests that are read and answered at once.
	// Where they cannot be changed, they are those of the connection.
	_ = control.SetReadDeadline(time.Time{})
	defer func() { _ = control.SetWriteDeadline(time.Time{}) }()
	w.WriteHeader(status)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	var sent time.Time
	emit := func(line any) error {
		now := time.Now()
		due := now.Sub(sent) >= sendEvery
		if due {
			_ = control.SetWriteDeadline(now.Add(lineLimit))
		}
		if err := e.Encode(line); err != nil {
			return err
		}
		if due {
			sent = now
			_ = control.Flush() // what cannot be sent is found with the next line
		}
		return nil
	}
	err := run(c.Context(), emit)
	if err == nil || c.Context().Err() != nil { // or nobody listens any more
		return
	}
	doc := problem.As(err).Document(c.trace)
	if doc.Status >= http.StatusInternalServerError {
		a.Logger.ErrorContext(c.Context(), "an admin request failed", "trace_id", c.trace, "method", c.Method, "path", c.URL.Path, "error", err)
	}
	_ = emit(wire.PlanLine{Problem: &doc}) // as in write
}
