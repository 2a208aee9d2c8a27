//go:build linux

package e2e_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/test/gatehousetest"
)

// What the guide says of a mistake happens: its commands are run against a host
// with its configuration, and print what it shows.
func TestTheGuideStopsTheMistake(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/guides/change-mappings.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(page), "\n## A mistake, and what stops it\n")
	if !ok {
		t.Fatal("the guide has no mistake")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	var steps []string
	config, printed := "", map[int]string{}
	for i, part := range strings.Split(section, "```") {
		kind, text, _ := strings.Cut(part, "\n")
		switch {
		case i%2 == 0:
		case kind == "hcl":
			config = text
		case kind == "sh":
			steps = append(steps, text)
		case kind == "text":
			printed[len(steps)-1] = text
		}
	}
	if config == "" || len(steps) < 4 || len(printed) != len(steps) {
		t.Fatalf("%d steps, %d outputs", len(steps), len(printed))
	}
	h := gatehousetest.Start(t, gatehousetest.Options{Files: map[string]string{"acme.hcl": config}})
	scim := h.SCIM("acme-okta")
	jane := scim.Create("/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"jane@acme.example","active":true,"emails":[{"value":"jane@acme.example","primary":true}]}`)
	scim.Create("/Groups", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"Platform Admins","members":[{"value":"`+jane+`"}]}`)
	scim.Create("/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"omar@acme.example","active":true}`)
	dir := filepath.Dir(h.Config)
	if err := os.MkdirAll(filepath.Join(dir, "bin"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(gatehousetest.Binary(), filepath.Join(dir, "bin", "gatehouse")); err != nil {
		t.Fatal(err)
	}
	for i, step := range steps {
		cmd := exec.CommandContext(t.Context(), "sh", "-e")
		cmd.Dir, cmd.Stdin = dir, strings.NewReader(step)
		cmd.Env = []string{"PATH=" + filepath.Join(dir, "bin") + ":" + os.Getenv("PATH"), "GATEHOUSE_DATA=" + h.Data}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s\n%v\n%s", step, err, out)
		}
		if diff := cmp.Diff(printed[i], string(out)); diff != "" {
			t.Errorf("%s\n(-guide +printed):\n%s", step, diff)
		}
	}
}
