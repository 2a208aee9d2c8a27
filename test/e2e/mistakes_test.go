//go:build linux

package e2e_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/test/gatehousetest"
)

var update = flag.Bool("update", false, "write the golden files anew")

// Five different mistakes in three files. The one in the block of a third
// party's plugin only that plugin can see.
func TestMistakes(t *testing.T) {
	t.Parallel()
	plugin, _ := external(t)
	h := gatehousetest.New(t, gatehousetest.Options{Env: []string{"PLUGIN_PATH=" + plugin.path, "PLUGIN_SHA256=" + plugin.digest(t)}})
	written, err := filepath.Glob("testdata/mistakes/*.hcl")
	if err != nil || len(written) != 3 {
		t.Fatal(written, err)
	}
	for _, file := range written {
		h.Write(filepath.Base(file), readFile(t, file))
	}

	validate := h.CLI("validate", h.Config)
	if validate.Status != 1 {
		t.Errorf("validate: exit status %d", validate.Status)
	}
	const golden = "testdata/mistakes/validate.want"
	if *update {
		if err := os.WriteFile(golden, []byte(validate.Out), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(readFile(t, golden), validate.Out); diff != "" {
		t.Errorf("validate prints (-want +got):\n%s", diff)
	}

	asJSON := h.CLI("validate", "--json", h.Config)
	var report struct {
		Diagnostics []struct {
			Code, Summary, File string
			Start               struct{ Line, Column int }
		}
	}
	if err := json.Unmarshal([]byte(asJSON.Out), &report); err != nil || asJSON.Status != 1 {
		t.Errorf("validate --json: exit status %d, %v: %s", asJSON.Status, err, asJSON.Out)
	}
	files, codes := map[string]bool{}, map[string]bool{}
	for _, d := range report.Diagnostics {
		files[d.File], codes[d.Code] = true, true
		if d.Summary == "" || d.Start.Line == 0 || d.Start.Column == 0 {
			t.Errorf("a diagnostic without its place: %+v", d)
		}
	}
	if len(report.Diagnostics) != 5 || len(files) != 3 || len(codes) != 5 {
		t.Errorf("%d diagnostics of %d sorts in %d files, want 5 of 5 in 3: %s", len(report.Diagnostics), len(codes), len(files), asJSON.Out)
	}

	h.Launch()
	if status := h.Wait(); status != 1 {
		t.Errorf("serve: exit status %d", status)
	}
	if diff := cmp.Diff(validate.Out, h.Out.String()); diff != "" {
		t.Errorf("serve prints something else than validate (-validate +serve):\n%s", diff)
	}
	if !strings.Contains(h.Log.String(), "nothing was changed") {
		t.Errorf("serve does not say what follows from it: %s", h.Log)
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
