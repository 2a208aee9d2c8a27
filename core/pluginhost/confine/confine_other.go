//go:build !linux

package confine

import (
	"errors"
	"os"
)

var errNotLinux = errors.New("plugins are confined on Linux only")

// Detect finds nothing: outside of Linux there is no launch stage.
func Detect() Support { return Support{} }

// Exec is not there outside of Linux.
func Exec([]string) error { return errNotLinux }

// Attempts is not there outside of Linux.
type Attempts struct{}

// NewAttempts is not there outside of Linux.
func NewAttempts() (*Attempts, *os.File, error) { return nil, nil, errNotLinux }

// Watch is not there outside of Linux.
func (*Attempts) Watch(func(string)) error { return errNotLinux }
