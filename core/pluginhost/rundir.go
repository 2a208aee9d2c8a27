//go:build unix

package pluginhost

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"sync/atomic"
	"syscall"
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
		_ = lock.Close()
		return nil, fmt.Errorf("the run folder %q is in use by another host: %w", path, err)
	}
	d := &runDir{path: path, lock: lock}
	if err := d.sweep(); err != nil {
		_ = lock.Close()
		return nil, err
	}
	return d, nil
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
