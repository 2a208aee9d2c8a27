//go:build linux

package soak_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/core/audit"
	"github.com/gatehouse-id/gatehouse/core/store"
)

// metric is the value of one line of /metrics.
func (s *soak) metric(name string) int {
	s.t.Helper()
	status, body, err := s.send(context.WithoutCancel(s.t.Context()), http.MethodGet, "/metrics", http.Header{}, false)
	found := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` (\S+)$`).FindStringSubmatch(body)
	if found == nil {
		s.t.Fatalf("/metrics (%d, %v) has no %s", status, err, name)
	}
	value, err := strconv.ParseFloat(found[1], 64)
	if err != nil {
		s.t.Fatal(err)
	}
	return int(value)
}

// footprint is what a host takes of the machine.
type footprint struct {
	files, sockets, goroutines, processes int
	cached                                int   // credentials that it remembers, of which there may be 200,000
	memory                                int64 // bytes of its own that are resident, its plugins' too
	each                                  string
}

func (f footprint) String() string {
	return fmt.Sprintf("%d files (%d sockets), %d goroutines, %d processes, %d MiB (%s), %d credentials remembered", f.files, f.sockets, f.goroutines, f.processes, f.memory>>20, f.each, f.cached)
}

// slack is how much two looks at a host that does nothing may differ. A plugin
// keeps what its collector has freed for a while.
var slack = footprint{files: 12, sockets: 12, goroutines: 12, memory: 96 << 20}

// remembered is what one verified credential takes, with its verdict, its assertion
// and what the collector needs beside it, in bytes.
const remembered = 3 << 10

func (f footprint) compare(s *soak, before footprint) {
	more := int64(max(f.cached-before.cached, 0)) * remembered
	if f.files > before.files+slack.files || f.sockets > before.sockets+slack.sockets || f.goroutines > before.goroutines+slack.goroutines ||
		f.processes != before.processes || f.memory > before.memory+more+slack.memory {
		s.violated("nothing leaks", "it had %s, and has %s", before, f)
	}
}

// calm waits until what ends has ended, and looks at the host. After long load it
// also waits for the host's rest, in which it drops what is used no more and
// gives memory back: what the busiest moment took is no leak.
func (s *soak) calm(long time.Duration) (f footprint) {
	s.t.Helper()
	s.client.CloseIdleConnections()
	rest := 2 * time.Second
	if long >= 10*time.Minute {
		rest = 100 * time.Second // three looks of the host's, and what they do
	}
	time.Sleep(rest)
	list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.PID()))
	if err != nil {
		s.t.Fatal(err)
	}
	f.files = len(list)
	for _, fd := range list {
		if to, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", s.PID(), fd.Name())); err == nil && strings.HasPrefix(to, "socket:") {
			f.sockets++
		}
	}
	processes := children(s.t, s.PID())
	f.processes, f.goroutines, f.memory = len(processes), s.metric("go_goroutines"), resident(s.t, s.PID())
	f.cached = s.metric("gatehouse_cached_credentials")
	f.each = fmt.Sprintf("host %d, of it %d heap", f.memory>>20, s.metric("go_memstats_heap_inuse_bytes")>>20)
	for _, pid := range processes {
		its := resident(s.t, pid)
		f.memory += its
		f.each += fmt.Sprintf(", plugin %d", its>>20)
	}
	return f
}

func children(t *testing.T, pid int) (list []int) {
	t.Helper()
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", pid, task.Name()))
		if err != nil {
			continue // the thread has ended
		}
		for field := range strings.FieldsSeq(string(text)) {
			child, err := strconv.Atoi(field)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, child)
		}
	}
	return list
}

// resident is what a process has of its own in memory. Pages of the binary, which
// all processes share and the system takes away when it likes, are not.
func resident(t *testing.T, pid int) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "RssAnon:")
	kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return kib << 10
}

// audited checks every audit record against its proof, and that each key that
// was acknowledged has its records. The host does not run.
func (s *soak) audited() {
	s.t.Helper()
	ctx := context.WithoutCancel(s.t.Context())
	db, err := store.Open(ctx, store.Options{URL: s.Store})
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			s.t.Error(err)
		}
	}()
	log, seen := audit.New(time.Now, rand.Reader), map[string]bool{}
	entries := 0
	for q := (audit.Query{Limit: 1000}); ; {
		var page []audit.Entry
		if err := db.Read(ctx, func(tx *store.Tx) (err error) { page, err = log.List(ctx, tx, q); return err }); err != nil {
			s.t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		for _, e := range page {
			if err := e.Verify(); err != nil {
				s.violated("the audit log verifies", "record %d: %v", e.Seq, err)
			}
			if q.Before != 0 && e.Seq != q.Before-1 {
				s.violated("the audit log has no gap", "record %d follows %d", q.Before, e.Seq)
			}
			q.Before = e.Seq
			seen[string(e.Action)+" "+e.Payload.Subject] = true
			entries++
		}
	}
	s.t.Logf("%d audit records verify", entries)
	for _, k := range s.ledger.all() {
		made := seen[string(audit.KeyIssued)+" "+k.id]
		ended := seen[string(audit.KeyRevoked)+" "+k.id] || seen[string(audit.KeyRotated)+" "+k.id]
		if !made || k.state == dead && !ended {
			s.violated("whatever is acknowledged is in the audit log", "key %s: made %v, ended %v", k.id, made, ended)
		}
	}
}
