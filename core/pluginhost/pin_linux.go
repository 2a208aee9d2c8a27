package pluginhost

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// sealedDescriptor is where the process finds the memory file: the first one
// after standard input, output and error.
const sealedDescriptor = "/proc/self/fd/3"

// seal makes an executable of what write puts out: a memory file that is sealed
// against every change before it is run. The folder is not needed here.
func seal(_ string, write func(io.Writer) error) (*pinned, error) {
	// While a descriptor that can write is open, or was inherited by a child
	// that has not yet executed anything, the kernel refuses to run the file
	// (ETXTBSY). Under this lock nobody in the process forks.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	writable, err := memoryFile()
	if err != nil {
		return nil, err
	}
	defer func() { _ = writable.Close() }()
	if err := write(writable); err != nil {
		return nil, err
	}
	const seals = unix.F_SEAL_WRITE | unix.F_SEAL_GROW | unix.F_SEAL_SHRINK | unix.F_SEAL_SEAL
	if _, err := unix.FcntlInt(writable.Fd(), unix.F_ADD_SEALS, seals); err != nil {
		return nil, fmt.Errorf("sealing the copy of the binary: %w", err)
	}
	readable, err := os.Open(fmt.Sprintf("/proc/self/fd/%d", writable.Fd()))
	if err != nil {
		return nil, fmt.Errorf("opening the copy of the binary: %w", err)
	}
	return &pinned{path: sealedDescriptor, file: readable, sealed: true}, nil
}

func memoryFile() (*os.File, error) {
	const flags = unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	fd, err := unix.MemfdCreate("gatehouse-plugin", flags|unix.MFD_EXEC)
	if errors.Is(err, unix.EINVAL) { // before Linux 6.3 there is no such flag and no need of it
		fd, err = unix.MemfdCreate("gatehouse-plugin", flags)
	}
	if err != nil {
		return nil, fmt.Errorf("a memory file for the binary: %w", err)
	}
	return os.NewFile(uintptr(fd), "gatehouse-plugin"), nil
}
