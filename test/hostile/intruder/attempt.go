//go:build linux

package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// attempt tries one thing, and says why it did not work.
func attempt(ctx context.Context, what, arg string) error {
	host := os.Getppid()
	switch what {
	case "read":
		_, err := os.ReadFile(arg)
		return err
	case "environment":
		_, err := os.ReadFile("/proc/" + strconv.Itoa(host) + "/environ")
		return err
	case "write":
		return os.WriteFile(arg, []byte("x"), 0o600)
	case "mode":
		return unix.Fchmodat(unix.AT_FDCWD, arg, 0o666, 0)
	case "tcp", "udp", "unix":
		c, err := new(net.Dialer).DialContext(ctx, what, arg)
		if err == nil {
			_, err = c.Write([]byte("x"))
		}
		return err
	case "fork":
		for {
			if err := exec.CommandContext(ctx, "/proc/self/exe").Start(); err != nil {
				return err
			}
		}
	case "execute":
		return unix.Exec("/proc/self/exe", []string{"x"}, nil)
	case "trace":
		return unix.PtraceSeize(host)
	case "kill":
		return unix.Kill(host, unix.SIGKILL)
	case "signal":
		return byOwner(host)
	case "allocate":
		return allocate(func() ([]byte, error) { return make([]byte, 16<<20), nil })
	case "share":
		return allocate(func() ([]byte, error) {
			return unix.Mmap(-1, 0, 16<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANONYMOUS)
		})
	case "output":
		for range 20000 {
			fmt.Fprintln(os.Stderr, strings.Repeat("spam ", 20))
		}
		return nil
	}
	return fmt.Errorf("%s is unknown", what)
}

// byOwner has the kernel send a deadly signal when something is written.
func byOwner(host int) error {
	var pipe [2]int
	if err := unix.Pipe(pipe[:]); err != nil {
		return err
	}
	if _, err := unix.FcntlInt(uintptr(pipe[0]), unix.F_SETSIG, int(unix.SIGKILL)); err != nil {
		return err
	}
	if _, err := unix.FcntlInt(uintptr(pipe[0]), unix.F_SETOWN, host); err != nil {
		return err
	}
	if _, err := unix.FcntlInt(uintptr(pipe[0]), unix.F_SETFL, unix.O_ASYNC); err != nil {
		return err
	}
	_, err := unix.Write(pipe[1], []byte("x"))
	return err
}

// allocate takes memory, and uses it, until there is no more or it has 2 GiB.
func allocate(more func() ([]byte, error)) error {
	for all := [][]byte{}; len(all) < 128; {
		block, err := more()
		if err != nil {
			return err
		}
		for i := 0; i < len(block); i += 4096 {
			block[i] = 1
		}
		all = append(all, block)
	}
	return nil
}
