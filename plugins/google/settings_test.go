package google_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gatehouse-id/gatehouse/plugins/google"
	"github.com/gatehouse-id/gatehouse/plugins/google/googletest"
	"github.com/gatehouse-id/gatehouse/sdk/diag"
	"github.com/gatehouse-id/gatehouse/sdk/plugintest"
)

func TestBadConfigurations(t *testing.T) {
	t.Parallel()
	h := plugintest.New(t, google.Plugin())
	good := func() doc {
		return doc{"credentials": credentials(t), "subject": googletest.Admin, "customer": "my_customer", "adopt": false, "api_url": "https://admin.googleapis.com"}
	}
	for name, c := range map[string]struct {
		attribute string
		value     any
	}{
		"no JSON":            {"credentials", "AIza"},
		"another account":    {"credentials", `{"type":"authorized_user"}`},
		"no key":             {"credentials", strings.Replace(credentials(t), "PRIVATE KEY", "SECRET", 2)},
		"no token URI":       {"credentials", strings.Replace(credentials(t), "https://oauth2", "ftp://oauth2", 1)},
		"no administrator":   {"subject", "admin"},
		"no customer":        {"customer", ""},
		"a group's name":     {"groups", []string{"Staff"}},
		"no URL":             {"api_url", "admin.googleapis.com"},
		"a URL with a query": {"api_url", "https://admin.googleapis.com?x"},
	} {
		values := good()
		values[c.attribute] = c.value
		ds, err := h.Validate(t.Context(), "google", "acme-google/google", values)
		if err != nil || !ds.HasErrors() || ds[0].Path.String() != (diag.Path{c.attribute}).String() {
			t.Errorf("%s: %v, %v", name, ds, err)
		}
		if strings.Contains(fmt.Sprint(ds), "MII") {
			t.Errorf("%s: a secret is shown", name)
		}
	}
	if ds, err := h.Validate(t.Context(), "google", "acme-google/google", doc{"subject": googletest.Admin, "customer": "c", "adopt": false, "api_url": "https://x.example"}, "credentials"); err != nil || ds.HasErrors() {
		t.Error(ds, err)
	}
}
