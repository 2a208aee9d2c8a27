package pluginhost_test

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/core/pluginhost"
	"github.com/gatehouse-id/gatehouse/core/pluginhost/confine"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

func TestPluginSeesNothingOfTheHostsEnvironment(t *testing.T) {
	t.Setenv("GATEHOUSE_ROOT_KEY", "root-key-of-the-host")
	t.Setenv("DATABASE_PASSWORD", "planted")
	t.Setenv("TZ", "Europe/Berlin")
	h := newHost(t)
	h.ready(t, "environment")
	var names []string
	for line := range strings.Lines(read(t, h.folder, "environment")) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if strings.Contains(line, "root-key-of-the-host") || strings.Contains(line, "planted") {
			t.Errorf("the plugin sees %q", line)
		}
		if name == "TMPDIR" && !strings.HasPrefix(value, h.runDir+"/g") {
			t.Errorf("TMPDIR is %q, outside of the private folder", value)
		}
		if ok && strings.ToUpper(name) == name && !strings.HasPrefix(name, "PLUGIN_") && name != "SSL_CERT_FILE" && name != "SSL_CERT_DIR" {
			names = append(names, name)
		}
	}
	if diff := cmp.Diff([]string{"TMPDIR", "HOME", "GOMEMLIMIT", "PATH", "TZ", "GATEHOUSE_PLUGIN"}, names, sorted); diff != "" {
		t.Error(diff)
	}
	if where := read(t, h.folder, "where"); !strings.HasPrefix(where, h.runDir) {
		t.Errorf("it works in %q", where)
	}
}

func TestStartThatFails(t *testing.T) {
	t.Parallel()
	script := filepath.Join(t.TempDir(), "script")
	write(t, script, "#!/bin/sh\necho this is a script\n", 0o700)
	text := filepath.Join(t.TempDir(), "text")
	write(t, text, "neither a program nor a script", 0o700)
	for name, c := range map[string]struct {
		spec func(*hostUnderTest) pluginhost.Spec
		code problem.Code
		want []string
	}{
		"it exits and says why": {
			spec: func(h *hostUnderTest) pluginhost.Spec { return h.bundled("exits") },
			code: problem.Unavailable, want: []string{"exit status 3", "the license file is missing"},
		},
		"it says nothing": {
			spec: func(h *hostUnderTest) pluginhost.Spec { return h.bundled("mute") },
			code: problem.Unavailable, want: []string{"not ready in time"},
		},
		"it prints something else": {
			spec: func(h *hostUnderTest) pluginhost.Spec { return h.bundled("talkative") },
			code: problem.Unavailable, want: []string{"no Gatehouse plugin"},
		},
		"it prints without end": {
			spec: func(h *hostUnderTest) pluginhost.Spec { return h.bundled("endless") },
			code: problem.Unavailable, want: []string{"no Gatehouse plugin"},
		},
		"it listens elsewhere": {
			spec: func(h *hostUnderTest) pluginhost.Spec { return h.bundled("elsewhere") },
			code: problem.Unavailable, want: []string{"not in its own folder"},
		},
		"it speaks another version": {
			spec: func(h *hostUnderTest) pluginhost.Spec { return h.bundled("future") },
			code: problem.Invalid, want: []string{"speaks version 99", "speaks version 1"},
		},
		"it is another program": {
			spec: func(*hostUnderTest) pluginhost.Spec { return external(t, "true", "/usr/bin/true") },
			code: problem.Unavailable, want: []string{"ended (exit status 0)"},
		},
		"it is a script": {
			spec: func(*hostUnderTest) pluginhost.Spec { return external(t, "script", script) },
			code: problem.Unavailable, want: []string{"did not start"},
		},
		"it is no program": {
			spec: func(*hostUnderTest) pluginhost.Spec { return external(t, "text", text) },
			code: problem.Unavailable, want: []string{"starting the process"},
		},
		"it has another name": {
			spec: func(h *hostUnderTest) pluginhost.Spec {
				s := copyOfSelf(t, h, "renamed")
				s.Args = []string{beAPlugin, "good", h.folder}
				return s
			},
			code: problem.Invalid, want: []string{`calls itself "good"`},
		},
		"its name is no name": {
			spec: func(*hostUnderTest) pluginhost.Spec { return pluginhost.Spec{Name: "../x", Bundled: true} },
			code: problem.Invalid, want: []string{"lower case letters"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t)
			limit := 10 * time.Second
			if name == "it says nothing" {
				limit = 300 * time.Millisecond
			}
			h.Hasten(time.Hour, limit)
			spec := c.spec(h)
			err := h.Start(t.Context(), []pluginhost.Spec{spec})[spec.Name]
			if !problem.Is(err, c.code) {
				t.Fatalf("got %v, want %s", err, c.code)
			}
			for _, want := range c.want {
				if !strings.Contains(problem.As(err).Detail, want) {
					t.Errorf("%q does not say %q", problem.As(err).Detail, want)
				}
			}
			if got := h.Status(); len(got) != 0 {
				t.Errorf("a process is left: %v", got)
			}
			eventually(t, "the private folder is gone", func() bool { return len(folders(t, h.runDir)) == 0 })
			if pid := pidOf(h.folder, spec.Name); pid != 0 {
				eventually(t, "the process is gone", func() bool { return !alive(pid) })
			}
		})
	}
}

func TestStartIsGivenUpWithItsContext(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan map[string]error)
	go func() { result <- h.Start(ctx, []pluginhost.Spec{h.bundled("mute")}) }()
	eventually(t, "the process runs", func() bool { return pidOf(h.folder, "mute") != 0 })
	cancel()
	if err := (<-result)["mute"]; !problem.Is(err, problem.Unavailable) {
		t.Errorf("got %v", err)
	}
}

func TestPluginsStartInParallel(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	// Each waits for the others before its handshake: one after the other they
	// would never be ready.
	var specs []pluginhost.Spec
	for n := range 5 {
		specs = append(specs, h.bundled("meet-"+strconv.Itoa(n)))
	}
	h.start(t, specs...)
}

func TestStartedTwice(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.start(t, h.bundled("good"))
	if err := h.Start(t.Context(), []pluginhost.Spec{h.bundled("good")})["good"]; !problem.Is(err, problem.Conflict) {
		t.Errorf("got %v", err)
	}
}

func TestProcessHasItsOwnGroup(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.ready(t, "good")
	pid := h.status(t, "good").PID
	group, err := syscall.Getpgid(pid)
	if err != nil || group != pid {
		t.Errorf("the group of %d is %d (%v): a Ctrl-C in the terminal would reach it", pid, group, err)
	}
}

func TestGrandchildIsKilled(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*testing.T, *hostUnderTest){
		"the host closes": func(t *testing.T, h *hostUnderTest) {
			if err := h.Close(t.Context()); err != nil {
				t.Error(err)
			}
		},
		"the plugin is killed": func(t *testing.T, h *hostUnderTest) {
			kill(t, h.status(t, "parent").PID)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t)
			h.Pretend(confine.Support{Limits: true}) // a confined plugin has no children
			spec := h.bundled("parent")
			spec.BestEffort = true
			h.start(t, spec)
			h.configured(t, "parent", "parent")
			grandchild := pidOf(h.folder, "grandchild")
			if !alive(grandchild) {
				t.Fatal("there is no grandchild to kill")
			}
			end(t, h)
			eventually(t, "the grandchild is gone", func() bool { return !alive(grandchild) })
		})
	}
}

func TestFoldersOfProcesses(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	p := h.ready(t, "good")
	all := folders(t, h.runDir)
	if len(all) != 1 {
		t.Fatalf("there are %v", all)
	}
	info, err := os.Stat(filepath.Join(h.runDir, all[0]))
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	kill(t, h.status(t, "good").PID)
	if _, err := p.Verify(t.Context(), "acme", present("right")); err != nil {
		t.Fatal(err)
	}
	if again := folders(t, h.runDir); len(again) != 1 || again[0] == all[0] {
		t.Errorf("after a restart there are %v", again)
	}
	if err := h.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if left := folders(t, h.runDir); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestRunFolder(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		prepare func(t *testing.T, folder string) string
		want    string
	}{
		"too long": {func(_ *testing.T, f string) string { return filepath.Join(f, strings.Repeat("x", 80)) }, "longer than"},
		"open to others": {func(t *testing.T, f string) string {
			if err := os.Mkdir(f, 0o755); err != nil {
				t.Fatal(err)
			}
			return f
		}, "mode 0700"},
		"a file": {func(t *testing.T, f string) string { write(t, f, "", 0o600); return f }, "run folder"},
		"in use": {func(t *testing.T, _ string) string { return newHost(t).runDir }, "in use by another host: process "},
		"a link": {func(t *testing.T, f string) string {
			if err := os.Symlink(newHost(t).runDir, f); err != nil {
				t.Fatal(err)
			}
			return f
		}, "must be a folder"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := pluginhost.New(options(c.prepare(t, shortFolder(t))))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestLeftoversAreSwept(t *testing.T) {
	t.Parallel()
	folder := shortFolder(t)
	if err := os.MkdirAll(filepath.Join(folder, "g7", "plugin-dir1"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(folder, "notes"), "not ours", 0o600)
	h, err := pluginhost.New(options(folder))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = h.Close(t.Context()) }()
	if left := folders(t, folder); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
	if read(t, folder, "notes") != "not ours" {
		t.Error("a file that is none of ours was touched")
	}
}
