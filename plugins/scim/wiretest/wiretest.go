// Package wiretest reads the wire corpus, plugins/scim/testdata/wire: requests as
// IdPs send them, with the answer and the directory that must come of each, in a
// tolerant and in a strict reading. It is for tests.
package wiretest

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Fixture is one request and what comes of it.
type Fixture struct {
	ID      string // such as "EN-11"
	Source  string // who sends it, or where it is written
	Dialect string // of the provider that sends it; generic takes it as well
	Note    string

	Before   struct{ Resources []Resource } // the directory
	Earlier  []Request                      // sent first, each with its Status
	Request  Request
	Tolerant Expected
	Strict   Expected
}

// Resource is a user or a group in the directory. Those that the request makes
// have the ID "*".
type Resource struct {
	Type, ID, ExternalID string
	Attributes           json.RawMessage // as directory.Resource has them
	Members              []string        // ids, in their order
}

// Request is an HTTP request. Its path begins after the mount, percent-encoded,
// with the query. Text is a body that is no JSON.
type Request struct {
	Method, Path string
	Headers      map[string]string
	Body         json.RawMessage
	Text         string

	// Of an earlier one: its status, and a name for the id of what it made, which
	// stands in later paths in braces.
	Status int
	As     string
}

// Data is the body, or the text in its place.
func (r Request) Data() []byte {
	if r.Text != "" {
		return []byte(r.Text)
	}
	return r.Body
}

// Expected is the answer, and the directory after it.
type Expected struct {
	Status   int
	ScimType string // of an error
	State    []Resource

	Found        []string // ids of a list, in their order; nil is not looked at
	TotalResults *int     // of a list
	Absent       []string // names that the resource answered does not have
	ContentType  string   // "" is that of SCIM
	Notes        []string // rules that are in the traffic log, among others
}

// After is the directory after the request: Before, if nothing else is said.
func (f Fixture) After(e Expected) []Resource {
	if e.State != nil {
		return e.State
	}
	return f.Before.Resources
}

// Load reads all fixtures of a folder, in the order of their names. What a
// fixture says and no reader knows is an error: it would be tested by nobody.
func Load(t testing.TB, folder string) []Fixture {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no fixtures in %s: %v", folder, err)
	}
	slices.Sort(names)
	fixtures := make([]Fixture, len(names))
	for i, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		d := json.NewDecoder(bytes.NewReader(data))
		d.DisallowUnknownFields()
		if err := d.Decode(&fixtures[i]); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		f := fixtures[i]
		if f.ID+".json" != filepath.Base(name) || f.Source == "" || f.Dialect == "" || f.Tolerant.Status == 0 || f.Strict.Status == 0 {
			t.Fatalf("%s has no id that is its name, or lacks source, dialect or a status", name)
		}
		if strings.Contains(f.Request.Path, " ") {
			t.Fatalf("%s: the path is not percent-encoded", name)
		}
	}
	return fixtures
}
