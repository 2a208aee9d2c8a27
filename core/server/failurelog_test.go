package server

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/core/access"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

func TestFailuresDoNotFillTheDisk(t *testing.T) {
	var out bytes.Buffer
	now := time.Unix(1000, 0)
	f := newFailureLog(slog.New(slog.NewTextHandler(&out, nil)), func() time.Time { return now })
	fail := func(n int) {
		for range n {
			f.write(t.Context(), &access.Request{}, errors.New("the store is locked"))
		}
	}
	fail(1000)
	if n := strings.Count(out.String(), "a request failed"); n != failureLines {
		t.Errorf("%d lines in one second", n)
	}
	now = now.Add(time.Second)
	out.Reset()
	fail(1)
	if !strings.Contains(out.String(), "left_out_before=990") {
		t.Errorf("the next line does not say what is missing: %s", out.String())
	}
}

// Whoever reads the log is the one who can do something about it.
func TestFailuresSayWhatToDo(t *testing.T) {
	var out bytes.Buffer
	f := newFailureLog(slog.New(slog.NewTextHandler(&out, nil)), time.Now)
	f.write(t.Context(), &access.Request{}, problem.New(problem.Unavailable, "the disk is full").WithHint("free space"))
	if !strings.Contains(out.String(), `hint="free space"`) {
		t.Errorf("the line does not say what to do: %s", out.String())
	}
}
