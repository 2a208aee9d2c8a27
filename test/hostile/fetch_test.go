//go:build linux

package hostile_test

import (
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A plugin without network reaches through its host what the operator allows,
// and nothing else: not the host itself, nor what is beside it, nor the metadata
// of a cloud, also when somebody whom it may reach sends it there.
func TestIntruderFetches(t *testing.T) {
	t.Parallel()
	inside := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the inside was reached") }))
	l, err := net.Listen("tcp", "127.0.0.9:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = inside.Listener.Close()
	inside.Listener = l
	inside.StartTLS()
	t.Cleanup(inside.Close)
	allowed := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if to := r.URL.Query().Get("to"); to != "" {
			http.Redirect(w, r, to, http.StatusFound)
			return
		}
		fmt.Fprint(w, "hello "+r.Header.Get("X-Api-Key"))
	}))
	t.Cleanup(allowed.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: allowed.Certificate().Raw})
	if err := os.WriteFile(ca, text, 0o600); err != nil {
		t.Fatal(err)
	}
	h := start(t, fmt.Sprintf("fetch {\n    allow   = [\"127.0.0.1/32\"]\n    ca_file = %q\n  }", ca))
	defer undisturbed(t, h)()

	for address, says := range map[string]string{
		allowed.URL + "/":                      "200 hello k",
		allowed.URL + "/?to=" + inside.URL:     "not public",
		allowed.URL + "/?to=http://127.0.0.1/": "only https",
		h.URL + "/healthz":                     "only https",
		inside.URL + "/":                       "not public",
		"https://[::1]/":                       "not public",
		"https://[::ffff:127.0.0.9]/":          "not public",
		"https://169.254.169.254/latest/?t=1":  "not public",
		"https://10.0.0.1/":                    "not public",
		"file:///etc/passwd":                   "only https",
	} {
		if status, body := order(t, h, "fetch", address); status != http.StatusUnauthorized {
			t.Errorf("%s: status %d: %s", address, status, body)
		}
		seen(t, h, "intruder fetch "+address, says)
	}
	seen(t, h, "may not reach", "plugin=intruder", "instance=intruder", "host=169.254.169.254")

	metrics, err := http.Get(h.URL + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer metrics.Body.Close()
	counted, err := io.ReadAll(metrics.Body)
	for _, want := range []string{`gatehouse_fetch_total{plugin="intruder",result="answered"} 1`, `gatehouse_fetch_total{plugin="intruder",result="refused"} 9`} {
		if err != nil || !strings.Contains(string(counted), want) {
			t.Errorf("the metrics lack %s: %v", want, err)
		}
	}

	// With the next configuration the way is closed, for connections that are open
	// as well.
	file, err := os.ReadFile(filepath.Join(h.Config, "server.hcl"))
	if err != nil {
		t.Fatal(err)
	}
	h.Write("server.hcl", strings.Replace(string(file), `["127.0.0.1/32"]`, `[]`, 1))
	h.Signal(syscall.SIGHUP)
	seen(t, h, "a new configuration is in force")
	order(t, h, "fetch", allowed.URL+"/again")
	seen(t, h, "intruder fetch "+allowed.URL+"/again", "not public")
}
