package provisioning_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/core/provisioning"
	"github.com/gatehouse-id/gatehouse/core/provisioning/traffic"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	"github.com/gatehouse-id/gatehouse/core/tracing"
	"github.com/gatehouse-id/gatehouse/sdk/directory"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/sdk/provision"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

func lite(t *testing.T) *world { return newWorld(storetest.Open(t, storetest.SQLite(t))) }

// Every way in which an IdP sends the token, and none besides.
func TestHowATokenIsSent(t *testing.T) {
	w := lite(t)
	_, text := w.token(t, "acme-okta")
	basic := func(pair string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(pair)) }
	for name, tt := range map[string]struct {
		values []string
		status int
	}{
		"Bearer":                        {[]string{"Bearer " + text.Reveal()}, 200},
		"in another case":               {[]string{"bEARER  " + text.Reveal() + " "}, 200},
		"the password of Basic":         {[]string{basic("anybody:" + text.Reveal())}, 200},
		"Basic without a name":          {[]string{basic(":" + text.Reveal())}, 200},
		"by itself":                     {[]string{text.Reveal()}, 200},
		"nothing":                       {nil, 401},
		"empty":                         {[]string{""}, 401},
		"a scheme alone":                {[]string{"Bearer"}, 401},
		"the name of Basic":             {[]string{basic(text.Reveal() + ":")}, 401},
		"Basic that is no base64":       {[]string{"Basic %%%"}, 401},
		"Basic without a colon":         {[]string{basic(text.Reveal())}, 401},
		"another scheme":                {[]string{"Digest " + text.Reveal()}, 401},
		"another secret by itself":      {[]string{"gha_x"}, 401},
		"twice":                         {[]string{"Bearer " + text.Reveal(), "Bearer " + text.Reveal()}, 400},
		"longer than a header of ours":  {[]string{"Bearer " + strings.Repeat("a", 2000)}, 401},
		"Basic with the token and more": {[]string{basic("a:" + text.Reveal() + ":")}, 401},
	} {
		r := httptest.NewRequest(http.MethodGet, "/scim/v2/Users", nil)
		r.Header["Authorization"] = tt.values
		r.Header.Set("X-From", "2001:db8::"+hex(len(name))) // each from elsewhere: nobody is throttled
		rec := w.serve(r)
		if rec.Code != tt.status {
			t.Errorf("%s: %d %s", name, rec.Code, rec.Body)
		}
		if rec.Code == 401 && rec.Header().Get("WWW-Authenticate") == "" {
			t.Errorf("%s: no WWW-Authenticate", name)
		}
		if rec.Code == 200 {
			if seen, _ := w.plugins.last(); seen.Header.Get("Authorization") != "" {
				t.Errorf("%s: the provisioner sees the token", name)
			}
		}
	}
	// A token in the URL is none.
	if rec := w.serve(httptest.NewRequest(http.MethodGet, "/scim/v2/Users?access_token="+text.Reveal(), nil)); rec.Code != 401 {
		t.Errorf("in the URL: %d", rec.Code)
	}
}

func hex(n int) string { return strings.Repeat("0", 3) + string("0123456789abcdef"[n%16]) + "::" }

func FuzzAuthorization(f *testing.F) {
	for _, value := range []string{"Bearer x", "Basic Ong=", "ghscim_P1_x", "Bearer  ", " ", "Basic :", "bearer\tx"} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		text, err := provisioning.Presented(http.Header{"Authorization": {value}})
		switch {
		case err == nil && text == "" && !strings.HasPrefix(strings.ToLower(strings.TrimSpace(value)), "basic"):
			t.Errorf("%q is an empty token", value)
		case err != nil && !problem.Is(err, problem.Unauthenticated):
			t.Errorf("%q: %v", value, err)
		case err != nil && text != "":
			t.Errorf("%q: a token and %v", value, err)
		}
	})
}

func TestWhereARequestGoes(t *testing.T) {
	w := lite(t)
	_, text := w.token(t, "acme-okta")
	const public = "https://app.example.com/scim/v2"
	for target, want := range map[string]struct{ target, base string }{
		"/scim/v2":                          {"/", public},
		"/scim/v2/":                         {"/", public},
		"/scim/v2/Users?count=2&x=%20":      {"/Users?count=2&x=%20", public},
		"/scim/v2/Users/a%20b":              {"/Users/a%20b", public},
		"/scim/v2/users":                    {"/users", public},
		"/scim/v2/acme-okta":                {"/", public + "/acme-okta"},
		"/scim/v2/acme-okta/Groups":         {"/Groups", public + "/acme-okta"},
		"/scim/v2/acme-okta/acme-okta/U":    {"/acme-okta/U", public + "/acme-okta"},
		"/scim/v2/acme-oktas/Users":         {"/acme-oktas/Users", public},
		"/scim/v2/globex-entra/Users?x=/..": {"/globex-entra/Users?x=/..", public},
	} {
		if rec := w.send(t, http.MethodGet, target, "", text); rec.Code != 200 {
			t.Errorf("%s: %d %s", target, rec.Code, rec.Body)
			continue
		}
		got, of := w.plugins.last()
		if got.Target != want.target || got.BaseURL != want.base || of != "acme-okta/scim acme" {
			t.Errorf("%s: %q of %q by %q", target, got.Target, got.BaseURL, of)
		}
	}
	for _, path := range []string{"/scim/v22/Users", "/scim", "/", "/hook", "/Users"} {
		if w.mount.Serves(path) {
			t.Errorf("%s is served", path)
		}
		if rec := w.send(t, http.MethodGet, path, "", text); rec.Code != 404 {
			t.Errorf("%s: %d", path, rec.Code)
		}
	}
	if !w.mount.Serves("/scim/v2") || !w.mount.Serves("/hooks/hr/x") {
		t.Error("a mount is not served")
	}
}

func FuzzTarget(f *testing.F) {
	for _, path := range []string{"/scim/v2/acme-okta/Users", "/scim/v2", "/scim/v2/%2e%2e", "/scim/v2//", "/scim/v2/Users?filter=a%20eq%20%22b%22"} {
		f.Add(path, "acme-okta")
	}
	f.Fuzz(func(t *testing.T, path, label string) {
		r, err := http.NewRequest(http.MethodGet, "http://h"+path, nil)
		if err != nil || !strings.HasPrefix(r.URL.EscapedPath(), "/scim/v2") || label == "" {
			return
		}
		target, named := provisioning.Target(r.URL, "/scim/v2", label)
		if target == "" || strings.ContainsAny(target, " \r\n#") || named && !strings.Contains(r.URL.EscapedPath(), label) {
			t.Errorf("%q is %q, %v", path, target, named)
		}
	})
}

// The answers of the host itself, in the form of the mount.
func TestTheHostsOwnAnswers(t *testing.T) {
	limited := func(l provisioning.Limits) func(*world) {
		return func(w *world) {
			c, _ := w.connections.Connection("acme-okta")
			c.Limits = l
			w.connections.set(c)
		}
	}
	fails := func(err error) func(*world) {
		return func(w *world) {
			w.plugins.handle = func(context.Context, provisioning.Request) (*provisioning.Response, error) { return nil, err }
		}
	}
	for name, tt := range map[string]struct {
		given  func(*world)
		body   string
		status int
		retry  string
		words  string
	}{
		"the connection was taken away":   {func(w *world) { w.connections.remove("acme-okta") }, "", 503, "300", "takes no provisioning now"},
		"it is another organization's":    {func(w *world) { w.connections.set(provisioning.Connection{Label: "acme-okta", Organization: "globex"}) }, "", 503, "300", "takes no provisioning now"},
		"it has no provisioner any more":  {func(w *world) { w.connections.set(provisioning.Connection{Label: "acme-okta", Organization: "acme"}) }, "", 503, "300", "takes no provisioning now"},
		"a body over the limit":           {limited(provisioning.Limits{Body: 3}), "four", 413, "", "over 3 bytes"},
		"the plugin is away":              {fails(problem.New(problem.Unavailable, "the plugin is restarting").WithRetryAfter(1500 * time.Millisecond)), "", 503, "2", "restarting"},
		"the store is away":               {fails(problem.New(problem.Unavailable, "the disk is full")), "", 503, "5", "the disk is full"},
		"a defect tells nothing of it":    {fails(errors.New("secret-canary")), "", 500, "", "internal"},
		"the plugin's answer is no HTTP":  {fails(problem.New(problem.BadUpstream, "the plugin answered with no status")), "", 502, "", "no status"},
		"the brake holds":                 {fails(problem.New(problem.Unavailable, "too many people leave").WithRetryAfter(5 * time.Minute)), "", 503, "300", "too many"},
		"a limit of the plugin's process": {fails(problem.New(problem.TooLarge, "the answer is too large")), "", 413, "", "too large"},
	} {
		t.Run(name, func(t *testing.T) {
			w := lite(t)
			_, text := w.token(t, "acme-okta")
			tt.given(w)
			rec := w.send(t, http.MethodPost, "/scim/v2/Users", tt.body, text)
			if rec.Code != tt.status || rec.Header().Get("Retry-After") != tt.retry || rec.Header().Get("Content-Type") != "application/scim+json" {
				t.Errorf("%d %v", rec.Code, rec.Header())
			}
			var doc struct {
				Schemas []string
				Status  string
				Detail  string
			}
			if err := json.Unmarshal(rec.Body.Bytes(), &doc); err != nil {
				t.Fatal(err)
			}
			if want := []string{"urn:ietf:params:scim:api:messages:2.0:Error"}; !cmp.Equal(want, doc.Schemas) || doc.Status != strconv.Itoa(tt.status) || !strings.Contains(doc.Detail, tt.words) || !strings.Contains(doc.Detail, "trace id") {
				t.Errorf("%s", rec.Body)
			}
			if strings.Contains(rec.Body.String(), "canary") {
				t.Errorf("the cause is told: %s", rec.Body)
			}
			if list := w.log.Last("acme-okta", 10); len(list) != 1 || list[0].Status != tt.status || list[0].Problem == "" {
				t.Errorf("log: %+v", list)
			}
		})
	}
}

func TestTheFormOfAnotherMount(t *testing.T) {
	w := lite(t)
	rec := w.serve(httptest.NewRequest(http.MethodGet, "/hooks/hr", nil))
	if rec.Code != 401 || rec.Header().Get("Content-Type") != problem.MediaType {
		t.Errorf("%d %v", rec.Code, rec.Header())
	}
}

// A body without a length is stopped where it goes beyond the limit, whatever the
// provisioner makes of that.
func TestABodyWithoutALength(t *testing.T) {
	for name, answer := range map[string]func(error) (*provisioning.Response, error){
		"the provisioner fails":   func(err error) (*provisioning.Response, error) { return nil, err },
		"it answers all the same": func(error) (*provisioning.Response, error) { return answered(200, "{}"), nil },
	} {
		t.Run(name, func(t *testing.T) {
			w := lite(t)
			_, text := w.token(t, "acme-okta")
			c, _ := w.connections.Connection("acme-okta")
			c.Limits.Body = 10
			w.connections.set(c)
			read := 0
			w.plugins.handle = func(_ context.Context, r provisioning.Request) (*provisioning.Response, error) {
				text, err := io.ReadAll(r.Body)
				read = len(text)
				return answer(err)
			}
			for body, status := range map[string]int{strings.Repeat("x", 11): 413, strings.Repeat("x", 1000): 413} {
				r := httptest.NewRequest(http.MethodPost, "/scim/v2/Users", io.MultiReader(strings.NewReader(body)))
				r.ContentLength = -1
				r.Header.Set("Authorization", "Bearer "+text.Reveal())
				if rec := w.serve(r); rec.Code != status || read > 10 {
					t.Errorf("%d bytes: %d, %d were read", len(body), rec.Code, read)
				}
			}
		})
	}
}

func TestABodyAtTheLimitPasses(t *testing.T) {
	w := lite(t)
	_, text := w.token(t, "acme-okta")
	c, _ := w.connections.Connection("acme-okta")
	c.Limits.Body = 4
	w.connections.set(c)
	if rec := w.send(t, http.MethodPost, "/scim/v2/Users", "four", text); rec.Code != 200 || w.plugins.bodies[0] != "four" {
		t.Errorf("%d, %q", rec.Code, w.plugins.bodies)
	}
}

// One connection over its rate is told when to come again; another goes on.
func TestTheRate(t *testing.T) {
	w := lite(t)
	_, okta := w.token(t, "acme-okta")
	_, entra := w.token(t, "globex-entra")
	c, _ := w.connections.Connection("acme-okta")
	c.Limits.Rate = 3600 // one a second, with a burst of two seconds
	w.connections.set(c)
	for i, want := range []int{200, 200, 429} {
		if rec := w.send(t, http.MethodGet, "/scim/v2/Users", "", okta); rec.Code != want || (want == 429) != (rec.Header().Get("Retry-After") == "1") {
			t.Errorf("request %d: %d %v", i, rec.Code, rec.Header())
		}
	}
	if rec := w.send(t, http.MethodGet, "/scim/v2/Users", "", entra); rec.Code != 200 {
		t.Errorf("another connection: %d", rec.Code)
	}
	w.pass(time.Second)
	if rec := w.send(t, http.MethodGet, "/scim/v2/Users", "", okta); rec.Code != 200 {
		t.Errorf("after Retry-After: %d", rec.Code)
	}
}

// With as many requests under way as are allowed the next is refused at once, and
// takes nothing of the rate.
func TestRequestsAtOnce(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	w := newWorld(s)
	_, okta := w.token(t, "acme-okta")
	_, entra := w.token(t, "globex-entra")
	for _, text := range []secret.Text{okta, entra} { // known from here on: no transaction within the bubble
		if rec := w.send(t, http.MethodGet, "/scim/v2/Users", "", text); rec.Code != 200 {
			t.Fatal(rec.Body)
		}
	}
	c, _ := w.connections.Connection("acme-okta")
	c.Limits = provisioning.Limits{Concurrent: 2, Rate: 3600}
	w.connections.set(c)
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		w.plugins.handle = func(_ context.Context, r provisioning.Request) (*provisioning.Response, error) {
			if r.Method == http.MethodPost {
				<-release
			}
			return answered(200, "{}"), nil
		}
		codes := make(chan int, 2)
		for range 2 {
			go func() { codes <- w.send(t, http.MethodPost, "/scim/v2/Users", "", okta).Code }()
		}
		synctest.Wait()
		rec := w.send(t, http.MethodGet, "/scim/v2/Users", "", okta)
		if rec.Code != 429 || rec.Header().Get("Retry-After") != "1" {
			t.Errorf("a third: %d", rec.Code)
		}
		if code := w.send(t, http.MethodGet, "/scim/v2/Users", "", entra).Code; code != 200 {
			t.Errorf("another connection: %d", code)
		}
		close(release)
		if a, b := <-codes, <-codes; a != 200 || b != 200 {
			t.Errorf("the two: %d, %d", a, b)
		}
		w.pass(time.Second)
		if code := w.send(t, http.MethodGet, "/scim/v2/Users", "", okta).Code; code != 200 {
			t.Errorf("afterwards: %d", code)
		}
	})
}

// A request that takes too long is answered before Okta gives up.
func TestTheDeadline(t *testing.T) {
	w := lite(t)
	_, text := w.token(t, "acme-okta")
	w.send(t, http.MethodGet, "/scim/v2/Users", "", text)
	synctest.Test(t, func(t *testing.T) {
		w.plugins.handle = func(ctx context.Context, _ provisioning.Request) (*provisioning.Response, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		began := time.Now()
		r := httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/scim/v2/Users", nil)
		r.Header.Set("Authorization", "Bearer "+text.Reveal())
		rec := w.serve(r)
		if took := time.Since(began); rec.Code != 503 || took >= 60*time.Second || rec.Header().Get("Retry-After") == "" {
			t.Errorf("%d after %s", rec.Code, took)
		}
	})
}

// Guessing is stopped, and whoever has the right token is not.
func TestGuessing(t *testing.T) {
	w := lite(t)
	_, text := w.token(t, "acme-okta")
	if rec := w.send(t, http.MethodGet, "/scim/v2/Users", "", text); rec.Code != 200 {
		t.Fatal(rec.Body)
	}
	codes := map[int]int{}
	synctest.Test(t, func(*testing.T) { // slowed attempts take no time here
		for range 20 {
			r := httptest.NewRequest(http.MethodGet, "/scim/v2/Users", nil)
			r.Header.Set("Authorization", "Bearer guess")
			codes[w.serve(r).Code]++
		}
	})
	if codes[401] == 0 || codes[401] > 7 || codes[429] == 0 {
		t.Errorf("%v", codes)
	}
	if rec := w.send(t, http.MethodGet, "/scim/v2/Users", "", text); rec.Code != 200 {
		t.Errorf("the right token from there: %d", rec.Code)
	}
}

// An answer that breaks off does not look complete.
func TestAnAnswerThatBreaksOff(t *testing.T) {
	w := lite(t)
	_, text := w.token(t, "acme-okta")
	w.plugins.handle = func(context.Context, provisioning.Request) (*provisioning.Response, error) {
		res := answered(200, "")
		res.Body = io.NopCloser(io.MultiReader(strings.NewReader(`{"totalResults":`), &failing{}))
		return res, nil
	}
	server := httptest.NewServer(w.mount)
	defer server.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/scim/v2/Users", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+text.Reveal())
	res, err := server.Client().Do(r)
	if err == nil {
		_, err = io.ReadAll(res.Body)
		_ = res.Body.Close()
	}
	if err == nil {
		t.Error("it looks complete")
	}
	if list := w.log.Last("acme-okta", 1); len(list) != 1 || list[0].Problem != "unavailable" {
		t.Errorf("%+v", list)
	}
}

type failing struct{}

func (*failing) Read([]byte) (int, error) {
	return 0, problem.New(problem.Unavailable, "the plugin died")
}

// What the request of a token changed is with its entry in the log, and what its
// domains exclude is refused; a trace id of another connection finds nothing.
func TestApplying(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		w := newWorld(s)
		_, text := w.token(t, "acme-okta", "acme.example")
		inside := []directory.Change{directory.Create{Resource: directory.Resource{Type: directory.User, ID: "u1", Attributes: json.RawMessage(`{"userName":"jane@acme.example"}`)}}}
		outside := []directory.Change{directory.Create{Resource: directory.Resource{Type: directory.User, ID: "u2", Attributes: json.RawMessage(`{"userName":"jane@globex.example"}`)}}}
		var trace string
		apply := func(connection string, changes []directory.Change) error {
			_, err := w.mount.Applying(t.Context(), connection, trace, changes, func() ([]directory.Outcome, error) {
				return []directory.Outcome{{ID: "u1", Changed: true}, {ID: "g1", Changed: true, Unknown: []string{"u9"}}, {ID: "u7"}}, nil
			})
			return err
		}
		w.plugins.handle = func(ctx context.Context, r provisioning.Request) (*provisioning.Response, error) {
			trace = tracing.ID(ctx)
			if _, err := io.ReadAll(r.Body); err != nil {
				t.Error(err)
			}
			if err := apply("acme-okta", append(inside, directory.Members{Group: "g1"}, directory.Replace{Resource: directory.Resource{Type: directory.Group, ID: "u7"}})); err != nil {
				t.Errorf("inside: %v", err)
			}
			if err := apply("acme-okta", outside); !problem.Is(err, problem.Forbidden) {
				t.Errorf("outside: %v", err)
			}
			if err := apply("globex-entra", outside); err != nil { // another's request with the same trace id
				t.Errorf("of another connection: %v", err)
			}
			res := answered(201, `{"id":"u1"}`)
			res.Notes = []provision.Note{{Rule: "N5", Detail: "active"}}
			return res, nil
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/scim/v2/Users?count=1", strings.NewReader(`{"userName":"jane@acme.example","password":"hunter2"}`))
		r.Header.Set("Authorization", "Bearer "+text.Reveal())
		r.Header.Set("Traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
		if rec := w.serve(r); rec.Code != 201 {
			t.Fatal(rec.Body)
		}
		if trace == "" || trace == "4bf92f3577b34da6a3ce929d0e0e4736" {
			t.Errorf("the trace id is %q: the caller has chosen it", trace)
		}
		list := w.log.Last("acme-okta", 10)
		want := []traffic.Change{{What: "created", Type: "User", ID: "u1", Name: "jane@acme.example"}, {What: "members", Type: "Group", ID: "g1", Unknown: []string{"u9"}}}
		if len(list) != 1 {
			t.Fatalf("%+v", list)
		}
		e := list[0]
		if diff := cmp.Diff(want, e.Changes); diff != "" {
			t.Error(diff)
		}
		if e.Target != "/Users?count=1" || e.Status != 201 || len(e.Notes) != 1 || e.Request != `{"userName":"jane@acme.example","password":"…"}` || e.TraceID != trace || e.RequestBytes == 0 {
			t.Errorf("%+v", e)
		}
		if err := apply("acme-okta", outside); err != nil { // no request is under way: a pass of a puller
			t.Errorf("afterwards: %v", err)
		}
	})
}

func TestDomains(t *testing.T) {
	for attributes, ok := range map[string]bool{
		`{"userName":"jane@acme.example"}`:                             true,
		`{"userName":"JANE@ACME.EXAMPLE"}`:                             true,
		`{"userName":"jane","emails":[{"value":"jane@acme.example"}]}`: true,
		`{"userName":"jane","emails":[{"value":"j@home.example"},{"value":"jane@acme.example","primary":true}]}`: true,
		`{"userName":"jane@acme.example","emails":[{"value":"j@home.example","primary":true}]}`:                  false,
		`{"userName":"jane@acme.example.evil.example"}`:                                                          false,
		`{"userName":"jane@evil.example@acme.example"}`:                                                          true,
		`{"userName":"jane@sub.acme.example"}`:                                                                   false,
		`{"userName":"jane"}`:                                                                                    false,
		`{"userName":"jane","emails":[]}`:                                                                        false,
		`{"userName":"jane","emails":[{"value":"nonsense"}]}`:                                                    false,
		`{"userName":"jane@globex.example","active":false}`:                                                      true,
		`{"userName":"jane@globex.example","active":true}`:                                                       false,
		`{"emails":7}`: false,
	} {
		changes := []directory.Change{directory.Replace{Resource: directory.Resource{Type: directory.User, Attributes: json.RawMessage(attributes)}}}
		if err := provisioning.Within([]string{"acme.example"}, changes); (err == nil) != ok {
			t.Errorf("%s: %v", attributes, err)
		}
		if err := provisioning.Within(nil, changes); err != nil {
			t.Errorf("without domains: %v", err)
		}
	}
	if err := provisioning.Within([]string{"acme.example"}, []directory.Change{
		directory.Delete{Type: directory.User, ID: "u1"}, directory.Members{Group: "g1"}, directory.Create{Resource: directory.Resource{Type: directory.Group, Attributes: json.RawMessage(`{"displayName":"x"}`)}},
	}); err != nil {
		t.Errorf("what is no user: %v", err)
	}
}
