package access_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/core/change"
	"github.com/gatehouse-id/gatehouse/core/credential"
	"github.com/gatehouse-id/gatehouse/core/throttle"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// TestSettlingChangesNoAnswer settles a hundred keys and more, of clients that
// have two each, and asks for what each may do.
func TestSettlingChangesNoAnswer(t *testing.T) {
	t.Parallel()
	const clients = 100
	w := newWorld(t)
	for i := range clients {
		id := fmt.Sprintf("many-%d", i)
		w.grants["client:"+id] = []string{"analyst"}
		w.records[id] = credential.Record{
			Client: credential.Client{
				ID: id, Organization: "acme", Instance: "apikey", Owner: credential.OrganizationOwned, State: credential.Active,
				Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}, ExpiresAt: start.Add(time.Hour), Rate: throttle.Rate(3600 * 1000),
			},
			Keys: []credential.Key{
				{ID: fmt.Sprintf("A%d", i), ClientID: id, Instance: "apikey", State: credential.Live, Verifier: []byte("a")},
				{ID: fmt.Sprintf("B%d", i), ClientID: id, Instance: "apikey", State: credential.Live, Verifier: []byte("b")},
			},
		}
	}
	check := func(key string, i int, from string) (string, error) {
		r := w.request(h("X-Client-Id", fmt.Sprintf("many-%d", i), "X-Client-Secret", fmt.Sprintf("ghk_%s%d_right", key, i)))
		r.Path, r.Client = "/query", netip.MustParseAddr(from)
		d, err := w.service.Check(t.Context(), r)
		if err != nil {
			return "", err
		}
		if want := fmt.Sprintf("many-%d", i); d.Principal.ID != want {
			t.Errorf("client %q is taken for %q", want, d.Principal.ID)
		}
		return d.Identity.Assertion()[0], nil
	}
	told := map[string]string{}
	for i := range clients {
		for _, key := range []string{"A", "B"} {
			assertion, err := check(key, i, "192.0.2.7")
			if err != nil {
				t.Fatal(err)
			}
			told[fmt.Sprint(key, i)] = assertion
		}
	}
	w.service.Settle()
	verified := w.verified.Load()
	for i := range clients {
		for _, key := range []string{"A", "B"} {
			if assertion, err := check(key, i, "192.0.2.7"); err != nil || assertion != told[fmt.Sprint(key, i)] {
				t.Errorf("key %s of client %d: %v, or another assertion", key, i, err)
			}
			if _, err := check(key, i, "198.51.100.7"); !problem.Is(err, problem.Network) {
				t.Errorf("key %s of client %d, from elsewhere: %v", key, i, err)
			}
		}
	}
	if got := w.verified.Load() - verified; got != 0 {
		t.Errorf("%d were verified again", got)
	}
	w.change(func() { w.grants["client:many-3"] = nil }, change.Grants("client:many-3"))
	w.edit("many-4", func(r *credential.Record) { r.Client.State = credential.Suspended })
	w.service.Settle() // what has changed is moved as well
	if _, err := check("A", 3, "192.0.2.7"); !problem.Is(err, problem.Forbidden) {
		t.Errorf("a role was taken away: %v", err)
	}
	if _, err := check("B", 4, "192.0.2.7"); !problem.Is(err, problem.Forbidden) {
		t.Errorf("a client was suspended: %v", err)
	}
	w.now.Add(int64(2 * time.Hour))
	if _, err := check("A", 5, "192.0.2.7"); !problem.Is(err, problem.Expired) {
		t.Errorf("a client has ended: %v", err)
	}
}

// TestARevocationIsNotUndoneBySettling settles all the time while a role comes
// and goes. What a request after a change is answered is of after it.
func TestARevocationIsNotUndoneBySettling(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-done:
				return
			default:
				w.service.Settle()
			}
		}
	}()
	for i := range 200 {
		var roles []string
		if i%2 == 0 {
			roles = []string{"analyst"}
		}
		w.change(func() { w.grants["client:alpha"] = roles }, change.Grants("client:alpha"))
		for range 3 {
			_, err := w.service.Check(t.Context(), w.at("/query"))
			if allowed := err == nil; allowed != (roles != nil) {
				t.Fatalf("with the roles %v the answer is %v", roles, err)
			}
		}
	}
	close(done)
	<-ended
}
