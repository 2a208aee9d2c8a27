//go:build linux

package e2e_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/test/gatehousetest"
)

// binary is one of a third party's plugin.
type binary struct{ name, path string }

func (b binary) digest(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(b.path)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", sha256.Sum256(text))
}

// block pins the plugin.
func (b binary) block(digest string) string {
	return fmt.Sprintf("plugin %q {\n  path   = %q\n  sha256 = %q\n}\n", b.name, b.path, digest)
}

// issuer signs tokens for the plugin of examples/plugin.
type issuer struct{ key ed25519.PrivateKey }

func newIssuer(t *testing.T) (i issuer, block string) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return issuer{private}, fmt.Sprintf("authenticator \"signed-token\" {\n  public_key = %q\n}\n", base64.StdEncoding.EncodeToString(public))
}

// token is one that is valid for as long as left says.
func (i issuer) token(t *testing.T, organization string, left time.Duration) http.Header {
	t.Helper()
	claims, err := json.Marshal(map[string]any{"sub": "robot-7", "org": organization, "exp": time.Now().Add(left).Unix()})
	if err != nil {
		t.Fatal(err)
	}
	signed := "sgt_" + base64.RawURLEncoding.EncodeToString(claims)
	signature := base64.RawURLEncoding.EncodeToString(ed25519.Sign(i.key, []byte(signed)))
	return http.Header{"Authorization": {"Bearer " + signed + "." + signature}}
}

// external builds the plugin of examples/plugin, and makes a block for it.
func external(t *testing.T) (b binary, block string) {
	t.Helper()
	_, block = newIssuer(t)
	return binary{"signed-token", gatehousetest.Build(t, "../../examples/plugin")}, block
}

func TestExternalPluginRunsWhenPinned(t *testing.T) {
	t.Parallel()
	plugin, _ := external(t)
	issuer, block := newIssuer(t)
	h := before(t, gatehousetest.Options{Files: map[string]string{"plugin.hcl": plugin.block(plugin.digest(t)) + block}})
	h.Start()
	whoami := h.URL + "/api/v1/whoami"
	if a := ask(t, http.MethodGet, whoami, issuer.token(t, "acme", time.Minute), ""); a.status != http.StatusOK || !strings.Contains(a.body, `"organization":"acme"`) {
		t.Errorf("a good token: status %d: %s", a.status, a.body)
	}
	forger, _ := newIssuer(t)
	for name, tt := range map[string]struct {
		token  http.Header
		status int
		code   problem.Code
	}{
		"of an organization that is not declared": {issuer.token(t, "evil", time.Minute), 403, problem.Forbidden},
		"of another issuer":                       {forger.token(t, "acme", time.Minute), 401, problem.Unauthenticated},
		"expired":                                 {issuer.token(t, "acme", -time.Minute), 401, problem.Expired},
		"not valid yet":                           {issuer.token(t, "acme", 2*time.Hour), 401, problem.NotYetValid},
	} {
		t.Run(name, func(t *testing.T) {
			ask(t, http.MethodGet, whoami, tt.token, "").refusal(t, tt.status, tt.code)
		})
	}
	if p := h.Plugin("signed-token"); p.Pinned != plugin.digest(t) || p.Running != p.Pinned {
		t.Errorf("pinned %s, running %s", p.Pinned, p.Running)
	}
}

func TestExternalPluginWasChangedBeforeTheStart(t *testing.T) {
	t.Parallel()
	plugin, block := external(t)
	h := before(t, gatehousetest.Options{})
	pinned := plugin.digest(t)
	h.Write("plugin.hcl", plugin.block(pinned)+block)
	change(t, plugin)
	h.Launch()
	if status := h.Wait(); status != 1 {
		t.Errorf("exit status %d", status)
	}
	namesBoth(t, "the host's message", h.Log.String(), pinned, plugin.digest(t))
	verify := h.CLI("plugins", "verify", "--config", h.Config)
	if verify.Status != 1 {
		t.Errorf("plugins verify: status %d", verify.Status)
	}
	namesBoth(t, "plugins verify", verify.Out, pinned, plugin.digest(t))
}

// The attack: the file that runs is overwritten in place, and the process is
// made to end, so that the host starts it again.
func TestExternalPluginIsOverwrittenWhileItRuns(t *testing.T) {
	t.Parallel()
	plugin, _ := external(t)
	issuer, block := newIssuer(t)
	h := before(t, gatehousetest.Options{})
	pinned := plugin.digest(t)
	h.Write("plugin.hcl", plugin.block(pinned)+block)
	h.Start()
	k := analyst(h, "my-tenant")
	whoami := h.URL + "/api/v1/whoami"
	change(t, plugin)
	if a := ask(t, http.MethodGet, whoami, issuer.token(t, "acme", time.Minute), ""); a.status != http.StatusOK {
		t.Errorf("what runs is the sealed copy: status %d: %s", a.status, a.body)
	}
	running := h.Plugin("signed-token")
	if err := syscall.Kill(running.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	gatehousetest.Eventually(t, "the restart was refused", func() bool {
		return strings.Contains(h.Plugin("signed-token").LastError, plugin.digest(t))
	})
	p := h.Plugin("signed-token")
	namesBoth(t, "plugins list", p.LastError, pinned, plugin.digest(t))
	if p.PID != 0 || p.State == "ready" {
		t.Errorf("the changed plugin runs: process %d, %s", p.PID, p.State)
	}
	namesBoth(t, "the log", h.Log.String(), pinned, plugin.digest(t))
	status, body := h.Readyz()
	if status != http.StatusServiceUnavailable {
		t.Errorf("/readyz: status %d", status)
	}
	namesBoth(t, "/readyz", body, pinned, plugin.digest(t))
	ask(t, http.MethodGet, whoami, issuer.token(t, "acme", 2*time.Minute), "").refusal(t, http.StatusServiceUnavailable, problem.Unavailable)
	if a := execute(t, h, pair(k)); a.status != http.StatusOK {
		t.Errorf("the other plugin is affected: status %d: %s", a.status, a.body)
	}
}

func TestPluginOfAnotherProtocolVersion(t *testing.T) {
	t.Parallel()
	plugin := binary{"from-the-future", gatehousetest.Build(t, "testdata/otherversion")}
	h := before(t, gatehousetest.Options{})
	h.Write("plugin.hcl", plugin.block(plugin.digest(t)))
	h.Launch()
	if status := h.Wait(); status != 1 {
		t.Errorf("exit status %d", status)
	}
	if both := regexp.MustCompile(`(?s)from-the-future.*\b7\b.*\b1\b|from-the-future.*\b1\b.*\b7\b`); !both.MatchString(h.Log.String()) {
		t.Errorf("the message does not name the versions 7 and 1:\n%s", h.Log)
	}
}

// change overwrites the binary in place: the file stays the same one. It is
// still a plugin that would run.
func change(t *testing.T, b binary) {
	t.Helper()
	f, err := os.OpenFile(b.path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("changed"); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func namesBoth(t *testing.T, where, text, pinned, actual string) {
	t.Helper()
	if !strings.Contains(text, pinned) || !strings.Contains(text, actual) {
		t.Errorf("%s does not name both digests, %s and %s:\n%s", where, pinned, actual, text)
	}
}
