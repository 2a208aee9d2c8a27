package plugintest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	authnv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/authn/v1"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

// Verify asks the instance whose credential this is. An error of the plugin is
// a *problem.Problem.
func (h *Harness) Verify(ctx context.Context, name string, r authn.VerifyRequest) (authn.VerifyResponse, error) {
	ctx, call, end := h.call(ctx, name)
	defer end()
	request := verifyToProto(r)
	request.Call = call
	resp, err := authnv1.NewProgramAuthenticatorServiceClient(h.now.conn).Verify(ctx, request)
	if err != nil {
		return authn.VerifyResponse{}, received(err)
	}
	return verifyFromProto(resp)
}

// verifyOverStream asks for all requests at once over one stream, as a host
// under load does. The answers may come in any order.
func (h *Harness) verifyOverStream(ctx context.Context, name string, requests []authn.VerifyRequest) ([]authn.VerifyResponse, []error) {
	responses, errs := make([]authn.VerifyResponse, len(requests)), make([]error, len(requests))
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	failed := func(err error) ([]authn.VerifyResponse, []error) {
		for i := range errs {
			errs[i] = received(err)
		}
		return responses, errs
	}
	stream, err := authnv1.NewProgramAuthenticatorServiceClient(h.now.conn).VerifyStream(ctx)
	if err != nil {
		return failed(err)
	}
	message, index := &authnv1.VerifyStreamRequest{}, map[string]int{}
	for i, r := range requests {
		_, call, end := h.call(ctx, name)
		defer end()
		request := verifyToProto(r)
		request.Call = call
		index[call.GetHandle()] = i
		message.Requests = append(message.Requests, request)
	}
	if err := stream.Send(message); err != nil {
		return failed(err)
	}
	for len(index) > 0 {
		answers, err := stream.Recv()
		if err != nil {
			return failed(err)
		}
		for _, answer := range answers.GetAnswers() {
			i, ok := index[answer.GetHandle()]
			if !ok {
				return failed(errors.New("the plugin answered a request that it was not asked, or one twice"))
			}
			delete(index, answer.GetHandle())
			responses[i], errs[i] = answerFromProto(answer)
		}
	}
	return responses, errs
}

// Issue asks the instance for a new secret.
func (h *Harness) Issue(ctx context.Context, name string, r authn.IssueRequest) (authn.IssueResponse, error) {
	ctx, call, end := h.call(ctx, name)
	defer end()
	resp, err := authnv1.NewProgramAuthenticatorServiceClient(h.now.conn).Issue(ctx,
		&authnv1.IssueRequest{Call: call, RecordId: r.RecordID, ClientId: r.ClientID})
	if err != nil {
		return authn.IssueResponse{}, received(err)
	}
	return authn.IssueResponse{Secret: secret.Text(resp.GetSecret()), Verifier: resp.GetVerifier(), Hint: resp.GetHint()}, nil
}

// Import asks the instance for verifiers of another system's hashes.
func (h *Harness) Import(ctx context.Context, name string, hashes []string) ([]authn.Imported, error) {
	ctx, call, end := h.call(ctx, name)
	defer end()
	resp, err := authnv1.NewProgramAuthenticatorServiceClient(h.now.conn).Import(ctx, &authnv1.ImportRequest{Call: call, Hashes: hashes})
	if err != nil {
		return nil, received(err)
	}
	var out []authn.Imported
	for _, one := range resp.GetResults() {
		out = append(out, authn.Imported{Verifier: one.GetVerifier(), Scheme: one.GetScheme(), Problem: one.GetProblem(), Digest: one.GetDigest()})
	}
	return out, nil
}

// Locate asks the instance for the digests of a secret.
func (h *Harness) Locate(ctx context.Context, name string, presented secret.Text) ([][]byte, error) {
	ctx, call, end := h.call(ctx, name)
	defer end()
	resp, err := authnv1.NewProgramAuthenticatorServiceClient(h.now.conn).Locate(ctx,
		&authnv1.LocateRequest{Call: call, Presented: &authnv1.Presented{Secret: presented.Reveal()}})
	if err != nil {
		return nil, received(err)
	}
	return resp.GetDigests(), nil
}

func verifyToProto(r authn.VerifyRequest) *authnv1.VerifyRequest {
	out := &authnv1.VerifyRequest{Presented: &authnv1.Presented{Id: r.ID, Secret: r.Secret.Reveal()}}
	for _, record := range r.Records {
		out.Records = append(out.Records, &authnv1.Record{Id: record.ID, Verifier: record.Verifier})
	}
	return out
}

func verifyFromProto(r *authnv1.VerifyResponse) (authn.VerifyResponse, error) {
	switch {
	case r.GetMatch() != nil && r.GetMatch().GetSubject() != nil:
		s := r.GetMatch().GetSubject()
		subject := authn.Subject{
			ID: s.GetId(), Organization: s.GetOrganization(), Scopes: s.GetScopes(),
			Attributes: s.GetAttributes(), RevocationID: s.GetRevocationId(),
		}
		if unix := s.GetExpiresUnix(); unix != 0 {
			subject.Expires = time.Unix(unix, 0)
		}
		return authn.AcceptSubject(subject), nil
	case r.GetMatch() != nil:
		return authn.VerifyResponse{RecordID: r.GetMatch().GetRecordId(), NewVerifier: r.GetMatch().GetNewVerifier()}, nil
	case r.GetRefusal() != nil:
		reason := authn.Reason(r.GetRefusal().GetReason())
		if reason < authn.WrongSecret || reason > authn.Revoked {
			return authn.VerifyResponse{}, fmt.Errorf("the plugin refuses with %v, which is no reason", reason)
		}
		return authn.Refuse(reason), nil
	}
	return authn.VerifyResponse{}, errors.New("the plugin neither accepted nor refused")
}

func answerFromProto(r *authnv1.VerifyAnswer) (authn.VerifyResponse, error) {
	if p := r.GetProblem(); p != nil {
		return authn.VerifyResponse{}, problemFromProto(p)
	}
	return verifyFromProto(r.GetResponse())
}

// received turns the error of a call into the problem that it carries. At a
// deadline the transport may be quicker than the plugin; it means the same.
func received(err error) error {
	if p, ok := problem.FromGRPC(err); ok {
		return p
	}
	if status.Code(err) == codes.DeadlineExceeded {
		return problem.Wrap(err, problem.DeadlineExceeded, "the plugin did not answer in time")
	}
	return err
}
