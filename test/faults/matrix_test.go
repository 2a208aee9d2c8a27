//go:build linux

package faults_test

import (
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gatehouse-id/gatehouse/test/gatehousetest"
)

// row is one fault of the matrix, and what has to be waited for while it lasts.
// What is printed is what was seen.
type row struct {
	name string
	what string // what happens; this sentence alone is nobody's observation
	host func(t *testing.T) *gatehousetest.Host
	// strike makes it happen, heal makes it end.
	strike  func(t *testing.T, h *gatehousetest.Host) (heal func())
	probes  func(s *scene) []probe // what is asked while it lasts; nil asks the usual
	log     string                 // a part of the line that the operator finds
	message string                 // of that line, where work in the background may tell of the fault too, sooner or later
	unready bool                   // /readyz says no
	moves   []string               // parts of the series that move
	after   string                 // a part of the line of the log when it is over, if there is one
}

// probe is a request whose answer stands in the table.
type probe struct {
	who string
	ask func() answer
}

// scene is a host that runs, and who calls it.
type scene struct {
	t     *testing.T
	h     *gatehousetest.Host
	known gatehousetest.Key // has an answer in the cache
	fresh []gatehousetest.Key
	brief gatehousetest.Key // ends in an hour
	token string            // of an administrator
	made  int
}

func newScene(t *testing.T, h *gatehousetest.Host) *scene {
	t.Helper()
	s := &scene{t: t, h: h, known: analyst(h, "known"), brief: analyst(h, "brief", "--lifetime", "1h")}
	for n := range 3 {
		s.fresh = append(s.fresh, analyst(h, fmt.Sprintf("fresh-%d", n)))
	}
	var token struct{ Secret string }
	h.JSON(&token, "admin", "token", "create", "test")
	s.token = token.Secret
	if a := s.call(s.known); a.status != http.StatusOK {
		t.Fatalf("before: status %d: %s", a.status, a.body)
	}
	return s
}

func (s *scene) call(k gatehousetest.Key) answer {
	s.t.Helper()
	const query = `{"query":"q","provider":"p","model":"m"}`
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.h.URL+"/api/v1/query/execute", strings.NewReader(query))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header = pair(k)
	return s.send(req)
}

// next is a credential that was never seen before.
func (s *scene) next() gatehousetest.Key {
	k := s.fresh[0]
	s.fresh = s.fresh[1:]
	return k
}

// change makes a client through the admin API.
func (s *scene) change() answer {
	s.t.Helper()
	s.made++
	body := fmt.Sprintf(`{"id": "made-%d", "organization": "acme"}`, s.made)
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.h.URL+"/api/admin/v1/clients", strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header = http.Header{"Authorization": {"Bearer " + s.token}, "Content-Type": {"application/json"}}
	return s.send(req)
}

// send sends a request; the status 0 is a connection that was cut.
func (s *scene) send(req *http.Request) answer {
	s.t.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return answer{}
	}
	defer func() { _ = resp.Body.Close() }()
	a, err := read(resp)
	if err != nil {
		return answer{}
	}
	return a
}

func (s *scene) usual() []probe {
	return []probe{
		{"a known caller", func() answer { return s.call(s.known) }},
		{"a new one", func() answer { return s.call(s.next()) }},
		{"an administrator's change", s.change},
	}
}

// observe lets it happen to a host, and returns the cells of its row.
func (r row) observe(t *testing.T) []string {
	t.Helper()
	h := r.host(t)
	h.Start()
	s := newScene(t, h)
	before, logged, pid := moving(t, h), len(h.Log.String()), h.PID()
	heal := r.strike(t, h)

	probes := s.usual()
	if r.probes != nil {
		probes = r.probes(s)
	}
	var caller []string
	for _, p := range probes {
		caller = append(caller, p.who+": "+p.ask().cell())
	}
	var line line
	operator := []string{"nothing in the log"}
	if r.log != "" {
		line = find(t, h, logged, r.message, r.log)
		operator[0] = line.cell()
	}
	var detail string
	gatehousetest.Eventually(t, "/readyz tells of it", func() bool {
		status, body := h.Readyz()
		detail = fmt.Sprintf("`/readyz`: %d", status) + wrong(body)
		return (status != http.StatusOK) == r.unready
	})
	operator = append(operator, tidy(h, detail), fmt.Sprintf("`gatehouse status` exits with %d", h.CLI("status").Status))
	var moved []string
	gatehousetest.Eventually(t, fmt.Sprintf("the metrics tell of it: %q", r.moves), func() bool {
		moved = difference(before, moving(t, h))
		return !slices.ContainsFunc(r.moves, func(part string) bool {
			return !slices.ContainsFunc(moved, func(series string) bool { return strings.Contains(series, part) })
		})
	})

	logged = len(h.Log.String())
	heal()
	gatehousetest.Eventually(t, "it is ready again", func() bool { status, _ := h.Readyz(); return status == http.StatusOK })
	late := s.next()
	gatehousetest.Eventually(t, "new callers come in again", func() bool { return s.call(late).status == http.StatusOK })
	gatehousetest.Eventually(t, "changes are made again", func() bool { return s.change().status == http.StatusCreated })
	if a := s.call(s.known); a.status != http.StatusOK {
		t.Errorf("after: the known caller gets %d: %s", a.status, a.body)
	}
	back := []string{"by itself"}
	if h.PID() != pid || h.Ended() {
		t.Error("the host did not survive it")
	}
	if line.hint != "" {
		back = []string{"hint in the log: " + tidy(h, line.hint), "then by itself"}
	}
	if r.after != "" {
		back = append(back, find(t, h, logged, "", r.after).cell())
	}
	return []string{r.name + ". " + r.what, lines(caller), lines(operator), lines(moved), lines(back)}
}

func lines(list []string) string {
	if len(list) == 0 {
		return "nothing"
	}
	return strings.Join(list, "<br>")
}

// cell is what the caller sees.
func (a answer) cell() string {
	if a.status == 0 {
		return "the connection is cut"
	}
	text := fmt.Sprint(a.status)
	if a.problem.Code != "" {
		text += " `" + string(a.problem.Code) + "`"
	}
	if wait := a.header.Get("Retry-After"); wait != "" {
		text += ", Retry-After " + wait
	}
	return text
}

// wrong is what /readyz says of the conditions that do not hold, or of one that
// has something to tell.
func wrong(body string) string {
	var all struct {
		Conditions []struct {
			Name, Detail string
			OK           bool
		} `json:"conditions"`
	}
	if json.Unmarshal([]byte(body), &all) != nil {
		return ""
	}
	text := ""
	for _, c := range all.Conditions {
		if c.Detail != "" {
			text += fmt.Sprintf(", %s: %s", c.Name, c.Detail)
		}
	}
	return text
}

// series are the values of the metrics that the matrix is about.
type series map[string]string

// told are the beginnings of their names. Those that tell of load, such as the
// number of cache hits, would be another with each run.
var told = []string{
	"gatehouse_decisions_total", "gatehouse_plugin_up", "gatehouse_plugin_restarts_total", "gatehouse_config_", "gatehouse_ready",
	"gatehouse_plugin_refused_calls_total", "gatehouse_plugin_undeclared_organizations_total", "gatehouse_upstream_failures_total", "gatehouse_clock_jumps_total",
}

func moving(t *testing.T, h *gatehousetest.Host) series {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.URL+"/metrics", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	a, err := read(resp)
	if err != nil {
		t.Fatal(err)
	}
	found := series{}
	for line := range strings.Lines(a.body) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "} ")
		if name == strings.TrimSpace(line) { // it has no labels
			name, value, _ = strings.Cut(name, " ")
		} else {
			name += "}"
		}
		if slices.ContainsFunc(told, func(begin string) bool { return strings.HasPrefix(name, begin) }) {
			found[name] = value
		}
	}
	return found
}

// difference says which counters grew, and what became of gauges.
func difference(before, after series) (moved []string) {
	for name, value := range after {
		if before[name] == value {
			continue
		}
		text := "`" + name + "` grows"
		if begin, _, _ := strings.Cut(name, "{"); !strings.HasSuffix(begin, "_total") {
			text = fmt.Sprintf("`%s` is %s", name, value)
		}
		moved = append(moved, text)
	}
	slices.SortFunc(moved, cmp.Compare[string])
	return moved
}

var update = flag.Bool("update", false, "write the table of faults anew")

const preface = `# Faults

What each fault looks like from outside: to a caller, to the operator, in the metrics.
This page is written by ` + "`TestFaults`" + `, which makes each of them happen to a real host and
writes down what it sees; it fails when the page and the host differ. ` + "`go test ./test/faults -run TestFaults -update`" + `
writes it anew. A known caller is one whose answer is in the cache, a new one was never
seen before. The log's lines also have the trace id of the request.

| Fault | The caller sees | The operator sees | In the metrics | How it comes back |
| --- | --- | --- | --- | --- |
`

// page is the table in the documentation.
type page struct {
	mu   sync.Mutex
	rows map[string]string
}

func (p *page) add(cells []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	name, _, _ := strings.Cut(cells[0], ".")
	p.rows[name] = "| " + strings.Join(cells, " | ") + " |"
}

// TestFaults makes every fault of the matrix happen, and compares what is seen
// with the table in the documentation. What could not be made to happen here is
// not compared.
func TestFaults(t *testing.T) {
	t.Parallel()
	seen := &page{rows: map[string]string{}}
	var order []string
	t.Run("rows", func(t *testing.T) {
		run := func(name string, observe func(t *testing.T) []string) {
			order = append(order, name)
			t.Run(name, func(t *testing.T) { t.Parallel(); seen.add(observe(t)) })
		}
		path, err := gatehousetest.BuildTo("../hostile/intruder", t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range append(slices.Concat(sqliteRows(), sharedPostgresRows()), stoppedPostgres()) {
			run(r.name, r.observe)
		}
		for _, r := range slices.Concat(pluginRows(path), upstreamRows(), clockRows(), configurationRows()) {
			run(r.name, r.observe)
		}
		for _, s := range startRows() {
			run(s.name, s.observe)
		}
	})
	if !t.Failed() {
		seen.compare(t, order)
	}
}

func (p *page) compare(t *testing.T, order []string) {
	t.Helper()
	const name = "../../docs/reference/faults.md"
	if *update {
		text := preface
		for _, row := range order {
			if p.rows[row] == "" {
				t.Fatalf("%s could not be made to happen here: the page needs every row", row)
			}
			text += p.rows[row] + "\n"
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	begin, table, _ := strings.Cut(string(text), "| --- | --- | --- | --- | --- |\n")
	if !strings.HasPrefix(preface, begin) {
		t.Error("the begin of the page is not what this test writes")
	}
	written := strings.Split(strings.TrimSpace(table), "\n")
	if len(written) != len(order) {
		t.Errorf("the page has %d rows, the test %d", len(written), len(order))
	}
	for i, row := range order {
		if is := p.rows[row]; is != "" && (i >= len(written) || written[i] != is) {
			t.Errorf("%s: the page differs from what is seen (write it anew with -update):\nseen %s\npage %s", row, is, written[min(i, len(written)-1)])
		}
	}
}
