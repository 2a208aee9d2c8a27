package config_test

import (
	"strings"
	"testing"

	"github.com/gatehouse-id/gatehouse/core/config"
)

// A document that is kept in the store brings no Rego: only whoever can write the host's
// own files may.
func TestOwnRegoIsInTheHostsFilesOnly(t *testing.T) {
	t.Parallel()
	files := config.Source{Files: []config.File{{Name: "a.hcl", Text: []byte("organization \"acme\" {}\nconnection \"acme\" {\n  organization = \"acme\"\n  rego = <<EOT\npackage gatehouse.custom\nEOT\n}\n")}}}
	if _, report := config.Load(files, config.Options{Dev: true}); !report.HasErrors() || !strings.Contains(report.Summary(), "own files only") {
		t.Errorf("in a document: %s", report.Summary())
	}
	c, report := config.Load(files, config.Options{Dev: true, Env: func(string) (string, bool) { return "", false }})
	if report.HasErrors() || c.Connections[0].Rego.Source != "package gatehouse.custom\n" || c.Connections[0].Rego.Range.Start.Line != 4 {
		t.Errorf("in a file: %s, %+v", report.Summary(), c.Connections)
	}
}
