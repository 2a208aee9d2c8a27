//go:build unix

package pluginhost

import (
	"context"
	"errors"
	"io"
	"sync"

	basev1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/base/v1"
	provisionv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/provision/v1"
)

const (
	// windowSize is how much of an answer a plugin may send ahead of its reader.
	windowSize = 256 << 10

	// passedStep is how much was read before the plugin is told.
	passedStep = 64 << 10

	// answerLimit bounds one answer's body. Nobody holds it as a whole.
	answerLimit = 64 << 20
)

// handle sends a request and waits for the beginning of its answer. leave is
// called once, when the process has nothing more to do with it.
func (p *process) handle(ctx context.Context, name, organization string, begin *provisionv1.HandleBegin, rest io.Reader, leave func() bool) (*HTTPResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, handleLimit)
	call, end, err := p.call(ctx, name, organization)
	if err != nil {
		cancel()
		leave()
		return nil, err
	}
	e := &exchange{process: p, ctx: ctx, handle: call.GetHandle(), news: make(chan struct{}, 1)}
	e.left = sync.OnceValue(func() bool { cancel(); end(); return leave() })
	answer, err := e.ask(call, begin, rest)
	if err == nil {
		var out *HTTPResponse
		if out, err = answerV1(answer, begin.GetBaseUrl()); err != nil {
			err = p.lied("Handle", err)
		} else if out.Body, err = e.body(); err == nil {
			return out, nil
		}
	}
	_ = e.Close()
	return nil, err
}

// exchange is one request with its answer, which is the body of the response.
type exchange struct {
	process *process
	ctx     context.Context //nolint:containedctx // the request's, which goes on while the answer is read
	handle  string
	stream  *handleStream
	left    func() bool // once: the process has done with it; false is that it was given up before

	news chan struct{} // has a value when something came

	mu     sync.Mutex
	answer *provisionv1.HandleAnswer
	unread []byte
	total  int
	whole  bool // everything came
	err    error

	passed int // read and not told yet; for Read alone
}

var _ io.ReadCloser = (*exchange)(nil)

// ask sends the request and waits for the answer's beginning.
func (e *exchange) ask(call *basev1.Call, begin *provisionv1.HandleBegin, rest io.Reader) (*provisionv1.HandleAnswer, error) {
	p := e.process
	stream, err := p.exchanges.stream(e.ctx, e, rest != nil)
	if err != nil {
		return nil, p.failure(e.ctx, err)
	}
	e.stream = stream
	// The message is a copy: the request may be made a second time elsewhere.
	first := &provisionv1.HandleBegin{
		Call: call, Method: begin.GetMethod(), Target: begin.GetTarget(), Headers: begin.GetHeaders(), Body: begin.GetBody(), BaseUrl: begin.GetBaseUrl(),
	}
	if e.send(&provisionv1.HandleRequest{Handle: e.handle, Part: &provisionv1.HandleRequest_Begin{Begin: first}}) && rest != nil {
		go e.pump(rest)
	}
	for {
		e.mu.Lock()
		answer, err := e.answer, e.err
		e.mu.Unlock()
		switch {
		case answer != nil:
			return answer, nil
		case err != nil:
			return nil, e.failure(err)
		}
		e.await()
	}
}

// await waits for news of the answer, among which is the end of the context.
func (e *exchange) await() {
	select {
	case <-e.news:
	case <-e.ctx.Done():
		e.fail(e.ctx.Err())
	}
}

// failure makes a problem of what went wrong. An error of the request's body is
// the caller's own.
func (e *exchange) failure(err error) error {
	if own := (*unreadable)(nil); errors.As(err, &own) {
		return own.error
	}
	return e.process.failure(e.ctx, err)
}

// send passes a message on; false is that nobody will have it.
func (e *exchange) send(m *provisionv1.HandleRequest) bool {
	select {
	case e.stream.asked <- m:
		return true
	case <-e.stream.over:
	case <-e.ctx.Done():
	}
	return false
}

// pump sends the rest of the body, as fast as the plugin reads it.
func (e *exchange) pump(rest io.Reader) {
	for {
		data := make([]byte, smallBody)
		n, err := io.ReadFull(rest, data)
		last := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !last {
			e.fail(&unreadable{err})
			_ = e.Close()
			return
		}
		piece := &provisionv1.Piece{Data: data[:n], Last: last}
		if !e.send(&provisionv1.HandleRequest{Handle: e.handle, Part: &provisionv1.HandleRequest_Body{Body: piece}}) || last {
			return
		}
	}
}

// deliver takes a part of the answer. last is that no other follows; an error is
// a part that cannot be.
func (e *exchange) deliver(m *provisionv1.HandleResponse) (last bool, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	var piece *provisionv1.Piece
	switch part := m.GetPart().(type) {
	case *provisionv1.HandleResponse_Answer:
		if e.answer != nil {
			return false, errors.New("it answers twice")
		}
		piece = part.Answer.GetBody()
		e.answer = part.Answer
	case *provisionv1.HandleResponse_Body:
		if e.answer == nil {
			return false, errors.New("it has a body before its status")
		}
		piece = part.Body
	case *provisionv1.HandleResponse_Problem:
		if e.err == nil {
			e.err = problemV1(part.Problem)
		}
		e.tell()
		return true, nil
	default:
		return false, errors.New("it has a part that is none")
	}
	if len(e.unread) == 0 {
		e.unread = piece.GetData()
	} else {
		e.unread = append(e.unread, piece.GetData()...)
	}
	e.total += len(piece.GetData())
	if len(e.unread) > windowSize || e.total > answerLimit {
		e.unread = nil
		return piece.GetLast(), errors.New("it sends more than it may")
	}
	e.whole = piece.GetLast()
	e.tell()
	return e.whole, nil
}

func (e *exchange) fail(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.err == nil && !e.whole {
		e.err = err
	}
	e.tell()
}

func (e *exchange) tell() {
	select {
	case e.news <- struct{}{}:
	default:
	}
}

// unreadable is an error of the request's body, which is the caller's own.
type unreadable struct{ error }

func (u *unreadable) Unwrap() error { return u.error }
