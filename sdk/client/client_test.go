package client_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/sdk/client"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

const canary = "ghk_K1_canarycanary"

func options(base string) client.Options {
	return client.Options{BaseURL: base, ID: "my-tenant", Secret: canary}
}

func TestTheCredentialIsSent(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change func(*client.Options)
		want   http.Header
	}{
		"a pair of headers": {func(*client.Options) {}, http.Header{
			"X-Client-Id": {"my-tenant"}, "X-Client-Secret": {canary}, "Authorization": nil,
		}},
		"a bearer token": {func(o *client.Options) { o.Bearer, o.ID = true, "" }, http.Header{
			"X-Client-Id": nil, "X-Client-Secret": nil, "Authorization": {"Bearer " + canary},
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got http.Header
			server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Header }))
			defer server.Close()
			o := options(server.URL)
			tt.change(&o)
			c, err := client.New(o)
			if err != nil {
				t.Fatal(err)
			}
			req, err := http.NewRequestWithContext(t.Context(), "GET", server.URL+"/x", nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("X-Own", "stays")
			resp, err := c.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			for name, values := range tt.want {
				if diff := cmp.Diff(values, got[name]); diff != "" {
					t.Errorf("%s (-want +got):\n%s", name, diff)
				}
			}
			if got.Get("X-Own") != "stays" {
				t.Error("the request's own header was lost")
			}
			if len(req.Header) != 1 || len(resp.Request.Header) != 1 {
				t.Errorf("the credential stays in the caller's request: %v, %v", req.Header, resp.Request.Header)
			}
		})
	}
}

func TestTheCredentialGoesNowhereElse(t *testing.T) {
	t.Parallel()
	reached := make(chan string, 10)
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { reached <- r.URL.Path }))
	defer other.Close()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if to := r.URL.Query().Get("to"); to != "" {
			http.Redirect(w, r, to, http.StatusTemporaryRedirect)
		}
	}))
	defer server.Close()
	c, err := client.New(options(server.URL))
	if err != nil {
		t.Fatal(err)
	}
	redirect := func(to string) string { return server.URL + "/?to=" + url.QueryEscape(to) }
	plain := func(*http.Request) {}

	tests := map[string]struct {
		url    string
		change func(*http.Request)
		want   string // in the error
	}{
		"another port":               {other.URL, plain, client.ErrOtherHost.Error()},
		"another scheme":             {"https" + strings.TrimPrefix(server.URL, "http"), plain, client.ErrOtherHost.Error()},
		"another name of the host":   {strings.Replace(server.URL, "127.0.0.1", "localhost", 1), plain, client.ErrOtherHost.Error()},
		"a redirect":                 {redirect(other.URL + "/stolen"), plain, client.ErrOtherHost.Error()},
		"a redirect without scheme":  {redirect("//" + strings.TrimPrefix(other.URL, "http://") + "/stolen"), plain, client.ErrOtherHost.Error()},
		"our host as userinfo":       {"http://" + strings.TrimPrefix(server.URL, "http://") + "@" + strings.TrimPrefix(other.URL, "http://"), plain, client.ErrOtherHost.Error()},
		"another Host header":        {server.URL, func(r *http.Request) { r.Host = "evil.example" }, client.ErrOtherHost.Error()},
		"a credential of its own":    {server.URL, func(r *http.Request) { r.Header.Set("X-Client-Secret", "own") }, "its own X-Client-Secret"},
		"an empty one of its own":    {server.URL, func(r *http.Request) { r.Header["X-Client-Id"] = []string{""} }, "its own X-Client-Id"},
		"a redirect inside the host": {redirect("/inside"), plain, ""},
		"the host, plainly":          {server.URL + "/inside", plain, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), "POST", tt.url, strings.NewReader("{}"))
			if err != nil {
				t.Fatal(err)
			}
			tt.change(req)
			resp, err := c.Do(req)
			if err == nil {
				resp.Body.Close()
			}
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("error %v, want %q in it", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), canary) {
				t.Errorf("the error shows the secret: %v", err)
			}
		})
	}
	if len(reached) > 0 {
		t.Errorf("the other host was reached at %q", <-reached)
	}
}

func TestHostsInAnotherSpelling(t *testing.T) {
	t.Parallel()
	answer := roundTrip(func(r *http.Request) (*http.Response, error) { return respond(r, 200, nil), nil })
	for base, urls := range map[string]map[string]bool{
		"https://App.Example.com/base/": {
			"https://app.example.com/": true, "HTTPS://APP.example.com:443/x": true,
			"https://app.example.com:8443/": false, "http://app.example.com/": false, "http://app.example.com:443/": false,
			"https://app.example.com./": false, "https://app.example.com.evil.example/": false, "https://evil.example/app.example.com": false,
		},
		"http://[::1]:8080": {"http://[::1]:8080/x": true, "http://[::1]/": false, "http://[::2]:8080/": false},
	} {
		o := options(base)
		o.Base = answer
		c, err := client.New(o)
		if err != nil {
			t.Fatal(err)
		}
		for target, want := range urls {
			resp, err := c.Get(target)
			if err == nil {
				resp.Body.Close()
			}
			if want != (err == nil) || !want && !errors.Is(err, client.ErrOtherHost) {
				t.Errorf("credential for %s, request to %s: %v, want sent: %v", base, target, err, want)
			}
		}
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		options client.Options
		want    string // in the error; empty if the options are right
	}{
		"right":                      {options("https://app.example.com"), ""},
		"http on loopback":           {options("http://127.0.0.1:8080"), ""},
		"http elsewhere":             {options("http://app.example.com"), "https only"},
		"a name like loopback":       {options("http://localhost.example.com"), "https only"},
		"no scheme":                  {options("app.example.com"), "BaseURL"},
		"credentials in the URL":     {options("https://u:" + canary + "@app.example.com"), "BaseURL"},
		"what is no URL":             {options("https://u:" + canary + "@app.example.com:x"), "BaseURL"},
		"no id":                      {client.Options{BaseURL: "https://a.example", Secret: canary}, "ID"},
		"no secret":                  {client.Options{BaseURL: "https://a.example", ID: "x"}, "Secret"},
		"a secret with a line break": {client.Options{BaseURL: "https://a.example", ID: "x", Secret: canary + "\n"}, "Secret"},
		"a header in the id":         {client.Options{BaseURL: "https://a.example", ID: "x\r\nX-Admin: 1", Secret: canary}, "ID"},
		"negative attempts":          {client.Options{BaseURL: "https://a.example", ID: "x", Secret: canary, Attempts: -1}, "Attempts"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := client.New(tt.options)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("New: %v, want %q in it", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), canary) {
				t.Errorf("the error shows the secret: %v", err)
			}
		})
	}
}

func TestFromEnv(t *testing.T) {
	t.Setenv("GATEHOUSE_URL", "https://app.example.com")
	t.Setenv("GATEHOUSE_CLIENT_ID", "")
	t.Setenv("GATEHOUSE_CLIENT_SECRET", "")
	if _, err := client.FromEnv(); err == nil || !strings.HasSuffix(err.Error(), ": GATEHOUSE_CLIENT_ID, GATEHOUSE_CLIENT_SECRET") {
		t.Errorf("two missing: %v", err)
	}
	t.Setenv("GATEHOUSE_CLIENT_ID", "my-tenant")
	t.Setenv("GATEHOUSE_CLIENT_SECRET", canary)
	o, err := client.FromEnv()
	if err != nil || o.BaseURL != "https://app.example.com" || o.ID != "my-tenant" || !o.Secret.Equal(secret.Text(canary)) {
		t.Errorf("FromEnv = %+v, %v", o, err)
	}
}

func TestNothingShowsTheSecret(t *testing.T) {
	t.Parallel()
	for _, bearer := range []bool{false, true} {
		o := options("https://app.example.com")
		o.Bearer = bearer
		c, err := client.New(o)
		if err != nil {
			t.Fatal(err)
		}
		shown := fmt.Sprintf("%v %+v %#v %v %+v %#v %v %+v %#v", c, c, c, c.Transport, c.Transport, c.Transport, o, o, o)
		if strings.Contains(shown, canary) {
			t.Errorf("shown: %s", shown)
		}
	}
}
