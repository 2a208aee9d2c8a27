package transport_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/tabwriter"
)

// result names one measurement.
type result struct {
	direction string
	way       string
	size      int // bytes each way; 0 for Verify, which has its own
	callers   int
	round     int
}

// figures are of one measurement, in µs a call; the CPU is that of both
// processes.
type figures struct{ wall, cpu float64 }

// measured is what the benchmark has found; TestMain prints it.
var measured = map[result]figures{}

// measure runs the calls as a benchmark and keeps what they took.
func measure(b *testing.B, r result, pid int, run func(ctx context.Context, calls int) error) {
	b.Helper()
	b.Run(fmt.Sprintf("%d/%s/%s/%s/%d", r.round+1, r.direction, bytesOf(r.size), r.way, r.callers), func(b *testing.B) {
		ctx, cancel := context.WithCancel(b.Context()) // ends the streams of this run
		defer cancel()
		if err := run(ctx, 2*r.callers); err != nil { // the pool fills before the clock runs
			b.Fatal(err)
		}
		before := cpu(b, pid)
		b.ResetTimer()
		if err := run(ctx, b.N); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		f := figures{
			wall: b.Elapsed().Seconds() * 1e6 / float64(b.N),
			cpu:  (cpu(b, pid) - before) / float64(b.N),
		}
		b.ReportMetric(f.cpu, "cpu-µs/op")
		measured[r] = f // the last and longest run of the round counts
	})
}

// cpu is the time that this process and the plugin have run, in µs.
func cpu(tb testing.TB, pid int) float64 {
	tb.Helper()
	var total float64
	for _, p := range []int{os.Getpid(), pid} {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", p))
		if err != nil || len(threads) == 0 {
			tb.Skipf("this system does not tell the CPU time of a process: %v", err)
		}
		for _, name := range threads {
			text, err := os.ReadFile(name)
			if err != nil {
				continue // the thread has ended
			}
			ran, _, _ := strings.Cut(string(text), " ")
			ns, err := strconv.ParseFloat(ran, 64)
			if err != nil {
				tb.Fatal(err)
			}
			total += ns / 1e3
		}
	}
	return total
}

func bytesOf(size int) string {
	switch {
	case size == 0:
		return "Verify"
	case size < 1<<10:
		return fmt.Sprintf("%d B", size)
	case size < 1<<20:
		return fmt.Sprintf("%d KiB", size>>10)
	}
	return fmt.Sprintf("%d MiB", size>>20)
}

// printTable prints medians over the rounds; a ratio is to the unary call.
func printTable(w io.Writer) {
	if len(measured) == 0 {
		return
	}
	keys := map[result][]figures{}
	for r, f := range measured {
		r.round = 0
		keys[r] = append(keys[r], f)
	}
	order := make([]result, 0, len(keys))
	for r := range keys {
		order = append(order, r)
	}
	ways := []string{unary, pooled, multiplexed}
	directions := []string{"Verify", "host to plugin", "plugin to host"}
	slices.SortFunc(order, func(a, b result) int {
		return slices.Compare(
			[]int{slices.Index(directions, a.direction), a.size, a.callers, slices.Index(ways, a.way)},
			[]int{slices.Index(directions, b.direction), b.size, b.callers, slices.Index(ways, b.way)})
	})
	median := func(r result, of func(figures) float64) float64 {
		var all []float64
		for _, f := range keys[r] {
			all = append(all, of(f))
		}
		slices.Sort(all)
		if len(all) == 0 {
			return 0
		}
		return all[len(all)/2]
	}
	wall := func(f figures) float64 { return f.wall }
	t := tabwriter.NewWriter(w, 0, 0, 1, ' ', 0)
	fmt.Fprintln(t, "\n| direction\t| size\t| callers\t| way\t| µs a call\t| CPU µs\t| calls/s\t| of unary\t|")
	fmt.Fprintln(t, "|---\t|---\t|---:\t|---\t|---:\t|---:\t|---:\t|---:\t|")
	for _, r := range order {
		base := r
		base.way = unary
		took := median(r, wall)
		fmt.Fprintf(t, "| %s\t| %s\t| %d\t| %s\t| %.1f\t| %.1f\t| %.0f\t| %.2f\t|\n", r.direction, bytesOf(r.size), r.callers, r.way,
			took, median(r, func(f figures) float64 { return f.cpu }), 1e6/took, took/median(base, wall))
	}
	if err := t.Flush(); err != nil {
		panic(err)
	}
}
