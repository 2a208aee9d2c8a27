//go:build unix

package pluginhost

import (
	"fmt"
	"time"
)

// State is where the supervisor of a process stands.
type State int

// The states. Calls are answered in Ready; in Starting, Configuring and Backoff
// they wait for a moment; in the others they are refused.
const (
	Stopped     State = iota
	Starting          // a process was launched and has not described itself yet
	Configuring       // its instances are being configured
	Ready             // it answers
	Draining          // calls in flight end, then the process does
	Backoff           // it ended, and is launched again shortly
	Quarantined       // it ends again and again; it is launched once a minute
)

// String is the state's stable word, for metrics and the status page.
func (s State) String() string {
	switch s {
	case Stopped:
		return "stopped"
	case Starting:
		return "starting"
	case Configuring:
		return "configuring"
	case Ready:
		return "ready"
	case Draining:
		return "draining"
	case Backoff:
		return "backoff"
	case Quarantined:
		return "quarantined"
	}
	return fmt.Sprintf("state_%d", int(s))
}

// Observer is told what happens, for metrics. Its methods return at once.
type Observer interface {
	// StateChanged is called after each change of a process's state.
	StateChanged(plugin, dedicatedTo string, s State, generation uint64)

	// CallEnded is called after each call of an instance: the method, how long
	// the caller waited for the answer, and the error that it got.
	CallEnded(plugin, method string, took time.Duration, err error)

	// CallRefused is called for each system call of a process that its
	// confinement has refused.
	CallRefused(plugin string)
}

// InForce says what holds for a running process.
type InForce struct {
	Pinned            bool // its bytes were compared with the digest of its Spec
	Sealed            bool // it runs from a memory file that nobody can change
	ParentDeathSignal bool // the kernel kills it with the host
	HostPipe          bool // it sees the end of its standard input when the host is gone
	ProcessGroup      bool // it is killed with what it started
	CleanEnvironment  bool // it has nothing of the host's environment but an allow-list
	PrivateFolder     bool // its socket and temporary files are where nobody else may look
	Limits            bool // of memory, open files and their size; no core dumps, no new privileges, no capabilities
	Landlock          int  // version of the interface that confines its files; 0: nothing does
	Seccomp           bool // system calls are filtered: no other processes, no sockets beyond its grants
	Grants                 // what it was granted; without values of Env
}

// Status is what is known of one process.
type Status struct {
	Plugin      string
	Version     string
	DedicatedTo string // the instance that the process is dedicated to, if it is
	PID         int    // 0: none runs now
	State       State
	Generation  uint64 // counts the launches
	Restarts    int    // launches after the first that came to be ready
	Since       time.Time
	LastError   string // why the last process ended or did not start
	SHA256      string // the digest that the Spec wants; empty for a bundled plugin
	Digest      string // the digest of what runs; empty for a bundled plugin
	Instances   []InstanceStatus
	InForce     InForce
}

// InstanceStatus is what is known of one instance.
type InstanceStatus struct {
	Name  string
	Error string // why it could not be configured again; empty is in order
}
