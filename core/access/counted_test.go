package access_test

import (
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/core/access"
	"github.com/gatehouse-id/gatehouse/core/change"
	"github.com/gatehouse-id/gatehouse/core/credential"
)

// tally is an access.Counter.
type tally struct{ atomic.Int64 }

func (t *tally) Inc() { t.Add(1) }

func (w *world) counted() access.Counted {
	return access.Counted{Known: &w.known, Stale: &w.stale, Unknown: &w.unknown, Uses: func(instance string) access.Counter {
		if instance == "token" {
			return &w.usedTokens
		}
		return &w.used
	}}
}

// Each credential is counted once, as it was found; its use only where the
// request was let through.
func TestChecksAreCounted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	check := func(path, key string) {
		r := w.request(h("X-Client-Id", "alpha", "X-Client-Secret", key))
		r.Path = path
		_, _ = w.service.Check(t.Context(), r)
	}
	check("/query", "ghk_K1_right")   // unknown
	check("/query", "ghk_K1_right")   // known
	check("/admin/x", "ghk_K1_right") // known, and refused
	w.edit("alpha", func(r *credential.Record) { r.Client.Name = "another" })
	check("/query", "ghk_K1_right") // stale
	w.change(func() {}, change.Grants("client:alpha"))
	check("/query", "ghk_K1_right") // stale: its roles are evaluated anew
	check("/query", "ghk_K1_wrong") // unknown, and refused
	check("/query", "ghk_K1_wrong") // refusals are not kept
	if _, err := w.service.Check(t.Context(), func() *access.Request { r := w.request(h()); r.Path = "/public"; return r }()); err != nil {
		t.Fatal(err)
	}
	got := map[string]int64{"known": w.known.Load(), "stale": w.stale.Load(), "unknown": w.unknown.Load(), "used": w.used.Load(), "tokens": w.usedTokens.Load()}
	if diff := cmp.Diff(map[string]int64{"known": 2, "stale": 2, "unknown": 3, "used": 4, "tokens": 0}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
