package pluginhost_test

import (
	"bytes"
	"context"
	"io"
	"runtime/pprof"
	"strings"
	"testing"
)

// running counts the goroutines whose stacks have one of the texts.
func running(t *testing.T, texts ...string) int {
	t.Helper()
	var profile bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&profile, 2); err != nil {
		t.Fatal(err)
	}
	n := 0
	for stack := range strings.SplitSeq(profile.String(), "\n\n") {
		for _, text := range texts {
			if strings.Contains(stack, text) {
				n++
				break
			}
		}
	}
	return n
}

// Requests that were given up in every way leave nothing behind, and the host
// leaves nothing either.
func TestHandleLeavesNothing(t *testing.T) {
	h := provisioners(t)
	for range 10 {
		ctx, cancel := context.WithCancel(t.Context())
		go cancel()
		_, _ = h.Handle(ctx, "acme-okta/push", "acme", request("GET", "/hang", ""))
		r := request("POST", "/sum", "")
		r.Body = io.LimitReader(endless{}, 1<<20)
		_, _ = h.Handle(ctx, "acme-okta/push", "acme", r) // which is over
		answer, err := h.Handle(t.Context(), "umbrella/push", "acme", request("GET", "/large?n=1000000", ""))
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		ctx, cancel = context.WithCancel(t.Context())
		if _, err := h.Handle(ctx, "umbrella/push", "acme", request("GET", "/large?n=1000000", "")); err != nil { // nobody closes it
			t.Fatal(err)
		}
		cancel()
	}
	eventually(t, "nothing but the shared stream", func() bool {
		return running(t, "pluginhost.(*exchange)") == 0 && running(t, "pluginhost.(*handleStream)", "pluginhost.(*exchanges)") <= 2
	})
	if err := h.Close(context.Background()); err != nil {
		t.Error(err)
	}
	eventually(t, "nothing at all", func() bool {
		return running(t, "pluginhost.(*exchange)", "pluginhost.(*handleStream)", "pluginhost.(*exchanges)") == 0
	})
}
