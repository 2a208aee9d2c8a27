package throttle_test

import (
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/core/throttle"
)

func TestLinesAreFewASecondAndTheRestIsCounted(t *testing.T) {
	now := time.Unix(1000, 0)
	lines := throttle.NewLines(2, func() time.Time { return now })
	admit := func(wantLeft int, want bool) {
		t.Helper()
		if left, ok := lines.Admit(); ok != want || left != wantLeft {
			t.Errorf("at %v: admitted %v with %d left out, want %v with %d", now, ok, left, want, wantLeft)
		}
	}
	admit(0, true)
	admit(0, true)
	for range 3 {
		admit(0, false)
	}
	now = now.Add(999 * time.Millisecond)
	admit(0, false)
	now = now.Add(time.Millisecond)
	admit(4, true)
	admit(0, true)
	admit(0, false)
	now = now.Add(-time.Hour) // the clock was set back: nobody waits for an hour
	admit(1, true)
}
