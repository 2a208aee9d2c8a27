package throttle_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/gatehouse-id/gatehouse/core/throttle"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

func TestParseRate(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"100/s": "100/s", "600/m": "10/s", "90/m": "90/m", "50/h": "50/h", "1000000/s": "1000000/s",
		"": "", "0/s": "", "-1/s": "", "+1/s": "", "1": "", "1/d": "", "1.5/s": "", "1000001/s": "", "99999999999999999999/s": "", "1 /s": "", "1/s/s": "", "01/s": "", "1000001/h": "", "1000000/m": "1000000/m",
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			r, err := throttle.ParseRate(text)
			if r.String() != want || (err != nil) != (want == "") {
				t.Errorf("got %q, %v; want %q", r, err, want)
			}
		})
	}
}

func FuzzParseRate(f *testing.F) {
	for _, text := range []string{"100/s", "600/m", "1/h", "x", "/", "9223372036854775807/s"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := throttle.ParseRate(text)
		if err != nil {
			return
		}
		if again, err := throttle.ParseRate(r.String()); err != nil || again != r {
			t.Errorf("%q is %q, which is %v, %v", text, r, again, err)
		}
	})
}

func TestBurst(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{"100/s": 200, "1/s": 2, "30/m": 1, "1/h": 1} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			now := time.Unix(0, 0)
			rate, _ := throttle.ParseRate(text)
			b := throttle.NewRates(now, quiet).Of("alpha", rate, now)
			for n := range want {
				if err := b.Take(now); err != nil {
					t.Fatalf("request %d: %v", n+1, err)
				}
			}
			err := b.Take(now)
			if !problem.Is(err, problem.Throttled) {
				t.Fatalf("request %d: %v", want+1, err)
			}
			wait := problem.As(err).RetryAfter
			if err := b.Take(now.Add(wait - 1)); err == nil {
				t.Error("passes before Retry-After")
			}
			if err := b.Take(now.Add(wait)); err != nil {
				t.Errorf("is refused after Retry-After: %v", err)
			}
		})
	}
}

// TestNobodyExceedsHisRate asks at any times, and counts.
func TestNobodyExceedsHisRate(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		start := time.Unix(0, 0)
		perSecond := rapid.IntRange(1, 50).Draw(t, "rate")
		b := throttle.NewRates(start, quiet).Of("alpha", throttle.Rate(perSecond)*3600, start)
		at, passed := start, 0
		for _, gap := range rapid.SliceOfN(rapid.IntRange(0, 200), 1, 300).Draw(t, "gaps in ms") {
			at = at.Add(time.Duration(gap) * time.Millisecond)
			if b.Take(at) == nil {
				passed++
			}
		}
		if most := float64(perSecond)*(at.Sub(start).Seconds()+2) + 1; float64(passed) > most {
			t.Errorf("%d passed in %s at %d/s", passed, at.Sub(start), perSecond)
		}
	})
}

func TestBucketsOfAClient(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	rates := throttle.NewRates(now, quiet)
	one := rates.Of("alpha", 3600, now)
	if rates.Of("alpha", 3600, now) != one || rates.Of("beta", 3600, now) == one {
		t.Error("a bucket is not one client's")
	}
	_, _ = one.Take(now), one.Take(now)
	if err := rates.Of("alpha", 1800, now).Take(now); !problem.Is(err, problem.Throttled) {
		t.Errorf("another rate is a new allowance: %v", err)
	}
	slow := rates.Of("gamma", 1, now)
	_ = slow.Take(now)
	if err := rates.Of("gamma", 100*3600, now).Take(now.Add(10 * time.Millisecond)); err != nil {
		t.Errorf("a client whose rate was raised goes on paying for the hour before: %v", err)
	}
	if rates.Of("alpha", 0, now) != nil {
		t.Error("a bucket without a rate")
	}
}

func TestABucketIsSharedWithoutALock(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	rates := throttle.NewRates(now, quiet)
	var passed atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			b := rates.Of("alpha", 100*3600, now)
			for range 100 {
				if b.Take(now) == nil {
					passed.Add(1)
				}
			}
		})
	}
	all.Wait()
	if passed.Load() != 200 {
		t.Errorf("%d of 800 passed, want 200", passed.Load())
	}
}
