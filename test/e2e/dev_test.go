//go:build linux

package e2e_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/test/gatehousetest"
)

// What dev prints is pasted into a shell, letter for letter.
func TestWhatDevPrintsWorks(t *testing.T) {
	t.Parallel()
	h := gatehousetest.Start(t, gatehousetest.Options{Dev: true})
	envFile := filepath.Join(h.Data, "dev.env")
	if info, err := os.Stat(envFile); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("dev.env: %v, %v; it holds secrets", info, err)
	}

	var blocks []string
	for block := range strings.SplitSeq(h.Out.String(), "\n\n") {
		if strings.HasPrefix(block, "  ") {
			blocks = append(blocks, block)
		}
	}
	source, blocks := blocks[0], blocks[1:]
	wants := []string{
		"200\n" + `{"caller":{"subject":"demo","kind":"client","organization":"demo","roles":["admin"]},"query":"hello","provider":"demo","model":"small"}`,
		"401\n" + `"hint":"send X-Client-Id and X-Client-Secret`,
		"403\n" + `"permission":"policy:write"`,
		"deletion",
		"Client demo",
	}
	if len(blocks) != len(wants) {
		t.Fatalf("%d blocks to try, the test knows %d:\n%s", len(blocks), len(wants), h.Out)
	}
	for i, block := range blocks {
		out := paste(t, source+"\n"+block)
		status, body, _ := strings.Cut(wants[i], "\n")
		if !strings.Contains(out, status) || !strings.Contains(out, body) {
			t.Errorf("%s\nprinted %s\nwant %s in it", block, out, wants[i])
		}
	}
}

// paste runs lines as a shell in the repository's folder after `make build`
// would. curl also prints the status that it got.
func paste(t *testing.T, lines string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, ".curlrc"), []byte(`write-out = "\n%{http_code}\n"`), 0o600); err != nil {
		t.Fatal(err)
	}
	return shell(t, dir, lines)
}

// shell runs lines in a folder that has bin/gatehouse. A command that fails ends
// it, and fails the test.
func shell(t *testing.T, dir, lines string) string {
	t.Helper()
	if err := os.Mkdir(filepath.Join(dir, "bin"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(gatehousetest.Binary(), filepath.Join(dir, "bin", "gatehouse")); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", "-e")
	cmd.Dir, cmd.Env, cmd.Stdin = dir, []string{"PATH=" + os.Getenv("PATH"), "CURL_HOME=" + dir}, strings.NewReader(lines)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%s\n%v\n%s", lines, err, out)
	}
	return string(out)
}

func TestFormsOfTheCredential(t *testing.T) {
	t.Parallel()
	h := gatehousetest.Start(t, gatehousetest.Options{Dev: true})
	one, other := h.NewKey("one", "--organization", "demo", "--role", "admin"), h.NewKey("other", "--organization", "demo", "--role", "admin")
	typo := one
	typo.Secret = one.Secret[:len(one.Secret)-1] + map[bool]string{true: "1", false: "0"}[strings.HasSuffix(one.Secret, "0")]
	crossed, unknown := one, one
	crossed.Secret, unknown.Client = other.Secret, "nobody"

	forms := map[string]func(k gatehousetest.Key) http.Header{
		"two headers": pair,
		"Basic": func(k gatehousetest.Key) http.Header {
			return http.Header{"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte(k.Client+":"+k.Secret))}}
		},
		"Bearer": func(k gatehousetest.Key) http.Header { return http.Header{"Authorization": {"Bearer " + k.Secret}} },
	}
	for name, form := range forms {
		t.Run(name, func(t *testing.T) {
			if a := execute(t, h, form(one)); a.status != http.StatusOK || !strings.Contains(a.body, `"subject":"one"`) {
				t.Errorf("the right key: status %d: %s", a.status, a.body)
			}
			execute(t, h, form(typo)).refusal(t, http.StatusUnauthorized, problem.Unauthenticated)
			if name == "Bearer" {
				return // the secret alone names its client
			}
			wrong, nobody := execute(t, h, form(crossed)), execute(t, h, form(unknown))
			wrong.refusal(t, http.StatusUnauthorized, problem.Unauthenticated)
			wrong.problem.TraceID, nobody.problem.TraceID = "", ""
			if diff := cmp.Diff(wrong.problem, nobody.problem); diff != "" {
				t.Errorf("the answer tells a wrong secret from an unknown id:\n%s", diff)
			}
		})
	}
}

func TestDevKeepsItsSecrets(t *testing.T) {
	t.Parallel()
	h := gatehousetest.Start(t, gatehousetest.Options{Dev: true})
	before := devEnv(t, h)
	h.Restart()
	after := devEnv(t, h)
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("a restart changed dev.env:\n%s", diff)
	}
	key := gatehousetest.Key{Client: after["GATEHOUSE_CLIENT_ID"], Secret: after["GATEHOUSE_CLIENT_SECRET"]}
	if a := execute(t, h, pair(key)); a.status != http.StatusOK {
		t.Errorf("status %d: %s", a.status, a.body)
	}
	bearer := http.Header{"Authorization": {"Bearer " + after["GATEHOUSE_ADMIN_TOKEN"]}}
	if a := ask(t, http.MethodGet, h.URL+"/api/admin/v1/status", bearer, ""); a.status != http.StatusOK {
		t.Errorf("the admin token: status %d: %s", a.status, a.body)
	}
}

func devEnv(t *testing.T, h *gatehousetest.Host) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(h.Data, "dev.env"))
	if err != nil {
		t.Fatal(err)
	}
	env := map[string]string{}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		env[name] = value
	}
	return env
}

// revocations revokes keys one after the other while each is in use, and fails
// if a request passes that was sent after the revocation was acknowledged.
func revocations(t *testing.T, h *gatehousetest.Host, organization, role string, rounds int) {
	t.Helper()
	for round := range rounds {
		k := h.NewKey(fmt.Sprintf("leaver-%d", round), "--organization", organization, "--role", role)
		var acknowledged, done atomic.Bool
		var accepted, refused, late atomic.Int64
		var load sync.WaitGroup
		for range 8 {
			load.Go(func() {
				for !done.Load() {
					after := acknowledged.Load()
					a, err := send(t, http.MethodPost, h.URL+"/api/v1/query/execute", pair(k), query)
					switch {
					case err != nil:
						t.Errorf("round %d: %v", round, err)
						return
					case a.status == http.StatusOK && after:
						late.Add(1)
					case a.status == http.StatusOK:
						accepted.Add(1)
					case a.status == http.StatusUnauthorized && after:
						refused.Add(1)
					case a.status != http.StatusUnauthorized:
						t.Errorf("round %d: status %d: %s", round, a.status, a.body)
					}
				}
			})
		}
		gatehousetest.Eventually(t, "the key is in use", func() bool { return accepted.Load() > 20 })
		h.Revoke(k)
		acknowledged.Store(true)
		gatehousetest.Eventually(t, "the key is refused", func() bool { return refused.Load()+late.Load() > 20 })
		done.Store(true)
		load.Wait()
		if n := late.Load(); n > 0 {
			t.Errorf("round %d: %d requests passed that were sent after the revocation", round, n)
		}
	}
}

func TestRevokedIsRefusedFromTheNextRequest(t *testing.T) {
	t.Parallel()
	h := before(t, gatehousetest.Options{Server: unthrottled})
	h.Start()
	revocations(t, h, "acme", "analyst", 15)
}
