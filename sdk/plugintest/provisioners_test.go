package plugintest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/sdk/diag"
	"github.com/gatehouse-id/gatehouse/sdk/directory"
	"github.com/gatehouse-id/gatehouse/sdk/hostsvc"
	"github.com/gatehouse-id/gatehouse/sdk/instance"
	"github.com/gatehouse-id/gatehouse/sdk/plugin"
	"github.com/gatehouse-id/gatehouse/sdk/plugintest"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/sdk/provision"
	"github.com/gatehouse-id/gatehouse/sdk/schema"
)

// servePeopleArgument makes the test binary a provisioner.
const servePeopleArgument = "serve-people"

// peoplePlugin is a provisioner with a protocol of its own: GET /people lists,
// POST /people creates.
func peoplePlugin(handler func(instance.Config) http.Handler) plugin.Plugin {
	return plugin.Plugin{
		Name: "people", Version: "1", HostServices: []string{hostsvc.DirectoryService},
		Provisioners: []provision.Kind{{
			Name: "people", Doc: "Takes people.", Mount: "/people/v1", Errors: provision.ProblemDetails, Pulls: true,
			Schema: schema.Schema{Attributes: []schema.Attribute{{Name: "page", Type: schema.Number, Doc: "People of a page."}}},
			New: func(_ context.Context, c instance.Config) (any, diag.Diagnostics) {
				var values struct{ Page *float64 }
				ds := c.Decode(&values)
				if values.Page != nil && *values.Page < 1 {
					ds.Errorf(diag.Path{"page"}, "An empty page", "At least one is needed.")
				}
				return &peoplePuller{Handler: handler(c), host: c.Host}, ds
			},
		}},
	}
}

type peoplePuller struct {
	http.Handler
	host hostsvc.Host
}

// Sync makes one person a part, until there are three.
func (p *peoplePuller) Sync(ctx context.Context, cursor string) (provision.Progress, error) {
	provision.Record(ctx, provision.Note{Rule: "part", Detail: cursor})
	user := directory.Resource{Type: directory.User, ID: directory.NewID(), Attributes: json.RawMessage(fmt.Sprintf(`{"userName":"p%s"}`, cursor))}
	if _, err := p.host.Apply(ctx, []directory.Change{directory.Create{Resource: user}}); err != nil {
		return provision.Progress{}, err
	}
	return provision.Progress{Cursor: cursor + "x", Done: cursor == "xx"}, nil
}

func soundPeople(c instance.Config) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method + " " + r.URL.Path {
		case "GET /people":
			page, err := c.Host.Find(r.Context(), directory.Query{Type: directory.User, Limit: 100, Attributes: true})
			if err != nil {
				problem.Write(w, err, "")
				return
			}
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(page)
		case "POST /people":
			makePerson(w, r, c)
		case "GET /many":
			_, _ = io.WriteString(w, strings.Repeat("x", 1<<20))
		case "GET /panic":
			_, _ = io.WriteString(w, strings.Repeat("x", 100<<10))
			panic("in the middle")
		case "GET /abort":
			panic(http.ErrAbortHandler)
		case "GET /abort-in-the-middle":
			_, _ = io.WriteString(w, strings.Repeat("x", 100<<10))
			panic(http.ErrAbortHandler)
		default:
			problem.Write(w, problem.New(problem.NotFound, "there is nothing here"), "")
		}
	})
}

func makePerson(w http.ResponseWriter, r *http.Request, c instance.Config) {
	body, err := io.ReadAll(r.Body)
	id := directory.NewID()
	if err == nil {
		provision.Record(r.Context(), provision.Note{Rule: "made", Detail: c.Provider})
		_, err = c.Host.Apply(r.Context(), []directory.Change{directory.Create{Resource: directory.Resource{Type: directory.User, ID: id, Attributes: body}}})
	}
	if err != nil {
		problem.Write(w, err, "")
		return
	}
	w.Header().Set("Location", provision.BaseURL(r.Context())+"/people/"+id)
	w.WriteHeader(http.StatusCreated)
}

func peopleFixture() plugintest.ProvisionerFixture {
	return plugintest.ProvisionerFixture{
		Kind: "people", Config: map[string]any{"page": 10},
		BadConfigs: map[string]plugintest.BadConfig{"an empty page": {Values: map[string]any{"page": 0}, Path: diag.Path{"page"}}},
		Requests: map[string]plugintest.ProvisionerRequest{
			"list": {Method: "GET", Target: "/people"}, "many": {Method: "GET", Target: "/many"},
		},
	}
}

func TestProvisionerConformance(t *testing.T) {
	t.Run("in this process", func(t *testing.T) {
		plugintest.RunProvisioner(t, func(t *testing.T) *plugintest.Harness { return plugintest.New(t, peoplePlugin(soundPeople)) }, peopleFixture())
	})
	t.Run("as a binary", func(t *testing.T) {
		plugintest.RunProvisioner(t, func(t *testing.T) *plugintest.Harness { return plugintest.Exec(t, os.Args[0], servePeopleArgument) }, peopleFixture())
	})
}

func TestHarnessOfAProvisioner(t *testing.T) {
	h := plugintest.New(t, peoplePlugin(soundPeople))
	h.SetProvider("acme", "okta")
	for _, name := range []string{"acme/people", "umbrella/people"} {
		if ds, err := h.Configure(t.Context(), "people", name, nil); err != nil || ds.HasErrors() {
			t.Fatal(ds, err)
		}
		resp, notes, err := h.Handle(t.Context(), name, httptest.NewRequest("POST", "/people", strings.NewReader(`{"userName":"ada"}`)))
		if err != nil || resp.StatusCode != 201 || !strings.HasPrefix(resp.Header.Get("Location"), "https://gatehouse.example/people/v1/people/") {
			t.Fatalf("it answered %+v, %v", resp, err)
		}
		want := []provision.Note{{Rule: "made", Detail: map[string]string{"acme/people": "okta", "umbrella/people": "generic"}[name]}}
		if diff := cmp.Diff(want, notes); diff != "" {
			t.Errorf("notes (-want +got):\n%s", diff)
		}
	}
	resp, _, err := h.Handle(t.Context(), "acme/people", httptest.NewRequest("POST", "/people", strings.NewReader(`{"userName":"ADA"}`)))
	if err != nil || resp.StatusCode != 409 {
		t.Errorf("a name that is taken: %+v, %v", resp, err)
	}
	if users := h.Directory("acme").Resources(directory.User); len(users) != 1 {
		t.Errorf("the connection's people are %v", users)
	}
	large := `{"userName":"` + strings.Repeat("x", 500<<10) + `"}`
	resp, _, err = h.Handle(t.Context(), "acme/people", httptest.NewRequest("POST", "/people", strings.NewReader(large)))
	if err != nil || resp.StatusCode != 201 {
		t.Errorf("a large one: %+v, %v", resp, err)
	}
	resp, _, err = h.Handle(t.Context(), "acme/people", httptest.NewRequest("GET", "/people", nil))
	if err != nil || resp.ContentLength < 500<<10 {
		t.Errorf("the list with a large one: %+v, %v", resp, err)
	}
	if _, _, err = h.Handle(t.Context(), "acme/people", httptest.NewRequest("GET", "/panic", nil)); !problem.Is(err, problem.Internal) {
		t.Errorf("a panic: %v", err)
	}
	var p provision.Progress
	for !p.Done {
		var notes []provision.Note
		if p, notes, err = h.Sync(t.Context(), "umbrella/people", p.Cursor); err != nil || len(notes) != 1 {
			t.Fatal(notes, err)
		}
	}
	if users := h.Directory("umbrella").Resources(directory.User); len(users) != 4 {
		t.Errorf("the other connection's people are %v", users)
	}
	h.Grant()
	if resp, _, err := h.Handle(t.Context(), "acme/people", httptest.NewRequest("GET", "/people", nil)); err != nil || resp.StatusCode != 403 {
		t.Errorf("without the grant: %+v, %v", resp, err)
	}
}

// A handler that breaks its answer off has not panicked: the answer is not whole,
// and the log has nothing. One that has shows where.
func TestAnAnswerThatIsBrokenOff(t *testing.T) {
	h := plugintest.New(t, peoplePlugin(soundPeople))
	if ds, err := h.Configure(t.Context(), "people", "acme/people", nil); err != nil || ds.HasErrors() {
		t.Fatal(ds, err)
	}
	for _, path := range []string{"/abort", "/abort-in-the-middle"} {
		if resp, _, err := h.Handle(t.Context(), "acme/people", httptest.NewRequest("GET", path, nil)); !problem.Is(err, problem.Unavailable) {
			t.Errorf("%s: it answered %+v, %v", path, resp, err)
		}
	}
	if log := h.Logs(); log != "" {
		t.Errorf("the log has %s", log)
	}
	if _, _, err := h.Handle(t.Context(), "acme/people", httptest.NewRequest("GET", "/panic", nil)); !problem.Is(err, problem.Internal) {
		t.Errorf("a panic: %v", err)
	}
	if log := h.Logs(); !strings.Contains(log, "panic in the plugin") || !strings.Contains(log, "plugintest_test.soundPeople") {
		t.Errorf("the log does not say where: %s", log)
	}
}

// provisionerDefects are handlers with one mistake each, and the part of the
// suite that has to find it.
var provisionerDefects = map[string]struct {
	part    string
	handler func(c instance.Config, sound http.Handler) http.HandlerFunc
}{
	"it panics": {"hostile_requests", func(_ instance.Config, sound http.Handler) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.Method == "BREW" {
				panic("tea")
			}
			sound.ServeHTTP(w, r)
		}
	}},
	"it finds everything": {"hostile_requests", func(_ instance.Config, sound http.Handler) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/no-such-thing" {
				return
			}
			sound.ServeHTTP(w, r)
		}
	}},
	"it answers with pages": {"requests", func(_ instance.Config, sound http.Handler) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, "<p>")
		}
	}},
	"an error is an empty list": {"a_directory_that_fails", func(c instance.Config, _ http.Handler) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			page, _ := c.Host.Find(r.Context(), directory.Query{Type: directory.User})
			_ = json.NewEncoder(w).Encode(page)
		}
	}},
	"it remembers for one": {"a_restart", func(c instance.Config, sound http.Handler) http.HandlerFunc {
		began := errors.New("not in this process")
		if _, err := os.Stat(os.Getenv(defectVariable + "_FILE")); err != nil {
			began = os.WriteFile(os.Getenv(defectVariable+"_FILE"), nil, 0o600)
		}
		return func(w http.ResponseWriter, r *http.Request) {
			if began != nil {
				http.Error(w, began.Error(), http.StatusInternalServerError)
				return
			}
			sound.ServeHTTP(w, r)
		}
	}},
}

func TestTheProvisionerSuiteFindsDefects(t *testing.T) {
	if name := os.Getenv(defectVariable); name != "" {
		p := peoplePlugin(func(c instance.Config) http.Handler { return provisionerDefects[name].handler(c, soundPeople(c)) })
		plugintest.RunProvisioner(t, func(t *testing.T) *plugintest.Harness { return plugintest.New(t, p) }, peopleFixture())
		return
	}
	for name, defect := range provisionerDefects {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pattern := "^TestTheProvisionerSuiteFindsDefects$/^" + defect.part + "$"
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run="+pattern, "-test.count=1")
			cmd.Env = append(os.Environ(), defectVariable+"="+name, defectVariable+"_FILE="+t.TempDir()+"/began")
			out, err := cmd.CombinedOutput()
			want := "--- FAIL: TestTheProvisionerSuiteFindsDefects/" + defect.part
			if err == nil || !strings.Contains(string(out), want) || strings.Contains(string(out), "panic:") {
				t.Errorf("error %v, want %q in:\n%s", err, want, out)
			}
		})
	}
}
