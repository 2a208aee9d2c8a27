package standalone_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gatehouse-id/gatehouse/test/idp"
	"github.com/gatehouse-id/gatehouse/test/idp/standalone"
)

func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Both forms say the same, and the place in the file does not make who somebody is.
func TestPeople(t *testing.T) {
	t.Parallel()
	want := []idp.Person{
		{UserName: "jane@acme.example", GivenName: "Jane", FamilyName: "Doe", Groups: []string{"Staff", "Data"}},
		{UserName: "joe@acme.example", GivenName: "joe"},
	}
	jane := "person \"jane@acme.example\" {\n  given_name  = \"Jane\"\n  family_name = \"Doe\"\n  groups      = [\"Staff\", \"Data\"]\n}\n"
	const joe = "person \"joe@acme.example\" {}\n"
	subjects := map[string]string{}
	for name, text := range map[string]string{
		"people.hcl":  jane + joe,
		"people.json": `{"person": {"jane@acme.example": {"given_name": "Jane", "family_name": "Doe", "groups": ["Staff", "Data"]}, "joe@acme.example": {}}}`,
		"turned.hcl":  joe + jane,
	} {
		got, err := standalone.ReadPeople(file(t, name, text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, p := range got {
			if had := subjects[p.UserName]; p.Subject == "" || had != "" && had != p.Subject {
				t.Errorf("%s: %s is %q and %q", name, p.UserName, p.Subject, had)
			}
			subjects[p.UserName] = p.Subject
		}
		byName := cmpopts.SortSlices(func(a, b idp.Person) bool { return a.UserName < b.UserName })
		if diff := cmp.Diff(want, got, byName, cmpopts.IgnoreFields(idp.Person{}, "Subject")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestWrongPeople(t *testing.T) {
	t.Parallel()
	many := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "person \"p%d@acme.example\" {}\n", i)
		}
		return b.String()
	}
	for name, tt := range map[string]struct {
		text string
		want []string
	}{
		"no end":          {"person \"a@b.example\" {\n", []string{"line 1: Unclosed configuration block"}},
		"another word":    {"person \"a@b.example\" {\n  group = [\"Staff\"]\n}\n", []string{"line 2: ", `"group"`, `"groups"`}},
		"another block":   {"\npeople \"a@b.example\" {}\n", []string{"line 2: Unsupported block type", `"people"`}},
		"another kind":    {"person \"a@b.example\" {\n  groups = \"Staff\"\n}\n", []string{"line 2: ", "list of string required"}},
		"a function":      {"person \"a@b.example\" {\n  groups = [env(\"HOME\")]\n}\n", []string{"line 2: "}},
		"no name":         {"person {}\n", []string{"line 1: "}},
		"no address":      {"person \"jane\" {}\n", []string{"line 1: Not a user name", "jane@acme.example"}},
		"control":         {"person \"a@b.example\\n\" {}\n", []string{"line 1: Not a user name"}},
		"in a group":      {"person \"a@b.example\" {\n  groups = [\"a\\u001bb\"]\n}\n", []string{"line 1: Not a name", "control characters"}},
		"long":            {"person \"" + strings.Repeat("a", 201) + "@b.example\" {}\n", []string{"at most 200 bytes"}},
		"twice":           {"person \"a@b.example\" {}\n\nperson \"A@b.example\" {}\n", []string{"line 3: Person stands twice", "line 1 already"}},
		"all mistakes":    {"person \"a\" {}\nperson \"b\" {}\n", []string{"line 1: ", "line 2: "}},
		"many groups":     {"person \"a@b.example\" {\n  groups = [" + strings.Repeat(`"g",`, 101) + "]\n}\n", []string{"100 groups"}},
		"many people":     {many(201), []string{"201 people"}},
		"large":           {strings.Repeat("# a comment\n", 6000), []string{"65536 bytes"}},
		"deep":            {"person \"a@b.example\" {\n  groups = " + strings.Repeat("[", 60_000) + "\n}\n", []string{"line 2: Nested too deeply"}},
		"deep blocks":     {strings.Repeat("person \"a@b.example\" {\n", 2_000), []string{"line 9: Nested too deeply"}},
		"deep templates":  {"person \"a@b.example\" {\n  given_name = " + strings.Repeat(`"${`, 20_000) + "\n}\n", []string{"line 3: Invalid multi-line string"}},
		"a template":      {"person \"a@b.example\" {\n  given_name = \"${1}\"\n}\n", []string{"line 2: Not a plain value"}},
		"operators":       {"person \"a@b.example\" {\n  given_name = " + strings.Repeat("!", 60_000) + "true\n}\n", []string{"line 2: Not a plain value"}},
		"nobody":          {"# nobody\n", []string{"nobody in it"}},
		"not UTF-8":       {"person \"\xff@b.example\" {}\n", []string{"UTF-8"}},
		"more than shown": {strings.Repeat("person \"a\" {}\n", 30), []string{"and 49 more"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := standalone.ReadPeople(file(t, "people.hcl", tt.text))
			if err == nil {
				t.Fatal("it is read")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("without %q: %v", want, err)
				}
			}
		})
	}
	if _, err := standalone.ReadPeople(file(t, "people.json", "{\n \"person\": {\n  \"a@b.example\": {\"group\": []}\n }\n}")); err == nil || !strings.Contains(err.Error(), "line 3: ") {
		t.Errorf("JSON: %v", err)
	}
	if _, err := standalone.ReadPeople(file(t, "people.json", "{\n \"person\": "+strings.Repeat("[", 60_000))); err == nil || !strings.Contains(err.Error(), "line 2: Nested too deeply") {
		t.Errorf("deep JSON: %v", err)
	}
	if _, err := standalone.ReadPeople(file(t, "people.json", "{\n \"person\": truex, \"b\": "+strings.Repeat("[", 60_000))); err == nil || !strings.Contains(err.Error(), "line 2: Not JSON") {
		t.Errorf("wrong JSON: %v", err)
	}
	if got, err := standalone.ReadPeople(file(t, "people.json", `{"person": {"a@b.example": {"given_name": "${1}"}}}`)); err != nil || got[0].GivenName != "${1}" {
		t.Errorf("JSON with a template: %v, %v", got, err)
	}
	if _, err := standalone.ReadPeople("not-there.hcl"); err == nil || !strings.Contains(err.Error(), "not-there.hcl") {
		t.Errorf("no file: %v", err)
	}
}
