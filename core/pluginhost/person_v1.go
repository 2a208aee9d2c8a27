//go:build unix

package pluginhost

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"

	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	authnv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/authn/v1"
	basev1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/base/v1"
)

// The limits of what goes to an authenticator of people and comes from one.
const (
	incomingLimit = 3 << 20 // bytes of a message that a browser or a server brings
	forwardLimit  = 64 << 10
	fieldsLimit   = 32
	stateLimit    = 1536 // bytes: a browser keeps them, in a cookie of 4 KiB
	keepLimit     = 16 << 10
	documentLimit = 256 << 10
	endedLimit    = 64
)

// personMessageLimit bounds an answer: an identity with many groups is the largest.
const personMessageLimit = identityLimit + 512<<10

var callbackForm = regexp.MustCompile(`^[a-z]{1,32}$`)

func personV1(p *basev1.PersonAuthenticator) (*Person, error) {
	callback := cmp.Or(p.GetCallback(), "callback")
	if !callbackForm.MatchString(callback) || callback == "metadata" || callback == "slo" || callback == "receive" {
		return nil, errors.New("its callback is not a word of lower case letters, or one of the host's own")
	}
	return &Person{
		Callback:    callback,
		Unsolicited: p.GetUnsolicited(), Refreshes: p.GetRefreshes(), LogsOut: p.GetLogsOut(), Receives: p.GetReceives(),
	}, nil
}

// asked makes a call of an authenticator of people: f gets the call and the
// client, and what it answers is made ours by checked.
func asked[R, T any](ctx context.Context, p *process, at *People, method string, f func(*basev1.Call, authnv1.PersonAuthenticatorServiceClient, grpc.CallOption) (R, error), checked func(R) (T, error)) (T, error) {
	var none T
	call, end, err := p.call(ctx, at.instance, at.organization)
	if err != nil {
		return none, err
	}
	defer end()
	answer, err := f(call, authnv1.NewPersonAuthenticatorServiceClient(p.conn), grpc.MaxCallRecvMsgSize(personMessageLimit))
	if err != nil {
		return none, p.failure(ctx, err)
	}
	out, err := checked(answer)
	if denied := (*authn.Denied)(nil); err != nil && !errors.As(err, &denied) {
		return none, p.lied(method, err)
	}
	return out, err
}

func (p *process) beginSignOn(ctx context.Context, at *People, r authn.BeginRequest) (authn.Begun, error) {
	return asked(ctx, p, at, "Begin", func(call *basev1.Call, c authnv1.PersonAuthenticatorServiceClient, o grpc.CallOption) (*authnv1.BeginResponse, error) {
		return c.Begin(ctx, &authnv1.BeginRequest{
			Call: call, Endpoints: endpointsV1(r.Endpoints), Relay: r.Relay, LoginHint: strings.ToValidUTF8(r.LoginHint, "\uFFFD"),
			Fresh: r.Fresh, MultiFactor: r.MultiFactor, MaxAgeSeconds: secondsV1(r.MaxAge),
		}, o)
	}, func(r *authnv1.BeginResponse) (authn.Begun, error) {
		if r.GetForward() == nil {
			return authn.Begun{}, errors.New("it sends the browser nowhere")
		}
		return begunV1(r.GetForward(), r.GetState())
	})
}

func (p *process) complete(ctx context.Context, at *People, r authn.CompleteRequest) (authn.Identity, error) {
	incoming, err := incomingV1(r.Incoming)
	if err != nil {
		return authn.Identity{}, err
	}
	out := &authnv1.CompleteRequest{
		Endpoints: endpointsV1(r.Endpoints), Incoming: incoming, State: r.State, Unsolicited: r.Unsolicited,
		Fresh: r.Fresh, MaxAgeSeconds: secondsV1(r.MaxAge),
	}
	if !r.Begun.IsZero() {
		out.BegunUnixMicros = r.Begun.UnixMicro()
	}
	return asked(ctx, p, at, "Complete", func(call *basev1.Call, c authnv1.PersonAuthenticatorServiceClient, o grpc.CallOption) (*authnv1.CompleteResponse, error) {
		out.Call = call
		return c.Complete(ctx, out, o)
	}, func(r *authnv1.CompleteResponse) (authn.Identity, error) {
		switch result := r.GetResult().(type) {
		case *authnv1.CompleteResponse_Identity:
			return identityV1(result.Identity)
		case *authnv1.CompleteResponse_Denial:
			return authn.Identity{}, denialV1(result.Denial)
		}
		return authn.Identity{}, errors.New("it carries no result")
	})
}

func (p *process) refresh(ctx context.Context, at *People, e authn.Endpoints, s authn.Session) (authn.Identity, error) {
	return asked(ctx, p, at, "Refresh", func(call *basev1.Call, c authnv1.PersonAuthenticatorServiceClient, o grpc.CallOption) (*authnv1.RefreshResponse, error) {
		return c.Refresh(ctx, &authnv1.RefreshRequest{Call: call, Endpoints: endpointsV1(e), Keep: s.Keep, Issuer: s.Issuer, Subject: s.Subject}, o)
	}, func(r *authnv1.RefreshResponse) (authn.Identity, error) {
		switch result := r.GetResult().(type) {
		case *authnv1.RefreshResponse_Identity:
			identity, err := identityV1(result.Identity)
			if err == nil && (identity.Issuer != s.Issuer || identity.Subject != s.Subject) {
				err = errors.New("it refreshes another person than the session is of")
			}
			return identity, err
		case *authnv1.RefreshResponse_Over:
			return authn.Identity{}, denialV1(result.Over)
		}
		return authn.Identity{}, errors.New("it carries no result")
	})
}

func (p *process) logout(ctx context.Context, at *People, e authn.Endpoints, relay string, s authn.Session) (authn.Begun, error) {
	return asked(ctx, p, at, "Logout", func(call *basev1.Call, c authnv1.PersonAuthenticatorServiceClient, o grpc.CallOption) (*authnv1.LogoutResponse, error) {
		return c.Logout(ctx, &authnv1.LogoutRequest{Call: call, Endpoints: endpointsV1(e), Relay: relay, Keep: s.Keep, Issuer: s.Issuer, Subject: s.Subject}, o)
	}, func(r *authnv1.LogoutResponse) (authn.Begun, error) { return begunV1(r.GetForward(), r.GetState()) })
}

func (p *process) metadata(ctx context.Context, at *People, e authn.Endpoints) (authn.Metadata, error) {
	return asked(ctx, p, at, "Metadata", func(call *basev1.Call, c authnv1.PersonAuthenticatorServiceClient, o grpc.CallOption) (*authnv1.MetadataResponse, error) {
		return c.Metadata(ctx, &authnv1.MetadataRequest{Call: call, Endpoints: endpointsV1(e)}, o)
	}, metadataV1)
}

// metadataTypes are what a document may be: nothing that a browser runs.
var metadataTypes = []string{"", "application/samlmetadata+xml", "application/json"}

func metadataV1(r *authnv1.MetadataResponse) (authn.Metadata, error) {
	m := authn.Metadata{ContentType: r.GetContentType(), Document: r.GetDocument()}
	if err := checkCount("bytes of a document", len(m.Document), documentLimit); err != nil {
		return authn.Metadata{}, err
	}
	if !slices.Contains(metadataTypes, m.ContentType) || (m.ContentType == "") != (len(m.Document) == 0) {
		return authn.Metadata{}, errors.New("its document is not SAML metadata or JSON")
	}
	var err error
	m.Values, err = fieldsV1(r.GetValues(), forwardLimit)
	return m, err
}

func (p *process) receive(ctx context.Context, at *People, r authn.ReceiveRequest) (authn.Received, error) {
	incoming, err := incomingV1(r.Incoming)
	if err != nil {
		return authn.Received{}, err
	}
	return asked(ctx, p, at, "Receive", func(call *basev1.Call, c authnv1.PersonAuthenticatorServiceClient, o grpc.CallOption) (*authnv1.ReceiveResponse, error) {
		return c.Receive(ctx, &authnv1.ReceiveRequest{Call: call, Endpoints: endpointsV1(r.Endpoints), Incoming: incoming, Browser: r.Browser, State: r.State}, o)
	}, func(answer *authnv1.ReceiveResponse) (authn.Received, error) {
		if answer.GetForward() != nil && !r.Browser {
			return authn.Received{}, errors.New("it sends a server somewhere")
		}
		return receivedV1(answer)
	})
}

// receivedStatuses and deniedStatuses are those that a server may be answered with, where its message
// counts and where it does not.
var (
	receivedStatuses = []uint32{200, 202, 204}
	deniedStatuses   = []uint32{400, 401, 403, 404, 422}
)

func receivedV1(r *authnv1.ReceiveResponse) (authn.Received, error) {
	if d := r.GetDenial(); d != nil {
		if len(r.GetEnded()) > 0 || r.GetConfirmed() || r.GetForward() != nil {
			return authn.Received{}, errors.New("it denies a message, and does something for it all the same")
		}
		err := denialV1(d)
		if denied := (*authn.Denied)(nil); errors.As(err, &denied) && slices.Contains(deniedStatuses, r.GetStatus()) {
			denied.Status = int(r.GetStatus())
		}
		return authn.Received{}, err
	}
	if !slices.Contains(receivedStatuses, r.GetStatus()) {
		return authn.Received{}, fmt.Errorf("its status is %d", r.GetStatus())
	}
	out := authn.Received{Status: int(r.GetStatus()), Confirmed: r.GetConfirmed()}
	if err := checkCount("sessions named", len(r.GetEnded()), endedLimit); err != nil {
		return authn.Received{}, err
	}
	for _, e := range r.GetEnded() {
		ended, err := endedV1(e)
		if err != nil {
			return authn.Received{}, err
		}
		out.Ended = append(out.Ended, ended)
	}
	var err error
	out.Begun, err = begunV1(r.GetForward(), nil)
	return out, err
}

func endedV1(e *authnv1.Ended) (authn.Ended, error) {
	out := authn.Ended{Issuer: e.GetIssuer(), Subject: e.GetSubject(), SessionIndexes: e.GetSessionIndexes(), Email: e.GetEmail(), Keys: e.GetKeys()}
	if out.Subject == "" && out.Email == "" && len(out.SessionIndexes) == 0 {
		return authn.Ended{}, errors.New("it ends sessions of nobody in particular")
	}
	return out, errors.Join(
		checkLines(endedLimit, out.SessionIndexes, sessionIndexMost),
		optionalLine("the issuer", out.Issuer, subjectLimit),
		optionalLine("the subject", out.Subject, subjectLimit),
		optionalLine("the e-mail address", out.Email, 320))
}

func endpointsV1(e authn.Endpoints) *authnv1.Endpoints {
	return &authnv1.Endpoints{EntityId: e.EntityID, CompleteUrl: e.CompleteURL, LogoutUrl: e.LogoutURL, ReceiveUrl: e.ReceiveURL}
}

// secondsV1 rounds an age up: less than a second is not none.
func secondsV1(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }

// incomingV1 refuses what no plugin should have to look at.
func incomingV1(in authn.Incoming) (*authnv1.Incoming, error) {
	size := len(in.RawQuery) + len(in.Body) + len(in.Authorization) + len(in.ContentType)
	out := &authnv1.Incoming{
		Method: in.Method, RawQuery: strings.ToValidUTF8(in.RawQuery, "\uFFFD"), Body: in.Body,
		ContentType: strings.ToValidUTF8(in.ContentType, "\uFFFD"), Authorization: strings.ToValidUTF8(in.Authorization, "\uFFFD"),
	}
	for _, f := range in.Form {
		size += len(f.Name) + len(f.Value)
		out.Form = append(out.Form, &authnv1.Field{Name: strings.ToValidUTF8(f.Name, "\uFFFD"), Value: strings.ToValidUTF8(f.Value, "\uFFFD")})
	}
	if size > incomingLimit || len(in.Form) > fieldsLimit {
		return nil, problem.New(problem.TooLarge, "the message has more than %d bytes or %d fields", incomingLimit, fieldsLimit)
	}
	return out, nil
}

// hostForm is that of a host as browsers write it, with a port or without.
// url.Parse also takes quotes, angle brackets and semicolons for one, which would
// mean something in a page or in a header that names it.
var hostForm = regexp.MustCompile(`^([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?$`)

// begunV1 checks where a browser is to be sent.
func begunV1(f *authnv1.Forward, state []byte) (authn.Begun, error) {
	if err := checkCount("bytes of state", len(state), stateLimit); err != nil {
		return authn.Begun{}, err
	}
	if f == nil {
		return authn.Begun{}, nil
	}
	if err := checkLine("where it sends the browser", f.GetUrl(), forwardLimit); err != nil {
		return authn.Begun{}, err
	}
	u, err := url.Parse(f.GetUrl())
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || !hostForm.MatchString(u.Host) || u.User != nil || u.Fragment != "" {
		return authn.Begun{}, errors.New("where it sends the browser is no absolute address of the web")
	}
	fields, err := fieldsV1(f.GetFields(), forwardLimit)
	return authn.Begun{URL: u.String(), Fields: fields, State: state}, err
}

func fieldsV1(in []*authnv1.Field, most int) ([]authn.Field, error) {
	if err := checkCount("fields", len(in), fieldsLimit); err != nil {
		return nil, err
	}
	var out []authn.Field
	size := 0
	for _, f := range in {
		if err := errors.Join(checkLine("the name of a field", f.GetName(), 128), checkText("a field", f.GetValue(), 0, most)); err != nil {
			return nil, err
		}
		size += len(f.GetValue())
		out = append(out, authn.Field{Name: f.GetName(), Value: f.GetValue()})
	}
	return out, checkCount("bytes of fields", size, most)
}
