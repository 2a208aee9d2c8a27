package plugin

import (
	"context"

	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	authnv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/authn/v1"
	basev1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/base/v1"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

// Verify answers one request.
func (s *server) Verify(ctx context.Context, r *authnv1.VerifyRequest) (resp *authnv1.VerifyResponse, err error) {
	ctx, end := s.begin(ctx, r.GetCall(), "Verify")
	defer end(&err)
	programs, err := instanceOf[authn.Programs](ctx, s, r.GetCall())
	if err != nil {
		return nil, err
	}
	request := authn.VerifyRequest{ID: r.GetPresented().GetId(), Secret: secret.Text(r.GetPresented().GetSecret())}
	for _, record := range r.GetRecords() {
		request.Records = append(request.Records, authn.Record{ID: record.GetId(), Verifier: record.GetVerifier()})
	}
	answer, err := programs.Verify(ctx, request)
	if err != nil {
		return nil, err
	}
	return verifyToProto(answer), nil
}

// Issue makes a new secret.
func (s *server) Issue(ctx context.Context, r *authnv1.IssueRequest) (resp *authnv1.IssueResponse, err error) {
	ctx, end := s.begin(ctx, r.GetCall(), "Issue")
	defer end(&err)
	programs, err := instanceOf[authn.Programs](ctx, s, r.GetCall())
	if err != nil {
		return nil, err
	}
	issuer, ok := programs.(authn.Issuer)
	if !ok {
		return nil, problem.New(problem.Unsupported, "plugin %q does not issue secrets", s.plugin.Name)
	}
	issued, err := issuer.Issue(ctx, authn.IssueRequest{RecordID: r.GetRecordId(), ClientID: r.GetClientId()})
	if err != nil {
		return nil, err
	}
	return &authnv1.IssueResponse{Secret: issued.Secret.Reveal(), Verifier: issued.Verifier, Hint: issued.Hint}, nil
}

// Import makes verifiers of another system's hashes.
func (s *server) Import(ctx context.Context, r *authnv1.ImportRequest) (resp *authnv1.ImportResponse, err error) {
	ctx, end := s.begin(ctx, r.GetCall(), "Import")
	defer end(&err)
	programs, err := instanceOf[authn.Programs](ctx, s, r.GetCall())
	if err != nil {
		return nil, err
	}
	importer, ok := programs.(authn.Importer)
	if !ok {
		return nil, problem.New(problem.Unsupported, "plugin %q does not import hashes", s.plugin.Name)
	}
	imported, err := importer.Import(ctx, r.GetHashes())
	if err != nil {
		return nil, err
	}
	resp = &authnv1.ImportResponse{}
	for _, one := range imported {
		resp.Results = append(resp.Results, &authnv1.Imported{Verifier: one.Verifier, Scheme: one.Scheme, Problem: one.Problem, Digest: one.Digest})
	}
	return resp, nil
}

// Locate makes digests of a secret that came without an id.
func (s *server) Locate(ctx context.Context, r *authnv1.LocateRequest) (resp *authnv1.LocateResponse, err error) {
	ctx, end := s.begin(ctx, r.GetCall(), "Locate")
	defer end(&err)
	programs, err := instanceOf[authn.Programs](ctx, s, r.GetCall())
	if err != nil {
		return nil, err
	}
	locator, ok := programs.(authn.Locator)
	if !ok {
		return nil, problem.New(problem.Unsupported, "plugin %q finds nothing by digest", s.plugin.Name)
	}
	digests, err := locator.Locate(ctx, secret.Text(r.GetPresented().GetSecret()))
	if err != nil {
		return nil, err
	}
	return &authnv1.LocateResponse{Digests: digests}, nil
}

func verifyToProto(v authn.VerifyResponse) *authnv1.VerifyResponse {
	switch {
	case v.Reason == 0 && v.Subject != nil:
		s := v.Subject
		subject := &authnv1.Subject{
			Id: s.ID, Organization: s.Organization, Attributes: s.Attributes, RevocationId: s.RevocationID, Scopes: s.Scopes,
		}
		if !s.Expires.IsZero() {
			subject.ExpiresUnix = s.Expires.Unix()
		}
		return &authnv1.VerifyResponse{Result: &authnv1.VerifyResponse_Match{Match: &authnv1.Match{Subject: subject}}}
	case v.Reason == 0 && v.RecordID != "":
		match := &authnv1.Match{RecordId: v.RecordID, NewVerifier: v.NewVerifier}
		return &authnv1.VerifyResponse{Result: &authnv1.VerifyResponse_Match{Match: match}}
	}
	reason := authnv1.Reason_REASON_WRONG_SECRET
	if v.Reason >= authn.WrongSecret && v.Reason <= authn.Revoked {
		reason = authnv1.Reason(v.Reason)
	}
	return &authnv1.VerifyResponse{Result: &authnv1.VerifyResponse_Refusal{Refusal: &authnv1.Refusal{Reason: reason}}}
}

func problemToProto(p *problem.Problem) *basev1.Problem {
	return &basev1.Problem{
		Code: printable(string(p.Code)), Detail: printable(p.Detail), Hint: printable(p.Hint), Permission: printable(p.Permission),
		RetryAfterMillis: p.RetryAfter.Milliseconds(),
	}
}
