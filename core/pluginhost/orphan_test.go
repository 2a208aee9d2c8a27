package pluginhost_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/gatehouse-id/gatehouse/core/pluginhost"
)

// runDoomedHost is a host that waits to be killed.
func runDoomedHost(args []string) {
	mode, runDir, folder := args[0], args[1], args[2]
	h, err := pluginhost.New(options(runDir))
	if err != nil {
		panic(err)
	}
	h.LetWrite(folder)
	if mode == "pipe" {
		h.WithoutDeathSignal()
	}
	var specs []pluginhost.Spec
	for _, name := range args[3:] {
		specs = append(specs, pluginhost.Spec{Name: name, Bundled: true, Args: []string{folder}})
	}
	for _, err := range h.Start(context.Background(), specs) {
		panic(err)
	}
	leave(folder, "ready", "")
	select {}
}

func TestNoPluginOutlivesItsHost(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		mode    string
		plugins []string
	}{
		"with all that there is":   {"all", []string{"good", "deaf", "liar"}},
		"without the signal":       {"pipe", []string{"good", "deaf"}},
		"only the pipe tells it":   {"pipe", []string{"listener"}},
		"only the signal tells it": {"all", []string{"stubborn"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder, runDir := t.TempDir(), shortFolder(t)
			host := exec.Command(os.Args[0], append([]string{beAHost, c.mode, runDir, folder}, c.plugins...)...)
			host.Stderr = os.Stderr
			if err := host.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() { _ = host.Process.Kill(); _ = host.Wait() }()
			eventually(t, "the host is ready", func() bool {
				_, err := os.Stat(filepath.Join(folder, "ready"))
				return err == nil
			})
			for _, plugin := range c.plugins {
				if !alive(pidOf(folder, plugin)) {
					t.Fatalf("%s does not run", plugin)
				}
			}
			t.Cleanup(func() { // what this test finds must not stay
				for _, plugin := range c.plugins {
					if pid := pidOf(folder, plugin); alive(pid) {
						kill(t, pid)
					}
				}
			})
			kill(t, host.Process.Pid)
			_ = host.Wait()
			for _, plugin := range c.plugins {
				eventually(t, plugin+" is gone", func() bool { return !alive(pidOf(folder, plugin)) })
			}
			next, err := pluginhost.New(options(runDir))
			if err != nil {
				t.Fatal(err)
			}
			if left := folders(t, runDir); len(left) != 0 {
				t.Errorf("the next host left %v", left)
			}
			if err := next.Close(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}
