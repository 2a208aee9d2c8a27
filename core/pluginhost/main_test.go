package pluginhost_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/core/pluginhost"
	"github.com/gatehouse-id/gatehouse/core/pluginhost/confine"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/hostsvc"
	"github.com/gatehouse-id/gatehouse/sdk/instance"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

// The test binary is also every plugin of the tests, and the host that is
// killed: the first argument says which.
const (
	beAPlugin = "__plugin"
	beAHost   = "__host"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == beAPlugin {
		servePlugin(os.Args[2], os.Args[3:])
	}
	if len(os.Args) > 2 && os.Args[1] == beAHost {
		runDoomedHost(os.Args[2:])
	}
	if len(os.Args) > 1 && os.Args[1] == confine.Command {
		fmt.Fprintln(os.Stderr, confine.Exec(os.Args[2:]))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// hostUnderTest is a host with what a test looks at.
type hostUnderTest struct {
	*pluginhost.Host
	log    *logBuffer
	audit  *auditLog
	web    *web
	people *directories
	memory *memory
	events *eventLog
	folder string // where the plugins of the test may leave something
	runDir string
}

func newHost(t testing.TB, change ...func(*pluginhost.Options)) *hostUnderTest {
	t.Helper()
	runDir := shortFolder(t)
	h := &hostUnderTest{log: &logBuffer{}, audit: &auditLog{}, web: &web{}, people: &directories{}, memory: &memory{}, events: &eventLog{}, folder: t.TempDir(), runDir: runDir}
	o := pluginhost.Options{
		Logger: slog.New(slog.NewJSONHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Random: rand.Reader, RunDir: runDir, Self: []string{"/proc/self/exe", beAPlugin}, Launch: []string{"/proc/self/exe", confine.Command}, Version: "test",
		Environ: os.Environ(), Audit: h.audit, Fetch: h.web, Directory: h.people, Once: h.memory, Blobs: h.memory, Keys: h.memory, Observer: h.events,
		TraceID: func(ctx context.Context) string { id, _ := ctx.Value(traceKey{}).(string); return id },
	}
	for _, f := range change {
		f(&o)
	}
	made, err := pluginhost.New(o)
	if err != nil {
		t.Fatal(err)
	}
	h.Host = made
	h.Patience(15 * time.Second)
	h.LetWrite(h.folder)
	t.Cleanup(func() {
		if err := h.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return h
}

type traceKey struct{}

// shortFolder is one whose path leaves room for the name of a socket.
func shortFolder(t testing.TB) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "gh")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	return filepath.Join(folder, "run")
}

// bundled is a plugin of the test's own binary, with the folder as argument.
func (h *hostUnderTest) bundled(name string) pluginhost.Spec {
	return pluginhost.Spec{Name: name, Bundled: true, Args: []string{h.folder}, HostServices: hostsvc.Services()}
}

func (h *hostUnderTest) start(t testing.TB, specs ...pluginhost.Spec) {
	t.Helper()
	for name, err := range h.Start(t.Context(), specs) {
		t.Fatalf("starting %s: %v", name, err)
	}
}

// ready starts a plugin and configures an instance of it.
func (h *hostUnderTest) ready(t testing.TB, name string) *pluginhost.Programs {
	t.Helper()
	h.start(t, h.bundled(name))
	return h.configured(t, name, name)
}

func (h *hostUnderTest) configured(t testing.TB, plugin, name string) *pluginhost.Programs {
	t.Helper()
	got, err := h.Configure(t.Context(), configuration(plugin, name, ""))
	if err != nil || got.Diagnostics.HasErrors() {
		t.Fatalf("configuring: %v %v", got.Diagnostics, err)
	}
	return h.Programs(name)
}

func configuration(plugin, name, mode string) pluginhost.Configure {
	values, _ := json.Marshal(map[string]string{"mode": mode, "token": "very-secret-token"})
	return pluginhost.Configure{
		Plugin: plugin, Kind: plugin, Instance: name, Values: values,
		Keys: []instance.Key{{ID: "k1", Key: bytes.Repeat([]byte{7}, 32)}},
	}
}

// present asks whose a secret is, of two records.
func present(text string) authn.VerifyRequest {
	return authn.VerifyRequest{ID: "client", Secret: secret.Text(text), Records: []authn.Record{
		{ID: "r1", Verifier: []byte("right")}, {ID: "r2", Verifier: []byte("old")},
	}}
}

// eventually waits for something that happens outside of the host's calls.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for limit := time.Now().Add(20 * time.Second); time.Now().Before(limit); time.Sleep(5 * time.Millisecond) {
		if is() {
			return
		}
	}
	t.Fatalf("never came to be: %s", what)
}

// logBuffer is the host's log.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// entries are the lines whose message contains the text.
func (l *logBuffer) entries(t testing.TB, text string) []map[string]any {
	t.Helper()
	var out []map[string]any
	for line := range strings.Lines(l.String()) {
		var entry map[string]any
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatalf("log line %q: %v", line, err)
		}
		if msg, _ := entry["msg"].(string); strings.Contains(msg, text) {
			out = append(out, entry)
		}
	}
	return out
}

// auditLog keeps events.
type auditLog struct {
	mu     sync.Mutex
	events []pluginhost.AuditEvent
}

func (a *auditLog) Record(_ context.Context, e pluginhost.AuditEvent) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if e.Event == "test.panic" {
		panic("secret-in-panic")
	}
	a.events = append(a.events, e)
	return nil
}

func (a *auditLog) all() []pluginhost.AuditEvent {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]pluginhost.AuditEvent{}, a.events...)
}

// eventLog keeps what the observer was told.
type eventLog struct {
	mu      sync.Mutex
	states  []string
	calls   int
	refused int
}

func (e *eventLog) StateChanged(plugin, dedicatedTo string, s pluginhost.State, number uint64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.states = append(e.states, fmt.Sprintf("%s%s %s %d", plugin, dedicatedTo, s, number))
}

func (e *eventLog) CallRefused(string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.refused++
}

func (e *eventLog) refusals() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.refused
}

func (e *eventLog) CallEnded(string, string, time.Duration, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.calls++
}

func (e *eventLog) count(text string) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := 0
	for _, s := range e.states {
		if strings.Contains(s, text) {
			n++
		}
	}
	return n
}

// status is that of the only process, or of the one of a plugin.
func (h *hostUnderTest) status(t testing.TB, plugin string) pluginhost.Status {
	t.Helper()
	for _, s := range h.Status() {
		if s.Plugin == plugin && s.DedicatedTo == "" {
			return s
		}
	}
	t.Fatalf("there is no process of %q", plugin)
	return pluginhost.Status{}
}
