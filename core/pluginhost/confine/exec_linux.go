package confine

import (
	"fmt"
	"os"
	"runtime"
	"syscall"

	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

// Limits beside memory. Core dumps would hold secrets. What the user runs in all
// counts as threads, also the host's: root is not limited by it.
const (
	openFiles = 1024
	threads   = 16384
)

// filterFlags have the filter hold for all threads, the host asked about what it
// refuses, and one who asked wait for the answer through signals, of which Go's
// runtime sends many.
const filterFlags = unix.SECCOMP_FILTER_FLAG_TSYNC | unix.SECCOMP_FILTER_FLAG_TSYNC_ESRCH |
	unix.SECCOMP_FILTER_FLAG_NEW_LISTENER | unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV

// Detect asks the kernel what it offers.
func Detect() Support {
	s := Support{Limits: true}
	if version, err := ll.LandlockGetABIVersion(); err == nil {
		s.Landlock = version
	}
	// A null filter is refused with EFAULT by a kernel that has filters and the flags.
	_, _, errno := syscall.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, filterFlags, 0)
	s.Seccomp = errno == syscall.EFAULT && filterable
	return s
}

// Exec confines this process and executes what the arguments name. It returns
// only with the reason why it could not.
func Exec(args []string) error {
	runtime.LockOSThread() // some of what follows belongs to the thread that executes
	defer runtime.UnlockOSThread()
	p, path, argv, err := parse(args)
	if err != nil {
		return err
	}
	if p.DeathSignal { // the thread that was forked had it; this may be another
		if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(syscall.SIGKILL), 0, 0, 0); err != nil {
			return fmt.Errorf("asking to end with the host: %w", err)
		}
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("giving up new privileges: %w", err)
	}
	if p.Landlock {
		if err := p.landlock(path); err != nil {
			return fmt.Errorf("confining its files: %w", err)
		}
	}
	if err := dropCapabilities(); err != nil {
		return fmt.Errorf("giving up capabilities: %w", err)
	}
	if err := p.limit(); err != nil {
		return err
	}
	if p.Seccomp {
		if err := p.filter(); err != nil {
			return fmt.Errorf("confining its system calls: %w", err)
		}
	}
	return fmt.Errorf("starting the process: %w", syscall.Exec(path, argv, os.Environ())) //nolint:gosec // the host says what to execute
}

// limit sets the limits of resources, for good: they are lowered for the hard
// limit too. Address space is no measure, an idle Go program maps 700 MB.
func (p Profile) limit() error {
	for _, l := range []struct {
		name     string
		resource int
		most     uint64
	}{
		{"core dumps", unix.RLIMIT_CORE, 0},
		{"the size of files", unix.RLIMIT_FSIZE, uint64(p.FileSize)},
		{"open files", unix.RLIMIT_NOFILE, openFiles},
		{"threads", unix.RLIMIT_NPROC, threads},
		{"memory", unix.RLIMIT_DATA, uint64(p.Memory) * detectorShare},
	} {
		var now syscall.Rlimit
		if err := syscall.Getrlimit(l.resource, &now); err != nil {
			return fmt.Errorf("limiting %s: %w", l.name, err)
		}
		most := min(l.most, now.Max)
		if err := syscall.Setrlimit(l.resource, &syscall.Rlimit{Cur: most, Max: most}); err != nil {
			return fmt.Errorf("limiting %s: %w", l.name, err)
		}
	}
	return nil
}

// dropCapabilities takes what root may beyond its files: with no-new-privileges
// what is executed does not get it back.
func dropCapabilities() error {
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return err
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	return unix.Capset(&header, &none[0])
}
