//go:build linux

package hostile_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/core/pluginhost/confine"
	"github.com/gatehouse-id/gatehouse/test/gatehousetest"
)

const provisioned = `
upstream "app" {
  url = "http://127.0.0.1:9"
}

organization "acme" {}

organization "globex" {}

plugin "impostor" {
  path          = %q
  sha256        = "%x"
  host_services = ["directory"]
  memory        = "256MiB"
}

connection "acme-okta" {
  organization = "acme"
  provisioner "scim" {}
  limits {
    rate = "100000/s"
  }
}

connection "globex-okta" {
  organization = "globex"
  provisioner "scim" {}
  limits {
    rate = "100000/s"
  }
}

connection "acme-liar" {
  organization = "acme"
  provisioner "impostor" {
    isolation = %[3]q
  }
}

connection "globex-liar" {
  organization = "globex"
  provisioner "impostor" {
    isolation = %[3]q
  }
}
`

// liar is the instance that the tests below are about.
const liar = "acme-liar/impostor"

// beset is a host with a hostile provisioner and with people whom it does not
// provision: of its own organization and of another.
type beset struct {
	*gatehousetest.Host
	liar  *gatehousetest.SCIM
	other *gatehousetest.SCIM // the impostor's too, for another organization
	idps  map[string]*gatehousetest.SCIM
	user  map[string]string // ids, by connection
	group map[string]string
}

// besiege starts one. isolation says whether each instance of the impostor has a
// process of its own.
func besiege(t *testing.T, isolation string) *beset {
	t.Helper()
	if missing := confine.Detect().Missing(); missing != "" {
		t.Skip("SKIPPED, NOTHING IS PROVED: " + missing)
	}
	path := gatehousetest.Build(t, "impostor")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b := &beset{
		Host: gatehousetest.Start(t, gatehousetest.Options{Files: map[string]string{"rules.hcl": fmt.Sprintf(provisioned, path, sha256.Sum256(text), isolation)}}),
		idps: map[string]*gatehousetest.SCIM{}, user: map[string]string{}, group: map[string]string{},
	}
	b.liar, b.other = b.SCIM("acme-liar"), b.SCIM("globex-liar")
	for _, connection := range []string{"acme-okta", "globex-okta"} {
		idp := b.SCIM(connection)
		b.idps[connection] = idp
		b.user[connection] = idp.Create("/Users", fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"jane@%s"}`, connection))
		b.group[connection] = idp.Create("/Groups", fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"Staff","members":[{"value":%q}]}`, b.user[connection]))
	}
	return b
}

// unharmed notes all that is in the directory, and asks the other connections for
// it until it is told to stop. It fails the test if one of them is not served, or
// if anything is then otherwise.
func (b *beset) unharmed(t *testing.T) (stop func()) {
	t.Helper()
	before := b.everybody(t)
	over := make(chan struct{})
	var asking sync.WaitGroup
	for connection, idp := range b.idps {
		asking.Go(func() {
			for {
				a, err := idp.Try(context.WithoutCancel(t.Context()), http.MethodGet, "/Users?count=1", "")
				if err != nil || a.Status != http.StatusOK {
					t.Errorf("%s is not served: %v, status %d: %s", connection, err, a.Status, a.Text)
					return
				}
				select {
				case <-over:
					return
				default:
				}
			}
		})
	}
	return func() {
		t.Helper()
		close(over)
		asking.Wait()
		if diff := cmp.Diff(before, b.everybody(t)); diff != "" {
			t.Errorf("the directory was changed (-before +after):\n%s", diff)
		}
	}
}

// everybody is all that the directory has, as the operator sees it.
func (b *beset) everybody(t *testing.T) (all map[string]any) {
	t.Helper()
	all = map[string]any{}
	for _, what := range []string{"users", "groups"} {
		var page json.RawMessage
		b.JSON(&page, what, "list", "--limit", "1000")
		all[what] = string(page)
	}
	for connection, idp := range b.idps {
		for _, path := range []string{"/Users", "/Groups"} {
			all[connection+path] = idp.Must(http.StatusOK, http.MethodGet, path+"?count=500", "").Text
		}
	}
	return all
}

// lie has an IdP ask for one. POST is not sent again by the client, whatever
// becomes of it. An error is an answer that is not whole.
func lie(t *testing.T, idp *gatehousetest.SCIM, what string, with ...string) (gatehousetest.SCIMAnswer, error) {
	t.Helper()
	query := url.Values{}
	for i := 0; i < len(with); i += 2 {
		query.Set(with[i], with[i+1])
	}
	return idp.Try(context.WithoutCancel(t.Context()), http.MethodPost, "/"+what+"?"+query.Encode(), "")
}

// counted is what the metric says of the liar's failures.
func (b *beset) counted(t *testing.T) (n int) {
	t.Helper()
	resp, err := http.Get(b.URL + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(text), fmt.Sprintf("gatehouse_provisioner_failures_total{provisioner=%q} ", liar))
	if _, err := fmt.Sscan(after, &n); !found || err != nil {
		t.Fatalf("the metrics lack the failures of %s: %v", liar, err)
	}
	return n
}

// isSCIMError checks what an IdP reads of a failure (RFC 7644 §3.12).
func isSCIMError(t *testing.T, a gatehousetest.SCIMAnswer) {
	t.Helper()
	if a.Body["status"] != fmt.Sprint(a.Status) || a.Body["detail"] == "" || !strings.Contains(a.Text, "urn:ietf:params:scim:api:messages:2.0:Error") ||
		a.Header.Get("Content-Type") != "application/scim+json" {
		t.Errorf("status %d is no SCIM error: %v %s", a.Status, a.Header, a.Text)
	}
}

func TestImpostorAnswers(t *testing.T) {
	t.Parallel()
	b := besiege(t, "shared")
	defer b.unharmed(t)()
	const broken = -1 // the IdP sees that the answer is not whole
	for name, c := range map[string]struct {
		with   []string
		status int
		says   string // in the log; "" where the answer is handed on
	}{
		"status is 0":          {[]string{"is", "0"}, 500, "its status is 0"},
		"status is 99":         {[]string{"is", "99"}, 500, "its status is 99"},
		"status is 101":        {[]string{"is", "101"}, 500, "its status is 101"},
		"status is 600":        {[]string{"is", "600"}, 500, "its status is 600"},
		"status is 1000":       {[]string{"is", "1000"}, 500, "its status is 1000"},
		"header of two lines":  {[]string{"name", "ETag", "value", "a\r\nSet-Cookie: a=b"}, 500, "its Etag has control characters"},
		"header by two lines":  {[]string{"name", "X\r\nSet-Cookie", "value", "a"}, 200, ""},
		"header Location":      {[]string{"name", "Location", "value", "https://evil.example/scim/v2/Users/1"}, 500, "its Location is not below the mount"},
		"header of a page":     {[]string{"name", "content-type", "value", "text/html"}, 500, "its Content-Type"},
		"header Set-Cookie":    {[]string{"name", "Set-Cookie", "value", "__Host-gatehouse=evil"}, 200, ""},
		"header Connection":    {[]string{"name", "Connection", "value", "upgrade"}, 200, ""},
		"header Upgrade":       {[]string{"name", "Upgrade", "value", "h2c"}, 200, ""},
		"header Keep-Alive":    {[]string{"name", "Keep-Alive", "value", "timeout=1"}, 200, ""},
		"header Transfer":      {[]string{"name", "Transfer-Encoding", "value", "gzip"}, 200, ""},
		"header Trailer":       {[]string{"name", "Trailer", "value", "X-A"}, 200, ""},
		"header Content":       {[]string{"name", "Content-Length", "value", "1"}, 200, ""},
		"header of our own":    {[]string{"name", "X-Gatehouse-Subject", "value", "eve"}, 200, ""},
		"header of a proxy":    {[]string{"name", "X-Accel-Redirect", "value", "/etc/passwd"}, 200, ""},
		"header of the origin": {[]string{"name", "Strict-Transport-Security", "value", "max-age=0"}, 200, ""},
		"headers":              {nil, 500, "header fields"},
		"note":                 {nil, 500, "the rule of a note"},
		"body-first":           {nil, 500, "it has a body before its status"},
		"no-part":              {nil, 500, "it has a part that is none"},
		"twice":                {nil, broken, "it answers twice"},
		"both":                 {nil, broken, "the plugin could not answer"},
		"problem":              {nil, 503, "the plugin could not answer"},
		"for-another":          {[]string{"handle", strings.Repeat("A", 22)}, 503, "the plugin answered a request that it was not asked"},
		"after-the-end":        {nil, 200, "the plugin answered a request that it was not asked"},
		"endless":              {nil, broken, "it sends more than it may"},
	} {
		t.Run(name, func(t *testing.T) {
			before, from := b.counted(t), len(b.Log.String())
			what, _, _ := strings.Cut(name, " ")
			a, err := lie(t, b.liar, what, c.with...)
			switch {
			case err != nil && c.status != broken:
				t.Fatal(err)
			case err == nil && c.status != a.Status:
				t.Errorf("status %d, want %d: %.200s", a.Status, c.status, a.Text)
			case err == nil && a.Status == http.StatusOK && a.Text != "{}":
				t.Errorf("the answer is %.200s", a.Text)
			case err == nil && a.Status >= http.StatusInternalServerError:
				isSCIMError(t, a)
			}
			handedOn := err == nil && c.status == http.StatusOK
			for field := range a.Header {
				switch field {
				case "Content-Type", "Content-Length", "Cache-Control", "X-Content-Type-Options", "Retry-After", "Date":
				default:
					t.Errorf("the IdP got %s: %s", field, a.Header[field])
				}
			}
			if kind := a.Header.Get("Content-Type"); a.Header != nil && kind != "application/scim+json" {
				t.Errorf("the answer's type is %s", kind)
			}
			if c.says != "" {
				seenFrom(t, b.Host, from, c.says, "plugin")
			}
			if handedOn {
				return
			}
			seenFrom(t, b.Host, from, "a provisioning request failed", "connection=acme-liar", "provisioner="+liar)
			if now := b.counted(t); now != before+1 {
				t.Errorf("%d failures are counted, there were %d before", now, before)
			}
		})
		// Whatever it has said, it is asked again, and so are its other instances.
		gatehousetest.Eventually(t, "the next request is answered after "+name, func() bool {
			a, err := lie(t, b.other, "keep")
			return err == nil && a.Status == http.StatusOK
		})
	}
}

// seenFrom is seen of what the log says from a place on.
func seenFrom(t *testing.T, h *gatehousetest.Host, from int, parts ...string) {
	t.Helper()
	gatehousetest.Eventually(t, fmt.Sprintf("the log says %q", parts), func() bool {
		for line := range strings.Lines(h.Log.String()[from:]) {
			all := true
			for _, part := range parts {
				all = all && strings.Contains(line, part)
			}
			if all {
				return true
			}
		}
		return false
	})
}

// A plugin that dies in the middle takes the answer with it, and comes back.
func TestImpostorDies(t *testing.T) {
	t.Parallel()
	b := besiege(t, "shared")
	defer b.unharmed(t)()
	for what, whole := range map[string]bool{"panic": true, "panic-in-the-middle": false, "exit": true} {
		before, restarts := b.counted(t), b.Plugin("impostor").Restarts
		a, err := lie(t, b.liar, what)
		switch {
		case whole && (err != nil || a.Status != http.StatusServiceUnavailable || a.Header.Get("Retry-After") == ""):
			t.Errorf("%s: %v, status %d: %s", what, err, a.Status, a.Text)
		case whole:
			isSCIMError(t, a)
		case err == nil && a.Status != http.StatusServiceUnavailable: // nothing of it had come
			t.Errorf("%s: the answer looks whole: status %d with %d bytes", what, a.Status, len(a.Text))
		}
		gatehousetest.Eventually(t, "it is launched again after "+what, func() bool {
			a, err := lie(t, b.liar, "keep")
			return err == nil && a.Status == http.StatusOK && b.Plugin("impostor").Restarts > restarts
		})
		if now := b.counted(t); now <= before {
			t.Errorf("%s: %d failures are counted, there were %d before", what, now, before)
		}
	}
	seen(t, b.Host, "a provisioning request failed", "provisioner="+liar, "is starting again")
	seen(t, b.Host, "plugin=impostor", "the plugin's process is over")
	if log := b.Log.String(); strings.Contains(log, "with what the IdP sent") {
		t.Error("the log has the value of a panic")
	}
	if p := b.Plugin("scim"); p.Restarts != 0 {
		t.Errorf("another plugin was started again %d times", p.Restarts)
	}
}

// An IdP is answered before it gives up, also where the plugin never does.
func TestImpostorIsSilent(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes as long as an IdP waits, nearly a minute")
	}
	b := besiege(t, "shared")
	defer b.unharmed(t)()
	before := b.counted(t)
	a, err := lie(t, b.liar, "silent")
	if err != nil || a.Status != http.StatusServiceUnavailable || a.Header.Get("Retry-After") == "" {
		t.Fatalf("%v, status %d: %s", err, a.Status, a.Text)
	}
	isSCIMError(t, a)
	seen(t, b.Host, "a provisioning request failed", "provisioner="+liar, "took more than")
	if now := b.counted(t); now != before+1 {
		t.Errorf("%d failures are counted, there were %d before", now, before)
	}
}

func TestImpostorFloodsTheLog(t *testing.T) {
	t.Parallel()
	b := besiege(t, "shared")
	defer b.unharmed(t)()
	for range 3 {
		if a, err := lie(t, b.liar, "flood-log"); err != nil || a.Status != http.StatusOK {
			t.Errorf("%v, status %d: %s", err, a.Status, a.Text)
		}
	}
	seen(t, b.Host, "plugin=impostor", "log lines were dropped")
	if lines := strings.Count(b.Log.String(), strings.Repeat("spam ", 20)); lines > 5000 {
		t.Errorf("of 60000 lines %d are in the log", lines)
	}
	for line := range strings.Lines(b.Log.String()) {
		if strings.Contains(line, "a provisioning request failed") && !strings.Contains(line, "plugin=impostor") {
			t.Errorf("it passes for the host: %s", line)
		}
	}
}
