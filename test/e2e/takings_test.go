//go:build linux

package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/test/gatehousetest"
)

// takings are what a host takes of the machine; memory is in bytes.
type takings struct{ files, sockets, goroutines, processes, resident, heap int }

func takes(t *testing.T, h *gatehousetest.Host) takings {
	t.Helper()
	time.Sleep(500 * time.Millisecond) // what ends, ends
	return takings{
		files: files(t, h.PID()), sockets: sockets(t, h.PID()), goroutines: metric(t, h, "go_goroutines"), processes: children(t, h.PID()),
		resident: int(resident(t, h)), heap: metric(t, h, "go_memstats_heap_alloc_bytes"),
	}
}

func sockets(t *testing.T, pid int) (n int) {
	t.Helper()
	list, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range list {
		if to, err := os.Readlink(fd); err == nil && strings.HasPrefix(to, "socket:") {
			n++
		}
	}
	return n
}

func files(t *testing.T, pid int) int {
	t.Helper()
	list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// children counts the processes that a process has started.
func children(t *testing.T, pid int) int {
	t.Helper()
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, task := range tasks {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", pid, task.Name()))
		if err == nil {
			n += len(strings.Fields(string(text)))
		}
	}
	return n
}
