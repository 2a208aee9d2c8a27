//go:build linux

package e2e_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/test/gatehousetest"
)

// TestFailedAttemptsFromEverywhere has an attempt fail from each of many
// addresses, each with an id of its own, while a good client goes on. Nothing may
// grow, and no request of the good client's may fail; how long they took is
// logged. GATEHOUSE_ATTEMPTS says how many attempts, a million in `make soak`, and
// GATEHOUSE_ATTEMPTS_PER_SECOND how fast: without it as fast as the machine can,
// when all that share it are slower.
func TestFailedAttemptsFromEverywhere(t *testing.T) {
	attempts, perSecond := setting(t, "GATEHOUSE_ATTEMPTS", 3000), setting(t, "GATEHOUSE_ATTEMPTS_PER_SECOND", 0)
	h := before(t, gatehousetest.Options{})
	h.Start()
	good, newcomer := pair(analyst(h, "good")), pair(analyst(h, "newcomer"))
	const home = "198.51.100.1"
	calm := passing(t, h, home, good, func(n int) bool { return n == 3000 })
	before := resident(t, h)

	var next atomic.Uint32
	var done atomic.Bool
	var attack sync.WaitGroup
	began := time.Now()
	for range 32 {
		attack.Go(func() {
			for n := next.Add(1); n <= attempts; n = next.Add(1) {
				if perSecond > 0 {
					time.Sleep(time.Until(began.Add(time.Duration(n) * time.Second / time.Duration(perSecond))))
				}
				address := netip.AddrFrom4([4]byte{100, byte(n >> 16), byte(n >> 8), byte(n)})
				wrong := http.Header{"X-Client-Id": {fmt.Sprintf("nobody%d", n)}, "X-Client-Secret": newcomer["X-Client-Secret"]}
				if a := checked(t, h, address.String(), wrong); a.status != http.StatusUnauthorized {
					t.Errorf("attempt %d: %d %v", n, a.status, a.header)
					return
				}
			}
		})
	}
	var during []time.Duration
	var client sync.WaitGroup
	client.Go(func() { during = passing(t, h, home, good, func(int) bool { return done.Load() }) })
	attack.Wait()
	took := time.Since(began)
	done.Store(true)
	client.Wait()
	grown := resident(t, h) - before

	if a := checked(t, h, "198.51.100.2", newcomer); a.status != http.StatusOK {
		t.Errorf("a client that was never seen: %d %v", a.status, a.header)
	}
	after := passing(t, h, home, good, func(n int) bool { return n == 3000 })
	t.Logf("%d attempts in %s (%.0f a second); memory grew by %d MiB; the good client's median was %s before, %s during, %s after",
		attempts, took.Round(time.Millisecond), float64(attempts)/took.Seconds(), grown>>20, median(calm), median(during), median(after))
	if grown > 96<<20 { // the counters are 24 MiB, and twice of it until the collector runs
		t.Errorf("memory grew by %d MiB", grown>>20)
	}
}

// setting is a number of the environment; so many addresses there are in 100.0.0.0/8.
func setting(t *testing.T, name string, otherwise uint32) uint32 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 24)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return uint32(n)
}

// passing makes requests of a good client until stop says so, and returns how
// long each took. None may fail.
func passing(t *testing.T, h *gatehousetest.Host, from string, key http.Header, stop func(n int) bool) (took []time.Duration) {
	t.Helper()
	for n := 0; !stop(n); n++ {
		began := time.Now()
		if a := checked(t, h, from, key); a.status != http.StatusOK {
			t.Errorf("a good client's request %d: %d %v", n, a.status, a.header)
			return took
		}
		took = append(took, time.Since(began))
	}
	return took
}

func median(all []time.Duration) time.Duration {
	if len(all) == 0 {
		return 0
	}
	all = slices.Clone(all)
	slices.Sort(all)
	return all[len(all)/2]
}

// resident is the memory of the host's process, in bytes.
func resident(t *testing.T, h *gatehousetest.Host) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", h.PID()))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return kib << 10
}
