package plugin

import (
	"context"
	"net/http"
	"strings"
	"sync"

	provisionv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/provision/v1"
)

const (
	// pieceSize is how many bytes of an answer go in one message.
	pieceSize = 64 << 10

	// windowSize is how many bytes of an answer may be under way that the host has
	// not passed on.
	windowSize = 256 << 10
)

// responseWriter sends an answer in pieces. A small answer is one message.
type responseWriter struct {
	exchange *exchange
	ctx      context.Context //nolint:containedctx // the request's: it ends what waits for room
	head     bool            // there is no body
	notes    notes

	header  http.Header
	sent    http.Header // as it was at WriteHeader; nil before
	status  int
	buffer  []byte
	started bool // the answer has gone out
	err     error
}

var (
	_ http.ResponseWriter = (*responseWriter)(nil)
	_ http.Flusher        = (*responseWriter)(nil)
)

// Header implements http.ResponseWriter.
func (w *responseWriter) Header() http.Header {
	if w.header == nil {
		w.header = http.Header{}
	}
	return w.header
}

// WriteHeader implements http.ResponseWriter. There are no informational answers.
func (w *responseWriter) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status, w.sent = status, w.Header().Clone()
	}
}

// Write implements http.ResponseWriter.
func (w *responseWriter) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if !w.bodyAllowed() {
		return 0, http.ErrBodyNotAllowed
	}
	written := len(p)
	for len(p) > 0 && w.err == nil {
		n := min(len(p), pieceSize-len(w.buffer))
		w.buffer, p = append(w.buffer, p[:n]...), p[n:]
		if len(w.buffer) == pieceSize {
			w.send(false)
		}
	}
	if w.err != nil {
		return 0, w.err
	}
	return written, nil
}

func (w *responseWriter) bodyAllowed() bool {
	return !w.head && w.status != http.StatusNoContent && w.status != http.StatusNotModified
}

// Flush implements http.Flusher.
func (w *responseWriter) Flush() {
	w.WriteHeader(http.StatusOK)
	if w.err == nil && (len(w.buffer) > 0 || !w.started) {
		w.send(false)
	}
}

// end sends what is left.
func (w *responseWriter) end() error {
	w.WriteHeader(http.StatusOK)
	if w.err == nil {
		w.send(true)
	}
	return w.err
}

func (w *responseWriter) send(last bool) {
	if w.err = w.exchange.window.take(w.ctx, len(w.buffer)); w.err != nil {
		return
	}
	piece := &provisionv1.Piece{Data: w.buffer, Last: last}
	message := &provisionv1.HandleResponse{Handle: w.exchange.handle, Part: &provisionv1.HandleResponse_Body{Body: piece}}
	if !w.started {
		answer := &provisionv1.HandleAnswer{Status: uint32(w.status), Body: piece, Notes: w.notes.take()}
		for name, values := range w.sent {
			answer.Headers = append(answer.Headers, &provisionv1.Header{Name: printable(name), Values: printables(values)})
		}
		message.Part = &provisionv1.HandleResponse_Answer{Answer: answer}
		w.started = true
	}
	w.err = w.exchange.handling.send(message)
	w.buffer = w.buffer[:0]
}

// printable makes text what a message can carry: one that cannot be sent would end
// the stream, and all requests on it.
func printable(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }

func printables(texts []string) []string {
	out := make([]string, len(texts))
	for i, text := range texts {
		out[i] = printable(text)
	}
	return out
}

// window is the room for an answer that is under way.
type window struct {
	mu    sync.Mutex
	room  int
	grown chan struct{} // has a value when there is more
}

func newWindow() *window { return &window{room: windowSize, grown: make(chan struct{}, 1)} }

// take waits for room.
func (w *window) take(ctx context.Context, n int) error {
	for {
		w.mu.Lock()
		if n <= w.room {
			w.room -= n
			w.mu.Unlock()
			return nil
		}
		w.mu.Unlock()
		select {
		case <-w.grown:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (w *window) give(n int) {
	w.mu.Lock()
	w.room = min(w.room+n, windowSize)
	w.mu.Unlock()
	select {
	case w.grown <- struct{}{}:
	default:
	}
}
