//go:build linux

package faults_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/test/gatehousetest"
)

// fault is a way in which a database fails while a host runs on it.
type fault struct {
	store string // URL of the database; empty is a SQLite file
	// strike makes it fail, heal makes it work again.
	strike func(t *testing.T, h *gatehousetest.Host) (heal func())
	reason string // what callers and the operator are told
	hint   string // what the operator is told to do, or a part of it
	reads  bool   // what is in no cache can be looked up nevertheless
	cached bool   // what is in the cache counts nevertheless
	ready  bool   // /readyz does not notice: only some of the tables are affected
}

// prove lets a database fail and recover under a host that makes keys all the
// while, and then kills the host.
func (f fault) prove(t *testing.T) {
	t.Helper()
	h := demonstrated(t, gatehousetest.Options{Store: f.store})
	h.Start()
	fresh := []gatehousetest.Key{analyst(h, "fresh-1"), analyst(h, "fresh-2")}
	cached := analyst(h, "cached")
	accepted(t, h, cached)
	made := makeKeys(t, h)
	made.another(t)

	heal := f.strike(t, h)
	made.refused(t, f.reason)
	f.lookUp(t, h, fresh[0], f.reads)
	f.lookUp(t, h, cached, f.cached)
	f.list(t, h, len(fresh)+1)
	f.readyz(t, h)
	f.logged(t, h)

	heal()
	gatehousetest.Eventually(t, "it is ready again", func() bool { status, _ := h.Readyz(); return status == http.StatusOK })
	gatehousetest.Eventually(t, "look-ups work again", func() bool { return execute(t, h, fresh[1]).status == http.StatusOK })
	made.another(t)
	accepted(t, h, cached)
	acknowledged := append(made.stop(), append(fresh, cached)...)
	h.Signal(syscall.SIGKILL)
	h.Wait()
	h.Start()
	for _, k := range acknowledged {
		accepted(t, h, k)
	}
}

func accepted(t *testing.T, h *gatehousetest.Host, k gatehousetest.Key) {
	t.Helper()
	if a := execute(t, h, k); a.status != http.StatusOK {
		t.Errorf("the key of %s was acknowledged, and is refused: status %d: %s", k.Client, a.status, a.body)
	}
}

// lookUp checks that a valid credential is accepted, or if it cannot be, that
// the caller is not told that it is wrong.
func (f fault) lookUp(t *testing.T, h *gatehousetest.Host, k gatehousetest.Key, possible bool) {
	t.Helper()
	if possible {
		accepted(t, h, k)
		return
	}
	a := execute(t, h, k)
	a.refusal(t, http.StatusServiceUnavailable, problem.Unavailable)
	if !strings.Contains(a.problem.Detail, f.reason) {
		t.Errorf("%s is told %q, want %q", k.Client, a.problem.Detail, f.reason)
	}
}

// list checks that a list is whole or an error: one that lacks what cannot be
// read would be acted on.
func (f fault) list(t *testing.T, h *gatehousetest.Host, least int) {
	t.Helper()
	r := h.CLI("keys", "list", "--json")
	if r.Status != 0 {
		if f.reads || !strings.Contains(r.Err, f.reason) {
			t.Errorf("keys list: status %d: %s", r.Status, r.Err)
		}
		return
	}
	var clients admin.ClientPage
	if err := json.Unmarshal([]byte(r.Out), &clients); err != nil {
		t.Fatal(err)
	}
	if len(clients.Clients) < least {
		t.Errorf("keys list has %d clients and no error, want %d or more", len(clients.Clients), least)
	}
}

func (f fault) readyz(t *testing.T, h *gatehousetest.Host) {
	t.Helper()
	if f.ready {
		return
	}
	gatehousetest.Eventually(t, "/readyz says: "+f.reason, func() bool {
		status, body := h.Readyz()
		return status == http.StatusServiceUnavailable && strings.Contains(body, f.reason)
	})
}

// logged checks that the operator is told what is the matter and what to do.
func (f fault) logged(t *testing.T, h *gatehousetest.Host) {
	t.Helper()
	gatehousetest.Eventually(t, "the log says: "+f.reason+" and "+f.hint, func() bool {
		for line := range strings.Lines(h.Log.String()) {
			if strings.Contains(line, f.reason) && strings.Contains(line, f.hint) {
				return true
			}
		}
		return false
	})
}

// keyMaker makes one key after another, and keeps those that were acknowledged.
type keyMaker struct {
	next chan struct{} // at least one since the last look
	last chan string   // what the latest refusal said
	end  chan struct{}
	all  chan []gatehousetest.Key
}

func makeKeys(t *testing.T, h *gatehousetest.Host) *keyMaker {
	t.Helper()
	m := &keyMaker{next: make(chan struct{}, 1), last: make(chan string, 1), end: make(chan struct{}), all: make(chan []gatehousetest.Key, 1)}
	go func() {
		var all []gatehousetest.Key
		defer func() { m.all <- all }()
		for n := 0; ; n++ {
			select {
			case <-m.end:
				return
			default:
			}
			client := fmt.Sprintf("made-%d", n)
			r := h.CLI("keys", "create", client, "--organization", "acme", "--role", "analyst", "--json")
			var issued struct{ Secret string }
			if r.Status != 0 {
				select {
				case <-m.last:
				default:
				}
				m.last <- r.Err
				time.Sleep(100 * time.Millisecond)
				continue
			}
			if err := json.Unmarshal([]byte(r.Out), &issued); err != nil || issued.Secret == "" {
				t.Errorf("keys create succeeded without a secret (%v): %s", err, r.Out)
				return
			}
			k := gatehousetest.Key{Client: client, Secret: issued.Secret}
			all = append(all, k)
			select {
			case m.next <- struct{}{}:
			default:
			}
		}
	}()
	t.Cleanup(func() { m.stop() })
	return m
}

// another waits for a key that is made from now on.
func (m *keyMaker) another(t *testing.T) {
	t.Helper()
	select {
	case <-m.next: // of before
	default:
	}
	gatehousetest.Eventually(t, "another key is made", func() bool {
		select {
		case <-m.next:
			return true
		default:
			return false
		}
	})
}

// refused waits until a key is refused for a reason.
func (m *keyMaker) refused(t *testing.T, reason string) {
	t.Helper()
	gatehousetest.Eventually(t, "a change is refused: "+reason, func() bool {
		select {
		case said := <-m.last:
			return strings.Contains(said, reason)
		default:
			return false
		}
	})
}

// stop returns every key that was acknowledged.
func (m *keyMaker) stop() []gatehousetest.Key {
	select {
	case <-m.end:
	default:
		close(m.end)
	}
	all := <-m.all
	m.all <- nil // for whoever stops it again
	return all
}
