package pluginhost_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/gatehouse-id/gatehouse/core/pluginhost"
	"github.com/gatehouse-id/gatehouse/core/pluginhost/confine"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

const succeeded = "it worked"

// try makes a hostile plugin do what its order says, and leave what came of it:
// FOLDER WHAT ARGUMENT.
func try(order string) {
	folder, order, _ := strings.Cut(order, " ")
	what, arg, _ := strings.Cut(order, " ")
	leave(folder, "tried", outcome(attempt(what, arg)))
}

func outcome(err error) string {
	if err != nil {
		return err.Error()
	}
	return succeeded
}

func attempt(what, arg string) error {
	number, _ := strconv.Atoi(arg)
	switch what {
	case "read":
		_, err := os.ReadFile(arg)
		return err
	case "write":
		return os.WriteFile(arg, []byte("x"), 0o600)
	case "tcp", "udp", "unix", "unixgram":
		c, err := net.Dial(what, arg)
		if err == nil {
			_, err = c.Write([]byte("x"))
			_ = c.Close()
		}
		return err
	case "pair": // a datagram of a connected pair can go elsewhere
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM, 0)
		if err != nil {
			return err
		}
		return unix.Sendto(pair[0], []byte("x"), 0, &unix.SockaddrUnix{Name: arg})
	case "fork":
		return exec.Command("/proc/self/exe", beAPlugin, "exits").Start()
	case "ptrace":
		return unix.PtraceSeize(number)
	case "signal":
		return unix.Kill(number, 0)
	case "limit":
		var now unix.Rlimit
		return unix.Prlimit(number, unix.RLIMIT_NOFILE, nil, &now)
	case "group":
		return unix.Setpgid(0, number)
	case "unshare":
		return unix.Unshare(unix.CLONE_NEWUSER)
	case "outlive":
		return unix.Prctl(unix.PR_SET_PDEATHSIG, 0, 0, 0, 0)
	case "file":
		return os.WriteFile("large", make([]byte, 2<<20), 0o600)
	case "folder":
		return os.Mkdir("deeper", 0o700)
	case "link":
		return os.Symlink(arg, "link")
	case "mode":
		return unix.Fchmodat(unix.AT_FDCWD, arg, 0o666, 0)
	case "times":
		return unix.Utimes(arg, make([]unix.Timeval, 2))
	case "memfd":
		_, err := unix.MemfdCreate("x", 0)
		return err
	case "map":
		_, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, number)
		return err
	case "owner": // the kernel would signal it in the plugin's name
		var pipe [2]int
		if err := unix.Pipe(pipe[:]); err != nil {
			return err
		}
		_, err := unix.FcntlInt(uintptr(pipe[0]), unix.F_SETOWN, number)
		return err
	case "exec": // from another thread it would lose the signal at the host's death
		return unix.Exec("/proc/self/exe", []string{"x", beAPlugin, "exits"}, nil)
	case "often":
		for range number - 1 {
			_ = unix.PtraceSeize(1)
		}
		return unix.PtraceSeize(1)
	case "litter":
		below, err := filepath.Glob("plugin-dir*") // of the socket
		if err != nil || len(below) != 1 {
			return fmt.Errorf("the socket's folder: %q, %w", below, err)
		}
		for n := range 100 {
			if err := os.WriteFile(filepath.Join(below[0], strconv.Itoa(n)), nil, 0o600); err != nil {
				return err
			}
		}
		return nil
	case "ring":
		_, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, 1, 0, 0)
		return errno
	case "variable":
		if os.Getenv(arg) == "" {
			return errors.New("it is not set")
		}
		return nil
	case "memory":
		for all := [][]byte{}; ; {
			block := make([]byte, 16<<20)
			for i := 0; i < len(block); i += 4096 {
				block[i] = 1
			}
			all = append(all, block)
			if len(all) > 1<<10 {
				return nil
			}
		}
	}
	return fmt.Errorf("nobody knows how to %s", what)
}

// tried has the plugin try something and says what came of it.
func (h *hostUnderTest) tried(t *testing.T, p *pluginhost.Programs, what, arg string) string {
	t.Helper()
	_ = os.Remove(filepath.Join(h.folder, "tried"))
	if _, err := p.Verify(t.Context(), "acme", present("try "+h.folder+" "+what+" "+arg)); err != nil {
		t.Fatalf("%s %s: %v", what, arg, err)
	}
	return read(t, h.folder, "tried")
}

// outside is what a plugin should not get to.
type outside struct{ file, folder, tcp, udp, stream, datagram string }

func newOutside(t *testing.T) outside {
	t.Helper()
	folder := filepath.Dir(shortFolder(t))
	o := outside{folder: folder, file: filepath.Join(folder, "file"), stream: filepath.Join(folder, "s"), datagram: filepath.Join(folder, "d")}
	write(t, o.file, "secret", 0o600)
	for network, address := range map[string]string{"tcp": "127.0.0.1:0", "unix": o.stream} {
		l, err := net.Listen(network, address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		if network == "tcp" {
			o.tcp = l.Addr().String()
		}
	}
	for network, address := range map[string]string{"udp": "127.0.0.1:0", "unixgram": o.datagram} {
		l, err := net.ListenPacket(network, address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		if network == "udp" {
			o.udp = l.LocalAddr().String()
		}
	}
	return o
}

func needsConfinement(t *testing.T) {
	t.Helper()
	if missing := confine.Detect().Missing(); missing != "" {
		t.Skip("SKIPPED, NOTHING IS PROVED: " + missing)
	}
}

func TestHostilePluginIsConfined(t *testing.T) {
	t.Parallel()
	needsConfinement(t)
	o := newOutside(t)
	host := strconv.Itoa(os.Getpid())
	for name, c := range map[string]struct {
		what, arg string
		refused   error
		control   bool // whoever is not confined can do it
	}{
		"reads the users":                  {"read", "/etc/passwd", unix.EACCES, true},
		"reads a secret":                   {"read", o.file, unix.EACCES, true},
		"reads the host's environment":     {"read", "/proc/" + host + "/environ", unix.EACCES, true},
		"reads the host's memory":          {"read", "/proc/" + host + "/mem", unix.EACCES, false},
		"writes outside of its folder":     {"write", filepath.Join(o.folder, "new"), unix.EACCES, true},
		"overwrites":                       {"write", o.file, unix.EACCES, true},
		"connects by TCP":                  {"tcp", o.tcp, unix.EPERM, true},
		"sends by UDP":                     {"udp", o.udp, unix.EPERM, true},
		"connects to a Unix socket":        {"unix", o.stream, unix.EPERM, true},
		"sends to a Unix socket":           {"unixgram", o.datagram, unix.EPERM, true},
		"sends to one through a pair":      {"pair", o.datagram, unix.EPERM, true},
		"starts a process":                 {"fork", "", unix.EPERM, false},
		"executes once more":               {"exec", "", unix.EPERM, false},
		"traces the host":                  {"ptrace", host, unix.EPERM, false},
		"signals the host":                 {"signal", host, unix.EPERM, true},
		"looks into the host's limits":     {"limit", host, unix.EPERM, true},
		"leaves its process group":         {"group", host, unix.EPERM, false},
		"makes a namespace":                {"unshare", "", unix.EPERM, false},
		"goes on when its host has ended":  {"outlive", "", unix.EPERM, false},
		"fills the disk with a large file": {"file", "", unix.EFBIG, false},
		"makes a folder in its folder":     {"folder", "", unix.EACCES, false},
		"makes a link in its folder":       {"link", "/etc/passwd", unix.EACCES, false},
		"opens a secret for everybody":     {"mode", o.file, unix.EPERM, true},
		"changes times of a file":          {"times", o.file, unix.EPERM, true},
		"makes a file of memory":           {"memfd", "", unix.EPERM, true},
		"takes memory that is shared":      {"map", strconv.Itoa(unix.MAP_SHARED | unix.MAP_ANONYMOUS), unix.EPERM, true},
		"takes memory as a stack":          {"map", strconv.Itoa(unix.MAP_PRIVATE | unix.MAP_ANONYMOUS | unix.MAP_GROWSDOWN), unix.EPERM, true},
		"has the kernel signal the host":   {"owner", host, unix.EPERM, true},
		"opens the ring":                   {"ring", "", unix.EPERM, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.control {
				if err := attempt(c.what, c.arg); err != nil {
					t.Fatalf("the attempt fails without confinement too: %v", err)
				}
			}
			for _, kind := range []string{"bundled", "external"} {
				h := newHost(t)
				spec := h.bundled("hostile")
				if kind == "external" {
					spec = copyOfSelf(t, h, "hostile")
				}
				h.start(t, spec)
				p := h.configured(t, "hostile", "hostile")
				if got := h.tried(t, p, c.what, c.arg); !strings.Contains(got, c.refused.Error()) {
					t.Errorf("%s: %s, want %q", kind, got, c.refused)
				}
				if _, err := p.Verify(t.Context(), "acme", present("right")); err != nil {
					t.Errorf("%s: it does not go on: %v", kind, err)
				}
				if errors.Is(c.refused, unix.EPERM) && len(h.log.entries(t, "tried what it may not")) == 0 {
					t.Errorf("%s: nobody is told", kind)
				}
			}
		})
	}
}

func TestGrants(t *testing.T) {
	t.Parallel()
	needsConfinement(t)
	o := newOutside(t)
	h := newHost(t)
	spec := h.bundled("granted")
	spec.Grants = pluginhost.Grants{Network: true, Read: []string{o.file}, Env: map[string]string{"COLOUR": "red"}}
	h.start(t, spec)
	p := h.configured(t, "granted", "granted")
	for _, c := range []struct{ what, arg, want string }{
		{"read", o.file, succeeded},
		{"write", o.file, unix.EACCES.Error()},
		{"read", "/etc/passwd", unix.EACCES.Error()},
		{"tcp", o.tcp, succeeded},
		{"udp", o.udp, succeeded},
		{"variable", "COLOUR", succeeded},
	} {
		if got := h.tried(t, p, c.what, c.arg); !strings.Contains(got, c.want) {
			t.Errorf("%s %s: %s, want %q", c.what, c.arg, got, c.want)
		}
	}
	got := h.status(t, "granted").InForce.Grants
	want := pluginhost.Grants{Network: true, Read: []string{o.file}, Memory: confine.DefaultMemory, Env: map[string]string{"COLOUR": ""}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what is said to be granted (-want +got):\n%s", diff)
	}
}

func TestGrantedFileThatIsNotThere(t *testing.T) {
	t.Parallel()
	needsConfinement(t)
	h := newHost(t)
	spec := h.bundled("good")
	spec.Read = []string{"/does/not/exist"}
	err := h.Start(t.Context(), []pluginhost.Spec{spec})["good"]
	if !problem.Is(err, problem.Unavailable) || !strings.Contains(err.Error(), "/does/not/exist") {
		t.Errorf("got %v", err)
	}
	if got := h.log.entries(t, "nobody hears"); len(got) != 0 {
		t.Errorf("beside the reason, the log says %v", got)
	}
}

func TestFolderIsFilled(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.Hasten(50*time.Millisecond, 15*time.Second)
	p := h.ready(t, "litters")
	_, _ = p.Verify(t.Context(), "acme", present("try "+h.folder+" litter")) // it may be killed before it answers
	eventually(t, "it is launched again", func() bool {
		return h.status(t, "litters").Restarts > 0 && strings.Contains(h.log.String(), "more than 64 files")
	})
}

func TestAttemptsDoNotFillTheLog(t *testing.T) {
	t.Parallel()
	needsConfinement(t)
	h := newHost(t)
	p := h.ready(t, "stubborn-caller")
	for range 3 {
		if got := h.tried(t, p, "often", "200"); got != unix.EPERM.Error() {
			t.Errorf("got %s", got)
		}
	}
	got := h.log.entries(t, "tried what it may not")
	if len(got) != 10 || got[9]["call"] != "ptrace" || got[9]["times"] != 512.0 {
		t.Errorf("for 600 attempts: %d lines: %v", len(got), got)
	}
	if refused := h.events.refusals(); refused != 600 {
		t.Errorf("the observer was told of %d", refused)
	}
}

func TestMemoryHogDiesAlone(t *testing.T) {
	t.Parallel()
	needsConfinement(t)
	if detector {
		t.Skip("the race detector reserves more memory than any limit")
	}
	h := newHost(t)
	hog, good := h.ready(t, "hog"), h.ready(t, "good")
	_, err := hog.Verify(t.Context(), "acme", present("try "+h.folder+" memory"))
	if !problem.Is(err, problem.Unavailable) {
		t.Errorf("got %v", err)
	}
	if _, err := good.Verify(t.Context(), "acme", present("right")); err != nil {
		t.Errorf("another plugin: %v", err)
	}
	if s := h.status(t, "good"); s.Restarts != 0 {
		t.Errorf("another plugin was restarted %d times", s.Restarts)
	}
	if _, err := os.Stat(filepath.Join(h.folder, "tried")); err == nil {
		t.Error("it got all the memory that it wanted")
	}
}

func TestInForceIsWhatTheKernelSays(t *testing.T) {
	t.Parallel()
	needsConfinement(t)
	h := newHost(t)
	h.ready(t, "good")
	s := h.status(t, "good")
	if f := s.InForce; !f.Limits || !f.Seccomp || f.Landlock < confine.MinimumLandlock || f.Network {
		t.Errorf("in force: %+v", f)
	}
	folder := "/proc/" + strconv.Itoa(s.PID)
	status := strings.ReplaceAll(read(t, folder, "status"), "\t", " ")
	for _, line := range []string{"NoNewPrivs: 1", "Seccomp: 2", "CapEff: 0000000000000000", "CapPrm: 0000000000000000"} {
		if !strings.Contains(status, line+"\n") {
			t.Errorf("the kernel does not say %q", line)
		}
	}
	limits := strings.Join(strings.Fields(read(t, folder, "limits")), " ")
	for _, part := range []string{"Max core file size 0 0", "Max open files 1024 1024"} {
		if !strings.Contains(limits, part) {
			t.Errorf("the kernel does not say %q", part)
		}
	}
	if got := h.log.entries(t, "tried what it may not"); len(got) != 0 {
		t.Errorf("one that does its work is accused: %v", got)
	}
	if part := "Max data size 268435456 268435456"; !detector && !strings.Contains(limits, part) {
		t.Errorf("the kernel does not say %q", part)
	}
}

func TestKernelBelowTheMinimum(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		offers confine.Support
		want   string
	}{
		"no Landlock":  {confine.Support{Limits: true, Seccomp: true}, "Landlock has version 0"},
		"old Landlock": {confine.Support{Limits: true, Seccomp: true, Landlock: 3}, "Landlock has version 3"},
		"no seccomp":   {confine.Support{Limits: true, Landlock: 7}, "no seccomp"},
		"not Linux":    {confine.Support{}, "not Linux"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t)
			h.Pretend(c.offers)
			spec := h.bundled("good")
			err := h.Start(t.Context(), []pluginhost.Spec{spec})["good"]
			if !problem.Is(err, problem.Invalid) || !strings.Contains(err.Error(), c.want) || !strings.Contains(problem.As(err).Hint, "best-effort") {
				t.Errorf("got %v", err)
			}
			if pidOf(h.folder, "good") != 0 {
				t.Error("it ran")
			}
			spec.BestEffort = true
			h.start(t, spec)
			f := h.status(t, "good").InForce
			if f.Landlock != c.offers.Landlock || f.Seccomp != c.offers.Seccomp || f.Limits != c.offers.Limits {
				t.Errorf("in force: %+v", f)
			}
			if len(h.log.entries(t, "not fully confined")) != 1 {
				t.Error("nobody is warned")
			}
		})
	}
}
