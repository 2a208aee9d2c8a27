package access_test

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-id/gatehouse/core/access"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// apikey reads credentials as the bundled plugin of that name does, with
// secrets that are easy to write.
func apikey(name, prefix string) access.Instance {
	return access.Instance{Name: name, Records: authn.RecordsHost, Credentials: []authn.Credential{
		authn.InHeaders("X-Client-Id", "X-Client-Secret", prefix),
		authn.InBasic(prefix),
		authn.InBearer(prefix).WithID(`^[a-z]+_([0-9A-Za-z]+)_`),
	}}
}

func basic(id, secret string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+secret))
}

func TestWhatIsReadAsACredential(t *testing.T) {
	const good = "ghk_K1_right"
	tests := map[string]struct {
		headers http.Header
		code    problem.Code // "" is a credential that verifies
		detail  string       // part of the detail
	}{
		"pair of headers":             {h("X-Client-Id", "alpha", "X-Client-Secret", good), "", ""},
		"basic":                       {h("Authorization", basic("alpha", good)), "", ""},
		"basic, scheme in lower case": {h("Authorization", strings.Replace(basic("alpha", good), "Basic", "basic", 1)), "", ""},
		"bearer":                      {h("Authorization", "Bearer "+good), "", ""},
		"bearer, two spaces":          {h("Authorization", "Bearer  "+good), "", ""},
		"the same client twice":       {h("X-Client-Id", "alpha", "X-Client-Secret", good, "Authorization", "Bearer "+good), "", ""},
		"the application's own bearer beside ours": {h("X-Client-Id", "alpha", "X-Client-Secret", good, "Authorization", "Bearer eyJhbGciOi"), "", ""},

		"nothing":                     {h(), problem.Unauthenticated, "carries none"},
		"only the application's own":  {h("Authorization", "Bearer eyJhbGciOi"), problem.Unauthenticated, "begins like none"},
		"another scheme":              {h("Authorization", "Digest username=alpha"), problem.Unauthenticated, "begins like none"},
		"basic that is no base64":     {h("Authorization", "Basic %%%"), problem.Unauthenticated, "begins like none"},
		"basic without a colon":       {h("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("alpha"))), problem.Unauthenticated, "begins like none"},
		"an id alone":                 {h("X-Client-Id", "alpha"), problem.Unauthenticated, "X-Client-Secret is missing"},
		"a secret alone":              {h("X-Client-Secret", good), problem.Unauthenticated, "X-Client-Id is missing"},
		"a secret of another kind":    {h("X-Client-Id", "alpha", "X-Client-Secret", "sk_live_1"), problem.Unauthenticated, "not valid"},
		"an empty secret":             {h("X-Client-Id", "alpha", "X-Client-Secret", ""), problem.Unauthenticated, "not valid"},
		"the header twice":            {http.Header{"X-Client-Id": {"alpha", "beta"}, "X-Client-Secret": {good}}, problem.Invalid, "2 times"},
		"Authorization twice":         {http.Header{"Authorization": {"Bearer " + good, "Bearer " + good}}, problem.Invalid, "2 times"},
		"a null byte":                 {h("X-Client-Id", "al\x00pha", "X-Client-Secret", good), problem.Invalid, "null byte"},
		"oversized":                   {h("X-Client-Id", "alpha", "X-Client-Secret", "ghk_"+strings.Repeat("x", 9000)), problem.TooLarge, "8192"},
		"two different clients":       {h("X-Client-Id", "alpha", "X-Client-Secret", good, "Authorization", "Bearer ghk_K2_right"), problem.Invalid, "two different"},
		"one right and one wrong":     {h("X-Client-Id", "alpha", "X-Client-Secret", good, "Authorization", "Bearer ghk_K1_wrong"), problem.Unauthenticated, "not valid"},
		"an id with bytes of its own": {h("X-Client-Id", "../../alpha", "X-Client-Secret", good), problem.Unauthenticated, "not valid"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			_, err := w.service.Check(t.Context(), w.request(tt.headers))
			var p *problem.Problem
			if err != nil && !errors.As(err, &p) {
				t.Fatalf("an error that is no problem: %v", err)
			}
			switch {
			case tt.code == "" && err != nil:
				t.Errorf("refused: %v", err)
			case tt.code != "" && (p == nil || p.Code != tt.code || !strings.Contains(p.Detail, tt.detail)):
				t.Errorf("got %v, want %s with %q", err, tt.code, tt.detail)
			case tt.code != "" && p.Hint == "" && tt.code != problem.TooLarge && !strings.Contains(tt.detail, "null"):
				t.Errorf("%v does not say what to do", err)
			}
		})
	}
}

func TestPrefixesMayNotOverlap(t *testing.T) {
	tests := map[string]struct {
		a, b string
		ok   bool
	}{
		"different":            {"ghk", "abc", true},
		"the same":             {"ghk", "ghk", false},
		"one begins the other": {"gh", "ghk", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := access.NewReader([]access.Instance{apikey("apikey", tt.a), apikey("apikey.partners", tt.b)})
			if (err == nil) != tt.ok {
				t.Errorf("error %v", err)
			}
			if err != nil && (!strings.Contains(err.Error(), `"apikey"`) || !strings.Contains(err.Error(), `"apikey.partners"`)) {
				t.Errorf("%v does not name both", err)
			}
		})
	}
}

func TestStripLeavesOnlyTheApplicationsOwn(t *testing.T) {
	r, err := access.NewReader([]access.Instance{apikey("apikey", "ghk")})
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		in   http.Header
		left []string
	}{
		"our pair goes":              {h("X-Client-Id", "a", "X-Client-Secret", "ghk_1", "Accept", "*/*"), []string{"Accept"}},
		"our bearer goes":            {h("Authorization", "Bearer ghk_1"), nil},
		"our basic goes":             {h("Authorization", basic("a", "ghk_1")), nil},
		"the application's own stay": {h("Authorization", "Bearer eyJ"), []string{"Authorization"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r.Strip(tt.in)
			if len(tt.in) != len(tt.left) {
				t.Errorf("left %v, want %v", tt.in, tt.left)
			}
			for _, name := range tt.left {
				if tt.in.Get(name) == "" {
					t.Errorf("%s is gone", name)
				}
			}
		})
	}
}

func FuzzCheck(f *testing.F) {
	f.Add("alpha", "ghk_K1_wrong", "Bearer ghk_K1_right")
	f.Add("", "", "Basic YWxwaGE6Z2hrX0sxX3JpZ2h0")
	f.Add("alpha\x00", "ghk", "basic")
	w := newWorld(f)
	f.Fuzz(func(t *testing.T, id, secret, authorization string) {
		headers := http.Header{}
		if id != "" {
			headers["X-Client-Id"] = []string{id}
		}
		if secret != "" {
			headers["X-Client-Secret"] = []string{secret}
		}
		if authorization != "" {
			headers["Authorization"] = []string{authorization}
		}
		d, err := w.service.Check(context.Background(), w.request(headers))
		if err != nil {
			return
		}
		// Whoever passes has sent a right secret somewhere.
		all := id + " " + secret + " " + authorization
		if raw, decodeErr := base64.StdEncoding.DecodeString(strings.TrimSpace(strings.TrimPrefix(strings.ToLower(authorization), "basic "))); decodeErr == nil {
			all += string(raw)
		}
		if scheme, rest, ok := strings.Cut(authorization, " "); ok && strings.EqualFold(scheme, "basic") {
			raw, _ := base64.StdEncoding.DecodeString(strings.Trim(rest, " "))
			all += string(raw)
		}
		if !strings.Contains(all, "_right") {
			t.Errorf("%q passed as %+v", all, d.Principal)
		}
	})
}

func h(pairs ...string) http.Header {
	out := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		out[http.CanonicalHeaderKey(pairs[i])] = []string{pairs[i+1]}
	}
	return out
}
