package provisioning_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// A path that could be read in two ways is refused in the form of its mount,
// whoever asks.
func TestRefuse(t *testing.T) {
	w := lite(t)
	for path, want := range map[string]string{
		"/scim/v2/Users/%2e%2e/x": "application/scim+json",
		"/hooks/hr/a%2Fb":         "application/problem+json",
	} {
		rec := httptest.NewRecorder()
		w.mount.Refuse(rec, httptest.NewRequest(http.MethodGet, path, nil), path, problem.New(problem.Invalid, "the path has a dot segment"))
		if rec.Code != 400 || rec.Header().Get("Content-Type") != want || !strings.Contains(rec.Body.String(), "the path has a dot segment") {
			t.Errorf("%s: %d %s %s", path, rec.Code, rec.Header(), rec.Body)
		}
	}
}
