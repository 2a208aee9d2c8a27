package google_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/plugins/google"
	"github.com/gatehouse-id/gatehouse/plugins/google/googletest"
	"github.com/gatehouse-id/gatehouse/sdk/plugintest"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// What the host expects of every plugin that asks, in the test's process and in one
// of its own.
func TestConformance(t *testing.T) {
	t.Parallel()
	conforms(t, plugintest.New(t, google.Plugin()))
}

func TestConformanceOfTheBinary(t *testing.T) {
	t.Parallel()
	conforms(t, plugintest.Exec(t, plugintest.Build(t, "internal/binary")))
}

func conforms(t *testing.T, h *plugintest.Harness) {
	if _, _, err := h.Sync(t.Context(), name, ""); !problem.Is(err, problem.Unavailable) {
		t.Errorf("an instance that is not configured: %v, want %s", err, problem.Unavailable)
	}
	r := &room{Harness: h, Workspace: newWorkspace(), t: t}
	r.HandleFetch(r.Workspace)
	r.set(nil)
	r.User("1", googletest.Admin, nil)
	r.User("2", "jane@acme.example", nil)
	r.Group("g1", "all@acme.example", "Everybody", googletest.Person("1"), googletest.Person("2"))
	if ds, err := h.Configure(t.Context(), "google", name, doc{"credentials": "{}", "subject": googletest.Admin, "customer": "c", "adopt": false, "api_url": "x"}); err != nil || !ds.HasErrors() {
		t.Errorf("a bad configuration: %v, %v", ds, err)
	}
	r.pass() // with the good one
	people, teams := r.people(), r.teams()
	if len(people) != 2 || len(teams["g1"]) != 2 {
		t.Fatalf("people %v in %v", people, teams)
	}
	h.Restart(t.Context())
	r.pass()
	if diff := cmp.Diff(people, r.people()); diff != "" {
		t.Errorf("after a restart: %s", diff)
	}
	if diff := cmp.Diff(teams, r.teams()); diff != "" {
		t.Errorf("after a restart: %s", diff)
	}
}
