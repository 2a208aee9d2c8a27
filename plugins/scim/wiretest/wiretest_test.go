package wiretest_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gatehouse-id/gatehouse/plugins/scim/dialect"
	"github.com/gatehouse-id/gatehouse/plugins/scim/wiretest"
	"github.com/gatehouse-id/gatehouse/sdk/provision"
)

// TestWire has each request read in its IdP's dialect, in generic, and strictly.
func TestWire(t *testing.T) {
	t.Parallel()
	for _, f := range wiretest.Load(t, "../testdata/wire") {
		t.Run(f.ID, func(t *testing.T) {
			t.Parallel()
			t.Run(f.Dialect, func(t *testing.T) { replay(t, f, dialect.For(f.Dialect), f.Tolerant) })
			t.Run("all", func(t *testing.T) { replay(t, f, dialect.All(), f.Tolerant) })
			t.Run("strict", func(t *testing.T) { replay(t, f, dialect.Strict, f.Strict) })
		})
	}
}

func replay(t *testing.T, f wiretest.Fixture, quirks dialect.Set, want wiretest.Expected) {
	t.Helper()
	s := newServer(t, quirks, f.Before.Resources)
	made := map[string]string{}
	for _, q := range f.Earlier {
		for name, id := range made {
			q.Path = strings.ReplaceAll(q.Path, "{"+name+"}", id)
		}
		got := s.do(t, q)
		if got.status != q.Status {
			t.Fatalf("%s %s: %d, want %d", q.Method, q.Path, got.status, q.Status)
		}
		made[q.As] = got.id
	}
	got := s.do(t, f.Request)
	if got.status != want.Status || got.scimType != want.ScimType {
		t.Errorf("answer %d %q, want %d %q", got.status, got.scimType, want.Status, want.ScimType)
	}
	if want.Found != nil && !slices.Equal(got.found, want.Found) {
		t.Errorf("found %v, want %v", got.found, want.Found)
	}
	if want.TotalResults != nil && got.total != *want.TotalResults {
		t.Errorf("totalResults %d, want %d", got.total, *want.TotalResults)
	}
	for _, rule := range want.Notes {
		if !slices.ContainsFunc(got.notes, func(n provision.Note) bool { return n.Rule == rule }) {
			t.Errorf("no note of %s among %v", rule, got.notes)
		}
	}
	if diff := cmp.Diff(f.After(want), s.state(t), cmpopts.EquateEmpty(), cmp.Transformer("json", func(raw json.RawMessage) any {
		var v any
		if err := json.Unmarshal(raw, &v); err != nil {
			t.Fatal(err)
		}
		return v
	})); diff != "" {
		t.Errorf("the directory afterwards (-want +got):\n%s", diff)
	}
}

// TestStrictNotesNothing: where nothing is put up with, nothing was.
func TestStrictNotesNothing(t *testing.T) {
	t.Parallel()
	for _, f := range wiretest.Load(t, "../testdata/wire") {
		s := newServer(t, dialect.Strict, f.Before.Resources)
		for _, n := range s.do(t, f.Request).notes {
			if n.Rule != "members-emptied" && n.Rule != "write-only" {
				t.Errorf("%s: strict, and yet noted %s", f.ID, n.Rule)
			}
		}
	}
}

// TestQuirksAreMet: each quirk has a request that has it.
func TestQuirksAreMet(t *testing.T) {
	t.Parallel()
	missing := dialect.All().Names()
	for _, f := range wiretest.Load(t, "../testdata/wire") {
		s := newServer(t, dialect.All(), f.Before.Resources)
		for _, n := range s.do(t, f.Request).notes {
			missing = slices.DeleteFunc(missing, func(name string) bool { return name == n.Rule })
		}
	}
	// The directory says who is nobody, and who sends the request writes numbers.
	missing = slices.DeleteFunc(missing, func(name string) bool {
		return name == dialect.UnknownMembers.String() || name == dialect.TextNumbers.String()
	})
	if len(missing) > 0 {
		t.Errorf("no request in the corpus has %v", missing)
	}
}
