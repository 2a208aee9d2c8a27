// Package reference_test keeps docs/reference/configuration.md what the code
// says: the host's own blocks, and those of the plugins in its binary.
package reference_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/core/config"
	"github.com/gatehouse-id/gatehouse/plugins/apikey"
	"github.com/gatehouse-id/gatehouse/plugins/google"
	"github.com/gatehouse-id/gatehouse/plugins/oidc"
	"github.com/gatehouse-id/gatehouse/plugins/saml"
	"github.com/gatehouse-id/gatehouse/plugins/scim"
	"github.com/gatehouse-id/gatehouse/sdk/schema"
)

var update = flag.Bool("update", false, "write the reference anew")

func TestReference(t *testing.T) {
	t.Parallel()
	schemas := map[string]schema.Schema{}
	for _, kind := range apikey.Plugin().Programs {
		schemas[kind.Name] = kind.Schema
	}
	for _, kind := range slices.Concat(oidc.Plugin().People, saml.Plugin().People) {
		schemas[kind.Name] = kind.Schema
	}
	provisioners := map[string]schema.Schema{}
	for _, kind := range slices.Concat(google.Plugin().Provisioners, scim.Plugin().Provisioners) {
		provisioners[kind.Name] = kind.Schema
	}
	var want bytes.Buffer
	if err := config.WriteReference(&want, schemas, provisioners); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join("..", "..", "docs", "reference", "configuration.md")
	if *update {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, want.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want.String(), string(got)); diff != "" {
		t.Errorf("%s is not what the code says; run make generate (-code +file):\n%s", name, diff)
	}
}
