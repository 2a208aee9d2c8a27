//go:build unix

package pluginhost

import (
	"bytes"
	"context"
	"errors"
	"io"

	provisionv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/provision/v1"
)

// body is what the caller reads the answer from. An answer that is whole leaves
// the process behind.
func (e *exchange) body() (io.ReadCloser, error) {
	e.mu.Lock()
	whole, unread := e.whole, e.unread
	e.mu.Unlock()
	if !whole {
		context.AfterFunc(e.ctx, func() { _ = e.Close() })
		return e, nil
	}
	e.stream.done(e)
	if !e.left() {
		return nil, died(e.process.plugin)
	}
	return io.NopCloser(bytes.NewReader(unread)), nil
}

// Read implements io.Reader.
func (e *exchange) Read(into []byte) (int, error) {
	for {
		n, err := e.take(into)
		switch {
		case errors.Is(err, io.EOF):
			_ = e.Close()
			return 0, io.EOF
		case err != nil:
			return 0, e.failure(err)
		case n > 0 || len(into) == 0:
			return n, nil
		}
		e.await()
	}
}

func (e *exchange) take(into []byte) (int, error) {
	e.mu.Lock()
	n := copy(into, e.unread)
	e.unread = e.unread[n:]
	whole, err, left := e.whole, e.err, len(e.unread)
	e.mu.Unlock()
	switch {
	case n > 0:
		if e.passed += n; e.passed >= passedStep && !whole {
			e.send(&provisionv1.HandleRequest{Handle: e.handle, Part: &provisionv1.HandleRequest_Passed{Passed: uint32(e.passed)}})
			e.passed = 0
		}
		return n, nil
	case err != nil:
		return 0, err
	case whole && left == 0:
		return 0, io.EOF
	}
	return 0, nil
}

// Close implements io.Closer: nobody waits for the answer any more.
func (e *exchange) Close() error {
	e.mu.Lock()
	if e.err == nil && !(e.whole && len(e.unread) == 0) {
		e.err = errClosedBody
	}
	e.unread = nil
	e.tell()
	e.mu.Unlock()
	if e.stream != nil {
		e.stream.done(e)
	}
	e.left()
	return nil
}

var errClosedBody = errors.New("the answer was closed")
