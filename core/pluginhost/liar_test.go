package pluginhost_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/gatehouse-id/gatehouse/sdk/plugin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	authnv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/authn/v1"
	basev1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/base/v1"
	hostv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/host/v1"
)

// serveRaw serves a plugin that is not made with the SDK.
func serveRaw(name string) {
	version := plugin.ProtocolVersion
	if name == "future" {
		version = 99
	}
	if name == "noisy-json" {
		// A parser that takes types for granted panics on each of these.
		fmt.Fprintln(os.Stderr, `{"@message":1}`)
		fmt.Fprintln(os.Stderr, `{"@level":{},"@message":"x"}`)
		fmt.Fprintln(os.Stderr, `{"@timestamp":[],"@level":"info","@message":"time is a list"}`)
		fmt.Fprintln(os.Stderr, `{`)
		fmt.Fprintln(os.Stderr, `{"@level":"warn","@message":"spoof","level":"INFO","msg":"other","plugin":"other","n":{"a":[1]}}`)
	}
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig:  plugin.Handshake(),
		VersionedPlugins: map[int]goplugin.PluginSet{version: {plugin.SetName: &raw{name: name}}},
		GRPCServer:       goplugin.DefaultGRPCServer,
		Logger:           hclog.NewNullLogger(),
	})
	if name != "stubborn" && name != "listener" {
		os.Exit(0)
	}
}

type raw struct {
	goplugin.NetRPCUnsupportedPlugin
	basev1.UnimplementedPluginServiceServer
	authnv1.UnimplementedProgramAuthenticatorServiceServer
	name   string
	broker *goplugin.GRPCBroker
	audit  hostv1.AuditServiceClient
	fetch  hostv1.FetchServiceClient
	spans  hostv1.TraceServiceClient
	kept   string // a handle of an earlier call
}

func (r *raw) GRPCServer(broker *goplugin.GRPCBroker, g *grpc.Server) error {
	r.broker = broker
	basev1.RegisterPluginServiceServer(g, r)
	authnv1.RegisterProgramAuthenticatorServiceServer(g, r)
	return nil
}

func (*raw) GRPCClient(context.Context, *goplugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, errors.New("this is the plugin's side")
}

func (r *raw) Describe(_ context.Context, in *basev1.DescribeRequest) (*basev1.DescribeResponse, error) {
	conn, err := r.broker.Dial(in.GetBrokerId())
	if err != nil {
		return nil, err
	}
	r.audit, r.fetch, r.spans = hostv1.NewAuditServiceClient(conn), hostv1.NewFetchServiceClient(conn), hostv1.NewTraceServiceClient(conn)
	kind := func(name string, mode basev1.RecordsMode) *basev1.Kind {
		return &basev1.Kind{
			Name: name, Doc: "It lies.", Schema: &basev1.Schema{},
			Role: &basev1.Kind_ProgramAuthenticator{ProgramAuthenticator: &basev1.ProgramAuthenticator{
				Records: mode, Credentials: []*basev1.Credential{{Location: basev1.Location_LOCATION_HEADER_PAIR, IdHeader: "X-Id", SecretHeader: "X-Secret"}},
			}},
		}
	}
	return &basev1.DescribeResponse{
		Name: r.name, Version: "1", HostServices: []string{"audit", "fetch"},
		Kinds: []*basev1.Kind{kind(r.name, basev1.RecordsMode_RECORDS_MODE_HOST), kind("token", basev1.RecordsMode_RECORDS_MODE_NONE)},
	}, nil
}

func (*raw) Configure(_ context.Context, in *basev1.ConfigureRequest) (*basev1.ConfigureResponse, error) {
	if strings.Contains(string(in.GetConfig()), "both") {
		return &basev1.ConfigureResponse{
			Diagnostics: []*basev1.Diagnostic{{Severity: basev1.Severity_SEVERITY_ERROR, Summary: "No"}},
			Credentials: []*basev1.Credential{{Location: basev1.Location_LOCATION_HEADER_PAIR, IdHeader: "X-Id", SecretHeader: "X-Secret"}},
		}, nil
	}
	return &basev1.ConfigureResponse{}, nil
}

func (*raw) Remove(context.Context, *basev1.RemoveRequest) (*basev1.RemoveResponse, error) {
	return &basev1.RemoveResponse{}, nil
}

func (r *raw) Verify(ctx context.Context, in *authnv1.VerifyRequest) (*authnv1.VerifyResponse, error) {
	subject := func(change func(*authnv1.Subject)) *authnv1.VerifyResponse {
		s := &authnv1.Subject{Id: "s", Organization: "acme", RevocationId: "j", ExpiresUnix: time.Now().Add(time.Hour).Unix()}
		change(s)
		return matched(&authnv1.Match{Subject: s})
	}
	word, service, _ := strings.Cut(in.GetPresented().GetSecret(), " ")
	switch word {
	case "right":
		return matched(&authnv1.Match{RecordId: "r1"}), nil
	case "other-record":
		return matched(&authnv1.Match{RecordId: "r3"}), nil
	case "no-record":
		return matched(&authnv1.Match{}), nil
	case "no-result":
		return &authnv1.VerifyResponse{}, nil
	case "unknown-reason":
		return &authnv1.VerifyResponse{Result: &authnv1.VerifyResponse_Refusal{Refusal: &authnv1.Refusal{Reason: 77}}}, nil
	case "no-reason":
		return &authnv1.VerifyResponse{Result: &authnv1.VerifyResponse_Refusal{}}, nil
	case "huge-verifier":
		return matched(&authnv1.Match{RecordId: "r1", NewVerifier: make([]byte, 4096)}), nil
	case "huge-reply":
		return matched(&authnv1.Match{RecordId: "r1", NewVerifier: make([]byte, 64<<20)}), nil
	case "subject-of-record":
		return matched(&authnv1.Match{RecordId: "r1", Subject: &authnv1.Subject{Id: "s", Organization: "acme", RevocationId: "j"}}), nil
	case "subject":
		return subject(func(*authnv1.Subject) {}), nil
	case "expired":
		return subject(func(s *authnv1.Subject) { s.ExpiresUnix = time.Now().Add(-time.Hour).Unix() }), nil
	case "year-one":
		return subject(func(s *authnv1.Subject) { s.ExpiresUnix = 1 }), nil
	case "year-million":
		return subject(func(s *authnv1.Subject) { s.ExpiresUnix = 1 << 45 }), nil
	case "no-revocation":
		return subject(func(s *authnv1.Subject) { s.RevocationId = "" }), nil
	case "no-organization":
		return subject(func(s *authnv1.Subject) { s.Organization = "" }), nil
	case "odd-organization":
		return subject(func(s *authnv1.Subject) { s.Organization = "../acme" }), nil
	case "control-characters":
		return subject(func(s *authnv1.Subject) { s.Id = "a\x1b[2J" }), nil
	case "line-break":
		return subject(func(s *authnv1.Subject) { s.Id = "a\nb" }), nil
	case "many-scopes":
		return subject(func(s *authnv1.Subject) { s.Scopes = make([]string, 1000) }), nil
	case "huge-attribute":
		return subject(func(s *authnv1.Subject) { s.Attributes = map[string]string{"a": strings.Repeat("x", 5000)} }), nil
	case "keep-handle":
		r.kept = in.GetCall().GetHandle()
		return matched(&authnv1.Match{RecordId: "r1"}), nil
	case "show-handle":
		return r.use(ctx, service, in.GetCall().GetHandle())
	case "replay-handle":
		return r.use(ctx, service, r.kept)
	case "spans": // accepts if the host refuses them
		_, unrecorded := r.spans.RecordSpans(ctx, &hostv1.RecordSpansRequest{Handle: in.GetCall().GetHandle(), Spans: []*hostv1.Span{{SpanId: []byte("12345678")}}})
		_, replayed := r.spans.RecordSpans(ctx, &hostv1.RecordSpansRequest{Handle: "of no call"})
		if unrecorded != nil && replayed != nil {
			return matched(&authnv1.Match{RecordId: "r1"}), nil //nolint:nilerr // refusing them is right
		}
	case "foreign-handle":
		text, _ := os.ReadFile(in.GetPresented().GetId())
		return r.use(ctx, service, string(text))
	case "write-handle":
		_ = os.WriteFile(in.GetPresented().GetId(), []byte(in.GetCall().GetHandle()), 0o600)
		<-ctx.Done()
	}
	return &authnv1.VerifyResponse{Result: &authnv1.VerifyResponse_Refusal{Refusal: &authnv1.Refusal{Reason: authnv1.Reason_REASON_WRONG_SECRET}}}, nil
}

// VerifyStream lies about the stream itself for some words. One of the plugins
// has none.
func (r *raw) VerifyStream(stream grpc.BidiStreamingServer[authnv1.VerifyStreamRequest, authnv1.VerifyStreamResponse]) error {
	if r.name == "unary" {
		return r.UnimplementedProgramAuthenticatorServiceServer.VerifyStream(stream)
	}
	var kept *authnv1.VerifyAnswer
	var one sync.Mutex
	send := func(answers ...*authnv1.VerifyAnswer) error {
		one.Lock()
		defer one.Unlock()
		return stream.Send(&authnv1.VerifyStreamResponse{Answers: answers})
	}
	for {
		in, err := stream.Recv()
		if err != nil {
			return nil //nolint:nilerr // the host ended the stream
		}
		out := &authnv1.VerifyStreamResponse{}
		for _, request := range in.GetRequests() {
			answer := &authnv1.VerifyAnswer{Handle: request.GetCall().GetHandle()}
			switch request.GetPresented().GetSecret() {
			case "stream-nothing":
			case "stream-another":
				answer.Handle = "of a request that was not made"
				answer.Result = accepted("r1")
			case "stream-twice":
				answer.Result = accepted("r1")
				out.Answers = append(out.Answers, answer)
			case "stream-error":
				return errors.New("secret words")
			case "stream-problem":
				answer.Result = &authnv1.VerifyAnswer_Problem{Problem: &basev1.Problem{Code: "made_up", Detail: "no"}}
			case "stream-late":
				answer.Result = accepted("r1")
				kept = answer
				continue
			case "stream-now":
				answer.Result = accepted("r1")
				out.Answers = append(out.Answers, kept)
			default:
				go func() { // some of them take their time
					if response, err := r.Verify(stream.Context(), request); err == nil {
						answer.Result = &authnv1.VerifyAnswer_Response{Response: response}
					} else {
						answer.Result = &authnv1.VerifyAnswer_Problem{Problem: &basev1.Problem{Code: string(problem.Unavailable), Detail: err.Error()}}
					}
					_ = send(answer)
				}()
				continue
			}
			out.Answers = append(out.Answers, answer)
		}
		if err := send(out.GetAnswers()...); err != nil {
			return err
		}
	}
}

func accepted(record string) *authnv1.VerifyAnswer_Response {
	return &authnv1.VerifyAnswer_Response{Response: matched(&authnv1.Match{RecordId: record})}
}

func matched(m *authnv1.Match) *authnv1.VerifyResponse {
	return &authnv1.VerifyResponse{Result: &authnv1.VerifyResponse_Match{Match: m}}
}

// record uses a handle and accepts if the host did.
// use uses a host service with a handle.
func (r *raw) use(ctx context.Context, service, handle string) (*authnv1.VerifyResponse, error) {
	if service == "fetch" {
		if _, err := r.fetch.Fetch(ctx, &hostv1.FetchRequest{Handle: handle, Method: "GET", Url: "https://idp.example/"}); err != nil {
			return nil, err
		}
	} else if _, err := r.audit.Record(ctx, &hostv1.RecordRequest{Handle: handle, Event: "test.event"}); err != nil {
		return nil, err
	}
	return matched(&authnv1.Match{RecordId: "r1"}), nil
}
