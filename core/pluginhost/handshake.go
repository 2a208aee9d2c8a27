//go:build unix

package pluginhost

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
)

// handshakeLimit bounds the one line that a plugin prints for go-plugin. The
// longest part of it is a certificate of about a kilobyte.
const handshakeLimit = 8 << 10

// handshakeReader gives go-plugin the first line of a process's standard output
// and everything after it to the log, so that a plugin which goes on printing
// is never blocked.
type handshakeReader struct {
	src  *os.File
	rest io.Writer

	mu   sync.Mutex
	line []byte
	done bool
}

func (h *handshakeReader) Read(p []byte) (int, error) {
	if h.complete() {
		if _, err := io.Copy(h.rest, h.src); err != nil {
			return 0, err
		}
		return 0, io.EOF
	}
	n, err := h.src.Read(p)
	end := bytes.IndexByte(p[:n], '\n')
	h.mu.Lock()
	defer h.mu.Unlock()
	if end < 0 {
		h.line = append(h.line, p[:n]...)
		if len(h.line) > handshakeLimit {
			h.line = h.line[:handshakeLimit]
			return 0, errors.New("the first line that it printed is no handshake")
		}
		return n, err
	}
	h.line, h.done = append(h.line, p[:end]...), true
	_, _ = h.rest.Write(p[end+1 : n])
	return end + 1, err
}

// Close ends a Read that waits.
func (h *handshakeReader) Close() error { return h.src.Close() }

func (h *handshakeReader) complete() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.done
}

// fields are the parts of the line, or nothing if it was no handshake.
func (h *handshakeReader) fields() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if parts := strings.Split(strings.TrimSpace(string(h.line)), "|"); len(parts) >= 4 {
		return parts
	}
	return nil
}
