//go:build linux

package gatehousetest

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/admin"
)

// bent is what takes the place of the vDSO's clock_gettime in a process whose
// clock jumps, in the machine code of amd64: it asks the kernel, and adds to
// CLOCK_REALTIME the seconds that stand behind it. Other clocks go on as they
// did, which is what happens when somebody sets the time of a machine.
var bent = []byte{
	0xb8, 0xe4, 0x00, 0x00, 0x00, // mov eax, 228 (clock_gettime)
	0x0f, 0x05, // syscall
	0x85, 0xff, // test edi, edi: is it CLOCK_REALTIME?
	0x75, 0x0a, // jne to the ret
	0x48, 0x8b, 0x0d, 0x04, 0x00, 0x00, 0x00, // mov rcx, [rip+4]
	0x48, 0x01, 0x0e, // add [rsi], rcx
	0xc3, // ret
}

// JumpClock sets the wall clock of the host and of its plugins ahead by as much,
// or back if it is less than zero: nobody else's clock, and nothing of the host is
// made for it. Plugins that start later have the right time. It is always relative to the right time, and seconds are the least.
func (h *Host) JumpClock(by time.Duration) {
	h.tb.Helper()
	if runtime.GOARCH != "amd64" {
		h.tb.Skip("NOT TESTED: the clock of a process is bent on amd64 only")
	}
	var plugins admin.PluginList
	h.JSON(&plugins, "plugins", "list")
	all := []int{h.PID()}
	for _, p := range plugins.Plugins {
		all = append(all, p.PID)
	}
	for _, pid := range all {
		if err := jump(pid, by); err != nil {
			h.tb.Fatalf("bending the clock of process %d: %v", pid, err)
		}
	}
}

func jump(pid int, by time.Duration) (err error) {
	low, high, err := vdso(pid)
	if err != nil {
		return err
	}
	memory, err := os.OpenFile(fmt.Sprintf("/proc/%d/mem", pid), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, memory.Close()) }()
	at, err := clockFunction(io.NewSectionReader(memory, low, high-low))
	if err != nil {
		return err
	}
	code := binary.LittleEndian.AppendUint64(bytes.Clone(bent), uint64(by/time.Second))
	if err := freeze(pid, low, high); err != nil {
		return err
	}
	_, err = memory.WriteAt(code, low+at)
	return errors.Join(err, syscall.Kill(pid, syscall.SIGCONT))
}

// vdso is where a process has the kernel's functions.
func vdso(pid int) (low, high int64, err error) {
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(maps)) {
		if strings.Contains(line, "[vdso]") {
			_, err := fmt.Sscanf(line, "%x-%x", &low, &high)
			return low, high, err
		}
	}
	return 0, 0, errors.New("the process has no vDSO")
}

func clockFunction(image io.ReaderAt) (at int64, err error) {
	file, err := elf.NewFile(image)
	if err != nil {
		return 0, err
	}
	symbols, err := file.DynamicSymbols()
	if err != nil {
		return 0, err
	}
	for _, s := range symbols {
		if s.Name == "__vdso_clock_gettime" && s.Size >= uint64(len(bent)+8) {
			return int64(s.Value), nil
		}
	}
	return 0, errors.New("the vDSO has no clock_gettime of that size")
}

// freeze stops a process at a moment when none of its threads is in the vDSO.
func freeze(pid int, low, high int64) error {
	for range 1000 {
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
			return err
		}
		time.Sleep(5 * time.Millisecond) // until every thread has stopped
		within, err := anyThread(pid, low, high)
		if err == nil && !within {
			return nil
		}
		if err := errors.Join(err, syscall.Kill(pid, syscall.SIGCONT)); err != nil {
			return err
		}
	}
	return errors.New("one of its threads is always reading the clock")
}

func anyThread(pid int, low, high int64) (within bool, err error) {
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		return false, err
	}
	for _, task := range tasks {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/syscall", pid, task.Name()))
		if err != nil {
			return false, err
		}
		fields := strings.Fields(string(text))
		if len(fields) == 1 { // "running": it has not stopped yet
			return true, nil
		}
		var counter int64 // the program counter is the last
		if _, err := fmt.Sscanf(fields[len(fields)-1], "0x%x", &counter); err != nil {
			return false, err
		}
		within = within || counter >= low && counter < high
	}
	return within, nil
}
