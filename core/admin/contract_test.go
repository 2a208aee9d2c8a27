package admin_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/gatehouse-id/gatehouse/core/admin"
	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

var update = flag.Bool("update", false, "write docs/reference/openapi.json anew")

// The committed document is the one that is served, and it is served to all.
func TestTheDocumentIsCommitted(t *testing.T) {
	name := filepath.Join("..", "..", "docs", "reference", "openapi.json")
	if *update {
		if err := os.WriteFile(name, admin.Document(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	committed, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	h := newHost(t, storetest.Open(t, storetest.SQLite(t)))
	res, served := h.send(t, http.MethodGet, wire.Prefix+"/openapi.json", "", http.Header{})
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "application/json" {
		t.Errorf("without a credential: %s, %q", res.Status, res.Header.Get("Content-Type"))
	}
	if diff := cmp.Diff(string(committed), served); diff != "" {
		t.Errorf("run go test ./core/admin -update (-committed +served):\n%s", diff)
	}
}

// spec is the document, and its schemas made strict: an answer with a member
// that is not described is none of the contract.
type spec struct {
	paths    map[string]map[string]any
	mu       sync.Mutex // a compiler is for one goroutine
	compiler *jsonschema.Compiler
}

const specURL = "https://gatehouse.example/openapi.json"

func loadSpec(tb testing.TB) *spec {
	tb.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(admin.Document()))
	if err != nil {
		tb.Fatal(err)
	}
	root := doc.(map[string]any)
	for _, one := range root["components"].(map[string]any)["schemas"].(map[string]any) {
		one.(map[string]any)["additionalProperties"] = false
	}
	s := &spec{paths: map[string]map[string]any{}, compiler: jsonschema.NewCompiler()}
	s.compiler.DefaultDraft(jsonschema.Draft2020)
	s.compiler.AssertFormat()
	if err := s.compiler.AddResource(specURL, doc); err != nil {
		tb.Fatal(err)
	}
	for path, operations := range root["paths"].(map[string]any) {
		s.paths[path] = operations.(map[string]any)
	}
	return s
}

// find is the path of the document that a request's path matches.
func (s *spec) find(path string) (template string, ok bool) {
	have := strings.Split(strings.TrimPrefix(path, wire.Prefix), "/")
	for template := range s.paths {
		want := strings.Split(template, "/")
		match := len(have) == len(want)
		for i := 0; match && i < len(want); i++ {
			match = want[i] == have[i] || strings.HasPrefix(want[i], "{") && have[i] != ""
		}
		if match {
			return template, true
		}
	}
	return "", false
}

func pointer(parts ...string) string {
	escape := strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D")
	for i, part := range parts {
		parts[i] = escape.Replace(part)
	}
	return specURL + "#/" + strings.Join(parts, "/")
}

func (s *spec) validate(body []byte, at ...string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	schema, err := s.compiler.Compile(pointer(at...))
	if err != nil {
		return err
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return err
	}
	return schema.Validate(value)
}

// check holds every exchange against the document: the answer, and if it is one
// of success, the request that it was given for.
func (s *spec) check(tb testing.TB, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked, _ := io.ReadAll(http.MaxBytesReader(w, r.Body, 4<<20))
		r.Body = io.NopCloser(bytes.NewReader(asked))
		answer := httptest.NewRecorder()
		next.ServeHTTP(answer, r)
		maps.Copy(w.Header(), answer.Header())
		s.judge(tb, r, asked, answer)
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes())
	})
}

func (s *spec) judge(tb testing.TB, r *http.Request, asked []byte, answer *httptest.ResponseRecorder) {
	template, found := s.find(r.URL.Path)
	method := strings.ToLower(r.Method)
	if method == "head" {
		method = "get"
	}
	operation, described := s.paths[template][method].(map[string]any)
	if !found || !described {
		switch answer.Code {
		case http.StatusUnauthorized, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusBadRequest:
		default:
			tb.Errorf("%s %s is not in the document, and is answered with %d", r.Method, r.URL.Path, answer.Code)
		}
		return
	}
	status := strconv.Itoa(answer.Code)
	responses := operation["responses"].(map[string]any)
	response, ok := responses[status].(map[string]any)
	if !ok {
		if answer.Code == http.StatusNotFound && strings.Contains(answer.Body.String(), "nothing at this path") {
			return // a path of another form, of which the mux says the same
		}
		tb.Errorf("%s %s: the document does not know the status %s\n%s", r.Method, template, status, answer.Body)
		return
	}
	kinds, _ := response["content"].(map[string]any)
	kind := answer.Header().Get("Content-Type")
	if kinds == nil && kind == "" && answer.Body.Len() == 0 {
		return
	}
	if _, ok := kinds[kind]; !ok {
		tb.Errorf("%s %s %s: the document does not know the content type %q", r.Method, template, status, kind)
		return
	}
	bodies := [][]byte{answer.Body.Bytes()}
	if kind == "application/x-ndjson" {
		bodies = bytes.Split(bytes.TrimSpace(answer.Body.Bytes()), []byte("\n"))
	}
	for _, body := range bodies {
		if err := s.validate(body, "paths", template, method, "responses", status, "content", kind, "schema"); err != nil {
			tb.Errorf("%s %s %s: %v\n%s", r.Method, template, status, err, body)
		}
	}
	if answer.Code < http.StatusMultipleChoices && len(asked) > 0 {
		sent, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
		if err := s.validate(asked, "paths", template, method, "requestBody", "content", sent, "schema"); err != nil {
			tb.Errorf("%s %s took what the document does not describe: %v\n%s", r.Method, template, err, asked)
		}
	}
}

// Every operation of the document is there, and its permission is asked for.
func TestEveryOperationIsThere(t *testing.T) {
	h := newHost(t, storetest.Open(t, storetest.SQLite(t)))
	_, none := h.token(t, "gatehouse:nothing:*")
	s := loadSpec(t)
	if len(s.paths) < 10 {
		t.Fatalf("the document has %d paths", len(s.paths))
	}
	for path, operations := range s.paths {
		for method, operation := range operations {
			at := wire.Prefix + strings.NewReplacer("{id}", "a", "{number}", "1").Replace(path)
			res, body := h.send(t, strings.ToUpper(method), at, "", with(none))
			if path == "/openapi.json" {
				continue // which everybody may see
			}
			var doc problem.Document
			if err := json.Unmarshal([]byte(body), &doc); err != nil || res.StatusCode != http.StatusForbidden {
				t.Errorf("%s %s: %s %s", method, path, res.Status, body)
				continue
			}
			if description, _ := operation.(map[string]any)["description"].(string); !strings.Contains(description, "`"+doc.Permission+"`") {
				t.Errorf("%s %s: asks for %q, and the document says %q", method, path, doc.Permission, description)
			}
		}
	}
}

// The check of the document notices what it is there for.
func TestTheContractIsHeld(t *testing.T) {
	s := loadSpec(t)
	for name, tt := range map[string]struct {
		body string
		at   []string
	}{
		"a member that is missing":   {`{"clients":[{"id":"a"}]}`, []string{"paths", "/clients", "get", "responses", "200", "content", "application/json", "schema"}},
		"a member that is not known": {`{"clients":[],"secret":"x"}`, []string{"paths", "/clients", "get", "responses", "200", "content", "application/json", "schema"}},
		"null for a list":            {`{"clients":null}`, []string{"paths", "/clients", "get", "responses", "200", "content", "application/json", "schema"}},
		"a time that is none":        {`{"id":"a","organization":"b","expires_at":"soon"}`, []string{"paths", "/clients", "post", "requestBody", "content", "application/json", "schema"}},
		"an id of another form":      {`{"id":"A B","organization":"b"}`, []string{"paths", "/clients", "post", "requestBody", "content", "application/json", "schema"}},
		"a problem without a code":   {`{"type":"x","title":"y","status":400}`, []string{"paths", "/clients", "get", "responses", "default", "content", "application/problem+json", "schema"}},
	} {
		t.Run(name, func(t *testing.T) {
			if s.validate([]byte(tt.body), tt.at...) == nil {
				t.Errorf("%s passes", tt.body)
			}
		})
	}
}
