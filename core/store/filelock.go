package store

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// errLocked is that another process has the lock.
var errLocked = errors.New("the lock file beside it is locked")

// fileLock is the claim on a SQLite database: a lock on a file beside it that
// the kernel gives free when the process ends, however it ends. The file
// says who holds it, for the message that the next one gets.
type fileLock struct{ f *os.File }

func lockFile(path string, now func() time.Time) (*fileLock, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, explain(err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		defer func() { _ = f.Close() }()
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("locking %s: %w", path, err)
		}
		return nil, held(errLocked, holder(f))
	}
	note := fmt.Sprintf("process %d since %s\n", os.Getpid(), now().UTC().Format(time.RFC3339))
	if err = f.Truncate(0); err == nil {
		_, err = f.WriteAt([]byte(note), 0)
	}
	if err != nil {
		_ = f.Close()
		return nil, explain(err)
	}
	return &fileLock{f}, nil
}

// holder reads what the holder wrote; it may be about to write it.
func holder(f *os.File) string {
	buf := make([]byte, 128)
	n, _ := f.ReadAt(buf, 0) // an error leaves n at what was read
	if who := strings.TrimSpace(string(buf[:n])); who != "" {
		return who
	}
	return "a process that is just starting"
}

func held(cause error, who string) error {
	return problem.Wrap(cause, problem.Conflict, "the database is in use by another host: %s", who).
		WithHint("stop that process, or give this one a database of its own: one host may use a database")
}

func (l *fileLock) held() error { return nil } // the kernel takes it from nobody who lives

func (l *fileLock) release() error { return l.f.Close() }
