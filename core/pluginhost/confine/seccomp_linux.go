//go:build amd64 || arm64

package confine

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"syscall"
	"unsafe"

	"github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// filterable says that the filter below was written for this architecture.
const filterable = true

// denied is what no plugin needs: looking into and acting on other processes,
// changing the system, leaving its process group, and the large doors into the
// kernel. Calls that an architecture does not have are left out.
var denied = []string{
	"ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "process_mrelease", "kcmp", "pidfd_getfd", "pidfd_send_signal",
	"tkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "setpgid", "setsid", "setpriority", "ioprio_set", "migrate_pages", "move_pages",
	"sched_setparam", "sched_setscheduler", "sched_setattr", "sched_setaffinity",
	"fork", "vfork", "mount", "umount2", "pivot_root", "chroot", "move_mount", "open_tree", "open_tree_attr", "fsopen", "fsconfig", "fsmount", "fspick",
	"mount_setattr", "unshare", "setns", "name_to_handle_at", "open_by_handle_at", "quotactl", "quotactl_fd", "swapon", "swapoff",
	"bpf", "perf_event_open", "keyctl", "add_key", "request_key", "io_uring_setup", "io_uring_enter", "io_uring_register", "userfaultfd",
	"kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module", "reboot", "acct", "syslog", "sethostname", "setdomainname",
	"settimeofday", "clock_settime", "adjtimex", "clock_adjtime", "iopl", "ioperm", "modify_ldt", "personality", "fanotify_init", "lookup_dcookie",
	"shmget", "msgget", "semget", "mq_open", // would be shared with other processes of the user
	// Landlock does not look at these: the host's user owns its key and database.
	"chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "lchown", "fchown", "fchownat", "utime", "utimes", "futimesat", "utimensat",
	"setxattr", "lsetxattr", "fsetxattr", "setxattrat", "removexattr", "lremovexattr", "fremovexattr", "removexattrat", "file_setattr",
	"memfd_create", "memfd_secret", // memory that the limit of data does not count, and programs that no folder holds
}

type condition = seccomp.Condition

// high is above every value of 32 bits: the kernel ignores the upper half of an
// argument that is an int, and so a comparison must not be led astray by it.
const high = 1<<32 - 1

func when(name string, all ...condition) seccomp.NameWithConditions {
	return seccomp.NameWithConditions{Name: name, Conditions: all}
}

// Other names of F_SETOWN (asm-generic/sockios.h).
const (
	fiosetown = 0x8901
	siocspgrp = 0x8902
)

// mapFlags looks at the flags of mmap.
func mapFlags(flag uint64) condition {
	return condition{Argument: 3, Operation: seccomp.BitsSet, Value: flag}
}

// command looks at the second argument of fcntl and ioctl.
func command(is seccomp.Operation, value uint64) condition {
	return condition{Argument: 1, Operation: is, Value: value}
}

// policy allows what is not denied. It leaves the refusal to the host where that
// wants to hear of it.
func (p Profile) policy(self uint64, known map[string]int) seccomp.Policy {
	never := slices.DeleteFunc(slices.Clone(denied), func(name string) bool { _, ok := known[name]; return !ok })
	some := []seccomp.NameWithConditions{
		// Threads are made, processes are not.
		when("clone", condition{Argument: 0, Operation: seccomp.BitsNotSet, Value: unix.CLONE_THREAD}),
		// Signals and limits for itself only.
		when("kill", condition{Argument: 0, Operation: seccomp.NotEqual, Value: self}),
		when("tgkill", condition{Argument: 0, Operation: seccomp.NotEqual, Value: self}),
		when("prlimit64", condition{Argument: 0, Operation: seccomp.NotEqual, Value: 0}),
		// It goes on ending with its host.
		when("prctl", condition{Argument: 0, Operation: seccomp.Equal, Value: unix.PR_SET_PDEATHSIG}),
		when("prctl", condition{Argument: 0, Operation: seccomp.GreaterThan, Value: high}),
		// Memory that the limit of data does not count: shared without a file,
		// and stacks that grow.
		when("mmap", mapFlags(unix.MAP_SHARED), mapFlags(unix.MAP_ANONYMOUS)),
		when("mmap", mapFlags(unix.MAP_GROWSDOWN)),
		// The kernel would send signals in its name, a deadly one too.
		when("fcntl", command(seccomp.Equal, unix.F_SETOWN)),
		when("fcntl", command(seccomp.Equal, unix.F_SETOWN_EX)),
		when("fcntl", command(seccomp.Equal, unix.F_SETSIG)),
		when("fcntl", command(seccomp.GreaterThan, high)),
		when("ioctl", command(seccomp.Equal, fiosetown)),
		when("ioctl", command(seccomp.Equal, siocspgrp)),
		when("ioctl", command(seccomp.GreaterThan, high)),
		// A datagram can be addressed without connect.
		when("socketpair", condition{Argument: 1, Operation: seccomp.BitsSet, Value: 0xe}),
		when("socketpair", condition{Argument: 1, Operation: seccomp.BitsNotSet, Value: unix.SOCK_STREAM}),
	}
	domain := func(is uint64) condition { return condition{Argument: 0, Operation: seccomp.NotEqual, Value: is} }
	if p.Network {
		some = append(some, when("socket", domain(unix.AF_UNIX), domain(unix.AF_INET), domain(unix.AF_INET6)))
	} else {
		// The one socket that it serves on, and nothing to connect it to.
		never = append(never, "connect")
		some = append(some,
			when("socket", domain(unix.AF_UNIX)),
			when("socket", condition{Argument: 1, Operation: seccomp.BitsSet, Value: 0xe}),
			when("socket", condition{Argument: 1, Operation: seccomp.BitsNotSet, Value: unix.SOCK_STREAM}))
	}
	refuse := seccomp.ActionErrno | seccomp.Action(unix.EPERM)
	if p.Report != 0 {
		never = append(never, "execve", "execveat") // the host lets one pass, the one that follows
		refuse = seccomp.ActionUserNotify
	}
	return seccomp.Policy{DefaultAction: seccomp.ActionAllow, Syscalls: []seccomp.SyscallGroup{
		// Its flags are out of sight: the C library then uses clone.
		{Names: []string{"clone3"}, Action: seccomp.ActionErrno | seccomp.Action(unix.ENOSYS)},
		{Names: never, NamesWithCondtions: some, Action: refuse},
	}}
}

// filter sets the policy for all threads. The library lets system calls of
// another architecture pass, and a program of 64 bits can make those of 32:
// here they end the process.
func (p Profile) filter() error {
	ours, err := arch.GetInfo(runtime.GOARCH)
	if err != nil {
		return err
	}
	policy := p.policy(uint64(os.Getpid()), ours.SyscallNames)
	body, err := policy.Assemble()
	if err != nil {
		return err
	}
	const archOffset = 4 // in struct seccomp_data
	program, err := bpf.Assemble(append([]bpf.Instruction{
		bpf.LoadAbsolute{Off: archOffset, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(ours.ID), SkipTrue: 1},
		bpf.RetConstant{Val: unix.SECCOMP_RET_KILL_PROCESS},
	}, body...))
	if err != nil {
		return err
	}
	filters := make([]unix.SockFilter, len(program))
	for i, one := range program {
		filters[i] = unix.SockFilter{Code: one.Op, Jt: one.Jt, Jf: one.Jf, K: one.K}
	}
	load := unix.SockFprog{Len: uint16(len(filters)), Filter: &filters[0]}
	flags := uintptr(unix.SECCOMP_FILTER_FLAG_TSYNC)
	if p.Report != 0 {
		flags = filterFlags
	}
	got, _, errno := syscall.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, uintptr(unsafe.Pointer(&load))) //nolint:gosec // the kernel takes a pointer
	switch {
	case errno != 0:
		return errno
	case p.Report != 0:
		return p.report(int(got))
	case got != 0:
		return fmt.Errorf("thread %d has a filter of its own", got)
	}
	return nil
}
