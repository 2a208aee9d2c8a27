package proxy

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// Failure is how an upstream failed a request. There are few.
type Failure string

// The failures of an upstream.
const (
	Unreachable Failure = "unreachable" // no connection, or no answer that can be understood
	TimedOut    Failure = "timed_out"   // no answer in time
	BrokeOff    Failure = "broke_off"   // it ended in the middle of its answer
)

// unanswered tells of a request without an answer, unless it was ended by the
// client, or by us because of its credential.
func (p *Proxy) unanswered(ctx context.Context, label string, err error) {
	if ended := (*problem.Problem)(nil); ctx.Err() != nil || errors.As(err, &ended) {
		return
	}
	how := Unreachable
	if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() {
		how = TimedOut
	}
	p.failed(label, how, err)
}

// brokeOff tells of an answer that came in part.
func (p *Proxy) brokeOff(ctx context.Context, label string, err error) {
	if ctx.Err() == nil {
		p.failed(label, BrokeOff, err)
	}
}

// body is that of an upstream's answer. The status is out by the time that it
// breaks off, so the client's connection is all that can be ended; somebody has
// to say why.
type body struct {
	io.ReadCloser
	of    *http.Response
	ours  identityHeaders
	broke func(error)
}

func (b *body) Read(buf []byte) (int, error) {
	n, err := b.ReadCloser.Read(buf)
	if err != nil && !errors.Is(err, io.EOF) {
		b.broke(err)
	}
	if err != nil {
		b.ours.strip(b.of.Trailer) // it has come by the end of the body, and not before
	}
	return n, err
}
