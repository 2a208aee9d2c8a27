package google_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/plugins/google"
	"github.com/gatehouse-id/gatehouse/sdk/diag"
	"github.com/gatehouse-id/gatehouse/sdk/directory"
	"github.com/gatehouse-id/gatehouse/sdk/plugintest"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/sdk/provision"
)

const name = "acme-google/google"

// room is the plugin with a workspace and a directory.
type room struct {
	*plugintest.Harness
	*workspace
	t     *testing.T
	notes []provision.Note
}

func open(t *testing.T, values doc) *room {
	t.Helper()
	r := &room{Harness: plugintest.New(t, google.Plugin()), workspace: newWorkspace(), t: t}
	r.HandleFetch(r.workspace)
	r.set(values)
	return r
}

func (r *room) set(values doc) {
	r.t.Helper()
	all := doc{"credentials": credentials(r.t), "subject": admin, "customer": "my_customer", "adopt": false, "api_url": "https://admin.googleapis.com"}
	maps.Copy(all, values)
	if ds, err := r.Configure(r.t.Context(), "google", name, all); err != nil || ds.HasErrors() {
		r.t.Fatal(ds, err)
	}
}

// pass does a whole one and returns the cursors of its parts.
func (r *room) pass() (cursors []string) {
	r.t.Helper()
	for cursor := ""; ; {
		p, notes, err := r.Sync(r.t.Context(), name, cursor)
		if err != nil {
			r.t.Fatal(err)
		}
		r.notes = append(r.notes, notes...)
		if p.Done {
			return cursors
		}
		if len(cursors) > 100 {
			r.t.Fatal("the pass does not end")
		}
		cursor = p.Cursor
		cursors = append(cursors, cursor)
	}
}

// people are who is there: by Google's id what matters of them.
func (r *room) people() map[string]string {
	all := map[string]string{}
	for _, u := range r.Directory("acme-google").Resources(directory.User) {
		var a struct {
			UserName string
			Active   bool
		}
		if err := json.Unmarshal(u.Attributes, &a); err != nil {
			r.t.Fatal(err)
		}
		all[u.ExternalID] = fmt.Sprintf("%s %v", a.UserName, a.Active)
	}
	return all
}

// teams are the groups with their members.
func (r *room) teams() map[string][]string {
	all := map[string][]string{}
	for _, g := range r.Directory("acme-google").Resources(directory.Group) {
		members := []string{}
		for _, m := range g.Members {
			members = append(members, m.Display)
		}
		all[g.ExternalID] = members
	}
	return all
}

func TestAPass(t *testing.T) {
	t.Parallel()
	r := open(t, nil)
	r.user("101", admin, nil)
	r.user("102", "jane@acme.example", doc{"suspended": true})
	r.user("103", "mia@acme.example", doc{"archived": true})
	r.user("104", "joe@acme.example", doc{"suspended": false})
	r.group("g1", "all@acme.example", "Everybody", subgroup("g2"), person("101"), person("104"), person("102"))
	r.group("g2", "guides@acme.example", "Tour Guides", person("104"), person("999"), doc{"id": "C0", "type": "CUSTOMER"}, doc{"type": "EXTERNAL", "email": "x@other.example"})
	r.group("g3", "empty@acme.example", "")
	r.pass()
	if diff := cmp.Diff(map[string]string{"101": admin + " true", "102": "jane@acme.example false", "103": "mia@acme.example false", "104": "joe@acme.example true"}, r.people()); diff != "" {
		t.Error(diff)
	}
	teams := r.teams()
	if len(teams["g1"]) != 4 || len(teams["g2"]) != 1 || len(teams["g3"]) != 0 || len(teams) != 3 {
		t.Errorf("%v", teams)
	}
	if diff := cmp.Diff([]provision.Note{{Rule: "members-left-out", Detail: "3 members of group g2 are no users or groups that were taken over"}}, r.notes); diff != "" {
		t.Error(diff)
	}
	if _, ok := r.Directory("acme-google").Named(directory.Group, "empty@acme.example"); !ok {
		t.Error("a group without a name has not its address for one")
	}
	before := r.Directory("acme-google").Resources(directory.User)
	r.members["g1"] = r.members["g1"][:1]
	r.pass()
	if diff := cmp.Diff(before, r.Directory("acme-google").Resources(directory.User), cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Groups" }, cmp.Ignore())); diff != "" {
		t.Errorf("a second pass over the same people: %s", diff)
	}
	if got := r.teams()["g1"]; len(got) != 1 || got[0] != "Tour Guides" {
		t.Errorf("who is left in g1: %q", got)
	}
	if r.issued != 1 {
		t.Errorf("%d tokens for two passes", r.issued)
	}
}

func TestAttributes(t *testing.T) {
	t.Parallel()
	r := open(t, nil)
	r.user("2", "boss@acme.example", nil)
	r.user("1", "jane@acme.example", doc{
		"name":   doc{"givenName": "Jane", "familyName": "Doe", "fullName": "Jane Doe\x00"},
		"emails": []doc{{"address": "Jane@acme.example", "primary": true}, {"address": "jd@acme.example"}, {"address": "jane@acme.example.test-google-a.com"}, {"address": "j@home.example", "type": "home"}},
		"phones": []doc{{"value": "+1 555", "type": "mobile"}, {"type": "work"}}, "relations": []doc{{"type": "spouse", "value": "x"}, {"type": "manager", "value": "Boss@acme.example"}},
		"externalIds": []doc{{"type": "organization", "value": "E-7"}}, "orgUnitPath": "/Sales", "customSchemas": doc{"x": doc{"y": 1}},
		"organizations": []doc{{"title": "Old", "department": "Old"}, {"title": "Guide", "department": "Tours", "costCenter": "4130", "name": "Acme", "primary": true}},
	})
	r.pass()
	boss, _ := r.Directory("acme-google").Named(directory.User, "boss@acme.example")
	jane, _ := r.Directory("acme-google").Named(directory.User, "jane@acme.example")
	var got any
	if err := json.Unmarshal(jane.Attributes, &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"userName": "jane@acme.example", "displayName": "Jane Doe", "active": true, "title": "Guide",
		"name": map[string]any{"givenName": "Jane", "familyName": "Doe", "formatted": "Jane Doe"},
		"emails": []any{
			map[string]any{"value": "jane@acme.example", "type": "work", "primary": true}, map[string]any{"value": "jd@acme.example"},
			map[string]any{"value": "j@home.example", "type": "home"},
		},
		"phoneNumbers": []any{map[string]any{"value": "+1 555", "type": "mobile"}},
		"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": map[string]any{
			"organization": "Acme", "department": "Tours", "costCenter": "4130", "employeeNumber": "E-7", "manager": map[string]any{"value": boss.ID},
		},
	}
	if diff := cmp.Diff(any(want), got); diff != "" {
		t.Error(diff)
	}
}

func TestAddressesThatMove(t *testing.T) {
	t.Parallel()
	r := open(t, nil)
	r.page = 1
	r.user("1", "ada@acme.example", nil)
	r.user("2", "bob@acme.example", nil)
	r.user("3", "eve@acme.example", nil)
	r.pass()
	ids := map[string]string{}
	for _, u := range r.Directory("acme-google").Resources(directory.User) {
		ids[u.ExternalID] = u.ID
	}
	r.users[0]["primaryEmail"], r.users[1]["primaryEmail"] = "bob@acme.example", "ada@acme.example"
	r.without("3")
	r.user("4", "eve@acme.example", nil)
	r.pass()
	want := map[string]string{"1": "bob@acme.example true", "2": "ada@acme.example true", "3": "renamed:" + ids["3"] + " true", "4": "eve@acme.example true"}
	if diff := cmp.Diff(want, r.people()); diff != "" {
		t.Error(diff)
	}
	for _, u := range r.Directory("acme-google").Resources(directory.User) {
		if was, ok := ids[u.ExternalID]; ok && was != u.ID {
			t.Errorf("user %s has another id", u.ExternalID)
		}
	}
}

func TestGroupsThatAreWanted(t *testing.T) {
	t.Parallel()
	r := open(t, doc{"groups": []string{"Staff@acme.example", "alias@acme.example"}})
	r.user("1", admin, nil)
	r.group("g1", "staff@acme.example", "Staff", person("1"))
	r.group("g2", "other@acme.example", "Other", person("1"))
	r.group("g3", "third@acme.example", "Third")
	r.groups[2]["aliases"] = []string{"alias@acme.example"}
	r.pass()
	if diff := cmp.Diff(map[string][]string{"g1": {admin}, "g3": {}}, r.teams()); diff != "" {
		t.Error(diff)
	}
}

// Wherever Google stops answering, the pass goes on from there.
func TestAPassGoesOnWhereItStopped(t *testing.T) {
	t.Parallel()
	r := open(t, nil)
	r.page = 1
	for i := range 4 {
		r.user(fmt.Sprint(i), fmt.Sprintf("u%d@acme.example", i), nil)
		r.group(fmt.Sprintf("g%d", i), fmt.Sprintf("g%d@acme.example", i), fmt.Sprintf("Group %d", i), person(fmt.Sprint(i)))
	}
	refused := map[string]bool{}
	r.refuse = func(w http.ResponseWriter, q *http.Request) bool {
		if key := q.URL.Path + q.URL.Query().Get("pageToken"); !refused[key] {
			refused[key] = true
			apiError(w, http.StatusForbidden, "quotaExceeded", "Quota exceeded for quota metric 'Queries'")
			return true
		}
		return false
	}
	limited, done := 0, false
	for cursor := ""; !done; {
		p, _, err := r.Sync(t.Context(), name, cursor)
		switch {
		case problem.Is(err, problem.Throttled):
			limited++
			r.Restart(t.Context()) // the plugin keeps nothing that matters
		case err != nil:
			t.Fatal(err)
		default:
			cursor, done = p.Cursor, p.Done
		}
	}
	if limited == 0 || len(r.people()) != 4 || len(r.teams()) != 4 || len(r.teams()["g3"]) != 1 {
		t.Errorf("after %d limits: %v, %v", limited, r.people(), r.teams())
	}
	asked := map[string]int{}
	for _, a := range r.asked {
		asked[a]++
	}
	for what, n := range asked {
		if n > 4 {
			t.Errorf("%s was asked for %d times", what, n)
		}
	}
}

func TestWhatGoogleRefuses(t *testing.T) {
	t.Parallel()
	answer := func(status int, reason string, header ...string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, _ *http.Request) bool {
			for i := 0; i < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			apiError(w, status, reason, "as it is")
			return true
		}
	}
	for name, c := range map[string]struct {
		refuse func(http.ResponseWriter, *http.Request) bool
		want   problem.Code
		after  time.Duration
	}{
		"a quota":                 {answer(403, "quotaExceeded"), problem.Throttled, 0},
		"a user's limit":          {answer(403, "userRateLimitExceeded", "Retry-After", "7"), problem.Throttled, 7 * time.Second},
		"too many":                {answer(429, "rateLimitExceeded", "Retry-After", "Thu, 26 Nov 2026 08:01:00 GMT", "Date", "Thu, 26 Nov 2026 08:00:00 GMT"), problem.Throttled, time.Minute},
		"a wild Retry-After":      {answer(429, "rateLimitExceeded", "Retry-After", "99999999"), problem.Throttled, 24 * time.Hour},
		"no right":                {answer(403, "forbidden"), problem.Forbidden, 0},
		"the API is off":          {answer(403, "accessNotConfigured"), problem.Forbidden, 0},
		"a token for nothing":     {answer(401, "authError"), problem.Forbidden, 0},
		"its own failure":         {answer(503, "backendError"), problem.Unavailable, 0},
		"no such customer":        {answer(404, "notFound"), problem.NotFound, 0},
		"a request that is wrong": {answer(400, "invalid"), problem.BadUpstream, 0},
		"no JSON": {func(w http.ResponseWriter, _ *http.Request) bool {
			_, err := w.Write([]byte("<html>"))
			return err == nil
		}, problem.BadUpstream, 0},
		"another form": {func(w http.ResponseWriter, _ *http.Request) bool {
			_, err := w.Write([]byte(`{"users":{"id":"1"}}`))
			return err == nil
		}, problem.BadUpstream, 0},
		"a user without an id": {func(w http.ResponseWriter, _ *http.Request) bool {
			_, err := w.Write([]byte(`{"users":[{"primaryEmail":"a@acme.example"}]}`))
			return err == nil
		}, problem.BadUpstream, 0},
		"a page without an end": {func(w http.ResponseWriter, _ *http.Request) bool {
			_, err := fmt.Fprintf(w, `{"nextPageToken":%q}`, strings.Repeat("x", 17<<10))
			return err == nil
		}, problem.BadUpstream, 0},
		"nobody at all": {func(w http.ResponseWriter, _ *http.Request) bool {
			_, err := w.Write([]byte(`{"kind":"admin#directory#users"}`))
			return err == nil
		}, problem.BadUpstream, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := open(t, nil)
			r.refuse = c.refuse
			_, _, err := r.Sync(t.Context(), "acme-google/google", "")
			if !problem.Is(err, c.want) || problem.As(err).RetryAfter != c.after {
				t.Errorf("%v (after %v), want %s after %v", err, problem.As(err).RetryAfter, c.want, c.after)
			}
			if n := len(r.people()); n != 0 {
				t.Errorf("%d people were made of it", n)
			}
		})
	}
}

// Lists that have no end, or more than was asked for, end the pass with an error.
func TestListsWithoutEnd(t *testing.T) {
	t.Parallel()
	many := make([]doc, 201)
	for i := range many {
		many[i] = doc{"id": fmt.Sprintf("g%d", i), "name": "Group"}
	}
	for name, c := range map[string]struct {
		path   string
		answer doc
	}{
		"users":           {"/users", doc{"nextPageToken": "x"}},
		"groups":          {"/groups", doc{"nextPageToken": "x"}},
		"members":         {"/members", doc{"nextPageToken": "x"}},
		"too many groups": {"/groups", doc{"groups": many}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := open(t, nil)
			r.user("1", admin, nil)
			r.group("g1", "staff@acme.example", "Staff", person("1"))
			r.refuse = func(w http.ResponseWriter, q *http.Request) bool {
				return strings.HasSuffix(q.URL.Path, c.path) && json.NewEncoder(w).Encode(c.answer) == nil
			}
			for cursor, parts := "", 0; parts < 5; parts++ {
				p, _, err := r.Sync(t.Context(), "acme-google/google", cursor)
				if problem.Is(err, problem.BadUpstream) {
					return
				}
				if err != nil || p.Done {
					t.Fatalf("it is done: %v, error %v", p.Done, err)
				}
				cursor = p.Cursor
			}
			t.Error("it goes on and on")
		})
	}
}

// What is told to the operator has no secret, whatever Google says.
func TestSecretsThatComeBack(t *testing.T) {
	t.Parallel()
	r := open(t, nil)
	r.refuse = func(w http.ResponseWriter, q *http.Request) bool {
		apiError(w, http.StatusForbidden, "forbidden", "not with "+q.Header.Get("Authorization"))
		return true
	}
	if _, _, err := r.Sync(t.Context(), name, ""); err == nil || !strings.Contains(err.Error(), "not with Bearer (token)") || strings.Contains(err.Error(), "ya29") {
		t.Error(err)
	}
	r.revoke()
	r.refuse = nil
	r.set(doc{"subject": "other@acme.example"}) // which has no token yet
	r.grant = func(map[string]any) (int, string) { return http.StatusBadRequest, "not eyJhbGciOiJSUzI1NiJ9.e30.c2ln" }
	if _, _, err := r.Sync(t.Context(), name, ""); !problem.Is(err, problem.Forbidden) || strings.Contains(err.Error(), "eyJ") {
		t.Error(err)
	}
}

func TestTokens(t *testing.T) {
	t.Parallel()
	r := open(t, nil)
	r.user("1", admin, nil)
	claims := map[string]any{}
	r.grant = func(c map[string]any) (int, string) { claims = c; return http.StatusOK, "" }
	r.pass()
	if claims["sub"] != admin || !strings.Contains(fmt.Sprint(claims["scope"]), "admin.directory.user.readonly") {
		t.Errorf("claims %v", claims)
	}
	r.revoke()
	r.pass()
	if r.issued != 2 {
		t.Errorf("%d tokens, want another after the first was refused", r.issued)
	}
	for code, want := range map[string]problem.Code{"unauthorized_client": problem.Forbidden, "invalid_grant": problem.Forbidden} {
		r.revoke()
		r.grant = func(map[string]any) (int, string) { return http.StatusBadRequest, code }
		if _, _, err := r.Sync(t.Context(), name, ""); !problem.Is(err, want) || !strings.Contains(err.Error(), code) {
			t.Errorf("%s: %v", code, err)
		}
	}
	r.grant = func(map[string]any) (int, string) { return http.StatusServiceUnavailable, "" }
	if _, _, err := r.Sync(t.Context(), name, ""); !problem.Is(err, problem.Unavailable) {
		t.Error(err)
	}
	if logs := r.Logs(); strings.Contains(logs, "ya29") || strings.Contains(logs, "PRIVATE") {
		t.Error("the log has a secret")
	}
}

func TestCursorsThatLeadNowhere(t *testing.T) {
	t.Parallel()
	r := open(t, nil)
	r.page = 1
	for i := range 30 {
		r.user(fmt.Sprint(i), fmt.Sprintf("u%d@acme.example", i), nil)
	}
	cursor := r.pass()[0]
	for name, text := range map[string]string{
		"none":            "x",
		"another version": strings.Replace(cursor, `"v":1`, `"v":2`, 1),
		"another page":    strings.Replace(cursor, "~!!~20", "~!!~x", 1),
		"another phase":   strings.Replace(cursor, `"users"`, `"devices"`, 1),
	} {
		if _, _, err := r.Sync(t.Context(), "acme-google/google", text); !problem.Is(err, problem.Changed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	r.set(doc{"customer": "C01"})
	if _, _, err := r.Sync(t.Context(), name, cursor); !problem.Is(err, problem.Changed) {
		t.Errorf("of another configuration: %v", err)
	}
}

func TestADirectoryThatFails(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"Find", "Apply"} {
		r := open(t, nil)
		r.user("1", admin, nil)
		r.Directory("acme-google").FailWith(func(m string) error {
			if m == method {
				return problem.New(problem.Unavailable, "the store is away")
			}
			return nil
		})
		if p, _, err := r.Sync(t.Context(), name, ""); !problem.Is(err, problem.Unavailable) || p.Done {
			t.Errorf("%s: %+v, %v", method, p, err)
		}
	}
}

func TestBadConfigurations(t *testing.T) {
	t.Parallel()
	h := plugintest.New(t, google.Plugin())
	good := func() doc {
		return doc{"credentials": credentials(t), "subject": admin, "customer": "my_customer", "adopt": false, "api_url": "https://admin.googleapis.com"}
	}
	for name, c := range map[string]struct {
		attribute string
		value     any
	}{
		"no JSON":            {"credentials", "AIza"},
		"another account":    {"credentials", `{"type":"authorized_user"}`},
		"no key":             {"credentials", strings.Replace(credentials(t), "PRIVATE KEY", "SECRET", 2)},
		"no token URI":       {"credentials", strings.Replace(credentials(t), "https://oauth2", "ftp://oauth2", 1)},
		"no administrator":   {"subject", "admin"},
		"no customer":        {"customer", ""},
		"a group's name":     {"groups", []string{"Staff"}},
		"no URL":             {"api_url", "admin.googleapis.com"},
		"a URL with a query": {"api_url", "https://admin.googleapis.com?x"},
	} {
		values := good()
		values[c.attribute] = c.value
		ds, err := h.Validate(t.Context(), "google", "acme-google/google", values)
		if err != nil || !ds.HasErrors() || ds[0].Path.String() != (diag.Path{c.attribute}).String() {
			t.Errorf("%s: %v, %v", name, ds, err)
		}
		if strings.Contains(fmt.Sprint(ds), "MII") {
			t.Errorf("%s: a secret is shown", name)
		}
	}
	if ds, err := h.Validate(t.Context(), "google", "acme-google/google", doc{"subject": admin, "customer": "c", "adopt": false, "api_url": "https://x.example"}, "credentials"); err != nil || ds.HasErrors() {
		t.Error(ds, err)
	}
}
