package scim

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/gatehouse-id/gatehouse/sdk/directory"
	"github.com/gatehouse-id/gatehouse/sdk/instance"
	"github.com/gatehouse-id/gatehouse/sdk/plugintest"
	"github.com/gatehouse-id/gatehouse/sdk/provision"
)

const base = "https://gatehouse.example/scim/v2"

// site is an instance over a directory in memory.
type site struct {
	t         testing.TB
	directory *plugintest.Directory
	handler   http.Handler
	notes     []provision.Note
}

func newSite(t testing.TB, config map[string]any) *site {
	t.Helper()
	return newSiteOver(t, config, plugintest.NewDirectory(), nil)
}

// newSiteOver has the handler ask over, if it is not nil, for d.
func newSiteOver(t testing.TB, config map[string]any, d *plugintest.Directory, over Directory) *site {
	t.Helper()
	if over == nil {
		over = d
	}
	if config == nil {
		config = map[string]any{}
	}
	values, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	h, ds := newInstance(instance.Config{Name: "acme/scim", Kind: "scim", Provider: "generic", Values: values}, over)
	if ds.HasErrors() {
		t.Fatalf("the configuration was refused: %v", ds)
	}
	return &site{t: t, directory: d, handler: h}
}

// answer is what came back.
type answer struct {
	t      testing.TB
	what   string
	status int
	header http.Header
	body   []byte
}

// do sends a request; header lines are "Name: value".
func (s *site) do(method, target, body string, header ...string) answer {
	s.t.Helper()
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r := httptest.NewRequest(method, target, reader)
	if body != "" {
		r.Header.Set("Content-Type", "application/scim+json")
	}
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Set(name, value)
	}
	return s.send(r)
}

func (s *site) send(r *http.Request) (a answer) {
	s.t.Helper()
	s.notes = nil
	ctx := provision.WithCall(context.Background(), provision.Call{BaseURL: base, Record: func(n provision.Note) { s.notes = append(s.notes, n) }})
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r.WithContext(ctx))
	for _, n := range s.notes { // what the host takes
		if len(n.Detail) > 512 || !utf8.ValidString(n.Detail) || strings.ContainsFunc(n.Detail, unicode.IsControl) || n.Rule == "" {
			s.t.Errorf("%s %.200s: the note %q", r.Method, r.URL, n)
		}
	}
	return answer{s.t, r.Method + " " + r.URL.String(), w.Code, w.Header(), w.Body.Bytes()}
}

// want fails the test if the status is another.
func (a answer) want(status int) answer {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("%s: status %d, want %d: %s", a.what, a.status, status, a.body)
	}
	return a
}

// refused fails the test if the answer is not this error.
func (a answer) refused(status int, scimType string) {
	a.t.Helper()
	a.want(status)
	var e struct {
		Schemas          []string
		Status, ScimType string
		Detail           string
	}
	if err := json.Unmarshal(a.body, &e); err != nil {
		a.t.Fatalf("%s: no error's body: %v: %s", a.what, err, a.body)
	}
	if e.Status != fmt.Sprint(status) || e.ScimType != scimType || e.Detail == "" || len(e.Schemas) != 1 || e.Schemas[0] != errorURN {
		a.t.Errorf("%s: error %s, want status %d and scimType %q", a.what, a.body, status, scimType)
	}
}

// object is the body.
func (a answer) object() map[string]any {
	a.t.Helper()
	var o map[string]any
	d := json.NewDecoder(bytes.NewReader(a.body))
	d.UseNumber()
	if err := d.Decode(&o); err != nil {
		a.t.Fatalf("%s: the body is no object: %v: %s", a.what, err, a.body)
	}
	return o
}

// at is a value in the body: names, and indexes of arrays.
func (a answer) at(path ...any) any {
	a.t.Helper()
	var v any = a.object()
	for _, step := range path {
		switch step := step.(type) {
		case string:
			o, _ := v.(map[string]any)
			v = o[step]
		case int:
			l, _ := v.([]any)
			if step >= len(l) {
				return nil
			}
			v = l[step]
		}
	}
	return v
}

func (a answer) id() string {
	a.t.Helper()
	id, _ := a.at("id").(string)
	if id == "" {
		a.t.Fatalf("%s: no id: %s", a.what, a.body)
	}
	return id
}

func userBody(name string) string {
	return fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":%q,"name":{"givenName":"Mia","familyName":"Lund"},`+
		`"emails":[{"value":%q,"type":"work","primary":true}],"active":true}`, name, name)
}

func groupBody(name string, members ...string) string {
	list := make([]string, 0, len(members))
	for _, m := range members {
		list = append(list, fmt.Sprintf(`{"value":%q}`, m))
	}
	return fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":%q,"members":[%s]}`, name, strings.Join(list, ","))
}

func patchBody(operations string) string {
	return `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":` + operations + `}`
}

func (s *site) user(name string) string {
	s.t.Helper()
	return s.do("POST", "/Users", userBody(name)).want(http.StatusCreated).id()
}

func (s *site) group(name string, members ...string) string {
	s.t.Helper()
	return s.do("POST", "/Groups", groupBody(name, members...)).want(http.StatusCreated).id()
}

// members are the ids of a group's members, as the directory has them.
func (s *site) members(group string) []string {
	s.t.Helper()
	r, ok := s.directory.Resource(directory.Group, group)
	if !ok {
		s.t.Fatalf("there is no group %s", group)
	}
	ids := []string{}
	for _, m := range r.Members {
		ids = append(ids, m.ID)
	}
	return ids
}

// TestLife is what becomes of one person: RFC 7644 §3.3 to §3.6.
func TestLife(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	made := s.do("POST", "/Users", userBody("mia@corp.test")).want(http.StatusCreated)
	id := made.id()
	location := base + "/Users/" + id
	if made.header.Get("Location") != location || made.at("meta", "location") != location {
		t.Errorf("location %q and %v, want %q", made.header.Get("Location"), made.at("meta", "location"), location)
	}
	if made.header.Get("ETag") != `W/"1"` || made.at("meta", "version") != `W/"1"` {
		t.Errorf("version %q and %v", made.header.Get("ETag"), made.at("meta", "version"))
	}
	group := s.group("Eng", id)

	read := s.do("GET", "/Users/"+id, "").want(http.StatusOK)
	for _, want := range []struct {
		value any
		path  []any
	}{
		{"mia@corp.test", []any{"userName"}},
		{"Lund", []any{"name", "familyName"}},
		{true, []any{"active"}},
		{"urn:ietf:params:scim:schemas:core:2.0:User", []any{"schemas", 0}},
		{group, []any{"groups", 0, "value"}},
		{"direct", []any{"groups", 0, "type"}},
		{"Eng", []any{"groups", 0, "display"}},
		{base + "/Groups/" + group, []any{"groups", 0, "$ref"}},
		{"User", []any{"meta", "resourceType"}},
	} {
		if got := read.at(want.path...); got != want.value {
			t.Errorf("%v is %v, want %v", want.path, got, want.value)
		}
	}

	if a := s.do("PATCH", "/Users/"+id, patchBody(`[{"op":"replace","value":{"active":false}}]`)).want(http.StatusOK); a.at("active") != false {
		t.Errorf("after a deactivation: %s", a.body)
	}
	if a := s.do("PUT", "/Users/"+id, userBody("mia@corp.test")).want(http.StatusOK); a.at("active") != true || a.header.Get("ETag") != `W/"3"` {
		t.Errorf("after a replacement: %s", a.body)
	}
	s.do("DELETE", "/Users/"+id, "").want(http.StatusNoContent)
	s.do("DELETE", "/Users/"+id, "").refused(http.StatusNotFound, "")
	if left := s.members(group); len(left) != 0 {
		t.Errorf("the deleted user is still a member: %v", left)
	}
	if again := s.user("mia@corp.test"); again == id {
		t.Error("a new user has the id of the deleted one")
	}
}
