// Package traffic keeps the last requests of each connection's identity provider
// and what they were answered, for an operator who asks why a person is not, or
// still, there. It is kept in memory: it does not survive a restart, each node
// has its own, and it fills no disk. What was done is in the audit log.
package traffic

import (
	"container/list"
	"slices"
	"sync"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/provision"
)

// What is kept at most.
const (
	PerConnection = 200       // entries of one connection
	maxConnection = 256 << 10 // bytes of one connection
	maxTotal      = 32 << 20  // bytes of all
	maxAge        = 24 * time.Hour
)

// Entry is one request with its answer. Nothing in it is a secret, and of a
// person there are ids and names to sign in with: see Body and Query.
type Entry struct {
	At         time.Time
	Duration   time.Duration
	Connection string // label
	TraceID    string
	Token      string // id of the provisioning token
	From       string // address
	UserAgent  string

	Method string
	Target string // path below the mount, and the query redacted by Query

	Request       string // body, redacted by Body
	RequestBytes  int64  // that were read
	Status        int    // 0: whoever asked went away
	Response      string
	ResponseBytes int64

	Problem string           // code of the host's own answer; "" if it is the provisioner's
	Notes   []provision.Note // what was understood otherwise than it was written
	Changes []Change         // what it changed in the directory
	Times   int              // how often it was refused for the same reason in a row; 1 else
}

// Change is what a request did to a resource.
type Change struct {
	What string // "created", "replaced", "deactivated", "reactivated", "deleted", "members", "adopted"
	Type string // "User"
	ID   string
	Name string // userName or displayName, as the request has it; "" where it has none

	// Unknown are ids that were left out of a group, because nobody has them.
	Unknown []string
}

// size is about how many bytes an entry takes.
func (e *Entry) size() int {
	const fixed = 400
	n := fixed + len(e.Connection) + len(e.TraceID) + len(e.Token) + len(e.From) + len(e.UserAgent) + len(e.Method) + len(e.Target) + len(e.Request) + len(e.Response)
	for _, note := range e.Notes {
		n += 32 + len(note.Rule) + len(note.Detail)
	}
	for _, c := range e.Changes {
		n += 80 + len(c.What) + len(c.Type) + len(c.ID) + len(c.Name)
		for _, id := range c.Unknown {
			n += 16 + len(id)
		}
	}
	return n
}

// Log keeps entries, the oldest of all first in one list, and those of each
// connection apart. A connection without entries is not in it.
type Log struct {
	mu    sync.Mutex
	all   *list.List // of *Entry
	of    map[string]*ring
	total int
}

type ring struct {
	entries []*list.Element // the oldest first
	bytes   int
}

// New returns an empty log.
func New() *Log { return &Log{all: list.New(), of: map[string]*ring{}} }

// Add keeps an entry, in the place of the oldest where there is no room. A
// request that was refused as the one before it was is counted with that one, so
// that an IdP which knocks in vain does not push out what it did before.
func (l *Log) Add(e Entry) {
	e.Times = max(e.Times, 1)
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.of[e.Connection]
	if r == nil {
		r = &ring{}
		l.of[e.Connection] = r
	}
	if n := len(r.entries); n > 0 {
		if last := entryOf(r.entries[n-1]); e.Problem != "" && last.Problem == e.Problem && last.Status == e.Status && last.Method == e.Method && last.Target == e.Target {
			e.Times += last.Times
			l.remove(r.entries[n-1])
			if r = l.of[e.Connection]; r == nil {
				r = &ring{}
				l.of[e.Connection] = r
			}
		}
	}
	r.entries = append(r.entries, l.all.PushBack(&e))
	r.bytes += e.size()
	l.total += e.size()
	for len(r.entries) > PerConnection || r.bytes > maxConnection && len(r.entries) > 1 {
		l.remove(r.entries[0])
	}
	for l.total > maxTotal {
		l.remove(l.all.Front())
	}
	for first := l.all.Front(); e.At.Sub(entryOf(first).At) > maxAge; first = l.all.Front() {
		l.remove(first)
	}
}

func entryOf(e *list.Element) *Entry {
	entry, _ := e.Value.(*Entry)
	return entry
}

func (l *Log) remove(e *list.Element) {
	entry := entryOf(e)
	r := l.of[entry.Connection]
	if i := slices.Index(r.entries, e); i >= 0 {
		r.entries = slices.Delete(r.entries, i, i+1)
	}
	r.bytes -= entry.size()
	l.total -= entry.size()
	if len(r.entries) == 0 {
		delete(l.of, entry.Connection)
	}
	l.all.Remove(e)
}

// Last returns the last entries of a connection, the newest first, at most limit.
func (l *Log) Last(connection string, limit int) []Entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.of[connection]
	if r == nil {
		return nil
	}
	var last []Entry
	for _, e := range slices.Backward(r.entries) {
		if len(last) == limit {
			break
		}
		last = append(last, *entryOf(e))
	}
	return last
}
