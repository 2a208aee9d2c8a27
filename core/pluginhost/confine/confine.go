// Package confine puts a plugin's process into its limits before its first own
// instruction runs: what it may read and write, which system calls it may make,
// and how much memory it may have. The host starts every plugin through its own
// binary, which runs Exec: that takes the rights away from itself and becomes
// the plugin. A limit that cannot be set is an error, never a plugin without it.
//
// It limits a plugin that is broken or was taken over. It is no boundary
// between tenants: CPU time and the number of threads are not limited here.
package confine

import (
	"encoding/json"
	"fmt"
)

// Command is the hidden command of the launch stage.
const Command = "__plugin-exec"

// MinimumLandlock is the version of Landlock's interface below which a plugin is
// not started: with 3 all writing to files is covered, with 4 TCP.
const MinimumLandlock = 4

// DefaultMemory is what a plugin may allocate, in bytes.
const DefaultMemory = 256 << 20

// Support is what the kernel offers.
type Support struct {
	Landlock int  // version of its interface; 0 is none
	Seccomp  bool // filters, set for all threads at once
	Limits   bool // resource limits and no-new-privileges, by the launch stage
}

// Missing says what a kernel lacks of the minimum; empty is nothing.
func (s Support) Missing() string {
	switch {
	case !s.Limits:
		return "this system is not Linux"
	case s.Landlock < MinimumLandlock:
		return fmt.Sprintf("Landlock has version %d, and %d is the least (Linux 6.7 has it, unless it was left out or switched off)", s.Landlock, MinimumLandlock)
	case !s.Seccomp:
		return "there are no seccomp filters"
	}
	return ""
}

// Profile is what the launch stage puts in force, exactly.
type Profile struct {
	Folder      string   // of the process alone: the only place where it may make files, and its socket
	FileSize    int64    `json:",omitempty"` // bytes that a file may have; 0 lets it write none
	Write       []string `json:",omitempty"` // further folders; tests leave their traces there
	Read        []string `json:",omitempty"` // files, and folders with all below
	Network     bool     // it may open sockets of the internet, and connect
	Memory      int64    // bytes of data (RLIMIT_DATA)
	Landlock    bool
	Seccomp     bool
	Report      int  // the file from NewAttempts, by its number there; 0: nobody hears of attempts
	DeathSignal bool // the kernel kills it with the thread that started it
}

// Arguments are those of the launch stage, after its command, for executing a
// path with its arguments, the first of which is its name.
func (p Profile) Arguments(path string, argv []string) ([]string, error) {
	profile, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	return append([]string{string(profile), path}, argv...), nil
}

func parse(args []string) (p Profile, path string, argv []string, err error) {
	if len(args) < 3 {
		return p, "", nil, fmt.Errorf("the host starts its plugins itself: this is no command for people")
	}
	if err := json.Unmarshal([]byte(args[0]), &p); err != nil {
		return p, "", nil, fmt.Errorf("reading the limits: %w", err)
	}
	if p.Folder == "" || p.Memory <= 0 || p.FileSize < 0 {
		return p, "", nil, fmt.Errorf("the limits have no folder or no memory")
	}
	return p, args[1], args[2:], nil
}
