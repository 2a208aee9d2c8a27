//go:build linux

package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLoadSendsEachRequestOnce(t *testing.T) {
	t.Parallel()
	var seen atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen.Add(1)
		if r.Header.Get("X-Client-Id") == "refused" {
			w.WriteHeader(http.StatusUnauthorized)
		}
		_, _ = w.Write([]byte(strings.Repeat("x", 2000))) // more than one read
	}))
	t.Cleanup(s.Close)
	addr := s.Listener.Addr().String()
	requests := make([][]byte, 0, 100)
	for i := range 100 {
		k := key{client: "accepted", secret: "s"}
		if i%10 == 0 {
			k.client = "refused"
		}
		requests = append(requests, request(addr, "/auth/check", k))
	}
	i := 0
	o, err := load{addr: addr, connections: 8, next: func() []byte {
		if i == len(requests) {
			return nil
		}
		i++
		return requests[i-1]
	}}.run()
	if err != nil {
		t.Fatal(err)
	}
	if o.requests != 100 || seen.Load() != 100 || len(o.took) != 100 {
		t.Errorf("it counted %d requests and %d times, the server %d; want 100", o.requests, len(o.took), seen.Load())
	}
	if diff := cmp.Diff(map[int]int{401: 10}, o.other); diff != "" {
		t.Error(diff)
	}
	if o.check() == nil {
		t.Error("a run with refusals counts as good")
	}
}

func TestLoadSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	t.Cleanup(s.Close)
	addr := s.Listener.Addr().String()
	o, err := load{addr: addr, connections: 1, next: func() []byte { return request(addr, "/", key{}) }}.run()
	if err == nil || !strings.Contains(err.Error(), "closed the connection") {
		t.Errorf("it saw %+v, %v", o, err)
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	type answer struct {
		status, length int
		complete       bool
	}
	tests := map[string]struct {
		in   string
		want answer
		fail bool
	}{
		"nothing yet":        {"", answer{}, false},
		"half a head":        {"HTTP/1.1 200 OK\r\nContent-Le", answer{}, false},
		"no body":            {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", answer{200, 38, true}, false},
		"half a body":        {"HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\n\r\nab", answer{403, 49, false}, false},
		"a body":             {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", answer{200, 40, true}, false},
		"none by its status": {"HTTP/1.1 204 No Content\r\n\r\n", answer{204, 27, true}, false},
		"no chunk yet":       {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", answer{200, 0, false}, false},
		"half a chunk":       {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab", answer{200, 0, false}, false},
		"chunks":             {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", answer{200, 60, true}, false},
		"no size of a chunk": {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", answer{}, true},
		"another protocol":   {"SSH-2.0-OpenSSH\r\n\r\n", answer{}, true},
		"no number":          {"HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\n", answer{}, true},
		"endless":            {strings.Repeat("x", maxAnswer+1), answer{}, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, length, complete, err := parse([]byte(test.in))
			if (err != nil) != test.fail {
				t.Fatalf("the error is %v", err)
			}
			if got := (answer{status, length, complete}); err == nil && got != test.want {
				t.Errorf("it read %+v, want %+v", got, test.want)
			}
		})
	}
}

func TestParseStat(t *testing.T) {
	t.Parallel()
	pid, parent, err := parseStat("42 (a) S 7 (b) R 9 1 2 3")
	if err != nil || pid != 42 || parent != 9 {
		t.Errorf("it read %d, %d, %v; a name may hold parentheses", pid, parent, err)
	}
	for _, text := range []string{"", "42", "42 (a)", "x (a) S 7"} {
		if _, _, err := parseStat(text); err == nil {
			t.Errorf("it read %q", text)
		}
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	rows := []*row{
		{name: "floor", unit: "req/s", figures: []float64{1000, 1200}, floors: []float64{0, 0}},
		// The ratio is of one round: 50% and 100%, not 900 of 1100.
		{name: "share", unit: "req/s", goal: 0.7, figures: []float64{500, 1200}, floors: []float64{1000, 1200}, byCPU: []float64{0.8, 0.9}},
		{name: "busy", unit: "req/s", goal: 0.7, figures: []float64{800}, floors: []float64{1000}, byCPU: []float64{0.6}},
		{name: "far", unit: "req/s", goal: 0.7, figures: []float64{50}, floors: []float64{1000}},
		{name: "added", unit: "µs", way: added, goal: 5, figures: []float64{17}, floors: []float64{10}},
		{name: "alone", unit: "ms", way: alone, goal: 150, figures: []float64{120}, floors: []float64{30}},
		{name: "most", unit: "/s", way: least, goal: 2000, figures: []float64{1900}, floors: []float64{0}},
		{name: "grown", unit: "µs", way: times, goal: 1.2, figures: []float64{110}, floors: []float64{100}, byCPU: []float64{1.5}},
		{name: "not measured", unit: "ms", way: alone, goal: 150},
	}
	var out bytes.Buffer
	if err := printTable(&out, rows); err != nil {
		t.Fatal(err)
	}
	var got [][]string
	for line := range strings.Lines(out.String()) {
		got = append(got, strings.Fields(line))
	}
	want := [][]string{
		strings.Fields("FIGURE MEDIAN (MIN-MAX) FLOOR RATIO BY CPU GOAL"),
		strings.Fields("floor 1100 (1000-1200) req/s"),
		strings.Fields("share 850.0 (500.0-1200) req/s 1100 (1000-1200) 75.0% (50.0%-100.0%) 85.0% >= 70.0% reached"),
		strings.Fields("busy 800.0 req/s 1000 80.0% 60.0% >= 70.0% missed"),
		strings.Fields("far 50.0 req/s 1000 5.0% >= 70.0% AN ORDER OF MAGNITUDE OFF"),
		strings.Fields("added 17.0 µs 10.0 +7.00 µs <= +5.00 µs missed"),
		strings.Fields("alone 120.0 ms 30.0 4.00x <= 150.0 ms reached"),
		strings.Fields("most 1900 /s >= 2000 /s missed"),
		strings.Fields("grown 110.0 µs 100.0 1.10x 1.50x <= 1.20x reached"),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestConfigurationHasItsMappings(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	err := configuration.Execute(&out, map[string]any{"Addr": "127.0.0.1:1", "Dir": "/d", "Upstream": "http://127.0.0.1:2", "ByID": true, "Numbers": make([]struct{}, 3), "Organizations": make([]struct{}, 2)})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`organization "bench-1" {`, `mapping "named" {`, `mapping "extra-2" {`, `contains(client.scopes, "extra:2")`, `roles = ["extra-2"]`, `permissions = ["extra:2"]`} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it has no %s in:\n%s", want, out.String())
		}
	}
}
