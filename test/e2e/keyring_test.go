//go:build linux

package e2e_test

import (
	"encoding/base64"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/test/gatehousetest"
)

// ringKeys are the keys of one purpose or instance, the active one first.
func ringKeys(h *gatehousetest.Host, purpose string) (found []admin.KeyringKey) {
	var list admin.KeyringKeys
	h.JSON(&list, "keyring", "list")
	for _, k := range list.Keys {
		if k.Purpose == purpose {
			found = append(found, k)
		}
	}
	return found
}

// All keys are replaced while an application with sdk/identity is called all
// the time: no request fails, and what was made with the old keys goes on.
func TestNoRequestFailsWhileAllKeysAreRotated(t *testing.T) {
	t.Parallel()
	h := before(t, gatehousetest.Options{})
	h.Write("keyring.hcl", "keyring {\n  overlap = \"15s\"\n}\n")
	h.Start()
	k := analyst(h, "my-tenant")
	var token struct {
		Secret string `json:"secret"`
	}
	h.JSON(&token, "admin", "token", "create", "ci")
	if a := execute(t, h, pair(k)); a.status != http.StatusOK {
		t.Fatalf("before: %d %s", a.status, a.body)
	}

	done := make(chan struct{})
	var load sync.WaitGroup
	calls := 0
	load.Go(func() {
		for {
			select {
			case <-done:
				return
			case <-time.After(20 * time.Millisecond):
			}
			a, err := send(t, http.MethodPost, h.URL+"/api/v1/query/execute", pair(k), query)
			if err != nil || a.status != http.StatusOK {
				t.Errorf("call %d: %d %s %v", calls, a.status, a.body, err)
				return
			}
			calls++
		}
	})
	stop := sync.OnceFunc(func() { close(done); load.Wait() })
	defer stop()

	old := ringKeys(h, "assertion")[0].ID
	var made admin.KeyringKeys
	h.JSON(&made, "keyring", "rotate")
	if len(made.Keys) != 7 {
		t.Errorf("made %v, want the host's six and the instance's", made.Keys)
	}
	if r := h.CLI("keyring", "rotate"); r.Status == 0 || !strings.Contains(r.Err, "published already") {
		t.Errorf("again, while one is on its way: %d %s", r.Status, r.Err)
	}
	if now := ringKeys(h, "assertion"); len(now) != 2 || now[0].ID != old || now[1].State != "next" {
		t.Errorf("the next signing key is not published beside the old one: %v", now)
	}
	gatehousetest.Eventually(t, "the next key signs", func() bool { return ringKeys(h, "assertion")[0].ID == made.Keys[0].ID })
	gatehousetest.Eventually(t, "the old key is gone", func() bool { return len(ringKeys(h, "assertion")) == 1 })
	if r := h.CLI("keys", "list", "--url", h.URL, "--token", token.Secret); r.Status != 0 {
		t.Errorf("the admin token of before: %s", r.Err)
	}
	stop()
	if calls == 0 {
		t.Error("nothing was called meanwhile")
	}

	h.Restart() // which writes the new verifiers, and then removes what nothing names
	for _, purpose := range []string{"instance", "admin_token"} {
		if keys := ringKeys(h, purpose); len(keys) != 1 || keys[0].NamedBy != 1 {
			t.Errorf("%s: %v, want the new key alone, named by one record", purpose, keys)
		}
	}
	if a := execute(t, h, pair(k)); a.status != http.StatusOK {
		t.Errorf("after: %d %s", a.status, a.body)
	}
	if r := h.CLI("keys", "list", "--url", h.URL, "--token", token.Secret); r.Status != 0 {
		t.Errorf("the admin token after: %s", r.Err)
	}
}

func TestTheRootKeyIsChangedWhileNoHostRuns(t *testing.T) {
	t.Parallel()
	h := before(t, gatehousetest.Options{})
	h.Start()
	k := analyst(h, "my-tenant")
	text := base64.StdEncoding.EncodeToString([]byte("another root key, 32 bytes of it"))
	file := filepath.Join(h.Config, "new.key")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	rotate := []string{"keyring", "rotate", "--root", "--new-root-key-file", file, "--config", h.Config}
	if r := h.CLI(rotate...); r.Status == 0 || !strings.Contains(r.Err, "in use by another host") {
		t.Errorf("while the host runs: %d %s", r.Status, r.Err)
	}
	h.Signal(syscall.SIGTERM)
	h.Wait()
	if r := h.CLI(rotate...); r.Status != 0 {
		t.Fatalf("while it does not: %s", r.Err)
	}
	h.Launch()
	if status := h.Wait(); status == 0 || !strings.Contains(h.Log.String(), "not the one that this database was made with") {
		t.Errorf("with the old root key the host ended with %d", status)
	}
	h.Env = append(h.Env, "GATEHOUSE_ROOT_KEY="+text)
	h.Start()
	if a := execute(t, h, pair(k)); a.status != http.StatusOK {
		t.Errorf("with the new one: %d %s", a.status, a.body)
	}
}
