package plugintest

import (
	"bytes"
	"maps"
	"slices"
	"strings"

	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// imports: hashes of other systems become verifiers that accept their secrets
// and nothing else, and give way to the plugin's own at the first use.
func (s *suite) imports() {
	s.configured()
	if !s.kind.Imports {
		if _, err := s.h.Import(s.Context(), s.name(), []string{"x"}); !problem.Is(err, problem.Unsupported) {
			s.Errorf("a plugin that does not say that it imports: %v, want %s", err, problem.Unsupported)
		}
		return
	}
	if len(s.f.Hashes) == 0 || len(s.f.BadHashes) == 0 {
		s.Fatal("the fixture of a kind that imports needs Hashes and BadHashes")
	}
	var texts []string
	names, bad := slices.Sorted(maps.Keys(s.f.Hashes)), slices.Sorted(maps.Keys(s.f.BadHashes))
	for _, name := range names {
		texts = append(texts, s.f.Hashes[name].Text)
	}
	for _, name := range bad {
		texts = append(texts, s.f.BadHashes[name])
	}
	results, err := s.h.Import(s.Context(), s.name(), texts)
	if err != nil || len(results) != len(texts) {
		s.Fatalf("%d results for %d hashes, error %v", len(results), len(texts), err)
	}
	for i, name := range names {
		s.importedOnce(name, s.f.Hashes[name], results[i])
	}
	for i, name := range bad {
		got, text := results[len(names)+i], s.f.BadHashes[name]
		if got.Problem == "" || len(got.Verifier) > 0 {
			s.Errorf("%s: imported, want a problem", name)
		}
		if len(text) >= 16 && strings.Contains(got.Problem, text) {
			s.Errorf("%s: the problem has the hash in it", name)
		}
	}
}

func (s *suite) importedOnce(name string, h Hash, got authn.Imported) {
	s.Helper()
	if got.Problem != "" || len(got.Verifier) == 0 || got.Scheme == "" {
		s.Errorf("%s: problem %q, scheme %q, a verifier of %d bytes", name, got.Problem, got.Scheme, len(got.Verifier))
		return
	}
	if len(got.Digest) > 0 {
		digests, err := s.h.Locate(s.Context(), s.name(), h.Secret)
		if err != nil || !slices.ContainsFunc(digests, func(d []byte) bool { return bytes.Equal(d, got.Digest) }) {
			s.Errorf("%s: its digest is not among the %d of its secret, error %v", name, len(digests), err)
		}
		others, err := s.h.Locate(s.Context(), s.name(), h.Secret+"x")
		if err != nil || len(others) != len(digests) || slices.ContainsFunc(others, func(d []byte) bool { return bytes.Equal(d, got.Digest) }) {
			s.Errorf("%s: another secret has %d digests, or its digest too, error %v", name, len(others), err)
		}
	}
	id := newRecordID()
	request := authn.VerifyRequest{ID: clientID, Secret: h.Secret, Records: []authn.Record{{ID: id, Verifier: got.Verifier}}}
	wrong := request
	wrong.Secret += "x"
	resp, err := s.h.Verify(s.Context(), s.name(), wrong)
	s.expectRefused(name+", another secret", resp, err)
	resp, err = s.h.Verify(s.Context(), s.name(), request)
	if problem := s.wrong(good{request, id}, resp, err); problem != "" {
		s.Errorf("%s: %s", name, problem)
		return
	}
	if len(resp.NewVerifier) == 0 {
		s.Errorf("%s: accepted without a verifier of the plugin's own", name)
		return
	}
	request.Records[0].Verifier = resp.NewVerifier
	resp, err = s.h.Verify(s.Context(), s.name(), request)
	if problem := s.wrong(good{request, id}, resp, err); problem != "" {
		s.Errorf("%s, with its new verifier: %s", name, problem)
	}
}
