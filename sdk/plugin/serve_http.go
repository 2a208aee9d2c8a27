package plugin

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
	provisionv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/provision/v1"
	"github.com/gatehouse-id/gatehouse/sdk/provision"
)

// serveHTTP has an instance answer a request.
func (s *server) serveHTTP(ctx context.Context, begin *provisionv1.HandleBegin, b *body, w *responseWriter) error {
	pusher, err := instanceOf[provision.Pusher](ctx, s, begin.GetCall())
	if err != nil {
		return err
	}
	ctx = provision.WithCall(ctx, provision.Call{BaseURL: begin.GetBaseUrl(), Record: w.notes.record})
	r, err := request(ctx, begin, b)
	if err != nil {
		return err
	}
	w.head = r.Method == http.MethodHead
	return s.unlessAborted(pusher, w, r)
}

// unlessAborted has the instance answer. A panic with http.ErrAbortHandler is none:
// as with net/http, it is how a handler breaks its answer off, such as when whoever
// asked has gone, and nothing is logged.
func (s *server) unlessAborted(pusher provision.Pusher, w *responseWriter, r *http.Request) (err error) {
	defer func() {
		switch v := recover(); v {
		case nil:
		case http.ErrAbortHandler:
			err = problem.New(problem.Unavailable, "plugin %q broke off its answer", s.plugin.Name)
		default:
			panic(v) // the stack that is logged still has where it began
		}
	}()
	pusher.ServeHTTP(w, r)
	return nil
}

func request(ctx context.Context, begin *provisionv1.HandleBegin, b *body) (*http.Request, error) {
	target, err := url.ParseRequestURI(begin.GetTarget())
	if err != nil || !strings.HasPrefix(begin.GetTarget(), "/") {
		return nil, problem.New(problem.Invalid, "the request has no path that can be read")
	}
	r := &http.Request{
		Method: begin.GetMethod(), URL: target, RequestURI: begin.GetTarget(), Header: http.Header{},
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Body: b, ContentLength: -1,
	}
	for _, field := range begin.GetHeaders() {
		name := http.CanonicalHeaderKey(field.GetName())
		r.Header[name] = append(r.Header[name], field.GetValues()...)
	}
	if base, err := url.Parse(begin.GetBaseUrl()); err == nil {
		r.Host = base.Host
	}
	if begin.GetBody().GetLast() {
		if r.ContentLength = int64(len(begin.GetBody().GetData())); r.ContentLength == 0 {
			r.Body = http.NoBody
		}
	}
	return r.WithContext(ctx), nil
}

// bodyPieces is how many pieces of a body wait to be read. The next one stops
// the stream, and by that the host.
const bodyPieces = 4

// body is the body of one request as it comes.
type body struct {
	ctx    context.Context //nolint:containedctx // the request's: it ends what waits for pieces
	pieces chan *provisionv1.Piece
	closed chan struct{}
	once   sync.Once
	ended  bool // everything has come; for put alone

	now  []byte // for Read alone
	last bool
}

func newBody(ctx context.Context) *body {
	return &body{ctx: ctx, pieces: make(chan *provisionv1.Piece, bodyPieces), closed: make(chan struct{})}
}

// put takes a piece, and waits while there are too many.
func (b *body) put(p *provisionv1.Piece) {
	if p == nil || b.ended {
		return
	}
	b.ended = p.GetLast()
	select {
	case b.pieces <- p:
	case <-b.closed:
	case <-b.ctx.Done():
	}
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	for len(b.now) == 0 {
		if b.last {
			return 0, io.EOF
		}
		select {
		case piece := <-b.pieces:
			b.now, b.last = piece.GetData(), piece.GetLast()
		case <-b.closed:
			return 0, errors.New("the body was closed")
		case <-b.ctx.Done():
			return 0, b.ctx.Err()
		}
	}
	n := copy(p, b.now)
	b.now = b.now[n:]
	return n, nil
}

// Close implements io.Closer: pieces that still come are dropped.
func (b *body) Close() error {
	b.once.Do(func() { close(b.closed) })
	return nil
}
