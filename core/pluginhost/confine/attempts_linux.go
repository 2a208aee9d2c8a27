package confine

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"unsafe"

	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/sys/unix"
)

// Attempts is where the kernel asks the host about what a process does although
// its filter refuses it. So the host hears of it, and that a process executes
// once and not again can be told: a filter keeps no count.
type Attempts struct{ conn *net.UnixConn }

// NewAttempts makes the host's end, and the file that the launch stage gets as
// Profile.Report. Whoever starts that closes the file then, and calls Watch.
func NewAttempts() (*Attempts, *os.File, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("making a pair of sockets: %w", err)
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "attempts"), os.NewFile(uintptr(pair[1]), "report")
	defer func() { _ = ours.Close() }()
	conn, err := net.FileConn(ours)
	if err != nil {
		_ = theirs.Close()
		return nil, nil, fmt.Errorf("making a pair of sockets: %w", err)
	}
	return &Attempts{conn.(*net.UnixConn)}, theirs, nil //nolint:forcetypeassert // FileConn makes one of a Unix socket
}

// Watch answers the kernel until the process is over: the launch stage may
// execute the plugin, and everything else is refused and told to refused, by
// the name of the system call. It returns nil too where there never is a plugin,
// because the launch stage has failed before.
func (a *Attempts) Watch(refused func(call string)) error {
	listener, err := a.listener()
	if err != nil {
		return ending(err)
	}
	defer func() { _ = listener.Close() }()
	raw, err := listener.SyscallConn()
	if err != nil {
		return err
	}
	ours, err := arch.GetInfo(runtime.GOARCH)
	if err != nil {
		return err
	}
	executed := false
	for {
		n, err := next(raw)
		if err != nil {
			return ending(err)
		}
		answer := response{ID: n.ID, Error: -int32(unix.EPERM)}
		if !executed && n.Call == unix.SYS_EXECVE {
			answer = response{ID: n.ID, Flags: unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE}
			executed = true
		} else {
			name, ok := ours.SyscallNumbers[int(n.Call)]
			if !ok {
				name = strconv.Itoa(int(n.Call))
			}
			refused(name)
		}
		if err := answer.send(raw); err != nil {
			return fmt.Errorf("answering the kernel: %w", err)
		}
	}
}

func ending(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return fmt.Errorf("hearing from the kernel: %w", err)
}

// listener is the file that the kernel asks through, from the launch stage.
func (a *Attempts) listener() (*os.File, error) {
	defer func() { _ = a.conn.Close() }()
	control := make([]byte, unix.CmsgSpace(4))
	_, length, _, _, err := a.conn.ReadMsgUnix(make([]byte, 1), control)
	if err != nil {
		return nil, err
	}
	messages, err := unix.ParseSocketControlMessage(control[:length])
	if err != nil {
		return nil, err
	}
	if len(messages) != 1 {
		return nil, errors.New("the launch stage sent no file")
	}
	files, err := unix.ParseUnixRights(&messages[0])
	if err != nil {
		return nil, err
	}
	if len(files) != 1 {
		return nil, fmt.Errorf("the launch stage sent %d files", len(files))
	}
	unix.CloseOnExec(files[0])
	if err := unix.SetNonblock(files[0], true); err != nil { // so that the runtime waits for it without a thread
		return nil, err
	}
	return os.NewFile(uintptr(files[0]), "attempts"), nil
}

// notification and response are struct seccomp_notif and seccomp_notif_resp.
type notification struct {
	ID           uint64
	PID, Flags   uint32
	Call         int32
	Architecture uint32
	Instruction  uint64
	Arguments    [6]uint64
}

type response struct {
	ID    uint64
	Value int64
	Error int32
	Flags uint32
}

func (r response) send(raw syscall.RawConn) (err error) {
	waited := raw.Control(func(fd uintptr) {
		err = control(fd, unix.SECCOMP_IOCTL_NOTIF_SEND, unsafe.Pointer(&r)) //nolint:gosec // the kernel takes a pointer
	})
	if errors.Is(err, unix.ENOENT) { // whoever asked has ended
		err = nil
	}
	return errors.Join(waited, err)
}

// next waits for the next question; io.EOF is that nobody is left to ask.
func next(raw syscall.RawConn) (n notification, err error) {
	waited := raw.Read(func(fd uintptr) bool {
		for {
			state := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
			ready, failed := unix.Poll(state, 0)
			switch {
			case errors.Is(failed, unix.EINTR):
				continue
			case failed != nil:
				err = failed
				return true
			case ready == 0:
				return false
			case state[0].Revents&unix.POLLIN == 0:
				err = io.EOF
				return true
			}
			n = notification{}                                                   // the kernel wants it empty
			err = control(fd, unix.SECCOMP_IOCTL_NOTIF_RECV, unsafe.Pointer(&n)) //nolint:gosec // the kernel takes a pointer
			if !errors.Is(err, unix.EINTR) && !errors.Is(err, unix.ENOENT) {     // whoever asked has ended
				return true
			}
		}
	})
	return n, errors.Join(waited, err)
}

func control(fd uintptr, request uint, argument unsafe.Pointer) error {
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, fd, uintptr(request), uintptr(argument)); errno != 0 {
		return errno
	}
	return nil
}

// report hands the file that the kernel asks through to the host. It keeps
// neither that nor the way to it.
func (p Profile) report(listener int) error {
	err := unix.Sendmsg(p.Report, []byte{0}, unix.UnixRights(listener), nil, 0)
	return errors.Join(err, unix.Close(listener), unix.Close(p.Report))
}
