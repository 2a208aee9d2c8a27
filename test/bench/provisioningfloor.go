//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// appendAndSync is the median time, in µs, that one append of a page and its
// fsync take on the disk of a folder: what a durable commit cannot be without.
func appendAndSync(dir string, n int) (typical float64, err error) {
	name := filepath.Join(dir, "floor")
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(name)) }()
	page := make([]byte, 4096)
	took := make([]time.Duration, n)
	for i := range took {
		start := time.Now()
		if _, err := f.Write(page); err != nil {
			return 0, err
		}
		if err := f.Sync(); err != nil {
			return 0, err
		}
		took[i] = time.Since(start)
	}
	slices.Sort(took)
	return micros(took[n/2]), nil
}

// throughJSON is the CPU time, in µs, of decoding and encoding a body with
// encoding/json.
func throughJSON(body string, n int) (float64, error) {
	before, err := ownCPU()
	if err != nil {
		return 0, err
	}
	for range n {
		var v map[string]any
		if err := json.Unmarshal([]byte(body), &v); err != nil {
			return 0, err
		}
		if _, err := json.Marshal(v); err != nil {
			return 0, err
		}
	}
	after, err := ownCPU()
	return micros(after-before) / float64(n), err
}

// ownCPU is what this process has run.
func ownCPU() (time.Duration, error) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, fmt.Errorf("getrusage: %w", err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), nil
}
