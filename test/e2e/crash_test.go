//go:build linux

package e2e_test

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/test/gatehousetest"
)

// Half of the load has credentials that are cached. The others come with one
// that was never seen before, or with a wrong secret, so each of their requests
// needs the plugin.
func TestPluginIsKilledUnderLoad(t *testing.T) {
	t.Parallel()
	h := before(t, gatehousetest.Options{Server: unthrottled})
	h.Start()
	const cachedClients, freshKeys = 32, 64
	var cached, fresh []gatehousetest.Key
	for i := range cachedClients {
		cached = append(cached, analyst(h, fmt.Sprintf("cached-%d", i)))
	}
	for i := range freshKeys {
		fresh = append(fresh, analyst(h, fmt.Sprintf("fresh-%d", i)))
	}
	for _, k := range cached {
		if a := execute(t, h, pair(k)); a.status != http.StatusOK {
			t.Fatalf("status %d: %s", a.status, a.body)
		}
	}

	first := h.Plugin("apikey")
	var done atomic.Bool
	var passed, refusedWrong, delayed atomic.Int64
	var load sync.WaitGroup
	for _, k := range cached {
		load.Go(func() {
			for !done.Load() {
				a, err := send(t, http.MethodPost, h.URL+"/api/v1/query/execute", pair(k), query)
				if err != nil || a.status != http.StatusOK {
					t.Errorf("a cached credential: status %d, %v: %s", a.status, err, a.body)
					return
				}
				passed.Add(1)
			}
		})
	}
	next := make(chan gatehousetest.Key, freshKeys)
	for _, k := range fresh {
		next <- k
	}
	for i := range 32 {
		load.Go(func() {
			for n := 0; !done.Load(); n++ {
				k, right := cached[(i+n)%len(cached)], false
				k.Secret = cached[(i+n+1)%len(cached)].Secret // wrong, and has the right form
				select {
				case k = <-next:
					right = true
				default:
				}
				a, err := send(t, http.MethodPost, h.URL+"/api/v1/query/execute", pair(k), query)
				switch {
				case err != nil:
					t.Error(err)
					return
				case a.status == http.StatusServiceUnavailable:
					if a.header.Get("Retry-After") == "" || a.problem.Detail == "" {
						t.Errorf("503 without Retry-After or a reason: %s", a.body)
					}
					delayed.Add(1)
					if right {
						next <- k // it comes again
					}
				case right && a.status != http.StatusOK, !right && a.status != http.StatusUnauthorized:
					t.Errorf("a wrong answer: the secret is right: %v, status %d: %s", right, a.status, a.body)
					return
				case !right:
					refusedWrong.Add(1)
				}
			}
		})
	}
	const kills = 3
	for i := range kills {
		before := h.Plugin("apikey")
		soFar, wrongSoFar := passed.Load(), refusedWrong.Load()
		gatehousetest.Eventually(t, "both sorts of requests are answered", func() bool {
			return passed.Load() > soFar+100 && refusedWrong.Load() > wrongSoFar+10
		})
		killed := time.Now()
		if err := syscall.Kill(before.PID, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		gatehousetest.Eventually(t, "the plugin is back", func() bool {
			p := h.Plugin("apikey")
			return p.State == "ready" && p.PID != before.PID && p.Generation > before.Generation
		})
		t.Logf("death %d: the plugin was back after %s", i+1, time.Since(killed).Round(time.Millisecond))
	}
	gatehousetest.Eventually(t, "all fresh keys were accepted", func() bool { return len(next) == 0 })
	done.Store(true)
	load.Wait()
	t.Logf("%d cached requests passed, %d wrong secrets were refused, %d requests got 503", passed.Load(), refusedWrong.Load(), delayed.Load())
	if last := h.Plugin("apikey"); last.Restarts != first.Restarts+kills {
		t.Errorf("%d restarts after %d deaths", last.Restarts-first.Restarts, kills)
	}
	if status, body := h.Readyz(); status != http.StatusOK {
		t.Errorf("/readyz: %d %s", status, body)
	}
}

func TestHostIsKilled(t *testing.T) {
	t.Parallel()
	plugin, block := external(t)
	h := before(t, gatehousetest.Options{Files: map[string]string{"plugin.hcl": plugin.block(plugin.digest(t)) + block}})
	h.Start()
	k := analyst(h, "my-tenant")
	pids := []int{h.Plugin("apikey").PID, h.Plugin("signed-token").PID}
	for _, pid := range pids {
		if !gatehousetest.Running(pid) {
			t.Fatalf("plugin process %d does not run", pid)
		}
	}
	killed := time.Now()
	h.Signal(syscall.SIGKILL)
	h.Wait()
	gatehousetest.Eventually(t, "no plugin process is left", func() bool { return !slices.ContainsFunc(pids, gatehousetest.Running) })
	t.Logf("no plugin process was left after %s", time.Since(killed).Round(time.Millisecond))

	h.Start() // over what the dead one has left behind
	if a := execute(t, h, pair(k)); a.status != http.StatusOK {
		t.Errorf("what was acknowledged before the death is gone: status %d: %s", a.status, a.body)
	}
}

// slow is an application that answers /open/slow once it is let go.
func slow(t *testing.T) (app http.Handler, began chan struct{}, letGo func()) {
	t.Helper()
	began, gate := make(chan struct{}), make(chan struct{})
	var once sync.Once
	letGo = func() { once.Do(func() { close(gate) }) }
	t.Cleanup(letGo)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/open/slow" {
			close(began)
			select {
			case <-gate:
			case <-r.Context().Done(): // the connection was cut
			}
		}
		_, _ = w.Write([]byte("answer"))
	}), began, letGo
}

func TestTermination(t *testing.T) {
	t.Parallel()
	t.Run("the first signal drains", func(t *testing.T) {
		t.Parallel()
		h, got, letGo := inFlight(t)
		h.Signal(syscall.SIGTERM)
		gatehousetest.Eventually(t, "nothing new is accepted", func() bool { status, _ := h.Readyz(); return status == 0 })
		if h.Ended() {
			t.Fatal("the host ended with a request in flight")
		}
		letGo()
		if a := <-got; a.status != http.StatusOK || a.body != "answer" {
			t.Errorf("the request in flight: status %d %q", a.status, a.body)
		}
		if status := h.Wait(); status != 0 {
			t.Errorf("exit status %d", status)
		}
	})
	t.Run("the second one ends at once", func(t *testing.T) {
		t.Parallel()
		h, got, _ := inFlight(t)
		plugin := h.Plugin("apikey").PID
		h.Signal(syscall.SIGTERM)
		gatehousetest.Eventually(t, "nothing new is accepted", func() bool { status, _ := h.Readyz(); return status == 0 })
		h.Signal(syscall.SIGTERM)
		if status := h.Wait(); status != 128+int(syscall.SIGTERM) {
			t.Errorf("exit status %d", status)
		}
		if a := <-got; a.status != 0 {
			t.Errorf("the request that nobody has answered got status %d", a.status)
		}
		gatehousetest.Eventually(t, "the plugin ends too", func() bool { return !gatehousetest.Running(plugin) })
	})
}

// inFlight starts a host with one request that waits for the application. The
// answer of a connection that was cut has the status 0.
func inFlight(t *testing.T) (h *gatehousetest.Host, got chan answer, letGo func()) {
	t.Helper()
	app, began, letGo := slow(t)
	h = gatehousetest.New(t, gatehousetest.Options{})
	furnish(t, h, app, "60s")
	h.Start()
	got = make(chan answer, 1)
	go func() {
		a, err := send(t, http.MethodGet, h.URL+"/open/slow", nil, "")
		if err != nil {
			a = answer{}
		}
		got <- a
	}()
	<-began
	return h, got, letGo
}
