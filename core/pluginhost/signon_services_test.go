package pluginhost_test

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/core/pluginhost"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// asks has an instance ask a host service while it completes a sign-on.
func asks(ctx context.Context, p *pluginhost.People, body []byte, words ...any) (string, error) {
	in := authn.Incoming{RawQuery: strings.TrimSuffix("ask "+fmt.Sprintln(words...), "\n"), Body: body}
	got, err := p.Complete(ctx, authn.CompleteRequest{Incoming: in})
	return string(got.Keep), err
}

// askedOf is its answer, where there is no error.
func askedOf(t *testing.T, p *pluginhost.People, body []byte, words ...any) string {
	t.Helper()
	got, err := asks(t.Context(), p, body, words...)
	if err != nil {
		t.Errorf("%v: %v", words, err)
	}
	return got
}

// minute is one in milliseconds.
const minute = 60 * 1000

// The last part of a second counts: an id is never forgotten before its time.
func TestTakeForAMoment(t *testing.T) {
	t.Parallel()
	h, p := signOns(t, "all")
	for _, ms := range []int{1, 500, 999, 1001} {
		before := time.Now()
		if got := askedOf(t, p, nil, "take", "assertion", fmt.Sprint("_", ms), ms); got != "true" {
			t.Errorf("for %d ms: %s", ms, got)
		}
		h.memory.mu.Lock()
		until := h.memory.taken[fmt.Sprint("acme-okta/all\x00assertion\x00_", ms)]
		h.memory.mu.Unlock()
		if until.Before(before.Add(time.Duration(ms) * time.Millisecond)) {
			t.Errorf("an id that counts for %d ms from %s on is forgotten at %s", ms, before, until)
		}
	}
	for _, ms := range []int{0, -minute} {
		if _, err := asks(t.Context(), p, nil, "take", "assertion", "_over", ms-1000); !problem.Is(err, problem.Invalid) {
			t.Errorf("for %d ms: %v", ms-1000, err)
		}
	}
}

func TestTake(t *testing.T) {
	t.Parallel()
	h, acme := signOns(t, "all")
	globex := h.signOn(t, "signon", "all", "globex-entra/all", false)
	ctx := context.WithValue(t.Context(), traceKey{}, "trace-1")
	if got, err := asks(ctx, acme, nil, "take", "assertion", "_a", minute); err != nil || got != "true" {
		t.Fatalf("it was told %q, %v", got, err)
	}
	for _, c := range []struct {
		of       *pluginhost.People
		kind, id string
		want     string
	}{{acme, "assertion", "_a", "false"}, {acme, "logout", "_a", "true"}, {acme, "assertion", "_b", "true"}, {globex, "assertion", "_a", "true"}} {
		if got := askedOf(t, c.of, nil, "take", c.kind, c.id, minute); got != c.want {
			t.Errorf("taking %s %s: %s, want %s", c.kind, c.id, got, c.want)
		}
	}
	if got := askedOf(t, acme, nil, "take", "assertion", "_week", 7*24*60*minute); got != "true" {
		t.Errorf("for a week: %s", got)
	}
	want := []string{
		"acme-okta/all of acme trace-1: take assertion", "acme-okta/all of acme : take assertion", "acme-okta/all of acme : take logout",
		"acme-okta/all of acme : take assertion", "globex-entra/all of globex : take assertion", "acme-okta/all of acme : take assertion",
	}
	if diff := cmp.Diff(want, h.memory.all()); diff != "" {
		t.Errorf("the host was asked (-want +got):\n%s", diff)
	}
}

func TestLoadAndSave(t *testing.T) {
	t.Parallel()
	h, acme := signOns(t, "all")
	globex := h.signOn(t, "signon", "all", "globex-entra/all", false)
	for _, c := range []struct {
		of    *pluginhost.People
		body  string
		words []any
		want  string
	}{
		{acme, "", []any{"load", "metadata"}, "0 0 "},
		{acme, "first", []any{"save", "metadata", 0}, "1"},
		{acme, "", []any{"load", "metadata"}, "1 5 first"},
		{globex, "", []any{"load", "metadata"}, "0 0 "},
		{acme, "second", []any{"save", "metadata", 1}, "2"},
		{acme, strings.Repeat("x", 512<<10), []any{"save", "large", 0}, "1"},
		{acme, "", []any{"load", "large"}, "1 524288 xxxxxxxxxxxxxxxxxxxx"},
	} {
		if got := askedOf(t, c.of, []byte(c.body), c.words...); got != c.want {
			t.Errorf("%v: %q, want %q", c.words, got, c.want)
		}
	}
	if _, err := asks(t.Context(), acme, []byte("late"), "save", "metadata", 1); !strings.Contains(fmt.Sprint(err), "another one is there") {
		t.Errorf("in place of another: %v", err)
	}
}

// With the service "state" alone a message may hardly be larger than a blob.
func TestSaveOfTooMuch(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	spec := h.bundled("signon")
	spec.HostServices = []string{"state"}
	h.start(t, spec)
	p := h.signOn(t, "signon", "all", "acme-okta/all", false)
	if got := askedOf(t, p, nil, "save-large", 512<<10); got != "1" {
		t.Errorf("as large as it may be: version %s", got)
	}
	for _, size := range []int{512<<10 + 1, 1 << 20, 8 << 20} {
		if _, err := asks(t.Context(), p, nil, "save-large", size); !strings.Contains(fmt.Sprint(err), "a blob has 524288 bytes at most") {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	h, acme := signOns(t, "all")
	globex := h.signOn(t, "signon", "all", "globex-entra/all", false)
	for purpose, want := range map[int]string{1: "k1 true acme-okta/all;", 2: "k2 true acme-okta/all;"} {
		if got := askedOf(t, acme, nil, "keys", purpose); got != want {
			t.Errorf("the keys for %d are %q", purpose, got)
		}
	}
	digest := sha256.Sum256([]byte("text"))
	public := &h.memory.pairs["acme-okta/all\x00k1"].PublicKey
	if got := askedOf(t, acme, []byte("text"), "sign", "k1", "RS256"); rsa.VerifyPKCS1v15(public, crypto.SHA256, digest[:], []byte(got)) != nil {
		t.Error("RS256 does not verify")
	}
	if got := askedOf(t, acme, []byte("text"), "sign", "k1", "PS256"); rsa.VerifyPSS(public, crypto.SHA256, digest[:], []byte(got), nil) != nil {
		t.Error("PS256 does not verify")
	}
	ciphertext, err := h.memory.encrypted("acme-okta/all", "k2", "for acme")
	if err != nil {
		t.Fatal(err)
	}
	if got := askedOf(t, acme, ciphertext, "decrypt", "k2"); got != "for acme" {
		t.Errorf("it reads %q", got)
	}
	for name, err := range map[string]error{
		"another instance's key to sign":    second(asks(t.Context(), globex, []byte("text"), "sign", "k1", "RS256")),
		"another instance's key to decrypt": second(asks(t.Context(), globex, ciphertext, "decrypt", "k2")),
	} {
		if !problem.Is(err, problem.NotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := asks(t.Context(), acme, ciphertext, "decrypt", "k2", int(crypto.SHA1)); !problem.Is(err, problem.Invalid) {
		t.Errorf("with another hash: %v", err)
	}
	if _, err := asks(t.Context(), acme, ciphertext, "decrypt", "k2", int(crypto.MD5)); !problem.Is(err, problem.Unsupported) {
		t.Errorf("with a hash that is none: %v", err)
	}
}

func second(_ string, err error) error { return err }

// services are requests that each host service has an answer for.
var services = map[string][]any{
	"once": {"take", "assertion", "_x", minute}, "state": {"load", "metadata"}, "state (save)": {"save", "metadata", 0},
	"keys": {"keys", 1}, "keys (sign)": {"sign", "k1", "RS256"}, "keys (decrypt)": {"decrypt", "k2"},
}

func TestMemoryIsGranted(t *testing.T) {
	t.Parallel()
	for _, granted := range []string{"", "once", "state", "keys"} {
		t.Run("with "+granted, func(t *testing.T) {
			t.Parallel()
			h := newHost(t)
			spec := h.bundled("signon")
			spec.HostServices = []string{"audit", granted}[:1+min(len(granted), 1)]
			h.start(t, spec)
			p := h.signOn(t, "signon", "all", "acme-okta/all", false)
			for name, words := range services {
				service, _, _ := strings.Cut(name, " ")
				_, err := asks(t.Context(), p, []byte("x"), words...)
				refused := strings.Contains(fmt.Sprint(err), fmt.Sprintf("the host service %q is not granted to plugin %q", service, "signon"))
				if refused == (service == granted) {
					t.Errorf("%s: %v", name, err)
				}
			}
			for _, asked := range h.memory.all() {
				if granted == "" {
					t.Errorf("the host was asked: %s", asked)
				}
			}
		})
	}
}

// A host that has no such service refuses it as if it were not granted.
func TestMemoryThatTheHostHasNot(t *testing.T) {
	t.Parallel()
	h := newHost(t, func(o *pluginhost.Options) { o.Once, o.Blobs, o.Keys = nil, nil, nil })
	h.start(t, h.bundled("signon"))
	p := h.signOn(t, "signon", "all", "acme-okta/all", false)
	for name, words := range services {
		if _, err := asks(t.Context(), p, []byte("x"), words...); !strings.Contains(fmt.Sprint(err), "is not granted") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The plugin is told that nobody knows, and not why.
func TestMemoryThatFails(t *testing.T) {
	t.Parallel()
	h, p := signOns(t, "all")
	h.memory.fail = errors.New("the password of the database is hunter2")
	for name, words := range services {
		if _, err := asks(t.Context(), p, []byte("x"), words...); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if strings.Contains(h.log.String(), "hunter2") {
		t.Error("the plugin's log has the host's error")
	}
}

func TestMemoryWithTheHandleOfACallThatIsOver(t *testing.T) {
	t.Parallel()
	h, p := signOns(t, "all")
	askedOf(t, p, nil, "keep")
	for name, words := range services {
		_, err := asks(t.Context(), p, []byte("x"), append([]any{"with-the-kept"}, words...)...)
		if !strings.Contains(fmt.Sprint(err), "the handle belongs to no call that is being answered now") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := h.memory.all(); len(got) != 0 {
		t.Errorf("the host was asked: %v", got)
	}
}

// The handle of an instance that has a process of its own is good in no other.
func TestMemoryWithTheHandleOfAnotherInstance(t *testing.T) {
	t.Parallel()
	h, acme := liar(t)
	globex := h.signOn(t, "signon-liar", "signon", "globex-entra/signon", true)
	file := filepath.Join(h.folder, "handle")
	ctx, cancel := context.WithCancel(t.Context())
	live := make(chan struct{})
	go func() {
		defer close(live)
		_, _ = acme.Complete(ctx, authn.CompleteRequest{Incoming: authn.Incoming{RawQuery: "write-handle " + file}}) // in flight until it is cancelled
	}()
	var handle []byte
	eventually(t, "the handle is known", func() bool { handle, _ = os.ReadFile(file); return len(handle) == 22 })
	for _, r := range rawRequests() {
		said := r.ask(t, globex, string(handle))
		if want := (authn.Denied{Reason: "permission_denied", Detail: "the handle belongs to no call that is being answered now"}); said != want {
			t.Errorf("%s: %+v", r.method, said)
		}
	}
	if got := h.memory.all(); len(got) != 0 {
		t.Errorf("the host was asked: %v", got)
	}
	// In the process that it belongs to it is good, and means its own instance.
	other := h.signOn(t, "signon-liar", "signon", "acme-ping/signon", false)
	if said := rawRequests()[0].ask(t, other, string(handle)); said.Reason != "answered" {
		t.Errorf("in its own process: %+v", said)
	}
	if got := h.memory.all(); len(got) != 1 || !strings.HasPrefix(got[0], "acme-okta/signon of acme ") {
		t.Errorf("the host was asked: %v", got)
	}
	cancel()
	<-live
}
