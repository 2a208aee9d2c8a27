package scim

import (
	"net/http"
	"strings"
	"testing"
)

func TestRoutes(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	id := s.user("mia@corp.test")
	tests := map[string]struct {
		method, target, body string
		status               int
	}{
		"case of the first segment":      {"GET", "/users/" + id, "", http.StatusOK},
		"slash at the end":               {"GET", "/Users/", "", http.StatusOK},
		"slash before the query":         {"GET", "/Users/?filter=userName+eq+%22mia@corp.test%22", "", http.StatusOK},
		"two slashes":                    {"GET", "//Users//" + id, "", http.StatusOK},
		"empty query":                    {"GET", "/Users/" + id + "?", "", http.StatusOK},
		"keys that nobody knows":         {"GET", "/Users?aadOptscim062020&=&x=1", "", http.StatusOK},
		"malformed query":                {"GET", "/Users?%zz;=1&count=1", "", http.StatusBadRequest},
		"HEAD":                           {"HEAD", "/Users/" + id, "", http.StatusOK},
		"root query":                     {"GET", "/", "", http.StatusOK},
		"discovery in another case":      {"GET", "/serviceproviderconfig", "", http.StatusOK},
		"a schema by its URN":            {"GET", "/Schemas/urn:ietf:params:scim:schemas:core:2.0:User", "", http.StatusOK},
		"a schema in another case":       {"GET", "/schemas/URN:ietf:params:scim:schemas:core:2.0:user", "", http.StatusOK},
		"a resource type":                {"GET", "/ResourceTypes/Group", "", http.StatusOK},
		"no such schema":                 {"GET", "/Schemas/urn:x", "", http.StatusNotFound},
		"no such endpoint":               {"GET", "/Devices", "", http.StatusNotFound},
		"too deep":                       {"GET", "/Users/" + id + "/emails", "", http.StatusNotFound},
		"below the configuration":        {"GET", "/ServiceProviderConfig/x", "", http.StatusNotFound},
		"no such user":                   {"GET", "/Users/nobody", "", http.StatusNotFound},
		"a group's id is no user's":      {"GET", "/Groups/" + id, "", http.StatusNotFound},
		"id of a million letters":        {"GET", "/Users/" + strings.Repeat("x", 1<<20), "", http.StatusNotFound},
		"id with a NUL":                  {"GET", "/Users/a%00", "", http.StatusNotFound},
		"id that is no UTF-8":            {"DELETE", "/Users/%ff", "", http.StatusNotFound},
		"me":                             {"GET", "/Me", "", http.StatusNotImplemented},
		"me, written":                    {"PATCH", "/Me", patchBody("[]"), http.StatusNotImplemented},
		"DELETE of all":                  {"DELETE", "/Users", "", http.StatusMethodNotAllowed},
		"POST to a resource":             {"POST", "/Users/" + id, userBody("x"), http.StatusMethodNotAllowed},
		"POST to discovery":              {"POST", "/Schemas", "{}", http.StatusMethodNotAllowed},
		"PUT of the configuration":       {"PUT", "/ServiceProviderConfig", "{}", http.StatusMethodNotAllowed},
		"GET of a search":                {"GET", "/Users/.search", "", http.StatusMethodNotAllowed},
		"GET of Bulk":                    {"GET", "/Bulk", "", http.StatusMethodNotAllowed},
		"a method of nobody's":           {"BREW", "/Users", "", http.StatusMethodNotAllowed},
		"filter over schemas":            {"GET", "/Schemas?filter=id+eq+%22x%22", "", http.StatusForbidden},
		"filter over resource types":     {"GET", "/ResourceTypes?filter=x", "", http.StatusForbidden},
		"filter over the configuration":  {"GET", "/ServiceProviderConfig?filter=x", "", http.StatusForbidden},
		"PUT never creates":              {"PUT", "/Users/nobody", userBody("x"), http.StatusNotFound},
		"PATCH of nobody":                {"PATCH", "/Users/nobody", patchBody(`[{"op":"replace","path":"active","value":false}]`), http.StatusNotFound},
		"no body":                        {"POST", "/Users", "", http.StatusBadRequest},
		"body that is no JSON":           {"POST", "/Users", "userName=x", http.StatusBadRequest},
		"body that is no object":         {"POST", "/Users", "[]", http.StatusBadRequest},
		"name that is there twice":       {"POST", "/Users", `{"userName":"a","userName":"b"}`, http.StatusBadRequest},
		"something behind the body":      {"POST", "/Users", userBody("x") + "{}", http.StatusBadRequest},
		"half a surrogate pair":          {"POST", "/Users", userBody("x")[:1] + `"title":"\ud800",` + userBody("x")[1:], http.StatusBadRequest},
		"invalid UTF-8":                  {"POST", "/Users", strings.Replace(userBody("x"), "Mia", "\xff", 1), http.StatusBadRequest},
		"a body nested a thousand times": {"POST", "/Users", strings.Repeat("[", 1000), http.StatusBadRequest},
	}
	for name, tt := range tests {
		a := s.do(tt.method, tt.target, tt.body)
		if a.status != tt.status {
			t.Errorf("%s: status %d, want %d: %s", name, a.status, tt.status, a.body)
			continue
		}
		switch {
		case tt.method == "HEAD" && len(a.body) > 0:
			t.Errorf("%s: a body", name)
		case a.status >= 400:
			a.what = name
			a.refused(tt.status, scimTypeOf(a))
		}
		if allow := a.header.Get("Allow"); (a.status == http.StatusMethodNotAllowed) != (allow != "") {
			t.Errorf("%s: status %d and Allow %q", name, a.status, allow)
		}
	}
}

// scimTypeOf is the keyword of the answer, for a test that asks for none in
// particular.
func scimTypeOf(a answer) string {
	s, _ := a.at("scimType").(string)
	return s
}

func TestContent(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		header string
		status int
	}{
		"scim":                {"Content-Type: application/scim+json", http.StatusCreated},
		"scim with a charset": {"Content-Type: application/scim+json; charset=utf-8", http.StatusCreated},
		"another charset":     {"Content-Type: application/scim+json; charset=utf-16", http.StatusUnsupportedMediaType},
		"json":                {"Content-Type: application/json", http.StatusCreated},
		"JSON in capitals":    {"Content-Type: Application/JSON; charset=UTF-8", http.StatusCreated},
		"nothing said":        {"Content-Type: ", http.StatusCreated},
		"a form":              {"Content-Type: application/x-www-form-urlencoded", http.StatusUnsupportedMediaType},
		"a text":              {"Content-Type: text/plain", http.StatusUnsupportedMediaType},
		"nonsense":            {"Content-Type: ;;", http.StatusUnsupportedMediaType},
		"compressed":          {"Content-Encoding: gzip", http.StatusUnsupportedMediaType},
		"not compressed":      {"Content-Encoding: identity", http.StatusCreated},
	}
	for name, tt := range tests {
		s := newSite(t, nil)
		if a := s.do("POST", "/Users", userBody("mia"), tt.header); a.status != tt.status {
			t.Errorf("%s: status %d, want %d: %s", name, a.status, tt.status, a.body)
		}
	}
}

func TestAccept(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	const scim, json = "application/scim+json; charset=utf-8", "application/json; charset=utf-8"
	for accept, want := range map[string]string{
		"":                      scim,
		"*/*":                   scim,
		"application/*":         scim,
		"application/scim+json": scim,
		"application/json":      json,
		"Application/JSON":      json,
		"application/json, application/scim+json":       scim,
		"application/scim+json;q=0.5, application/json": json,
		"application/json, */*;q=0.1":                   json,
		"application/json;q=0, */*":                     scim,
		"application/scim+json;q=0, application/json":   json,
		"text/html":                                       scim,
		"text/html, application/json;q=nonsense":          scim,
		strings.Repeat("text/html,", 9999) + "*/*":        scim,
		"application/json; charset=utf-8; q=1.0, text/*":  json,
		"application/scim+json, application/json;q=0.999": scim,
	} {
		if a := s.do("GET", "/Users", "", "Accept: "+accept); a.header.Get("Content-Type") != want || a.status != http.StatusOK {
			t.Errorf("Accept %.60q: status %d, type %q, want %q", accept, a.status, a.header.Get("Content-Type"), want)
		}
	}
	s.do("GET", "/Users/nobody", "", "Accept: application/json").refused(http.StatusNotFound, "")
}

func TestPreconditions(t *testing.T) {
	t.Parallel()
	deactivate := patchBody(`[{"op":"replace","path":"active","value":false}]`)
	tests := map[string]struct {
		method, body, header string
		status               int
	}{
		"read, not changed":       {"GET", "", `If-None-Match: W/"1"`, http.StatusNotModified},
		"read, strong tag":        {"GET", "", `If-None-Match: "1"`, http.StatusNotModified},
		"read, one of several":    {"GET", "", `If-None-Match: W/"7", W/"1"`, http.StatusNotModified},
		"read, any":               {"GET", "", `If-None-Match: *`, http.StatusNotModified},
		"read, changed":           {"GET", "", `If-None-Match: W/"7"`, http.StatusOK},
		"read, if it is this":     {"GET", "", `If-Match: W/"1"`, http.StatusOK},
		"read, if it is another":  {"GET", "", `If-Match: W/"7"`, http.StatusPreconditionFailed},
		"patch":                   {"PATCH", deactivate, `If-Match: W/"1"`, http.StatusOK},
		"patch, any":              {"PATCH", deactivate, `If-Match: *`, http.StatusOK},
		"patch, changed":          {"PATCH", deactivate, `If-Match: W/"7"`, http.StatusPreconditionFailed},
		"patch, nonsense":         {"PATCH", deactivate, `If-Match: 1`, http.StatusPreconditionFailed},
		"patch, if it is not":     {"PATCH", deactivate, `If-None-Match: W/"1"`, http.StatusPreconditionFailed},
		"put":                     {"PUT", userBody("mia"), `If-Match: W/"1"`, http.StatusOK},
		"put, changed":            {"PUT", userBody("mia"), `If-Match: W/"0"`, http.StatusPreconditionFailed},
		"put, if there is none":   {"PUT", userBody("mia"), `If-None-Match: *`, http.StatusPreconditionFailed},
		"delete":                  {"DELETE", "", `If-Match: W/"1"`, http.StatusNoContent},
		"delete, changed":         {"DELETE", "", `If-Match: W/"7"`, http.StatusPreconditionFailed},
		"delete, without a word":  {"DELETE", "", ``, http.StatusNoContent},
		"delete, tag of a number": {"DELETE", "", `If-Match: W/"1` + strings.Repeat("0", 40) + `"`, http.StatusPreconditionFailed},
	}
	for name, tt := range tests {
		s := newSite(t, nil)
		id := s.user("mia")
		var header []string
		if tt.header != "" {
			header = []string{tt.header}
		}
		a := s.do(tt.method, "/Users/"+id, tt.body, header...)
		if a.status != tt.status {
			t.Errorf("%s: status %d, want %d: %s", name, a.status, tt.status, a.body)
		}
		if a.status == http.StatusNotModified && (len(a.body) > 0 || a.header.Get("ETag") != `W/"1"`) {
			t.Errorf("%s: body %q, tag %q", name, a.body, a.header.Get("ETag"))
		}
	}
}
