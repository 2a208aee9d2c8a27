//go:build linux

package e2e_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-id/gatehouse/test/gatehousetest"
)

// families are the metrics of a host, and which labels each has.
func families(t *testing.T, h *gatehousetest.Host) map[string]map[string]bool {
	t.Helper()
	found := map[string]map[string]bool{}
	sample := regexp.MustCompile(`^([a-z_0-9]+)(?:\{(.*)\})? `)
	label := regexp.MustCompile(`([a-z_]+)="`)
	for line := range strings.Lines(ask(t, http.MethodGet, h.URL+"/metrics", nil, "").body) {
		m := sample.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		if found[m[1]] == nil {
			found[m[1]] = map[string]bool{"instance": true, "job": true} // every scraped series has these two
		}
		for _, l := range label.FindAllStringSubmatch(m[2], -1) {
			found[m[1]][l[1]] = true
		}
	}
	return found
}

// dashboard are the queries of a dashboard, by the title of the panel.
func dashboard(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "configs", "grafana", "gatehouse.json"))
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Panels []struct {
			Type, Title, Description string
			GridPos                  struct{ H, W, X, Y int }
			Targets                  []struct{ Expr, LegendFormat string }
		}
	}
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	found := map[string][]string{}
	for i, p := range d.Panels {
		for _, o := range d.Panels[:i] {
			if p.GridPos.X < o.GridPos.X+o.GridPos.W && o.GridPos.X < p.GridPos.X+p.GridPos.W && p.GridPos.Y < o.GridPos.Y+o.GridPos.H && o.GridPos.Y < p.GridPos.Y+p.GridPos.H {
				t.Errorf("%q lies over %q", p.Title, o.Title)
			}
		}
		if p.Type == "row" {
			continue
		}
		if p.Description == "" || len(p.Targets) == 0 || found[p.Title] != nil {
			t.Errorf("%q has no description, no query, or the title of another", p.Title)
		}
		for _, q := range p.Targets {
			if !strings.Contains(q.Expr, `instance=~"$instance"`) {
				t.Errorf("%q is not of the chosen instances: %s", p.Title, q.Expr)
			}
			found[p.Title] = append(found[p.Title], q.Expr)
			for _, l := range regexp.MustCompile(`{{ *([a-z_]+) *}}`).FindAllStringSubmatch(q.LegendFormat, -1) {
				found[p.Title] = append(found[p.Title], legend(q.Expr, l[1]))
			}
		}
	}
	return found
}

// legend is a selector for the label of a legend, of the first metric of a query.
func legend(expr, label string) string {
	return queried.FindString(expr) + `{` + label + `=""}`
}

var (
	queried  = regexp.MustCompile(`\b(gatehouse|go|process)_[a-z_0-9]+`)
	selector = regexp.MustCompile(`\b((?:gatehouse|go|process)_[a-z_0-9]+)(?:\{([^}]*)\})?`)
	matcher  = regexp.MustCompile(`([a-z_]+)\s*(?:=~|!~|!=|=)\s*"`)
	grouping = regexp.MustCompile(`\bby \(([^)]*)\)`)
)

// missing says which metrics and labels of a query a host does not have.
func missing(expr string, have map[string]map[string]bool) (wrong []string) {
	grouped := ""
	if m := grouping.FindStringSubmatch(expr); m != nil {
		grouped = m[1]
	}
	expr = grouping.ReplaceAllString(expr, "")
	for _, m := range selector.FindAllStringSubmatch(expr, -1) {
		labels, ok := have[m[1]]
		if !ok {
			wrong = append(wrong, "there is no metric "+m[1])
			continue
		}
		var used []string
		for _, l := range matcher.FindAllStringSubmatch(m[2], -1) {
			used = append(used, l[1])
		}
		for l := range strings.SplitSeq(grouped, ",") {
			used = append(used, strings.TrimSpace(l))
		}
		for _, l := range used {
			if l != "" && !labels[l] {
				wrong = append(wrong, m[1]+" has no label "+l)
			}
		}
	}
	return wrong
}

// Every metric and label that the dashboard and the alerts use is there at a host
// that has done a little, before anything has gone wrong.
func TestDashboardAndAlertsShowWhatThereIs(t *testing.T) {
	t.Parallel()
	h := before(t, gatehousetest.Options{})
	h.Write("people.hcl", "connection \"acme-okta\" {\n organization = \"acme\"\n provisioner \"scim\" {}\n}\n")
	h.Start()
	key := pair(analyst(h, "seen"))
	for _, header := range []http.Header{key, key, {}} {
		ask(t, http.MethodPost, h.URL+"/api/v1/query/execute", header, `{"query":"q","provider":"p","model":"m"}`)
	}
	have := families(t, h)
	queries := dashboard(t)
	if len(queries) < 15 {
		t.Errorf("the dashboard has the panels %v only", queries)
	}
	alerts, err := os.ReadFile(filepath.Join("..", "..", "configs", "prometheus", "alerts.yml"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(alerts)) {
		if _, expr, ok := strings.Cut(line, "expr: "); ok {
			queries["the alerts"] = append(queries["the alerts"], expr)
		}
	}
	for title, list := range queries {
		for _, expr := range list {
			if !queried.MatchString(expr) {
				t.Errorf("%s: no metric in %s", title, expr)
			}
			for _, wrong := range missing(expr, have) {
				t.Errorf("%s: %s", title, wrong)
			}
		}
	}
	if got := missing(`sum by (nobody) (gatehouse_decisions_total{way="a",other!="b"}) + gatehouse_nothing`, have); !slices.Equal(got, []string{
		"gatehouse_decisions_total has no label other", "gatehouse_decisions_total has no label nobody", "there is no metric gatehouse_nothing",
	}) {
		t.Errorf("the test does not see what is missing: %v", got)
	}
}
