//go:build unix

package pluginhost

import (
	"encoding/base64"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/gatehouse-id/gatehouse/core/tracing"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// scope is what a call is about. A host service acts within the scope of the
// call that its caller is answering, whatever the caller says.
type scope struct {
	Instance     string
	Organization string
	TraceID      string
	Deadline     time.Time
	Traced       *tracing.Call // nil: no spans are wanted
}

// handleID is the value behind a handle: 128 random bits.
type handleID [16]byte

// handleLen is the length of a handle as it is written.
const handleLen = 22

// handles are the live calls of one process. Another process's handle is
// unknown here, and so is that of a call that has ended.
type handles struct {
	random io.Reader
	shards [32]handleShard
}

type handleShard struct {
	mu   sync.Mutex
	live map[handleID]scope
}

func newHandles(random io.Reader) *handles {
	h := &handles{random: random}
	for i := range h.shards {
		h.shards[i].live = map[handleID]scope{}
	}
	return h
}

// open makes the handle of a call; end lets it die with the call.
func (h *handles) open(s scope) (handle string, end func(), err error) {
	var id handleID
	if _, err := io.ReadFull(h.random, id[:]); err != nil {
		return "", nil, fmt.Errorf("reading randomness for a handle: %w", err)
	}
	shard := h.shard(id)
	shard.mu.Lock()
	shard.live[id] = s
	shard.mu.Unlock()
	return base64.RawURLEncoding.EncodeToString(id[:]), func() {
		shard.mu.Lock()
		delete(shard.live, id)
		shard.mu.Unlock()
	}, nil
}

// scope finds the live call that a handle belongs to.
func (h *handles) scope(handle string, now time.Time) (scope, error) {
	var id handleID
	if len(handle) != handleLen {
		return scope{}, errNoCall()
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(handle)
	if err != nil || copy(id[:], raw) != len(id) { // the decoder skips line breaks
		return scope{}, errNoCall()
	}
	shard := h.shard(id)
	shard.mu.Lock()
	s, ok := shard.live[id]
	shard.mu.Unlock()
	if !ok || !now.Before(s.Deadline) {
		return scope{}, errNoCall()
	}
	return s, nil
}

func (h *handles) shard(id handleID) *handleShard { return &h.shards[int(id[0])%len(h.shards)] }

func errNoCall() error {
	return problem.New(problem.Forbidden, "the handle belongs to no call that is being answered now").
		WithHint("Use a host service with the context of the call, and before it returns.")
}
