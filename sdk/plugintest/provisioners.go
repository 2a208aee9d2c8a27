package plugintest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
	basev1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/base/v1"
	provisionv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/provision/v1"
	"github.com/gatehouse-id/gatehouse/sdk/provision"
)

// BaseURL is where the mounts of a harness's plugin are seen from outside.
const BaseURL = "https://gatehouse.example"

// pieceSize is how many bytes of a body go in one message.
const pieceSize = 64 << 10

// answerLimit bounds an answer's body, as the host does.
const answerLimit = 64 << 20

// Handle has an instance answer an HTTP request, whose path begins after the
// mount: "/Users". The host itself refuses what has no right token, so it needs
// none. The answer's body is all there. An error is what the IdP would be
// answered 503 for, or a 500: a panic, an instance that is not configured, or an
// answer that cannot be.
func (h *Harness) Handle(ctx context.Context, name string, r *http.Request) (*http.Response, []provision.Note, error) {
	responses, notes, errs := h.handleTogether(ctx, name, []*http.Request{r})
	return responses[0], notes[0], errs[0]
}

// handleTogether sends all requests at once over one stream.
func (h *Harness) handleTogether(ctx context.Context, name string, requests []*http.Request) ([]*http.Response, [][]provision.Note, []error) {
	responses, notes, errs := make([]*http.Response, len(requests)), make([][]provision.Note, len(requests)), make([]error, len(requests))
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	failed := func(err error) ([]*http.Response, [][]provision.Note, []error) {
		for i := range errs {
			if responses[i] == nil && errs[i] == nil {
				errs[i] = received(err)
			}
		}
		return responses, notes, errs
	}
	stream, err := provisionv1.NewProvisionerServiceClient(h.now.conn).Handle(ctx)
	if err != nil {
		return failed(err)
	}
	waiting := map[string]*collected{}
	var outgoing []*provisionv1.HandleRequest
	for i, r := range requests {
		_, call, end := h.call(ctx, name)
		defer end()
		messages, err := h.request(name, r, call)
		if err != nil {
			return failed(err)
		}
		outgoing = append(outgoing, messages...)
		waiting[call.GetHandle()] = &collected{index: i}
	}
	send := make(chan *provisionv1.HandleRequest, len(outgoing)+answerLimit/pieceSize*len(requests))
	for _, m := range outgoing {
		send <- m
	}
	go func() {
		for {
			select {
			case m := <-send:
				if stream.Send(m) != nil {
					return // why is what Recv says
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	for len(waiting) > 0 {
		m, err := stream.Recv()
		if err != nil {
			return failed(err)
		}
		c, ok := waiting[m.GetHandle()]
		if !ok {
			return failed(errors.New("the plugin answered a request that it was not asked, or went on after an answer's end"))
		}
		n, done, err := c.take(m)
		if n > 0 && !done {
			send <- &provisionv1.HandleRequest{Handle: m.GetHandle(), Part: &provisionv1.HandleRequest_Passed{Passed: uint32(n)}}
		}
		if done || err != nil {
			delete(waiting, m.GetHandle())
			responses[c.index], notes[c.index], errs[c.index] = c.response(requests[c.index], err)
		}
	}
	return responses, notes, errs
}

// request lays a request out in messages.
func (h *Harness) request(name string, r *http.Request, call *basev1.Call) ([]*provisionv1.HandleRequest, error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, fmt.Errorf("reading the request's body: %w", err)
		}
	}
	begin := &provisionv1.HandleBegin{Call: call, Method: r.Method, Target: r.URL.RequestURI(), BaseUrl: BaseURL + h.mountOf(name)}
	for field, values := range r.Header {
		begin.Headers = append(begin.Headers, &provisionv1.Header{Name: field, Values: values})
	}
	n := min(len(body), pieceSize)
	begin.Body = &provisionv1.Piece{Data: body[:n], Last: n == len(body)}
	out := []*provisionv1.HandleRequest{{Handle: call.GetHandle(), Part: &provisionv1.HandleRequest_Begin{Begin: begin}}}
	for body = body[n:]; len(body) > 0; body = body[n:] {
		n = min(len(body), pieceSize)
		piece := &provisionv1.Piece{Data: body[:n], Last: n == len(body)}
		out = append(out, &provisionv1.HandleRequest{Handle: call.GetHandle(), Part: &provisionv1.HandleRequest_Body{Body: piece}})
	}
	return out, nil
}

func (h *Harness) mountOf(name string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c, ok := h.instances[name]; ok {
		k, _ := h.provisioner(c.kind)
		return k.Mount
	}
	return ""
}

// collected is an answer as it comes.
type collected struct {
	index  int
	answer *provisionv1.HandleAnswer
	body   bytes.Buffer
}

func (c *collected) take(m *provisionv1.HandleResponse) (n int, done bool, err error) {
	piece := m.GetBody()
	switch {
	case m.GetProblem() != nil:
		return 0, true, problemFromProto(m.GetProblem())
	case m.GetAnswer() != nil && c.answer == nil:
		c.answer, piece = m.GetAnswer(), m.GetAnswer().GetBody()
	case m.GetAnswer() != nil || c.answer == nil || piece == nil:
		return 0, false, errors.New("the plugin's answer is none: it begins twice, or not at all")
	}
	c.body.Write(piece.GetData())
	if c.body.Len() > answerLimit {
		return 0, false, fmt.Errorf("the plugin's answer is larger than %d bytes", answerLimit)
	}
	return len(piece.GetData()), piece.GetLast(), nil
}

func (c *collected) response(r *http.Request, err error) (*http.Response, []provision.Note, error) {
	if err != nil {
		return nil, nil, err
	}
	status := int(c.answer.GetStatus())
	if status < 200 || status > 599 {
		return nil, nil, fmt.Errorf("the plugin answers with the status %d", status)
	}
	out := &http.Response{
		Status: fmt.Sprintf("%d %s", status, http.StatusText(status)), StatusCode: status, Header: http.Header{},
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Body: io.NopCloser(bytes.NewReader(c.body.Bytes())), ContentLength: int64(c.body.Len()), Request: r,
	}
	for _, field := range c.answer.GetHeaders() {
		out.Header[http.CanonicalHeaderKey(field.GetName())] = field.GetValues()
	}
	return out, notesFromProto(c.answer.GetNotes()), nil
}

func notesFromProto(in []*provisionv1.Note) []provision.Note {
	var out []provision.Note
	for _, n := range in {
		out = append(out, provision.Note{Rule: n.GetRule(), Detail: n.GetDetail()})
	}
	return out
}

func problemFromProto(p *basev1.Problem) error {
	made := problem.New(problem.Code(p.GetCode()), "%s", p.GetDetail())
	made.Hint, made.Permission = p.GetHint(), p.GetPermission()
	made.RetryAfter = time.Duration(p.GetRetryAfterMillis()) * time.Millisecond
	return made
}

// Sync has an instance do a part of a pass.
func (h *Harness) Sync(ctx context.Context, name, cursor string) (provision.Progress, []provision.Note, error) {
	ctx, call, end := h.call(ctx, name)
	defer end()
	got, err := provisionv1.NewProvisionerServiceClient(h.now.conn).Sync(ctx, &provisionv1.SyncRequest{Call: call, Cursor: cursor})
	if err != nil {
		return provision.Progress{}, nil, received(err)
	}
	return provision.Progress{Cursor: got.GetCursor(), Done: got.GetDone()}, notesFromProto(got.GetNotes()), nil
}
