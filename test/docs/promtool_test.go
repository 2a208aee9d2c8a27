package docs_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// promtool finds Prometheus' own checker. Without it the test is skipped, and
// fails instead if CI or GATEHOUSE_TEST_REQUIRE_PROMTOOL is set.
func promtool(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("promtool")
	if err == nil {
		return path
	}
	if os.Getenv("CI") == "" && os.Getenv("GATEHOUSE_TEST_REQUIRE_PROMTOOL") == "" {
		t.Skip("promtool is not installed: it is in the Debian package prometheus")
	}
	t.Fatalf("%v: install the Debian package prometheus", err)
	return ""
}

// Prometheus takes the alerts, and each fires on recorded series where it should
// and not where it should not.
func TestAlertsFire(t *testing.T) {
	t.Parallel()
	tool, folder := promtool(t), filepath.Join(top, "configs", "prometheus")
	for _, arguments := range [][]string{{"check", "rules", "alerts.yml"}, {"test", "rules", "alerts_test.yml"}} {
		check := exec.CommandContext(t.Context(), tool, arguments...)
		check.Dir = folder
		if out, err := check.CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(arguments, " "), err, out)
		}
	}
	rules, err := os.ReadFile(filepath.Join(folder, "alerts.yml"))
	if err != nil {
		t.Fatal(err)
	}
	series, err := os.ReadFile(filepath.Join(folder, "alerts_test.yml"))
	if err != nil {
		t.Fatal(err)
	}
	expression := regexp.MustCompile(`(?m)^( +expr: ).*$`)
	for _, rule := range regexp.MustCompile(`(?m)^      - alert: .*\n(?:        .*\n)*`).FindAllString(string(rules), -1) {
		head, _, _ := strings.Cut(rule, "\n")
		name := strings.TrimPrefix(strings.TrimSpace(head), "- alert: ")
		for how, instead := range map[string]string{"never": expression.ReplaceAllString(rule, "${1}vector(1) > 2"), "always": expression.ReplaceAllString(rule, "${1}vector(1)")} {
			t.Run(name+" "+how, func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				for file, text := range map[string]string{"alerts.yml": strings.Replace(string(rules), rule, instead, 1), "alerts_test.yml": string(series)} {
					if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				test := exec.CommandContext(t.Context(), tool, "test", "rules", "alerts_test.yml")
				test.Dir = dir
				if out, err := test.CombinedOutput(); err == nil || !strings.Contains(string(out), "FAILED") {
					t.Errorf("the series do not tell an alert that fires %s: %v\n%s", how, err, out)
				}
			})
		}
	}
}
