package scim

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatehouse-id/gatehouse/plugins/scim/wiretest"
)

// FuzzHandler sends any method, path, query, header and body, to a tolerant and
// to a strict instance. No answer is a 5xx but the 501 of /Me, every error is
// one of SCIM, every body is JSON, and nothing panics.
func FuzzHandler(f *testing.F) {
	for _, v := range verbs() {
		path, query, _ := strings.Cut(v.target, "?")
		f.Add(v.method, path, query, strings.Join(v.header, ","), v.body)
	}
	for _, w := range wiretest.Load(f, filepath.Join("testdata", "wire")) {
		path, query, _ := strings.Cut(w.Request.Path, "?")
		f.Add(w.Request.Method, path, query, "", string(w.Request.Data()))
	}
	f.Add("GET", "/Users", "sortBy=emails&sortOrder=descending&startIndex=-1&count=99999999999999999999", "", "")
	f.Add("GET", "/Users", "attributes=name.givenName,emails.type&excludedAttributes=userName,meta.version", "", "")
	f.Add("POST", "/Bulk", "", "", `{"schemas":["`+bulkRequestURN+`"],"failOnErrors":1,"Operations":[
		{"method":"POST","path":"/Groups","bulkId":"a","data":`+groupBody("A", "bulkId:b")+`},
		{"method":"POST","path":"/Groups","bulkId":"b","data":`+groupBody("B", "bulkId:a")+`},
		{"method":"PATCH","path":"/Groups/bulkId:a","data":`+patchBody(`[{"op":"remove","path":"members"}]`)+`}]}`)
	f.Fuzz(func(t *testing.T, method, path, query, tags, body string) {
		if !token(method) {
			return // no HTTP server lets it pass
		}
		for _, strict := range []bool{false, true} {
			s := newSite(t, map[string]any{"strict": strict, "max_results": 50, "page_size": 2})
			user, other := s.user("mia"), s.user("leo")
			group := s.group("Eng", user)
			fill := strings.NewReplacer("{user}", user, "{other}", other, "{group}", group)
			r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(fill.Replace(body)))
			r.Method, r.URL = method, &url.URL{Path: fill.Replace(path), RawQuery: fill.Replace(query)}
			r.Header["If-Match"], r.Header["Accept"] = []string{tags}, []string{tags}
			if tags == "" {
				r.Header = http.Header{}
			}
			a := s.send(r)
			if a.status >= 500 && a.status != http.StatusNotImplemented {
				t.Errorf("status %d: %s", a.status, a.body)
			}
			if len(a.body) > 0 && !json.Valid(a.body) {
				t.Errorf("status %d with a body that is no JSON: %q", a.status, a.body)
			}
			if a.status >= 400 && method != http.MethodHead {
				a.refused(a.status, scimTypeOf(a))
			}
		}
	})
}

func token(method string) bool {
	return method != "" && !strings.ContainsFunc(method, func(r rune) bool { return (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') })
}

// FuzzFields: what is no object is an error, never a panic, and what is one has
// the fields that encoding/json finds.
func FuzzFields(f *testing.F) {
	for _, seed := range []string{`{}`, `{"a":1}`, ` { "a" : [1,{"b":"]}"}] , "c":"\"\\" } `, `{"a":}`, `{"a"`, `{"a":1,}`, `[1]`, `{"a":1]`, `"`, `{"\u0061":-1.5e9}`, `{"a":{}}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got := map[string]string{}
		err := fields(text, func(name, value []byte) { got[string(name)] = string(value) })
		_ = elements(text, func([]byte) {})
		var want map[string]json.RawMessage
		if json.Unmarshal(text, &want) != nil || want == nil {
			return
		}
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		for name, value := range got {
			var plain string
			if json.Unmarshal([]byte(`"`+name+`"`), &plain) != nil {
				t.Fatalf("%q has the name %q", text, name)
			}
			if strings.TrimSpace(string(want[plain])) != value && plain == name {
				t.Errorf("%q: %q is %q, want %q", text, name, value, want[plain])
			}
		}
	})
}
