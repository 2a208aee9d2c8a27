package pluginhost_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/gatehouse-id/gatehouse/core/pluginhost"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

func TestPinnedPluginRuns(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	spec := copyOfSelf(t, h, "good")
	h.start(t, spec)
	p := h.configured(t, "good", "good")
	if got, err := p.Verify(t.Context(), "acme", present("right")); err != nil || got.RecordID != "r1" {
		t.Errorf("got %v, %v", got, err)
	}
	s := h.status(t, "good")
	if s.Digest != spec.SHA256 || s.SHA256 != spec.SHA256 || !s.InForce.Pinned || s.InForce.Sealed != (runtime.GOOS == "linux") {
		t.Errorf("status %+v", s)
	}
}

func TestChangedBinaryDoesNotRun(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	spec := copyOfSelf(t, h, "good")
	write(t, spec.Path, "#!/bin/sh\necho evil\n", 0o700)
	err := h.Start(t.Context(), []pluginhost.Spec{spec})["good"]
	if !problem.Is(err, problem.Invalid) {
		t.Fatalf("got %v", err)
	}
	for _, want := range []string{spec.Path, spec.SHA256, digest(t, spec.Path)} {
		if !strings.Contains(problem.As(err).Detail, want) {
			t.Errorf("%q does not name %s", problem.As(err).Detail, want)
		}
	}
}

func TestBinaryIsChangedBetweenCheckAndStart(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(t *testing.T, path string){
		"overwritten in place": func(t *testing.T, path string) {
			file, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = file.Close() }()
			if _, err := file.WriteAt([]byte("#!/bin/sh\nexit 66\n"), 0); err != nil {
				t.Fatal(err)
			}
		},
		"replaced": func(t *testing.T, path string) {
			write(t, path+".new", "#!/bin/sh\nexit 66\n", 0o700)
			if err := os.Rename(path+".new", path); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t)
			spec := copyOfSelf(t, h, "good")
			h.AfterPin(func() { change(t, spec.Path) })
			h.start(t, spec)
			if s := h.status(t, "good"); s.Version != "1.2.3" || digest(t, spec.Path) == spec.SHA256 {
				t.Errorf("what runs is not what was checked, or was not changed: %+v", s)
			}
		})
	}
}

func TestBinaryIsReplacedBeforeARestart(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	spec := copyOfSelf(t, h, "good")
	h.start(t, spec)
	if err := os.Remove(spec.Path); err != nil {
		t.Fatal(err)
	}
	write(t, spec.Path, "#!/bin/sh\nexit 66\n", 0o700)
	kill(t, h.status(t, "good").PID)
	evil := digest(t, spec.Path)
	eventually(t, "the restart is refused", func() bool {
		s := h.status(t, "good")
		return strings.Contains(s.LastError, spec.SHA256) && strings.Contains(s.LastError, evil)
	})
	if s := h.status(t, "good"); s.PID != 0 {
		t.Errorf("something runs: %+v", s)
	}
}

func TestBinariesThatAreRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(t *testing.T, s *pluginhost.Spec)
		want   string
	}{
		"a link": {func(t *testing.T, s *pluginhost.Spec) {
			link := filepath.Join(t.TempDir(), "link")
			if err := os.Symlink(s.Path, link); err != nil {
				t.Fatal(err)
			}
			s.Path = link
		}, "symbolic link"},
		"a folder": {func(t *testing.T, s *pluginhost.Spec) { s.Path = t.TempDir() }, "no regular file"},
		"a named pipe": {func(t *testing.T, s *pluginhost.Spec) {
			s.Path = filepath.Join(t.TempDir(), "pipe")
			if err := syscall.Mkfifo(s.Path, 0o700); err != nil {
				t.Fatal(err)
			}
		}, "no regular file"},
		"everybody can change it":  {func(t *testing.T, s *pluginhost.Spec) { chmod(t, s.Path, 0o777) }, "changed by everybody"},
		"everybody can replace it": {func(t *testing.T, s *pluginhost.Spec) { chmod(t, filepath.Dir(s.Path), 0o777) }, "everybody may write to"},
		"it is not there":          {func(_ *testing.T, s *pluginhost.Spec) { s.Path += "x" }, "cannot be read"},
		"a relative path":          {func(_ *testing.T, s *pluginhost.Spec) { s.Path = "plugin" }, "not absolute"},
		"no digest":                {func(_ *testing.T, s *pluginhost.Spec) { s.SHA256 = "" }, "64 hexadecimal digits"},
		"half a digest":            {func(_ *testing.T, s *pluginhost.Spec) { s.SHA256 = s.SHA256[:32] }, "64 hexadecimal digits"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t)
			path := filepath.Join(t.TempDir(), "plugin")
			write(t, path, "#!/bin/sh\n", 0o700)
			spec := external(t, "small", path)
			c.change(t, &spec)
			err := h.Start(t.Context(), []pluginhost.Spec{spec})["small"]
			if !problem.Is(err, problem.Invalid) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func chmod(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}
