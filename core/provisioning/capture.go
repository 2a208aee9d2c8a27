package provisioning

import (
	"errors"
	"io"
	"net/http"
	"sync"

	"github.com/gatehouse-id/gatehouse/core/provisioning/traffic"
)

// capture keeps the beginning of a body that is read, for the traffic log. It may
// be read on after whoever asked has his answer.
type capture struct {
	io.Reader
	mu    sync.Mutex
	begin []byte
	bytes int64
	err   error // why it was not read to its end
}

// Read implements io.Reader.
func (c *capture) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.begin, c.bytes = keep(c.begin, p[:n]), c.bytes+int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		c.err = err
	}
	return n, err
}

// broke reports whether whoever sent the body broke off.
func (c *capture) broke() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err != nil
}

// kept is the beginning, and how many bytes were read.
func (c *capture) kept() ([]byte, int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.begin, c.bytes
}

// answer is capture for what is written.
type answer struct {
	http.ResponseWriter
	status int // 0: nothing was sent
	begin  []byte
	bytes  int64
	err    error // of writing: whoever asked does not take it
}

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) {
	a.status = status
	a.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (a *answer) Write(p []byte) (int, error) {
	n, err := a.ResponseWriter.Write(p)
	a.begin, a.bytes = keep(a.begin, p[:n]), a.bytes+int64(n)
	if err != nil {
		a.err = err
	}
	return n, err
}

// Unwrap is for http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

func keep(begin, more []byte) []byte {
	return append(begin, more[:min(len(more), traffic.Captured-len(begin))]...)
}
