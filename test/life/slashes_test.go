//go:build linux

package life_test

import (
	"net/http"
	"testing"

	"github.com/gatehouse-id/gatehouse/test/gatehousetest"
)

// A base URL that ends with a slash, and a path that begins with one: IdPs send
// that. Nothing else is forgiven, and no path becomes another one's.
func TestSlashesTooMany(t *testing.T) {
	t.Parallel()
	h := start(t, gatehousetest.Options{}, linked("acme-okta", "acme"), linked("globex-okta", "globex"))
	idp := h.SCIM("acme-okta")
	id := idp.Create("/Users", user("jane"))
	for path, want := range map[string]int{
		"//Users":               http.StatusOK,
		"/Users/":               http.StatusOK,
		"///Users//" + id:       http.StatusOK,
		"/Users//?count=1":      http.StatusOK,
		"/acme-okta//Users":     http.StatusOK,
		"/globex-okta//Users":   http.StatusNotFound,
		"//Users/nobody":        http.StatusNotFound,
		"//Users/.":             http.StatusBadRequest,
		"//Users/..":            http.StatusBadRequest,
		"//Users/%2e%2e":        http.StatusBadRequest,
		"//Users/%2F" + id:      http.StatusBadRequest,
		"//Users/" + id + "%00": http.StatusBadRequest,
	} {
		if a := idp.Send(http.MethodGet, path, ""); a.Status != want {
			t.Errorf("%s: status %d, want %d: %s", path, a.Status, want, a.Text)
		}
	}
	for path, want := range map[string]int{
		"//api//v1": http.StatusBadRequest, "/api//v1": http.StatusBadRequest, // the application's
		"/.gatehouse/scim/v2//Users": http.StatusOK,
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.URL+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+idp.Token)
		resp, err := keeping.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: status %d, want %d", path, resp.StatusCode, want)
		}
	}
}
