package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Alerts speak of metrics that there are, and say what to do.
func TestAlerts(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for _, cells := range table(t, "docs/reference/metrics.md", "metric") {
		known[cells[0]] = true
	}
	text, err := os.ReadFile(filepath.Join(top, "configs/prometheus/alerts.yml"))
	if err != nil {
		t.Fatal(err)
	}
	used := regexp.MustCompile(`gatehouse_[a-z_]+`).FindAllString(string(text), -1)
	if len(used) < 7 {
		t.Errorf("it speaks of %v only", used)
	}
	for _, name := range used {
		if !known[name] {
			t.Errorf("there is no metric %s", name)
		}
	}
	for _, alert := range strings.Split(string(text), "- alert: ")[1:] {
		name, _, _ := strings.Cut(alert, "\n")
		for _, part := range []string{"expr: ", "severity: ", "summary: ", "runbook: "} {
			if !strings.Contains(alert, part) {
				t.Errorf("%s has no %s", name, part)
			}
		}
	}
}
