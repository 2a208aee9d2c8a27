//go:build linux

package e2e_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	"github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/test/gatehousetest"
)

// metric is the value of one line of /metrics.
func metric(t *testing.T, h *gatehousetest.Host, name string) int {
	t.Helper()
	a := ask(t, http.MethodGet, h.URL+"/metrics", nil, "")
	found := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` (\S+)$`).FindStringSubmatch(a.body)
	if found == nil {
		t.Fatalf("/metrics has no %s", name)
	}
	value, err := strconv.ParseFloat(found[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return int(value)
}

// hangup asks for a reload, and waits until the host has taken the files or
// refused them.
func hangup(t *testing.T, h *gatehousetest.Host) {
	t.Helper()
	before := strings.Count(h.Log.String(), "a new configuration is")
	h.Signal(syscall.SIGHUP)
	gatehousetest.Eventually(t, "the reload is over", func() bool {
		return strings.Count(h.Log.String(), "a new configuration is") > before
	})
}

// Each of sixty reloads changes something else: rules, an instance of a plugin,
// a third party's plugin that comes, is replaced on the disk with its pin and
// goes; a third of them are wrong. Nobody who calls notices, and nothing is left
// behind. GATEHOUSE_RELOADS says how many, 200 in `make soak`.
func TestReloadsUnderLoad(t *testing.T) {
	t.Parallel()
	first, block := external(t)
	second, _ := external(t)
	change(t, second) // another digest, still a plugin
	placed := binary{first.name, filepath.Join(t.TempDir(), "placed")}
	reloads := int(setting(t, "GATEHOUSE_RELOADS", 60))
	h := before(t, gatehousetest.Options{})
	h.Start()
	k := analyst(h, "my-tenant")
	h.Write("extra.hcl", "# nothing\n")

	stop, answered := make(chan struct{}), atomic.Int64{}
	var load sync.WaitGroup
	for range 4 {
		load.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				a, err := send(t, http.MethodPost, h.URL+"/api/v1/query/execute", pair(k), query)
				if err != nil || a.status != http.StatusOK {
					t.Errorf("a request failed: status %d: %s %v", a.status, a.body, err)
					return
				}
				answered.Add(1)
			}
		})
	}
	end := sync.OnceFunc(func() { close(stop); load.Wait() })
	defer end()
	put := func(b binary) string { // the text of its pin at the place of the other
		replace(t, b.path, placed.path)
		return placed.block(b.digest(t)) + block
	}
	right := []string{
		"first", "second", "# %d\n",
		"authenticator \"apikey\" \"partner\" {\n  prefix = \"gp%d\"\n}\n",
	}
	wrong := []string{
		"role \"analyst\" {\n",
		first.block(second.digest(t)) + block,
		"authenticator \"apikey\" \"partner\" {\n  no_such = %d\n}\n",
		"client \"x\" {\n  organization = \"nobody-%d\"\n}\n",
	}
	text := func(list []string, n int) string {
		if s := list[n%len(list)]; strings.Contains(s, "%d") {
			return fmt.Sprintf(s, n)
		}
		return list[n%len(list)]
	}
	round := func(from, to int) (good, bad int) {
		for n := from; n < to; n++ {
			if n%3 == 2 {
				h.Write("extra.hcl", text(wrong, n/3))
				bad++
			} else {
				switch s := text(right, n-n/3); s {
				case "first":
					h.Write("extra.hcl", put(first))
				case "second":
					h.Write("extra.hcl", put(second))
				default:
					h.Write("extra.hcl", s)
				}
				good++
			}
			hangup(t, h)
		}
		h.Write("extra.hcl", fmt.Sprintf("# after %d\n", to))
		hangup(t, h)
		return good + 1, bad
	}
	const first20 = 20
	_, failures := round(0, first20)
	before, seen := takes(t, h), answered.Load()
	good, bad := round(first20, reloads)
	failures += bad
	if got := metric(t, h, "gatehouse_config_reload_failures_total"); got != failures {
		t.Errorf("%d failures are counted, %d reloads were wrong", got, failures)
	}
	if got := strings.Count(h.Log.String(), "a new configuration is in force"); got < good {
		t.Errorf("%d configurations came into force, %d were right", got, good)
	}
	if answered.Load() == seen {
		t.Error("no request was answered meanwhile")
	}
	const slack, memory = 12, 48 << 20 // the load's connections and the runtime's own
	within := func(after takings) bool {
		return after.files <= before.files+slack && after.sockets <= before.sockets+slack && after.goroutines <= before.goroutines+slack &&
			after.processes == before.processes && after.resident <= before.resident+memory && after.heap <= before.heap+memory
	}
	after := takes(t, h)
	// What a reload leaves for a moment ends by itself; what leaks stays.
	for limit := time.Now().Add(20 * time.Second); !within(after) && time.Now().Before(limit); {
		after = takes(t, h)
	}
	t.Logf("%d requests were answered; after %d reloads %+v, after %d %+v", answered.Load(), first20+1, before, reloads+2, after)
	if !within(after) {
		t.Errorf("after %d reloads %+v, after %d %+v", first20+1, before, reloads+2, after)
	}
	end()
}

// replace puts a copy of a file in the place of another at once.
func replace(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to+".next", text, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(to+".next", to); err != nil {
		t.Fatal(err)
	}
}

func TestReloadCountsWithTheNextRequest(t *testing.T) {
	t.Parallel()
	h := before(t, gatehousetest.Options{})
	const declared = "client \"declared\" {\n  organization = \"acme\"\n  roles = [\"analyst\"]\n}\n"
	h.Write("client.hcl", declared)
	h.Start()
	k := h.NewKey("declared")
	if a := execute(t, h, pair(k)); a.status != http.StatusOK {
		t.Fatalf("before: status %d: %s", a.status, a.body)
	}
	h.Write("client.hcl", "# gone\n")
	hangup(t, h)
	execute(t, h, pair(k)).refusal(t, http.StatusForbidden, problem.Forbidden)
	h.Write("client.hcl", declared+"route \"/api/v1/whoami\" {\n  permission = \"nobody:has\"\n}\n")
	who := func() answer { return ask(t, http.MethodGet, h.URL+"/api/v1/whoami", pair(k), "") }
	hangup(t, h)
	if a := execute(t, h, pair(k)); a.status != http.StatusOK {
		t.Errorf("the client is back: status %d: %s", a.status, a.body)
	}
	who().refusal(t, http.StatusForbidden, problem.Forbidden)
	h.Write("client.hcl", declared)
	hangup(t, h)
	if a := who(); a.status == http.StatusForbidden {
		t.Errorf("the rule is gone: status %d: %s", a.status, a.body)
	}
	var status admin.PluginList
	h.JSON(&status, "plugins", "list")
	if len(status.Plugins) != 1 || status.Plugins[0].Generation != 1 {
		t.Errorf("what did not change was started again: %v", status)
	}
}

func TestReloadChangesAPluginOverWithItsPin(t *testing.T) {
	t.Parallel()
	plugin, _ := external(t)
	issuer, block := newIssuer(t)
	h := before(t, gatehousetest.Options{})
	old := plugin.digest(t)
	h.Write("plugin.hcl", plugin.block(old)+block)
	h.Start()
	whoami := func(left time.Duration) {
		t.Helper()
		if a := ask(t, http.MethodGet, h.URL+"/api/v1/whoami", issuer.token(t, "acme", left), ""); a.status != http.StatusOK {
			t.Errorf("status %d: %s", a.status, a.body)
		}
	}
	whoami(time.Minute)
	pid := h.Plugin("signed-token").PID
	change(t, plugin) // and not the pin
	h.Write("more.hcl", "# so that there is something new\n")
	wrong := strings.Replace(plugin.block(old), "{\n", "{\n  host_services = [\"audit\"]\n", 1)
	h.Write("plugin.hcl", wrong+block)
	hangup(t, h)
	if p := h.Plugin("signed-token"); p.PID != pid || p.Running != old {
		t.Errorf("process %d became %d, running %s", pid, p.PID, p.Running)
	}
	status, body := h.Readyz()
	if status != http.StatusOK || !strings.Contains(body, "a newer configuration was refused") {
		t.Errorf("/readyz: %d %s", status, body)
	}
	namesBoth(t, "/readyz", body, old, plugin.digest(t))
	whoami(2 * time.Minute)
	h.Write("plugin.hcl", plugin.block(plugin.digest(t))+block)
	hangup(t, h)
	p := h.Plugin("signed-token")
	if p.PID == pid || p.Running != plugin.digest(t) {
		t.Errorf("process %d, running %s", p.PID, p.Running)
	}
	gatehousetest.Eventually(t, "the process before ends", func() bool { return !gatehousetest.Running(pid) })
	whoami(3 * time.Minute)
	if _, body := h.Readyz(); strings.Contains(body, "refused") {
		t.Errorf("/readyz still tells of the refused one: %s", body)
	}
}

func TestReloadSaysWhatNeedsARestart(t *testing.T) {
	t.Parallel()
	h := before(t, gatehousetest.Options{})
	h.Start()
	text, err := os.ReadFile(h.Config + "/server.hcl")
	if err != nil {
		t.Fatal(err)
	}
	h.Write("server.hcl", strings.Replace(string(text), h.Addr+"\"\n  trusted", "127.0.0.1:1\"\n  trusted", 1))
	hangup(t, h)
	gatehousetest.Eventually(t, "the host says so", func() bool {
		return strings.Contains(h.Out.String(), "CFG050") && strings.Contains(h.Out.String(), "server.listen")
	})
	if status, _ := h.Readyz(); status != http.StatusOK {
		t.Errorf("/readyz: %d", status)
	}
}

func TestApplyReachesTheRunningHost(t *testing.T) {
	t.Parallel()
	h := before(t, gatehousetest.Options{})
	h.Start()
	k := analyst(h, "my-tenant")
	apply := func() gatehousetest.Result { return h.CLI("apply", "--config", h.Config) }
	h.Write("more.hcl", "route \"/api/v1/query/**\" {\n  permission = \"nobody:has\"\n}\n")
	r := apply()
	if r.Status != 1 || !strings.Contains(r.Out, "Error:") || !strings.Contains(r.Out, "more.hcl:1") {
		t.Errorf("two rules for one path: status %d: %s%s", r.Status, r.Out, r.Err)
	}
	want := h.CLI("validate", h.Config)
	if r.Out != want.Out {
		t.Errorf("apply prints\n%s\nvalidate prints\n%s", r.Out, want.Out)
	}
	if a := execute(t, h, pair(k)); a.status != http.StatusOK {
		t.Errorf("after the wrong one: status %d: %s", a.status, a.body)
	}
	h.Write("more.hcl", "route \"/api/v1/query/execute\" {\n  permission = \"nobody:has\"\n}\n")
	if r := apply(); r.Status != 0 || !strings.Contains(r.Out, "Revision 2 is in force, and the host runs it.") {
		t.Errorf("status %d: %s%s", r.Status, r.Out, r.Err)
	}
	execute(t, h, pair(k)).refusal(t, http.StatusForbidden, problem.Forbidden)
	if got := metric(t, h, "gatehouse_config_revision"); got != 2 {
		t.Errorf("/metrics says revision %d", got)
	}
	h.Restart()
	execute(t, h, pair(k)).refusal(t, http.StatusForbidden, problem.Forbidden)
}

// With PostgreSQL the files are not what counts, but what was applied.
func TestOnPostgreSQLOnlyApplyChangesTheConfiguration(t *testing.T) {
	t.Parallel()
	h := before(t, gatehousetest.Options{Store: storetest.Postgres(t)})
	h.Start()
	k := analyst(h, "my-tenant")
	h.Write("more.hcl", "route \"/api/v1/query/execute\" {\n  permission = \"nobody:has\"\n}\n")
	hangup(t, h)
	if a := execute(t, h, pair(k)); a.status != http.StatusOK {
		t.Errorf("after SIGHUP: status %d: %s", a.status, a.body)
	}
	if r := h.CLI("apply", "--config", h.Config); r.Status != 0 {
		t.Errorf("status %d: %s%s", r.Status, r.Out, r.Err)
	}
	execute(t, h, pair(k)).refusal(t, http.StatusForbidden, problem.Forbidden)
}

func TestDevTakesChangedFiles(t *testing.T) {
	t.Parallel()
	h := before(t, gatehousetest.Options{Dev: true})
	h.Env = []string{"GATEHOUSE_CONFIG=" + h.Config, "GATEHOUSE_DATABASE_URL=" + h.Store}
	h.Write("demo.hcl", "client \"demo\" {\n  organization = \"acme\"\n}\n\nclient \"demo-reader\" {\n  organization = \"acme\"\n}\n")
	h.Start()
	closed := func() bool { // and not refused by the application
		return strings.Contains(ask(t, http.MethodGet, h.URL+"/opened", nil, "").problem.Detail, "this path needs a credential")
	}
	if !closed() {
		t.Fatal("the path is open before there is a rule")
	}
	h.Write("more.hcl", "route \"/opened\" {\n")
	gatehousetest.Eventually(t, "the mistake is printed", func() bool { return strings.Contains(h.Out.String(), "more.hcl line 1") })
	h.Write("more.hcl", "route \"/opened\" {\n  public = true\n}\n")
	gatehousetest.Eventually(t, "the rule counts", func() bool { return !closed() })
}

// What fails at the last step, in the store, gives the plugin its block back.
func TestReloadThatTheStoreRefusesIsUndone(t *testing.T) {
	t.Parallel()
	h := before(t, gatehousetest.Options{})
	const declared = "organization \"other\" {}\n\nclient \"declared\" {\n  organization = %q\n  roles = [\"analyst\"]\n}\n"
	h.Write("client.hcl", fmt.Sprintf(declared, "acme"))
	h.Start()
	k := h.NewKey("declared")
	h.Write("client.hcl", fmt.Sprintf(declared, "other"))
	h.Write("apikey.hcl", "authenticator \"apikey\" {\n  prefix = \"other\"\n}\n")
	r := h.CLI("apply", "--config", h.Config)
	if r.Status != 1 || !strings.Contains(r.Err, "a client never changes its organization") {
		t.Errorf("status %d: %s%s", r.Status, r.Out, r.Err)
	}
	if a := execute(t, h, pair(k)); a.status != http.StatusOK {
		t.Errorf("status %d: %s", a.status, a.body)
	}
	begins, _, _ := strings.Cut(k.Secret, "_")
	if again := h.NewKey("declared"); !strings.HasPrefix(again.Secret, begins+"_") {
		t.Errorf("a key of before begins with %s, one of now does not", begins)
	}
}
