//go:build linux

package life_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	"github.com/gatehouse-id/gatehouse/test/gatehousetest"
)

// kills is how often something is killed: GATEHOUSE_KILLS, a few times without it.
func kills(t *testing.T) int {
	t.Helper()
	text := os.Getenv("GATEHOUSE_KILLS")
	if text == "" {
		return 8
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("GATEHOUSE_KILLS: %v", err)
	}
	return n
}

// unbraked lets everybody leave without a question.
const unbraked = `brake {
    share = 1
    least = 1000000
  }`

// Identity providers write while host, plugin, or both are killed at random
// moments. What was acknowledged is there, and nothing is half there.
func TestKilledWhileIdentityProvidersWrite(t *testing.T) {
	t.Parallel()
	storetest.EachURL(t, func(t *testing.T, url string) {
		h := start(t, gatehousetest.Options{Store: url}, linked("acme-okta", "acme", unbraked), linked("acme-entra", "acme", unbraked), linked("globex-okta", "globex", unbraked))
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		var writers sync.WaitGroup
		var all []*writer
		for _, c := range []struct{ label, organization string }{{"acme-okta", "acme"}, {"acme-entra", "acme"}, {"globex-okta", "globex"}} {
			all = append(all, newWriter(t, h, c.label, c.organization))
		}
		for _, w := range all {
			writers.Go(func() { w.write(ctx) })
		}
		k := killer{Host: h, t: t}
		for n := kills(t); n > 0 && !t.Failed(); n-- {
			k.rest()
			k.kill()
			if n%100 == 0 {
				t.Logf("%d to go, %s", n, k.report(all))
			}
		}
		stop()
		writers.Wait()
		for _, w := range all {
			w.compare(context.WithoutCancel(t.Context()))
		}
		t.Log(k.report(all))
		h.Restart()
		for _, w := range all {
			w.compare(context.WithoutCancel(t.Context()))
		}
	})
}

// killer ends processes.
type killer struct {
	*gatehousetest.Host
	t     *testing.T
	lived int // plugins killed since the host has started: five make it give up

	hosts, plugins, both int
	out                  []time.Duration
}

// rest lets the writers come some way, or hardly.
func (k *killer) rest() {
	time.Sleep(time.Duration(20+rand.IntN(300)) * time.Millisecond)
}

func (k *killer) kill() {
	began := time.Now()
	what := rand.IntN(3)
	if what != 0 && k.lived == 3 {
		what = 0
	}
	if what != 0 {
		p := k.Plugin("scim")
		if p.State != "ready" || syscall.Kill(p.PID, syscall.SIGKILL) != nil {
			what = 0 // it is dead already
		}
	}
	if what == 1 {
		k.lived++
		k.plugins++
		return
	}
	k.Signal(syscall.SIGKILL)
	k.Wait()
	k.Start()
	k.lived = 0
	if what == 2 {
		k.both++
	} else {
		k.hosts++
	}
	k.out = append(k.out, time.Since(began))
}

func (k *killer) report(all []*writer) string {
	var acknowledged, unsure, done int64
	for _, w := range all {
		acknowledged, unsure, done = acknowledged+w.acknowledged.Load(), unsure+w.unsure.Load(), done+w.done.Load()
	}
	var longest time.Duration
	for _, d := range k.out {
		longest = max(longest, d)
	}
	return fmt.Sprintf("%d hosts, %d plugins and %d times both killed, the longest outage %s; %d writes acknowledged, %d not, of which %d were done",
		k.hosts, k.plugins, k.both, longest.Round(time.Millisecond), acknowledged, unsure, done)
}
