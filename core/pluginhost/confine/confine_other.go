//go:build !linux

package confine

import "errors"

// Detect finds nothing: outside of Linux there is no launch stage.
func Detect() Support { return Support{} }

// Exec is not there outside of Linux.
func Exec([]string) error { return errors.New("plugins are confined on Linux only") }
