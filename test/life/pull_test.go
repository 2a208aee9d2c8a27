//go:build linux

package life_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	"github.com/gatehouse-id/gatehouse/plugins/google/googletest"
	"github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/test/gatehousetest"
)

// asked is a host that asks a Google Workspace for its people.
type asked struct {
	*gatehousetest.Host
	google *googletest.Workspace
	t      *testing.T
	ahead  time.Duration // of the host's clock
}

// people is how many there are, on as many pages.
const people = 30

// ask makes a workspace, and a host that may reach it. It is not started.
func ask(t *testing.T, url string) *asked {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(nil)
	g := googletest.New(key, "https://"+server.Listener.Addr().String()+"/token")
	server.Config.Handler = g
	server.StartTLS()
	t.Cleanup(server.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	credentials, err := g.Credentials()
	if err != nil {
		t.Fatal(err)
	}
	g.Page = 1
	var analysts []googletest.Doc
	for i := range people {
		id := fmt.Sprint(100 + i)
		g.User(id, address(i), googletest.Doc{"name": googletest.Doc{"fullName": fmt.Sprint("Person ", i)}, "suspended": i == 0})
		analysts = append(analysts, googletest.Person(id))
	}
	g.Group("g1", "analysts@acme.example", "Analysts", googletest.Subgroup("g2"))
	g.Group("g2", "data@acme.example", "Data", analysts...)
	g.Group("g3", "old@acme.example", "Old", googletest.Person("101"))

	a := &asked{google: g, t: t}
	a.Host = prepare(t, gatehousetest.Options{
		Store: url, Env: []string{"GOOGLE_CREDENTIALS=" + credentials}, Server: fmt.Sprintf("fetch {\n allow = [\"127.0.0.1/32\"]\n ca_file = %q\n }", ca),
	}, fmt.Sprintf(`
connection "acme-google" {
  organization = "acme"
  provider     = "google"
  pull_every   = "1m"

  provisioner "google" {
    credentials = env("GOOGLE_CREDENTIALS")
    subject     = %q
    api_url     = %q
  }

  mapping "analysts" {
    groups = ["Analysts"]
    roles  = ["analyst"]
  }
}
`, googletest.Admin, server.URL))
	return a
}

func address(i int) string { return fmt.Sprintf("person-%02d@acme.example", i) }

// pull is what the operator sees of it.
func (a *asked) pull() (p admin.Pull) {
	a.t.Helper()
	var s admin.Status
	a.JSON(&s, "status")
	if len(s.Pulls) > 0 {
		p = s.Pulls[0]
	}
	return p
}

// later sets the host's clock ahead, and waits until what is due then has come.
func (a *asked) later(by time.Duration, what string, is func(before, now admin.Pull) bool) {
	a.t.Helper()
	before := a.pull()
	a.ahead += by
	a.JumpClock(a.ahead)
	gatehousetest.Eventually(a.t, what, func() bool { return is(before, a.pull()) })
}

func complete(before, now admin.Pull) bool { return now.CompletedAt.After(before.CompletedAt) }

func failedOnce(before, now admin.Pull) bool {
	return now.Failures == 1 && now.CompletedAt.Equal(before.CompletedAt)
}

// user is who is with an address.
func (a *asked) user(address string) (u admin.UserDetail) {
	a.t.Helper()
	a.JSON(&u, "users", "show", address)
	return u
}

func (a *asked) active(address string, want bool) {
	a.t.Helper()
	if u := a.user(address); u.Active != want {
		a.t.Errorf("%s is active: %v, want %v", address, u.Active, want)
	}
}

// key makes one that can do what its owner can.
func (a *asked) key(i int) gatehousetest.Key {
	a.t.Helper()
	return a.NewKey(fmt.Sprint("key-", i), "--organization", "acme", "--owner", a.user(address(i)).ID, "--role", "analyst")
}

// requests are those to the API since the last call.
func (a *asked) requests() (list []string) {
	a.google.Change(func() { list, a.google.Asked = a.google.Asked, nil })
	return list
}

// A host asks Google, through kill -9, limits and failures, and only a pass that is
// complete takes anybody away.
func TestAPullThroughEverything(t *testing.T) {
	t.Parallel()
	storetest.EachURL(t, func(t *testing.T, url string) {
		a := ask(t, url)
		killed(a)
		keys := map[int]gatehousetest.Key{}
		for _, i := range []int{1, 2, 3, 4, 5} {
			keys[i] = a.key(i)
			may(t, a.Host, keys[i], accepted)
		}
		a.active(address(0), false)
		changed(a, keys)
		limited(a)
		failing(a)
		if log := a.Log.String(); strings.Contains(log, "ya29.") || strings.Contains(log, "PRIVATE KEY") || strings.Contains(log, "eyJ") {
			t.Error("the log has a secret")
		}
	})
}

// killed is the first pass, in whose middle the host is killed.
func killed(a *asked) {
	reached, release := make(chan struct{}), make(chan struct{})
	a.google.Refuse = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Query().Get("pageToken") != "~!!~25" {
			return false
		}
		close(reached)
		<-release
		a.google.Refuse = nil
		googletest.Error(w, http.StatusServiceUnavailable, "backendError", "nobody reads this")
		return true
	}
	a.Start()
	<-reached
	a.Signal(syscall.SIGKILL)
	a.Wait()
	close(release)
	before := a.requests()
	a.Start()
	gatehousetest.Eventually(a.t, "the first pass is complete", func() bool { return !a.pull().CompletedAt.IsZero() })
	if after := a.requests(); before[0] != "users#" || after[0] != "users#~!!~20" || slices.Contains(after, "users#") {
		a.t.Errorf("it began with %q, and went on after the kill with %q", before[0], after)
	}
	var all admin.UserPage
	a.JSON(&all, "users", "list", "--connection", "acme-google")
	if len(all.Users) != people {
		a.t.Errorf("%d people are here, want %d", len(all.Users), people)
	}
}

// changed is a pass over what is other than before.
func changed(a *asked, keys map[int]gatehousetest.Key) {
	renamed := a.user(address(3))
	a.google.Change(func() {
		a.google.Users[1]["suspended"] = true
		a.google.Members["g2"] = slices.Delete(slices.Clone(a.google.Members["g2"]), 2, 3)
		a.google.Users[3]["primaryEmail"] = "renamed@acme.example"
		a.google.Without("104")
		a.google.Groups = a.google.Groups[:2]
	})
	a.later(2*time.Minute, "the changes were taken over", complete)
	for i, want := range map[int]int{1: http.StatusForbidden, 2: http.StatusForbidden, 3: accepted, 4: http.StatusForbidden, 5: accepted} {
		may(a.t, a.Host, keys[i], want)
	}
	a.active(address(1), false)
	a.active(address(2), true)
	a.active(address(4), false)
	if u := a.user("renamed@acme.example"); u.ID != renamed.ID || u.ExternalID != "103" {
		a.t.Errorf("who was renamed is another: %+v", u.User)
	}
	if r := a.CLI("groups", "show", "Old"); r.Status == 0 {
		a.t.Errorf("a group that is gone is here: %s", r.Out)
	}
}

// limited is a pass that meets a limit of Google's.
func limited(a *asked) {
	a.requests()
	a.google.Change(func() {
		a.google.Without("106")
		a.google.Refuse = func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.HasSuffix(r.URL.Path, "/groups") {
				return false
			}
			w.Header().Set("Retry-After", "600")
			googletest.Error(w, http.StatusTooManyRequests, "rateLimitExceeded", "Quota exceeded")
			return true
		}
	})
	a.later(2*time.Minute, "the limit is met", failedOnce)
	p := a.pull()
	if wait := p.RetryAt.Sub(p.StartedAt); wait < 10*time.Minute || p.State != admin.PullReading || !strings.Contains(p.Problem, "rateLimitExceeded") {
		a.t.Errorf("it waits for %v: %+v", wait, p)
	}
	a.active(address(6), true)
	a.google.Change(func() { a.google.Refuse = nil })
	a.later(11*time.Minute, "the pass went on", complete)
	a.active(address(6), false)
	if all := a.requests(); slices.Index(all, "users#") != 0 || slices.Contains(all[1:], "users#") {
		a.t.Errorf("the pass did not go on where it was: %q", all)
	}
}

// failing is a pass that does not end well. Nearly everybody is missing in it.
func failing(a *asked) {
	a.google.Change(func() {
		a.google.Users = a.google.Users[20:]
		a.google.Refuse = func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.HasSuffix(r.URL.Path, "/members") {
				return false
			}
			googletest.Error(w, http.StatusForbidden, "forbidden", "Not Authorized to access this resource/api, with "+r.Header.Get("Authorization"))
			return true
		}
	})
	a.later(2*time.Minute, "the pass fails", failedOnce)
	if p := a.pull(); !strings.Contains(p.Problem, "Not Authorized") || strings.Contains(p.Problem, "ya29.") {
		a.t.Errorf("the operator is told %q", p.Problem)
	}
	for i := 7; i < people; i++ {
		a.active(address(i), true)
	}
}
