package access_test

import (
	"net/http"
	"testing"

	"github.com/gatehouse-id/gatehouse/core/access"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// found adds to an instance the credentials whose records are found by digest.
func found(in access.Instance) access.Instance {
	in.Credentials = append(in.Credentials, authn.InBearer("live_").FoundByDigest(), authn.InHeader("X-API-Key", "live_").FoundByDigest())
	return in
}

func TestASecretWithoutAnIDIsFoundByDigest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.answer = func(r authn.VerifyRequest) (authn.VerifyResponse, error) {
		if len(r.Records) != 2 {
			t.Errorf("%d records were sent, want 2 whether one was found or not", len(r.Records))
		}
		if r.Secret == "live_K1_right" && r.Records[0].ID == "K1" {
			return authn.Accept("K1"), nil
		}
		return authn.Refuse(authn.WrongSecret), nil
	}
	for name, h := range map[string]http.Header{
		"a bearer token": {"Authorization": {"Bearer live_K1_right"}}, "a header": {"X-Api-Key": {"live_K1_right"}},
	} {
		got, err := w.service.Check(t.Context(), w.request(h))
		if err != nil || got.Principal == nil || got.Principal.ID != "alpha" {
			t.Errorf("%s: %+v, %v", name, got.Principal, err)
		}
	}
	for name, h := range map[string]http.Header{
		"nobody's": {"Authorization": {"Bearer live_K7_right"}}, "a wrong one": {"X-Api-Key": {"live_K1_wrong"}}, "another prefix": {"X-Api-Key": {"K1_right"}},
	} {
		if _, err := w.service.Check(t.Context(), w.request(h)); !problem.Is(err, problem.Unauthenticated) {
			t.Errorf("%s: %v, want %s", name, err, problem.Unauthenticated)
		}
	}
}
