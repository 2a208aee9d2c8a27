package pluginhost_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"

	"github.com/gatehouse-id/gatehouse/core/pluginhost"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	basev1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/base/v1"
	provisionv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/provision/v1"
)

// A lie is nobody's answer, and the next request has one.
func TestHandleOfALiar(t *testing.T) {
	h := newHost(t)
	h.start(t, h.bundled("provision-liar"))
	if _, err := h.Configure(t.Context(), pluginhost.Configure{Plugin: "provision-liar", Kind: "push", Instance: "acme/push", Values: json.RawMessage(`{}`)}); err != nil {
		t.Fatal(err)
	}
	large := strings.Repeat("x", 100<<10)
	for name, want := range map[string]problem.Code{
		"status": problem.Internal, "body-first": problem.Internal, "twice": problem.Internal, "nothing": problem.Internal,
		"both": problem.NotFound, "refused": problem.Unavailable, "stray": problem.Unavailable, "true": "", "more": "",
	} {
		for _, body := range []string{"", large} {
			t.Run(name+map[bool]string{true: " on a stream of its own"}[body != ""], func(t *testing.T) {
				answer, _, err := h.asked(t, "acme/push", request("POST", "/"+name, body))
				if want == "" && (err != nil || answer.Status != 200) || want != "" && !problem.Is(err, want) {
					t.Errorf("it ended with %+v, %v, want %s", answer, err, want)
				}
				eventually(t, "a request that is answered", func() bool {
					_, _, err := h.asked(t, "acme/push", request("GET", "/true", ""))
					return err == nil
				})
			})
		}
	}
}

// What a plugin sends ahead of its reader is bounded.
func TestHandleOfAFlood(t *testing.T) {
	h := newHost(t)
	h.start(t, h.bundled("provision-liar"))
	if _, err := h.Configure(t.Context(), pluginhost.Configure{Plugin: "provision-liar", Kind: "push", Instance: "acme/push", Values: json.RawMessage(`{}`)}); err != nil {
		t.Fatal(err)
	}
	answer, err := h.Handle(t.Context(), "acme/push", "acme", request("GET", "/too-much", ""))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if _, _, err := h.asked(t, "acme/push", request("GET", "/true", "")); err != nil { // it comes after the flood
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, answer.Body); n != 0 || !problem.Is(err, problem.Internal) {
		t.Errorf("of the flood %d bytes were handed on, %v", n, err)
	}
}

func TestProvisionerDescribed(t *testing.T) {
	for name, c := range map[string]struct {
		role *basev1.Provisioner
		ok   bool
	}{
		"pushed to":                   {&basev1.Provisioner{Mount: "/scim/v2", Errors: "scim"}, true},
		"pulls":                       {&basev1.Provisioner{Pulls: true}, true},
		"both":                        {&basev1.Provisioner{Mount: "/a", Errors: "problem", Pulls: true}, true},
		"neither":                     {&basev1.Provisioner{}, false},
		"no form of errors":           {&basev1.Provisioner{Mount: "/scim"}, false},
		"another form of errors":      {&basev1.Provisioner{Mount: "/scim", Errors: "xml"}, false},
		"a form of errors for nobody": {&basev1.Provisioner{Pulls: true, Errors: "scim"}, false},
		"not absolute":                {&basev1.Provisioner{Mount: "scim", Errors: "scim"}, false},
		"the root":                    {&basev1.Provisioner{Mount: "/", Errors: "scim"}, false},
		"a slash at the end":          {&basev1.Provisioner{Mount: "/scim/", Errors: "scim"}, false},
		"two slashes":                 {&basev1.Provisioner{Mount: "/scim//v2", Errors: "scim"}, false},
		"dots":                        {&basev1.Provisioner{Mount: "/scim/../v2", Errors: "scim"}, false},
		"a wildcard":                  {&basev1.Provisioner{Mount: "/scim/{x}", Errors: "scim"}, false},
		"a star":                      {&basev1.Provisioner{Mount: "/scim/*", Errors: "scim"}, false},
		"an escape":                   {&basev1.Provisioner{Mount: "/scim%2fv2", Errors: "scim"}, false},
		"long":                        {&basev1.Provisioner{Mount: "/" + strings.Repeat("x", 64), Errors: "scim"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := pluginhost.Described(&basev1.DescribeResponse{Name: "p", Version: "1", Kinds: []*basev1.Kind{{
				Name: "push", Doc: "d", Schema: &basev1.Schema{}, Role: &basev1.Kind_Provisioner{Provisioner: c.role},
			}}})
			if (err == nil) != c.ok {
				t.Errorf("it was described: %v", err)
			}
		})
	}
}

const base = "https://app.example.com/scim/v2"

func TestAnswerHeader(t *testing.T) {
	for name, c := range map[string]struct {
		field, value string
		want         string // "-" is refused, "" is left out
	}{
		"a form of JSON":          {"content-type", "application/scim+json; charset=utf-8", "application/scim+json; charset=utf-8"},
		"JSON":                    {"Content-Type", "application/json", "application/json"},
		"text":                    {"Content-Type", "text/plain", "text/plain"},
		"a page":                  {"Content-Type", "text/html", "-"},
		"a page by another name":  {"Content-Type", "Application/XHTML+XML", "-"},
		"a picture that can run":  {"Content-Type", "image/svg+xml", "-"},
		"a script":                {"Content-Type", "text/javascript", "-"},
		"no type":                 {"Content-Type", "x", "-"},
		"below the mount":         {"Location", base + "/Users/1?x=1", base + "/Users/1?x=1"},
		"the mount":               {"Location", base, base},
		"elsewhere":               {"Location", "https://evil.example/scim/v2/Users/1", "-"},
		"beside the mount":        {"Location", "https://app.example.com/scim/v20", "-"},
		"out of the mount":        {"Location", base + "/../../login", "-"},
		"out of it, escaped":      {"Location", base + "/%2e%2e/%2e%2e/login", "-"},
		"without an origin":       {"Location", "/scim/v2/Users/1", "-"},
		"another port":            {"Location", "https://app.example.com:1/scim/v2/x", "-"},
		"with a user":             {"Location", "https://a@app.example.com/scim/v2/x", "-"},
		"a cookie":                {"Set-Cookie", "a=b", ""},
		"a policy of the origin":  {"Strict-Transport-Security", "max-age=0", ""},
		"a challenge":             {"WWW-Authenticate", "Basic", ""},
		"a length":                {"Content-Length", "1", ""},
		"who may read it":         {"Access-Control-Allow-Origin", "*", ""},
		"a version":               {"ETag", `W/"3"`, `W/"3"`},
		"a version of two lines":  {"ETag", "a\r\nb", "-"},
		"a version that is empty": {"ETag", "", "-"},
	} {
		t.Run(name, func(t *testing.T) {
			answer, err := pluginhost.Answered(&provisionv1.HandleAnswer{
				Status: 200, Headers: []*provisionv1.Header{{Name: c.field, Values: []string{c.value}}},
			}, base)
			switch {
			case c.want == "-" && err == nil:
				t.Errorf("it is handed on: %v", answer.Header)
			case c.want != "-" && err != nil:
				t.Errorf("it is refused: %v", err)
			case c.want != "-" && answer.Header.Get(c.field) != c.want:
				t.Errorf("handed on is %v, want %q", answer.Header, c.want)
			}
		})
	}
	two := &provisionv1.HandleAnswer{Status: 200, Headers: []*provisionv1.Header{{Name: "ETag", Values: []string{"a"}}, {Name: "etag", Values: []string{"b"}}}}
	if _, err := pluginhost.Answered(two, base); err == nil {
		t.Error("an answer with two versions is handed on")
	}
}

// Whatever a plugin answers, what is handed on is harmless.
func FuzzAnswer(f *testing.F) {
	for _, a := range []*provisionv1.HandleAnswer{
		{Status: 200, Headers: []*provisionv1.Header{{Name: "Location", Values: []string{base + "/Users/1"}}}, Notes: []*provisionv1.Note{{Rule: "a", Detail: "b"}}},
		{Status: 304, Headers: []*provisionv1.Header{{Name: "Content-Type", Values: []string{"application/json"}}, {Name: "Set-Cookie", Values: []string{"a"}}}},
	} {
		text, err := proto.Marshal(a)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var a provisionv1.HandleAnswer
		if proto.Unmarshal(text, &a) != nil {
			return
		}
		got, err := pluginhost.Answered(&a, base)
		if err != nil {
			return
		}
		if got.Status < 200 || got.Status > 599 || len(got.Notes) > 64 {
			t.Errorf("it is handed on: %+v", got)
		}
		for name, values := range got.Header {
			if name == "Set-Cookie" || len(values) != 1 || strings.ContainsAny(values[0], "\r\n\x00") || !utf8.ValidString(values[0]) {
				t.Errorf("%s is handed on: %q", name, values)
			}
		}
		if at := got.Header.Get("Location"); at != "" {
			u, err := url.Parse(at)
			if err != nil || u.Host != "app.example.com" || !strings.HasPrefix(u.JoinPath().Path, "/scim/v2") {
				t.Errorf("it leads to %q", at)
			}
		}
		if kind := http.DetectContentType([]byte(got.Header.Get("Content-Type"))); strings.Contains(kind, "html") {
			t.Errorf("its type is %q", kind)
		}
	})
}
