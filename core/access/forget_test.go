package access_test

import (
	"context"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/core/access"
	"github.com/gatehouse-id/gatehouse/core/change"
	"github.com/gatehouse-id/gatehouse/core/credential"
	"github.com/gatehouse-id/gatehouse/core/grant"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// TestForgettingDropsNoAnswer asks again at times after which the assertion is
// still told, or is not, and the credential still stands, or has ended.
func TestForgettingDropsNoAnswer(t *testing.T) {
	t.Parallel()
	end := start.Add(2 * time.Hour)
	for name, tt := range map[string]struct {
		after time.Duration
		told  bool         // the assertion of before
		kept  bool         // the credential
		code  problem.Code // of the answer
	}{
		"at once":                     {0, true, true, ""},
		"in half an assertion's life": {access.AssertionLifetime/2 - time.Second, true, true, ""},
		"after half of it":            {access.AssertionLifetime / 2, false, true, ""},
		"at the end":                  {2 * time.Hour, false, true, problem.Expired},
		"an hour after the end":       {3 * time.Hour, false, false, problem.Expired},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.edit("alpha", func(r *credential.Record) { r.Client.ExpiresAt = end })
			before, err := w.service.Check(t.Context(), w.at("/query"))
			if err != nil {
				t.Fatal(err)
			}
			w.now.Add(int64(tt.after))
			w.service.Forget()
			verified := w.verified.Load()
			after, err := w.service.Check(t.Context(), w.at("/query"))
			if tt.code != "" {
				if !problem.Is(err, tt.code) {
					t.Errorf("the answer is %v, want %s", err, tt.code)
				}
			} else if err != nil {
				t.Fatal(err)
			} else if same := before.Identity.Assertion()[0] == after.Identity.Assertion()[0]; same != tt.told {
				t.Errorf("the assertion is the one of before: %v, want %v", same, tt.told)
			}
			if kept := w.verified.Load() == verified; kept != tt.kept {
				t.Errorf("the credential was known: %v, want %v", kept, tt.kept)
			}
		})
	}
}

// TestForgettingBesideRequests is for the race detector.
func TestForgettingBesideRequests(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 200 {
			w.now.Add(int64(access.AssertionLifetime))
			w.service.Forget()
		}
	}()
	for asked := false; !asked; {
		d, err := w.service.Check(t.Context(), w.at("/query"))
		if err != nil || d.Identity.Assertion()[0] == "" {
			t.Fatalf("%+v, %v", d, err)
		}
		select {
		case <-done:
			asked = true
		default:
		}
	}
}

// counts is a Granted that counts how often it is asked.
type counts struct {
	access.Granted
	asked int
}

func (c *counts) Of(ctx context.Context, principal string) ([]grant.Grant, error) {
	c.asked++
	return c.Granted.Of(ctx, principal)
}

// TestGrantsAreReadWhenTheyHaveChanged changes what roles rest on, one after the
// other. Of a change of the configuration or of the organization alone, the
// store notices nothing.
func TestGrantsAreReadWhenTheyHaveChanged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	reads := &counts{Granted: w}
	w.options.Granted = reads
	var err error
	if w.service, err = access.New(w.options); err != nil {
		t.Fatal(err)
	}
	now := w.service
	for _, step := range []struct {
		name    string
		change  func()
		reads   int
		allowed bool
	}{
		{"the first request", func() {}, 1, true},
		{"another configuration", func() { now = w.reconfigured(t, []string{"query:execute"}, func(*access.Options) {}) }, 0, true},
		{"a policy", func() { w.feed.Announce(change.Policy()) }, 0, true},
		{"the organization", func() { w.feed.Announce(change.Organization("acme")) }, 0, true},
		{"another client's grants", func() { w.feed.Announce(change.Grants("client:beta")) }, 0, true},
		{"its grants", func() {
			w.change(func() { w.grants["client:alpha"] = nil }, change.Grants("client:alpha"))
		}, 1, false},
		{"the configuration after it", func() { now = w.reconfigured(t, []string{"query:execute"}, func(*access.Options) {}) }, 0, false},
		{"its grants again", func() {
			w.change(func() { w.grants["client:alpha"] = []string{"analyst"} }, change.Grants("client:alpha"))
		}, 1, true},
	} {
		before := reads.asked
		step.change()
		_, err := now.Check(t.Context(), w.at("/query"))
		if step.allowed && err != nil || !step.allowed && !problem.Is(err, problem.Forbidden) {
			t.Errorf("%s: the answer is %v", step.name, err)
		}
		if got := reads.asked - before; got != step.reads {
			t.Errorf("%s: grants were read %d times, want %d", step.name, got, step.reads)
		}
	}
}
