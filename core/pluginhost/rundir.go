//go:build unix

package pluginhost

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// runDirLimit leaves room for the socket's name below the run folder: the
// address of a Unix socket is 107 bytes at most (sun_path), and go-plugin adds
// two names of 18 and 21 characters.
const runDirLimit = 60

var generationFolder = regexp.MustCompile(`^g[0-9]+$`)

// runDir is where the private folders of the processes are made: one for each
// generation, gone when that ends.
type runDir struct {
	path string
	lock *os.File
	last atomic.Uint64
}

// openRunDir claims the folder for this host and sweeps what a host that died
// left behind.
func openRunDir(path string) (*runDir, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if len(path) > runDirLimit {
		return nil, fmt.Errorf("the run folder %q is longer than %d bytes: a socket below it could not be opened", path, runDirLimit)
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("the run folder: %w", err)
	}
	info, err := os.Lstat(path)
	if err != nil {
		return nil, fmt.Errorf("the run folder: %w", err)
	}
	if !info.IsDir() || info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("the run folder %q must be a folder that nobody else may enter (mode 0700), it is %s", path, info.Mode())
	}
	lock, err := os.OpenFile(filepath.Join(path, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the run folder: %w", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer func() { _ = lock.Close() }()
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("claiming the run folder: %w", err)
		}
		return nil, problem.New(problem.Conflict, "the run folder %s is in use by another host: %s", path, holder(lock)).
			WithHint("stop that process, or give this host a data folder of its own, with --data or GATEHOUSE_DATA")
	}
	d := &runDir{path: path, lock: lock}
	if err := errors.Join(d.sign(), d.sweep()); err != nil {
		_ = lock.Close()
		return nil, err
	}
	return d, nil
}

// sign writes who holds the lock, for the message that the next host gets.
func (d *runDir) sign() error {
	err := d.lock.Truncate(0)
	if err == nil {
		_, err = fmt.Fprintf(d.lock, "process %d since %s\n", os.Getpid(), time.Now().UTC().Format(time.RFC3339))
	}
	if err != nil {
		return fmt.Errorf("claiming the run folder: %w", err)
	}
	return nil
}

// holder reads what the holder of a lock wrote; it may be about to write it.
func holder(lock *os.File) string {
	buf := make([]byte, 128)
	n, _ := lock.ReadAt(buf, 0) // an error leaves n at what was read
	if who := strings.TrimSpace(string(buf[:n])); who != "" {
		return who
	}
	return "a process that is just starting"
}

func (d *runDir) sweep() error {
	entries, err := os.ReadDir(d.path)
	if err != nil {
		return fmt.Errorf("the run folder: %w", err)
	}
	var errs []error
	for _, e := range entries {
		if e.IsDir() && generationFolder.MatchString(e.Name()) {
			errs = append(errs, os.RemoveAll(filepath.Join(d.path, e.Name())))
		}
	}
	return errors.Join(errs...)
}

// generation makes the private folder of one process.
func (d *runDir) generation() (string, error) {
	path := filepath.Join(d.path, "g"+strconv.FormatUint(d.last.Add(1), 10))
	if err := os.Mkdir(path, 0o700); err != nil {
		return "", fmt.Errorf("a private folder for the process: %w", err)
	}
	return path, nil
}

func (d *runDir) close() error {
	return errors.Join(d.sweep(), d.lock.Close())
}
