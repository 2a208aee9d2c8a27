//go:build linux

package e2e_test

import (
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"

	"github.com/gatehouse-id/gatehouse/sdk/identity"
	"github.com/gatehouse-id/gatehouse/test/gatehousetest"
)

func TestExampleProgram(t *testing.T) {
	t.Parallel()
	program := gatehousetest.Build(t, "../../examples/program")
	h := gatehousetest.Start(t, gatehousetest.Options{Dev: true})
	call := func(env map[string]string) (string, error) {
		cmd := exec.Command(program, "hello")
		for name, value := range env {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	env := devEnv(t, h)
	if out, err := call(env); err != nil || !strings.Contains(out, `"subject":"demo"`) || !strings.Contains(out, `"query":"hello"`) {
		t.Errorf("%v: %s", err, out)
	}
	secret := env["GATEHOUSE_READER_SECRET"]
	env["GATEHOUSE_CLIENT_SECRET"] = secret // another client's
	if out, err := call(env); err == nil || !strings.Contains(out, "hint: ") || strings.Contains(out, secret) {
		t.Errorf("a wrong secret: %v: %s", err, out)
	}
}

// An application starts without Gatehouse. With keys that it has saved it knows
// its callers at once, without any as soon as Gatehouse is there.
func TestApplicationStartsFirst(t *testing.T) {
	t.Parallel()
	app := &recorder{}
	h := gatehousetest.New(t, gatehousetest.Options{})
	furnish(t, h, app, "60s")
	empty := verifier(t, identity.Options{Issuer: h.URL, Audience: "app"})
	if status := offer(t, empty, "an.assertion.x"); status == http.StatusOK {
		t.Error("who is there is known before anybody could say so")
	}
	h.Start()
	k := analyst(h, "my-tenant")
	ask(t, http.MethodGet, h.URL+"/api/v1/query/x", pair(k), "")
	assertion := app.take()[0].Header.Get("X-Gatehouse-Assertion")
	gatehousetest.Eventually(t, "the application has fetched the keys", func() bool { return offer(t, empty, assertion) == http.StatusOK })
	saved := ask(t, http.MethodGet, h.URL+"/.well-known/jwks.json", nil, "").body

	h.Signal(9)
	h.Wait()
	offline := verifier(t, identity.Options{Issuer: h.URL, Audience: "app", Keys: []byte(saved)})
	if status := offer(t, offline, assertion); status != http.StatusOK {
		t.Errorf("with saved keys: status %d", status)
	}
	another := verifier(t, identity.Options{Issuer: h.URL, Audience: "another", Keys: []byte(saved)})
	if status := offer(t, another, assertion); status != http.StatusUnauthorized {
		t.Errorf("for another application: status %d", status)
	}
}

// verifier is the middleware before an application that answers 200.
func verifier(t *testing.T, o identity.Options) http.Handler {
	t.Helper()
	v, err := identity.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return v.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p, ok := identity.From(r.Context()); !ok || p.Subject != "my-tenant" {
			t.Errorf("the principal is %v", p)
		}
	}))
}

func offer(t *testing.T, app http.Handler, assertion string) (status int) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
	r.Header.Set("X-Gatehouse-Assertion", assertion)
	w := httptest.NewRecorder()
	app.ServeHTTP(w, r)
	return w.Code
}
