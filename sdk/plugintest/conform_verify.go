package plugintest

import (
	"maps"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/gatehouse-id/gatehouse/sdk/authn"
	authnv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/authn/v1"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

// credentials: right and wrong ones, alike over both ways.
func (s *suite) credentials() {
	s.configured()
	accepted := s.issued(4)
	s.expectAccepted(accepted)
	requests := make([]authn.VerifyRequest, 0, len(accepted))
	for _, g := range accepted {
		requests = append(requests, g.VerifyRequest)
	}
	bad := s.bad()
	for _, name := range slices.Sorted(maps.Keys(bad)) {
		b := bad[name]
		resp, err := s.h.Verify(s.Context(), s.name(), b.Request)
		s.expectRefused(name, resp, err)
		if b.Reason != 0 && resp.Reason != b.Reason {
			s.Errorf("%s: refused as %v, want %v", name, resp.Reason, b.Reason)
		}
		requests = append(requests, b.Request)
	}
	streamed, errs := s.h.verifyOverStream(s.Context(), s.name(), requests)
	for i, r := range requests {
		one, err := s.h.Verify(s.Context(), s.name(), r)
		if err != nil || errs[i] != nil {
			s.Errorf("request %d: error %v alone, %v over the stream", i, err, errs[i])
		}
		if diff := cmp.Diff(one, streamed[i]); diff != "" {
			s.Errorf("request %d is answered differently over a stream (-alone +stream):\n%s", i, diff)
		}
	}
}

func (s *suite) expectAccepted(credentials []good) {
	s.Helper()
	for i, g := range credentials {
		resp, err := s.h.Verify(s.Context(), s.name(), g.VerifyRequest)
		if problem := s.wrong(g, resp, err); problem != "" {
			s.Errorf("good credential %d: %s", i, problem)
		}
	}
}

// wrong says what the host would not take of an answer to a good credential.
func (s *suite) wrong(g good, resp authn.VerifyResponse, err error) string {
	switch {
	case err != nil:
		return "error " + err.Error()
	case resp.Reason != 0:
		return "refused as " + resp.Reason.String()
	case s.kind.Records == authn.RecordsHost && (resp.RecordID != g.record || resp.Subject != nil):
		return "accepted, but not as the record that the secret was issued for"
	case s.kind.Records == authn.RecordsNone && resp.Subject == nil:
		return "accepted without a subject"
	case s.kind.Records == authn.RecordsNone && (resp.Subject.ID == "" || resp.Subject.Organization == "" || resp.Subject.RevocationID == ""):
		return "the subject needs an id, an organization and an id for revocations"
	}
	return ""
}

func (s *suite) expectRefused(what string, resp authn.VerifyResponse, err error) {
	s.Helper()
	if err != nil || resp.Reason == 0 {
		s.Errorf("%s: accepted %t, error %v; want a refusal", what, err == nil, err)
	}
}

// unknownRecords: the host sends decoys, or records of others. None of them is
// an error.
func (s *suite) unknownRecords() {
	s.configured()
	if s.kind.Records == authn.RecordsNone {
		s.Skip("the host keeps no records for it")
	}
	g, other := s.issue(), s.issue()
	own := g.Records[0]
	tests := map[string][]authn.Record{
		"no record":                  nil,
		"another record":             other.Records,
		"no verifier":                {{ID: own.ID}},
		"half a verifier":            {{ID: own.ID, Verifier: own.Verifier[:len(own.Verifier)/2]}},
		"a verifier and a byte":      {{ID: own.ID, Verifier: append(slices.Clone(own.Verifier), 0)}},
		"another record's verifier":  {{ID: own.ID, Verifier: other.Records[0].Verifier}},
		"zeros":                      {{ID: own.ID, Verifier: make([]byte, len(own.Verifier))}},
		"the secret as its verifier": {{ID: own.ID, Verifier: []byte(g.Secret.Reveal())}},
		"a very long verifier":       {{ID: own.ID, Verifier: make([]byte, 1<<20)}},
		"a hundred others":           slices.Repeat(other.Records, 100),
		"a record without an id":     {{Verifier: other.Records[0].Verifier}},
	}
	for name, records := range tests {
		resp, err := s.h.Verify(s.Context(), s.name(), authn.VerifyRequest{ID: clientID, Secret: g.Secret, Records: records})
		s.expectRefused(name, resp, err)
	}
	both := []authn.Record{{ID: "Kbroken", Verifier: []byte{0xff}}, own}
	s.expectAccepted([]good{{authn.VerifyRequest{ID: clientID, Secret: g.Secret, Records: both}, own.ID}})
}

// hostileInput: whatever stands in a header.
func (s *suite) hostileInput() {
	s.configured()
	g := s.issued(1)[0]
	right := g.Secret.Reveal()
	texts := []string{
		"", " ", "\x00", "_", ".", "..", "__", "\n", "%00", "null", "{}", "é", "\u202e", "\U0010ffff",
		strings.Repeat("A", 64<<10), strings.Repeat("_", 4096), strings.Repeat("é", 4096),
		right + "\x00", right + " ", " " + right, right + "\n", right + right, right[:len(right)-1], strings.ToUpper(right), right[1:],
	}
	for _, c := range s.h.Credentials(s.name()) {
		texts = append(texts, c.Prefix, c.Prefix+"_", c.Prefix+"__", c.Prefix+strings.Repeat("A", 200))
	}
	for _, text := range texts {
		if text == right {
			continue
		}
		r := authn.VerifyRequest{ID: text, Secret: secret.Text(text), Records: g.Records}
		resp, err := s.h.Verify(s.Context(), s.name(), r)
		s.expectRefused("a secret of "+quoteStart(text), resp, err)
	}
	s.expectAccepted([]good{g})
}

func quoteStart(text string) string {
	if len(text) > 8 {
		return text[:8] + "…"
	}
	return "\"" + text + "\""
}

// oversize: more than a message may hold is refused, and the plugin goes on.
func (s *suite) oversize() {
	s.configured()
	credentials := s.issued(1)
	huge := authn.VerifyRequest{Secret: secret.Text(strings.Repeat("A", 5<<20))}
	if _, err := s.h.Verify(s.Context(), s.name(), huge); status.Code(err) != codes.ResourceExhausted {
		s.Errorf("a message of 5 MiB: %v, want %s", err, codes.ResourceExhausted)
	}
	s.expectAccepted(credentials)
}

// newerHost: fields that this version does not know are no reason to fail.
func (s *suite) newerHost() {
	s.configured()
	g := s.issued(1)[0]
	ctx, call, end := s.h.call(s.Context(), s.name())
	defer end()
	request := verifyToProto(g.VerifyRequest)
	request.Call = call
	request.ProtoReflect().SetUnknown(protowire.AppendString(protowire.AppendTag(nil, 1000, protowire.BytesType), "new"))
	got, err := authnv1.NewProgramAuthenticatorServiceClient(s.h.now.conn).Verify(ctx, request)
	if err != nil {
		s.Fatal(err)
	}
	resp, err := verifyFromProto(got)
	if problem := s.wrong(g, resp, err); problem != "" {
		s.Error(problem)
	}
}
