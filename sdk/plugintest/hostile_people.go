package plugintest

import (
	"net/url"
	"slices"
	"strings"

	"github.com/gatehouse-id/gatehouse/sdk/authn"
)

// huge is more than any parameter has in earnest.
var huge = strings.Repeat("A", 1<<20)

// garbage is what a browser or a server can bring without an IdP.
func garbage() map[string]authn.Incoming {
	out := map[string]authn.Incoming{
		"nothing at all": {}, "a GET of nothing": {Method: "GET"}, "a POST of nothing": {Method: "POST"},
		"a field without a name": {Method: "POST", Form: []authn.Field{{}}},
		"many fields":            {Method: "POST", Form: slices.Repeat([]authn.Field{{Name: "a", Value: "b"}}, 32)},
		"an error of the IdP":    {Method: "GET", RawQuery: "error=access_denied&error_description=%1b%5b2J<script>"},
		"an odd error":           {Method: "GET", RawQuery: "error=%F0%9F%92%A9+no+such%00thing"},
	}
	for name, query := range map[string]string{
		"a sign of percent": "%", "escapes that are none": "%zz=%", "separators": "&&&=&;;=&", "not UTF-8": "\xff=%ff", "NUL": "a=%00\x00",
		"much": "a=" + huge, "many": strings.Repeat("a=b&", 20_000), "brackets": "a[]=b&a[b]=c",
	} {
		out["a query: "+name] = authn.Incoming{Method: "GET", RawQuery: query}
	}
	for name, body := range map[string]string{
		"binary": "\x00\xff\xfe\x01", "deep JSON": strings.Repeat(`{"a":[`, 20_000), "null": "null", "a number": "1e999", "JSON cut": `{"sub":"a`,
		"deep XML": strings.Repeat("<a>", 20_000), "entities": `<!DOCTYPE a [<!ENTITY b "c"><!ENTITY d SYSTEM "file:///etc/passwd">]><a>&b;&d;</a>`,
		"much": huge, "dots": strings.Repeat(".", 1000), "a token of nothing": "e30.e30.", "a page": "<html><script>",
	} {
		for _, kind := range []string{"application/json", "application/x-www-form-urlencoded", "text/xml", "application/jwt", ""} {
			out["a body: "+name+" as "+kind] = authn.Incoming{Method: "POST", Body: []byte(body), ContentType: kind}
		}
		for _, field := range []string{"SAMLResponse", "SAMLRequest", "id_token", "logout_token", "code", "token"} {
			out["a field: "+name+" in "+field] = authn.Incoming{Method: "POST", Form: []authn.Field{{Name: field, Value: body}}}
		}
	}
	return out
}

// bent are a good answer's parameters, one of them bent at a time. That which
// carries the relay is left alone: the host looks at it, no plugin has to.
func bent(good authn.Incoming, relay string) map[string]authn.Incoming {
	out := map[string]authn.Incoming{}
	parameters := strings.Split(good.RawQuery, "&")
	for i, parameter := range parameters {
		name, raw, _ := strings.Cut(parameter, "=")
		if value, err := url.QueryUnescape(raw); err != nil || value == relay || parameter == "" {
			continue
		}
		for how, values := range bends(raw) {
			in, list := good, slices.Clone(parameters[:i])
			for _, v := range values {
				list = append(list, name+"="+v)
			}
			in.RawQuery = strings.Join(append(list, parameters[i+1:]...), "&")
			out[name+" in the query, "+how] = in
		}
	}
	for i, f := range good.Form {
		if f.Value == relay {
			continue
		}
		for how, values := range bends(f.Value) {
			in, list := good, slices.Clone(good.Form[:i])
			for _, v := range values {
				list = append(list, authn.Field{Name: f.Name, Value: v})
			}
			in.Form = slices.Concat(list, good.Form[i+1:])
			out[f.Name+" in the form, "+how] = in
		}
	}
	if len(good.Body) > 0 {
		for how, values := range bends(string(good.Body)) {
			in := good
			in.Body = []byte(strings.Join(values, "&"))
			out["the body, "+how] = in
		}
	}
	return out
}

// bends are what stands in place of one value.
func bends(value string) map[string][]string {
	first := "A"
	if strings.HasPrefix(value, first) {
		first = "B"
	}
	return map[string][]string{
		"missing": nil, "empty": {""}, "cut in half": {value[:len(value)/2]}, "without its first": {value[min(1, len(value)):]},
		"another first": {first + value[min(1, len(value)):]}, "its half twice": {value[:len(value)/2] + value[:len(value)/2]},
		"doubled": {value, value}, "and another": {value, "other"}, "after another": {"other", value},
		"huge": {huge}, "much longer": {value + huge}, "NUL": {"%00"}, "another": {"other"},
	}
}
