package admin

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

const (
	lineLimit = 1 << 20         // bytes of one line
	lineWait  = 2 * time.Minute // for the next line
	// applyLimit bounds an apply, which may have to find out what it would change.
	applyLimit = 15 * time.Minute
)

// PlanConfig says what files would change if they were applied; nothing is. Each
// line but the last goes to seen as it comes, whose error ends it. If the files are
// wrong, the error is an *Error with a Report.
func (h *Host) PlanConfig(ctx context.Context, n NewPlan, seen func(PlanLine) error) (Plan, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	late := problem.New(problem.DeadlineExceeded, "the host said nothing for %s", lineWait)
	watch := time.AfterFunc(lineWait, func() { cancel(late) })
	defer watch.Stop()
	body, err := json.Marshal(n)
	if err != nil {
		return Plan{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.base+Prefix+"/config/plan", bytes.NewReader(body))
	if err != nil {
		return Plan{}, err
	}
	req.Header = http.Header{"Content-Type": {"application/json"}, "Accept": {"application/x-ndjson, application/problem+json"}, "Authorization": {"Bearer " + h.token.Reveal()}}
	res, err := h.patient().Do(req)
	if err != nil {
		return Plan{}, failed(ctx, err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		text, err := io.ReadAll(io.LimitReader(res.Body, answerLimit))
		if err != nil {
			return Plan{}, failed(ctx, err)
		}
		return Plan{}, refusal(res, text)
	}
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, lineLimit)
	for lines.Scan() {
		watch.Reset(lineWait)
		var line PlanLine
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return Plan{}, foreign(res, err)
		}
		switch {
		case line.Plan != nil:
			return *line.Plan, nil
		case line.Problem != nil:
			p := problem.New(line.Problem.Code, "%s", line.Problem.Detail).WithHint("%s", line.Problem.Hint)
			return Plan{}, &Error{Problem: p, TraceID: line.Problem.TraceID}
		}
		if err := seen(line); err != nil {
			return Plan{}, err
		}
	}
	return Plan{}, failed(ctx, errors.Join(io.ErrUnexpectedEOF, lines.Err()))
}

// failed says why there is no further line.
func failed(ctx context.Context, err error) error {
	var late *problem.Problem
	if errors.As(context.Cause(ctx), &late) {
		return late
	}
	return unreachable(ctx, err)
}

// patient is the client for answers that take as long as the directory is large.
func (h *Host) patient() *http.Client {
	c := *h.http
	c.Timeout = 0
	return &c
}
