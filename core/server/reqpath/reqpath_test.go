package reqpath_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"

	"github.com/gatehouse-id/gatehouse/core/server/reqpath"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

func TestNormalize(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ in, want string }{
		"root":                             {"/", "/"},
		"plain":                            {"/api/v1/query", "/api/v1/query"},
		"trailing slash stays":             {"/admin/x/", "/admin/x/"},
		"unreserved decoded":               {"/%61dmin%2Dx%7e", "/admin-x~"},
		"digits in upper case":             {"/a%c3%bc", "/a%C3%BC"},
		"raw UTF-8":                        {"/aü", "/a%C3%BC"},
		"reserved of a segment decoded":    {"/users/ana%40acme.example%3Aread", "/users/ana@acme.example:read"},
		"reserved of a segment as it is":   {"/v1/p:search,x=1", "/v1/p:search,x=1"},
		"space":                            {"/a b%20c", "/a%20b%20c"},
		"not of a path":                    {`/{a}"<b>[c]|^`, "/%7Ba%7D%22%3Cb%3E%5Bc%5D%7C%5E"},
		"encoded question mark and number": {"/a%3fb%23", "/a%3Fb%23"},
		"encoded percent sign alone":       {"/100%25", "/100%25"},
		"encoded percent sign before text": {"/5%25%20of", "/5%25%20of"},
		"dots inside of a name":            {"/a..b/.well-known/...", "/a..b/.well-known/..."},
		"encoded star is a character":      {"/%2A", "/*"},
		"letters of full width are text":   {"/%EF%BC%8F", "/%EF%BC%8F"},
		"just short enough":                {"/" + strings.Repeat("a", reqpath.Limit-1), "/" + strings.Repeat("a", reqpath.Limit-1)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := reqpath.Normalize(c.in)
			if err != nil || got != c.want {
				t.Errorf("Normalize(%q) = %q, %v; want %q", c.in, got, err, c.want)
			}
		})
	}
}

// attacks are spellings by which a request has got past a rule on /admin or
// out of a folder. Each comment says who reads it how.
var attacks = map[string]string{
	"dot dot":                       "/public/../admin",              // every server resolves it; a rule on the text sees /public
	"dot dot at the end":            "/a/..",                         // resolves to /
	"dot":                           "/./admin",                      // resolves to /admin
	"encoded dot dot":               "/public/%2e%2e/admin",          // WHATWG URL parsers and Go's path.Clean after decoding take it for ".."
	"half encoded dot dot":          "/public/.%2E/admin",            // the same
	"dot dot with a parameter":      "/public/..;/admin",             // Tomcat and Jetty cut ";" off, then resolve; nginx does not
	"dot dot with a named one":      "/public/..;x=1/admin",          // the same
	"parameter":                     "/admin;x=1",                    // Tomcat serves /admin, a rule on the text sees another name
	"empty parameter":               "/admin;",                       // the same
	"encoded parameter":             "/admin%3Bx",                    // containers that decode first, then cut
	"encoded slash":                 "/public%2F..%2Fadmin",          // Apache with AllowEncodedSlashes NoDecode keeps it, Go and Node decode it
	"encoded slash, lower case":     "/admin%2fx",                    // one segment for a rule, two for the application
	"backslash":                     `/public\..\admin`,              // IIS, and WHATWG URL parsers for http
	"encoded backslash":             "/public/..%5Cadmin",            // IIS after decoding
	"double slash in front":         "//admin/x",                     // a URL parser may take "admin" for the host; nginx merges slashes
	"double slash inside":           "/admin//x",                     // nginx with merge_slashes, Spring, PHP routers
	"double slash at the end":       "/admin//",                      // the same
	"NUL":                           "/admin%00.png",                 // C programs end the name there
	"raw NUL":                       "/admin\x00.png",                // the same
	"line feed":                     "/admin%0AX-Role:%20admin",      // splits a header or a log line where it is copied decoded; "." of a regexp stops at it
	"tab":                           "/%09admin",                     // WHATWG URL parsers drop tabs
	"raw carriage return":           "/admin\r",                      // the same
	"DEL":                           "/admin%7f",                     // control character
	"next line of C1":               "/admin%C2%85",                  // Python's and Java's strip take it for white space
	"overlong slash":                "/public/..%c0%afadmin",         // lenient UTF-8 decoders give "/"
	"overlong dot":                  "/%c0%ae%c0%ae/admin",           // old Tomcat and GlassFish give ".."
	"surrogate in UTF-8":            "/%ed%a0%80",                    // CESU decoders accept it, others replace it
	"raw Latin-1":                   "/caf\xe9",                      // servers differ: Latin-1, replacement, refusal
	"cut short":                     "/admin%",                       // lenient decoders keep "%"
	"cut short by one":              "/admin%2",                      // the same
	"not hexadecimal":               "/admin%zz",                     // the same; some decoders compute a byte from it
	"wide escape":                   "/%u002e%u002e/admin",           // classic ASP and IIS give ".."
	"double encoded slash":          "/public%252Fadmin",             // a proxy and an application that decode once each
	"double encoded dots":           "/public/%252e%252e/admin",      // the same
	"half double encoded dots":      "/public/.%252e/admin",          // the same
	"double encoded from two parts": "/public/%25%32%65%252e/x",      // "%2e" appears after the first decoding
	"triple encoded":                "/public/%25252e%25252e/x",      // three decoders in a row
	"double encoded backslash":      "/public/%255c..",               // IIS's superfluous decoding (MS01-026)
	"double encoded wide escape":    "/public/%25u002e%25u002e/x",    // classic ASP behind a proxy that decodes
	"double encoded letter":         "/%2561dmin",                    // reads as /admin for who decodes twice
	"query":                         "/admin?x",                      // the caller cuts it off; one that is left means two parsers disagree
	"fragment":                      "/public#/../admin",             // servers keep "#", URL parsers drop what follows
	"no slash in front":             "admin",                         // joined to a base path without a separator
	"empty":                         "",                              // no path at all
	"scheme":                        "http://x/admin",                // absolute-form where a path is expected
	"decomposed letter":             "/a\u0308dmin",                  // HFS+ and some databases find the composed name
	"too long":                      "/" + strings.Repeat("a", 8192), // parsers with a fixed buffer cut the end off
}

func TestAttacksAreRefused(t *testing.T) {
	t.Parallel()
	for name, path := range attacks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := reqpath.Normalize(path)
			if !problem.Is(err, problem.Invalid) || got != "" {
				t.Errorf("Normalize(%q) = %q, %v; want a refusal", path, got, err)
			}
		})
	}
}

func TestSegments(t *testing.T) {
	t.Parallel()
	for path, want := range map[string][]string{
		"/": nil, "/a": {"a"}, "/a/": {"a"}, "/a/b%20c/%C3%BC": {"a", "b c", "ü"},
	} {
		if diff := cmp.Diff(want, reqpath.Segments(path)); diff != "" {
			t.Errorf("Segments(%q): %s", path, diff)
		}
	}
}

// Any escaping of a path has the canonical form of the path.
func TestEverySpellingHasOneForm(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfN(rapid.StringMatching(`[a-z@:ü %~!é*]{1,6}`), 1, 4).Draw(t, "names")
		var plain, odd strings.Builder
		for _, n := range names {
			plain.WriteString("/" + url.PathEscape(n))
			odd.WriteByte('/')
			for i := range len(n) {
				raw := rapid.Bool().Draw(t, "raw") && n[i] != '%'
				switch {
				case raw:
					odd.WriteByte(n[i])
				case rapid.Bool().Draw(t, "upper"):
					odd.WriteString("%" + strings.ToUpper(hex(n[i])))
				default:
					odd.WriteString("%" + hex(n[i]))
				}
			}
		}
		want, wantErr := reqpath.Normalize(plain.String())
		got, err := reqpath.Normalize(odd.String())
		if (err == nil) != (wantErr == nil) || got != want {
			t.Fatalf("%q gives %q, %v; %q gives %q, %v", odd.String(), got, err, plain.String(), want, wantErr)
		}
	})
}

func hex(b byte) string {
	const digits = "0123456789abcdef"
	return string([]byte{digits[b>>4], digits[b&15]})
}

func FuzzNormalize(f *testing.F) {
	for _, path := range attacks {
		f.Add(path)
	}
	f.Add("/api/v1/%61b/%C3%BC/*@:")
	f.Fuzz(func(t *testing.T, path string) {
		got, err := reqpath.Normalize(path)
		if err != nil {
			if !problem.Is(err, problem.Invalid) || got != "" {
				t.Fatalf("a refusal gives %q, %v", got, err)
			}
			return
		}
		if again, err := reqpath.Normalize(got); err != nil || again != got {
			t.Fatalf("%q is not canonical: it gives %q, %v", got, again, err)
		}
		u, err := url.ParseRequestURI(got)
		if err != nil || u.EscapedPath() != got || u.RawQuery != "" || u.Host != "" {
			t.Fatalf("net/url reads %q as %+v, %v", got, u, err)
		}
		if sent, err := url.PathUnescape(path); err != nil || u.Path != sent {
			t.Fatalf("%q means %q, its canonical form means %q", path, sent, u.Path)
		}
		readings := []string{u.Path}
		if twice, err := url.PathUnescape(u.Path); err == nil {
			readings = append(readings, twice)
		}
		for _, reading := range readings {
			if strings.ContainsAny(reading, "\x00\r\n\t\x7f\\;") || strings.Contains(reading, "//") || !norm.NFC.IsNormalString(reading) {
				t.Fatalf("%q still holds a refused character", reading)
			}
			for s := range strings.SplitSeq(reading, "/") {
				if s == "." || s == ".." {
					t.Fatalf("%q still holds a dot segment", reading)
				}
			}
		}
		if strings.Count(got, "/") != strings.Count(u.Path, "/") {
			t.Fatalf("%q holds an encoded slash", got)
		}
	})
}
