//go:build unix

package pluginhost

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/authn"
	authnv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/authn/v1"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

// The limits of what an authenticator of programs answers.
const (
	verifierLimit  = 1 << 10
	secretLimit    = 16 << 10
	hintLimit      = 32
	scopeLimit     = 64
	attributesMost = 32
)

// earliest and latest bound an expiry that is meant in earnest.
var (
	earliest = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	latest   = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
)

func (p *process) verify(ctx context.Context, name, organization string, mode authn.RecordsMode, r authn.VerifyRequest) (authn.VerifyResponse, error) {
	call, end, err := p.call(ctx, name, organization)
	if err != nil {
		return authn.VerifyResponse{}, err
	}
	defer end()
	request := &authnv1.VerifyRequest{
		Call: call, Presented: &authnv1.Presented{Id: r.ID, Secret: r.Secret.Reveal()},
	}
	for _, record := range r.Records {
		request.Records = append(request.Records, &authnv1.Record{Id: record.ID, Verifier: record.Verifier})
	}
	answer, err := p.streams.verify(ctx, request)
	if err != nil {
		return authn.VerifyResponse{}, withoutSecrets(p.failure(ctx, err), r.Secret.Reveal())
	}
	out, err := verifiedV1(answer, mode, r.Records, time.Now())
	if err != nil {
		return authn.VerifyResponse{}, p.lied("Verify", err)
	}
	return out, nil
}

// verifiedV1 checks an answer to Verify. Nothing of the plugin's is in its
// errors: it may be the secret.
func verifiedV1(r *authnv1.VerifyResponse, mode authn.RecordsMode, sent []authn.Record, now time.Time) (authn.VerifyResponse, error) {
	switch result := r.GetResult().(type) {
	case *authnv1.VerifyResponse_Refusal:
		reason := authn.Reason(result.Refusal.GetReason())
		if reason < authn.WrongSecret || reason > authn.Revoked {
			return authn.VerifyResponse{}, errors.New("it refuses for a reason that is unknown")
		}
		return authn.Refuse(reason), nil
	case *authnv1.VerifyResponse_Match:
		if mode == authn.RecordsNone {
			return subjectV1(result.Match, now)
		}
		return matchV1(result.Match, sent)
	}
	return authn.VerifyResponse{}, errors.New("it carries no result")
}

func matchV1(m *authnv1.Match, sent []authn.Record) (authn.VerifyResponse, error) {
	isSent := func(r authn.Record) bool { return r.ID == m.GetRecordId() }
	switch {
	case m.GetSubject() != nil:
		return authn.VerifyResponse{}, errors.New("it carries a subject, and the host keeps the records")
	case !slices.ContainsFunc(sent, isSent):
		return authn.VerifyResponse{}, errors.New("it accepts a record that was not sent")
	case len(m.GetNewVerifier()) > verifierLimit:
		return authn.VerifyResponse{}, fmt.Errorf("its new verifier is %d bytes, %d are allowed", len(m.GetNewVerifier()), verifierLimit)
	}
	return authn.VerifyResponse{RecordID: m.GetRecordId(), NewVerifier: m.GetNewVerifier()}, nil
}

func subjectV1(m *authnv1.Match, now time.Time) (authn.VerifyResponse, error) {
	s := m.GetSubject()
	switch {
	case m.GetRecordId() != "" || len(m.GetNewVerifier()) > 0:
		return authn.VerifyResponse{}, errors.New("it carries a record, and none was sent")
	case s == nil:
		return authn.VerifyResponse{}, errors.New("it carries no subject")
	case !label.MatchString(s.GetOrganization()):
		return authn.VerifyResponse{}, errors.New("its organization is no name of one")
	}
	err := errors.Join(
		checkLine("the subject's id", s.GetId(), 256),
		checkLine("the id for revocations", s.GetRevocationId(), 256),
		checkCount("scopes", len(s.GetScopes()), scopeLimit),
		checkAttributes(s.GetAttributes(), attributesMost))
	for _, one := range s.GetScopes() {
		err = errors.Join(err, checkLine("a scope", one, 128))
	}
	if err != nil {
		return authn.VerifyResponse{}, err
	}
	subject := authn.Subject{
		ID: s.GetId(), Organization: s.GetOrganization(), Scopes: s.GetScopes(),
		Attributes: s.GetAttributes(), RevocationID: s.GetRevocationId(),
	}
	if s.GetExpiresUnix() != 0 {
		subject.Expires = time.Unix(s.GetExpiresUnix(), 0)
		if subject.Expires.Before(earliest) || subject.Expires.After(latest) {
			return authn.VerifyResponse{}, errors.New("its expiry is not plausible")
		}
		if !now.Before(subject.Expires) {
			return authn.Refuse(authn.Expired), nil
		}
	}
	return authn.AcceptSubject(subject), nil
}

// checkLine is checkText for what may have no line breaks either.
func checkLine(what, text string, most int) error {
	if strings.ContainsAny(text, "\n\t") {
		return fmt.Errorf("%s has control characters", what)
	}
	return checkText(what, text, 1, most)
}

func (p *process) issue(ctx context.Context, name, organization string, r authn.IssueRequest) (authn.IssueResponse, error) {
	call, end, err := p.call(ctx, name, organization)
	if err != nil {
		return authn.IssueResponse{}, err
	}
	defer end()
	answer, err := authnv1.NewProgramAuthenticatorServiceClient(p.conn).Issue(ctx, &authnv1.IssueRequest{
		Call: call, RecordId: r.RecordID, ClientId: r.ClientID,
	})
	if err != nil {
		return authn.IssueResponse{}, p.failure(ctx, err)
	}
	out, err := issuedV1(answer)
	if err != nil {
		return authn.IssueResponse{}, p.lied("Issue", err)
	}
	return out, nil
}

// issuedV1 checks a new secret: it can be written into a header, and nothing
// that is kept of it is the secret itself.
func issuedV1(r *authnv1.IssueResponse) (authn.IssueResponse, error) {
	text := r.GetSecret()
	switch {
	case text == "" || len(text) > secretLimit:
		return authn.IssueResponse{}, fmt.Errorf("the secret is %d bytes, 1 to %d are allowed", len(text), secretLimit)
	case strings.ContainsFunc(text, func(c rune) bool { return c <= ' ' || c > '~' }):
		return authn.IssueResponse{}, errors.New("the secret has characters that a header cannot carry")
	case len(r.GetVerifier()) == 0 || len(r.GetVerifier()) > verifierLimit:
		return authn.IssueResponse{}, fmt.Errorf("the verifier is %d bytes, 1 to %d are allowed", len(r.GetVerifier()), verifierLimit)
	case bytes.Contains(r.GetVerifier(), []byte(text)):
		return authn.IssueResponse{}, errors.New("the verifier contains the secret")
	case strings.Contains(r.GetHint(), text):
		return authn.IssueResponse{}, errors.New("the hint contains the secret")
	}
	if err := checkLine("the hint", r.GetHint(), hintLimit); err != nil {
		return authn.IssueResponse{}, err
	}
	return authn.IssueResponse{Secret: secret.Text(text), Verifier: r.GetVerifier(), Hint: r.GetHint()}, nil
}
