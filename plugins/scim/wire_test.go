package scim

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gatehouse-id/gatehouse/plugins/scim/wiretest"
	"github.com/gatehouse-id/gatehouse/sdk/directory"
	"github.com/gatehouse-id/gatehouse/sdk/provision"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestWire replays what IdPs send: in the dialect of its sender, in generic, and
// strictly.
func TestWire(t *testing.T) {
	t.Parallel()
	for _, f := range wiretest.Load(t, filepath.Join("testdata", "wire")) {
		t.Run(f.ID, func(t *testing.T) {
			t.Parallel()
			t.Run(f.Dialect, func(t *testing.T) { replay(t, f, map[string]any{"dialect": f.Dialect}, f.Tolerant) })
			t.Run("all", func(t *testing.T) { replay(t, f, map[string]any{"dialect": "generic"}, f.Tolerant) })
			t.Run("strict", func(t *testing.T) { replay(t, f, map[string]any{"strict": true}, f.Strict) })
		})
	}
}

func replay(t *testing.T, f wiretest.Fixture, config map[string]any, want wiretest.Expected) {
	t.Helper()
	s := newSite(t, config)
	s.load(f.Before.Resources)
	made := map[string]string{}
	for _, q := range f.Earlier {
		a := s.replay(q, made).want(q.Status)
		if q.As != "" {
			made[q.As] = a.id()
		}
	}
	a := s.replay(f.Request, made)
	if want.Status >= http.StatusBadRequest {
		a.refused(want.Status, want.ScimType)
	} else {
		a.want(want.Status)
	}
	if want.Found != nil {
		var list struct{ Resources []struct{ ID string } }
		if err := json.Unmarshal(a.body, &list); err != nil || list.Resources == nil {
			t.Fatalf("no list: %v: %s", err, a.body)
		}
		found := []string{}
		for _, r := range list.Resources {
			found = append(found, r.ID)
		}
		if !slices.Equal(found, want.Found) {
			t.Errorf("found %v, want %v", found, want.Found)
		}
	}
	if want.TotalResults != nil && a.at("totalResults") != json.Number(fmt.Sprint(*want.TotalResults)) {
		t.Errorf("totalResults %v, want %d", a.at("totalResults"), *want.TotalResults)
	}
	for _, name := range want.Absent {
		if v := a.at(name); v != nil {
			t.Errorf("the answer has %s: %v", name, v)
		}
	}
	if want.ContentType != "" && a.header.Get("Content-Type") != want.ContentType+"; charset=utf-8" {
		t.Errorf("Content-Type %q, want %q", a.header.Get("Content-Type"), want.ContentType)
	}
	for _, rule := range want.Notes {
		if !slices.ContainsFunc(s.notes, func(n provision.Note) bool { return n.Rule == rule }) {
			t.Errorf("no note of %s among %v", rule, s.notes)
		}
	}
	if diff := cmp.Diff(f.After(want), s.state(f.Before.Resources), wireOptions); diff != "" {
		t.Errorf("the directory afterwards (-want +got):\n%s", diff)
	}
}

var wireOptions = cmp.Options{
	cmpopts.EquateEmpty(),
	cmpopts.SortSlices(func(a, b string) bool { return a < b }), // of members
	cmp.Transformer("json", func(raw json.RawMessage) (v any) {
		if err := json.Unmarshal(raw, &v); err != nil {
			return err.Error()
		}
		return v
	}),
}

// replay sends a request of the corpus. Names in braces stand for ids of what
// earlier ones made.
func (s *site) replay(q wiretest.Request, made map[string]string) answer {
	s.t.Helper()
	path := q.Path
	for name, id := range made {
		path = strings.ReplaceAll(path, "{"+name+"}", id)
	}
	var header []string
	for name, value := range q.Headers {
		header = append(header, name+": "+value)
	}
	return s.do(q.Method, path, string(q.Data()), header...)
}

// load puts resources into the directory.
func (s *site) load(resources []wiretest.Resource) {
	s.t.Helper()
	var changes []directory.Change
	for _, r := range resources {
		changes = append(changes, directory.Create{Resource: directory.Resource{
			Type: directory.Type(r.Type), ID: r.ID, ExternalID: r.ExternalID, Attributes: r.Attributes,
		}})
	}
	for _, r := range resources {
		if len(r.Members) > 0 {
			changes = append(changes, directory.Members{Group: r.ID, All: true, Add: r.Members})
		}
	}
	if _, err := s.directory.Apply(context.Background(), changes); err != nil {
		s.t.Fatal(err)
	}
}

// state is the directory in the form of the corpus, in its order.
func (s *site) state(before []wiretest.Resource) []wiretest.Resource {
	s.t.Helper()
	known := map[string]bool{}
	var out []wiretest.Resource
	add := func(r directory.Resource) {
		w := wiretest.Resource{Type: string(r.Type), ID: r.ID, ExternalID: r.ExternalID, Attributes: r.Attributes}
		if !known[r.ID] {
			w.ID = "*"
		}
		for _, m := range r.Members {
			w.Members = append(w.Members, m.ID)
		}
		out = append(out, w)
	}
	for _, b := range before {
		known[b.ID] = true
		if r, ok := s.directory.Resource(directory.Type(b.Type), b.ID); ok {
			add(r)
		}
	}
	for _, kind := range []directory.Type{directory.User, directory.Group} {
		for _, r := range s.directory.Resources(kind) {
			if !known[r.ID] {
				add(r)
			}
		}
	}
	return out
}

// TestModes writes down where strict and tolerant readings differ.
func TestModes(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("# What is answered to the requests of testdata/wire where the two modes differ:\n# id, request, then tolerant and strict: status, scimType, and the rules that were noted.\n")
	for _, f := range wiretest.Load(t, filepath.Join("testdata", "wire")) {
		tolerant, after := outcome(t, f, map[string]any{"dialect": f.Dialect})
		strict, strictly := outcome(t, f, map[string]any{"strict": true})
		same := cmp.Equal(after, strictly, wireOptions)
		if tolerant == strict && same {
			continue
		}
		fmt.Fprintf(&b, "%s\t%s %s\n\ttolerant\t%s\n\tstrict\t%s", f.ID, f.Request.Method, f.Request.Path, tolerant, strict)
		if !same && strings.HasPrefix(strict, "2") && strings.HasPrefix(tolerant, "2") {
			b.WriteString(", and another state")
		}
		b.WriteString("\n")
	}
	name := filepath.Join("testdata", "modes.golden")
	if *update {
		if err := os.WriteFile(name, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("%s (-want +got; write it anew with -update):\n%s", name, diff)
	}
}

func outcome(t *testing.T, f wiretest.Fixture, config map[string]any) (string, []wiretest.Resource) {
	t.Helper()
	s := newSite(t, config)
	s.load(f.Before.Resources)
	made := map[string]string{}
	for _, q := range f.Earlier {
		if a := s.replay(q, made); q.As != "" && a.status == http.StatusCreated {
			made[q.As] = a.id()
		}
	}
	a := s.replay(f.Request, made)
	line := fmt.Sprint(a.status)
	if a.status >= http.StatusBadRequest {
		line += " " + scimTypeOf(a)
	}
	var rules []string
	for _, n := range s.notes {
		rules = append(rules, n.Rule)
	}
	slices.Sort(rules)
	if len(rules) > 0 {
		line += " " + strings.Join(slices.Compact(rules), " ")
	}
	return strings.TrimSpace(line), s.state(f.Before.Resources)
}
