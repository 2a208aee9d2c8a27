package pluginhost_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/core/pluginhost"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/diag"
	"github.com/gatehouse-id/gatehouse/sdk/instance"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/sdk/schema"
)

func TestDescription(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.start(t, h.bundled("good"))
	got, err := h.Description("good")
	want := pluginhost.Description{
		Name: "good", Version: "1.2.3", HostServices: []string{"audit", "fetch"},
		Kinds: []pluginhost.Kind{{
			Name: "good", Doc: "A kind of the tests.", Records: authn.RecordsHost, Issues: true,
			Schema: schema.Schema{Attributes: []schema.Attribute{
				{Name: "mode", Type: schema.String, Default: "", Doc: "What to do at once."},
				{Name: "token", Type: schema.String, Sensitive: true, Doc: "A secret."},
			}},
			Credentials: []authn.Credential{authn.InHeaders("X-Id", "X-Secret", "")},
		}},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	if _, err := h.Description("other"); !problem.Is(err, problem.NotFound) {
		t.Errorf("another plugin: %v", err)
	}
}

func TestConfigureThatIsRefusedLeavesTheInstance(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	p := h.ready(t, "good")
	got, err := h.Configure(t.Context(), configuration("good", "good", "refuse"))
	want := diag.Diagnostics{{Summary: "The token is not good", Detail: `It was "[redacted]".`, Path: diag.Path{"token"}}}
	if diff := cmp.Diff(want, got.Diagnostics); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	if got, err := p.Verify(t.Context(), "acme", present("right")); err != nil || got.RecordID != "r1" {
		t.Errorf("afterwards: %v, %v", got, err)
	}
}

func TestConfigureThatIsWrong(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.start(t, h.bundled("good"), h.bundled("liar"))
	with := func(change func(*pluginhost.Configure)) pluginhost.Configure {
		c := configuration("good", "good", "")
		change(&c)
		return c
	}
	for name, c := range map[string]struct {
		configure pluginhost.Configure
		code      problem.Code
	}{
		"no such plugin":     {with(func(c *pluginhost.Configure) { c.Plugin = "none" }), problem.NotFound},
		"no such kind":       {with(func(c *pluginhost.Configure) { c.Kind = "none" }), problem.NotFound},
		"a name with a path": {with(func(c *pluginhost.Configure) { c.Instance = "../x" }), problem.Invalid},
		"no name":            {with(func(c *pluginhost.Configure) { c.Instance = "" }), problem.Invalid},
		"a short key":        {with(func(c *pluginhost.Configure) { c.Keys = []instance.Key{{ID: "k", Key: []byte("x")}} }), problem.Invalid},
		"keys to validate":   {with(func(c *pluginhost.Configure) { c.ValidateOnly = true }), problem.Invalid},
		"huge values":        {with(func(c *pluginhost.Configure) { c.Values = make([]byte, 2<<20) }), problem.Invalid},
		"error and result": {pluginhost.Configure{Plugin: "liar", Kind: "liar", Instance: "liar", Values: []byte(`{"mode":"both"}`)},
			problem.Internal},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, err := h.Configure(t.Context(), c.configure); !problem.Is(err, c.code) {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

func TestValidateOnlyChangesNothing(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.start(t, h.bundled("good"))
	c := configuration("good", "good", "warn")
	c.ValidateOnly, c.Keys = true, nil
	got, err := h.Configure(t.Context(), c)
	if err != nil || len(got.Diagnostics) != 1 || got.Diagnostics[0].Severity != diag.Warning {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := h.Programs("good").Verify(t.Context(), "acme", present("right")); !problem.Is(err, problem.Unavailable) {
		t.Errorf("there is an instance: %v", err)
	}
}

func TestHangingConfigureIsGivenUp(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.ConfigureWithin(200 * time.Millisecond)
	p := h.ready(t, "good")
	if _, err := h.Configure(t.Context(), configuration("good", "other", "hang")); !lateness(err) {
		t.Errorf("got %v", err)
	}
	if _, err := p.Verify(t.Context(), "acme", present("right")); err != nil {
		t.Errorf("the other instance: %v", err)
	}
	// Nobody knows what the plugin made of this: it gets the old one again.
	if _, err := h.Configure(t.Context(), configuration("good", "good", "hang")); !lateness(err) {
		t.Errorf("got %v", err)
	}
	eventually(t, "the old configuration is back", func() bool {
		got, err := p.Verify(t.Context(), "acme", present("right"))
		return err == nil && got.RecordID == "r1"
	})
}

func TestRemove(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	p := h.ready(t, "good")
	for range 2 {
		if err := h.Remove(t.Context(), "good"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := p.Verify(t.Context(), "acme", present("right")); !problem.Is(err, problem.Unavailable) {
		t.Errorf("got %v", err)
	}
	kill(t, h.status(t, "good").PID)
	eventually(t, "the plugin is back", func() bool { return h.status(t, "good").Restarts == 1 })
	if s := h.status(t, "good"); len(s.Instances) != 0 {
		t.Errorf("the instance came back: %+v", s)
	}
}

func TestDedicatedInstance(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	shared := h.ready(t, "good")
	c := configuration("good", "acme/good", "")
	c.Dedicated = true
	if _, err := h.Configure(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	own := h.Programs("acme/good")
	if all := h.Status(); len(all) != 2 || all[1].DedicatedTo != "acme/good" || all[0].PID == all[1].PID {
		t.Fatalf("status %+v", all)
	}
	// What ends its process does not touch the other.
	if _, err := own.Verify(t.Context(), "acme", present("poison")); !problem.Is(err, problem.Unavailable) {
		t.Errorf("got %v", err)
	}
	if _, err := shared.Verify(t.Context(), "acme", present("right")); err != nil {
		t.Error(err)
	}
	if s := h.status(t, "good"); s.Restarts != 0 {
		t.Errorf("the shared process was restarted: %+v", s)
	}
	c.Dedicated = false
	if _, err := h.Configure(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if all := h.Status(); len(all) != 1 || !slices.ContainsFunc(all[0].Instances, func(i pluginhost.InstanceStatus) bool { return i.Name == "acme/good" }) {
		t.Errorf("after it moved: %+v", all)
	}
	if _, err := own.Verify(t.Context(), "acme", present("right")); err != nil {
		t.Error(err)
	}
}

func TestDedicatedInstanceThatIsRefusedLeavesNoProcess(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.start(t, h.bundled("good"))
	for _, mode := range []string{"refuse", "die"} {
		c := configuration("good", "acme/good", mode)
		c.Dedicated = true
		got, err := h.Configure(t.Context(), c)
		if err == nil && !got.Diagnostics.HasErrors() {
			t.Fatalf("%s: it was taken", mode)
		}
		if all := h.Status(); len(all) != 1 {
			t.Errorf("%s: left: %+v", mode, all)
		}
	}
}

func TestInstancesAreConfiguredAgain(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.start(t, h.bundled("good"))
	broken := filepath.Join(t.TempDir(), "broken")
	for name, mode := range map[string]string{"one": "", "two": "refuse-after " + broken, "three": "die-after " + broken} {
		if got, err := h.Configure(t.Context(), configuration("good", name, mode)); err != nil || got.Diagnostics.HasErrors() {
			t.Fatal(got, err)
		}
	}
	if err := os.WriteFile(broken, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	kill(t, h.status(t, "good").PID)
	for name, works := range map[string]bool{"one": true, "two": false, "three": false} {
		_, err := h.Programs(name).Verify(t.Context(), "acme", present("right"))
		if works != (err == nil) || err != nil && !problem.Is(err, problem.Unavailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// "three" ended the process while all were configured, and once alone.
	if s := h.status(t, "good"); s.State != pluginhost.Ready || s.Generation != 4 {
		t.Errorf("status %+v", s)
	}
	for _, i := range h.status(t, "good").Instances {
		if i.Name == "three" && !strings.Contains(i.Error, "twice") || i.Name == "two" && !strings.Contains(i.Error, "refuses") {
			t.Errorf("instance %+v", i)
		}
	}
}
