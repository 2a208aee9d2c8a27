package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// What an operator reads of what identity providers bring, in 80 columns.
func TestProvisioningOutput(t *testing.T) {
	t.Parallel()
	const day, jane = 24 * time.Hour, "0198c2f0-7a1b-7cde-8f01-23456789abcd"
	window := admin.BrakeWindow{ID: "B1", Connection: "acme-okta", Organization: "acme", State: "open", Mode: "suspend", StartedAt: noon.Add(-10 * time.Minute), EndsAt: noon.Add(50 * time.Minute), Active: 100, Allowed: 20, Left: 3}
	tripped, stuck := window, window
	tripped.Connection, tripped.State, tripped.Left, tripped.Held = "globex-entra", "tripped", 20, 7
	stuck.State, stuck.Stuck, stuck.Actor = "restoring", 1, "local"
	user := admin.User{ID: jane, Organization: "acme", Connection: "acme-okta", ExternalID: "00u1", UserName: "jane@acme.example", DisplayName: "Jane Doe", Active: true, CreatedAt: noon.Add(-day), UpdatedAt: noon.Add(-time.Hour)}
	left := user
	left.Active, left.UserName, left.Connection = false, "a-user-name-that-is-longer-than-what-is-left-of-the-line@acme.example", ""
	group := admin.Group{ID: jane, Organization: "acme", Connection: "acme-okta", DisplayName: "Platform Admins", ExternalID: "00g1", UpdatedAt: noon.Add(-time.Hour)}
	exchanges := []admin.Exchange{
		{
			At: noon, Status: 429, Method: "GET", Target: `/Users?filter=userName eq "somebody-with-a-long-name@acme.example"&startIndex=1&count=100`, Problem: "throttled", TraceID: "4bf92f3577b34da6a3ce929d0e0e4736", Times: 12, Duration: admin.Duration(80 * time.Microsecond),
		},
		{
			At: noon.Add(-time.Minute), Status: 200, Method: "PATCH", Target: "/Groups/" + jane, Times: 1, Duration: admin.Duration(12345 * time.Microsecond),
			Notes: []admin.ExchangeNote{{Rule: "N5", Detail: "active was the text \"False\", and is taken as false, as this identity provider means it"}},
			Changes: []admin.DirectoryChange{
				{What: "members", Type: "Group", ID: jane, Unknown: []string{"u9"}}, {What: "deactivated", Type: "User", ID: jane, Name: "jane@acme.example"},
			},
			Request: `{"Operations":[{"op":"Add","path":"members","value":[{"value":"u9","display":"…"}]}]}`,
		},
		{At: noon.Add(-time.Hour), Method: "GET", Target: "/Users", Times: 1},
	}
	for name, show := range map[string]func(*terminal) error{
		"tokens": func(s *terminal) error {
			return s.provisioningTokens([]admin.ProvisioningToken{
				{ID: "PAAAAAAAAAAAAAAA", Connection: "acme-okta", State: admin.KeyLive, ExpiresAt: noon.Add(300 * day), LastUsedAt: noon.Add(-time.Minute), Name: "okta-2026"},
				{ID: "PBBBBBBBBBBBBBBB", Connection: "globex-entra", State: admin.KeyRevoked, ExpiresAt: noon.Add(300 * day), RevokedAt: noon.Add(-day), Name: "what is longer than a line has room for"},
			}, noon)
		},
		"no-tokens":  func(s *terminal) error { return s.provisioningTokens(nil, noon) },
		"log":        func(s *terminal) error { return s.exchanges("acme-okta", exchanges, false) },
		"log-bodies": func(s *terminal) error { return s.exchanges("acme-okta", exchanges, true) },
		"connection": func(s *terminal) error {
			return s.connection(admin.Connection{
				Label: "acme-okta", Organization: "acme", Provider: "okta", ActiveUsers: 4200, LiveTokens: 1, Brake: "closed", LastRequest: noon.Add(-time.Minute), LastStatus: 200,
				Provisioners: []admin.Provisioner{{Instance: "acme-okta/scim", URL: "https://app.example.com/scim/v2"}},
			}, noon)
		},
		"no-log":    func(s *terminal) error { return s.exchanges("acme-okta", nil, false) },
		"brakes":    func(s *terminal) error { return s.brakes([]admin.BrakeWindow{tripped, window, stuck}, noon) },
		"no-brakes": func(s *terminal) error { return s.brakes(nil, noon) },
		"brake-people": func(s *terminal) error {
			return s.brakeDetails("acme-okta", []admin.BrakeDetail{
				{BrakeWindow: window, Leavers: []admin.BrakeLeaver{{User: jane, State: "left", At: noon.Add(-time.Minute)}, {User: jane, State: "held", Deleted: true, At: noon.Add(-time.Minute)}}},
				{BrakeWindow: stuck, Leavers: []admin.BrakeLeaver{{User: jane, State: "stuck", Deleted: true, Problem: "the userName was given to another", At: noon}}},
			}, noon)
		},
		"users":    func(s *terminal) error { return s.users(admin.UserPage{Users: []admin.User{user, left}, Next: jane}) },
		"no-users": func(s *terminal) error { return s.users(admin.UserPage{}) },
		"user": func(s *terminal) error {
			return s.user(admin.UserDetail{
				User: user,
				Attributes: json.RawMessage(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"jane@acme.example","title":"Analyst \u001b]0;x",
					"name":{"givenName":"Jane","familyName":"Doe"},"emails":[{"value":"jane@acme.example","type":"work","primary":true},{"value":"j@home.example","type":"home"}],
					"addresses":[{"type":"work","locality":"Hollywood","country":"US"}],"roles":[{"value":"a"}],
					"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"Data","manager":{"value":"26118915"}},
					"urn:acme:badge:1.0":{"number":42}}`),
				Groups: []admin.Membership{{DisplayName: "Platform Admins"}, {DisplayName: "Staff", Nested: true}},
				Roles: []admin.Role{
					{Name: "admin", Source: "mapping", Rule: "acme-okta/platform-admins", Reason: `group "Platform Admins", configs/okta.hcl:31`, Since: noon},
					{Name: "auditor", Source: "manual", GivenBy: "local", Reason: "ticket 4711", Since: noon, EndsAt: noon.Add(8 * time.Hour)},
					{Name: "owner", Source: "mapping", Rule: "acme-okta/owners", Reason: `group "Owners"`, Since: noon, KeptSince: noon, KeptFrom: "connection:acme-okta"},
					{Name: "viewer", Source: "api", Since: noon, OutrankedBy: "analyst"},
				},
			}, noon)
		},
		"grants": func(s *terminal) error {
			return s.grants(admin.GrantPage{Next: "WyJhIl0", Grants: []admin.Grant{
				{Principal: "user:" + jane, UserName: "jane@acme.example", Organization: "acme", Role: "admin", Source: "manual", Reason: "on call until the others are back from their holidays", Since: noon, EndsAt: noon.Add(8 * time.Hour)},
				{Principal: "user:" + jane, UserName: "jane@acme.example", Organization: "acme", Role: "owner", Source: "mapping", Rule: "acme-okta/owners", Reason: `group "Owners"`, Since: noon, KeptSince: noon, KeptFrom: "connection:acme-okta"},
				{Principal: "client:my-tenant", Organization: "acme", Role: "analyst", Source: "file", Rule: `client "my-tenant"`, Since: noon},
			}}, noon)
		},
		"no-grants":  func(s *terminal) error { return s.grants(admin.GrantPage{}, noon) },
		"user-alone": func(s *terminal) error { return s.user(admin.UserDetail{User: left}, noon) },
		"groups":     func(s *terminal) error { return s.groups(admin.GroupPage{Groups: []admin.Group{group}}) },
		"group": func(s *terminal) error {
			return s.group(admin.GroupDetail{Group: group, Members: []admin.GroupMember{{ID: jane, Type: "User", Display: "Jane Doe"}}, Next: jane}, noon)
		},
		"group-alone": func(s *terminal) error { return s.group(admin.GroupDetail{Group: group}, noon) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			if err := show(&terminal{out: &out, width: defaultWidth}); err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(out.String()) {
				if utf8.RuneCountInString(strings.TrimRight(line, "\n")) > defaultWidth && strings.Count(strings.TrimSpace(line), " ") > 2 {
					t.Errorf("it is wider than %d columns: %s", defaultWidth, line)
				}
			}
			file := filepath.Join("testdata", "provisioning", name+".txt")
			if *update {
				if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), out.String()); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// api answers as the admin API does, from a table of method and path with query.
type api map[string]any

func (a api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer, ok := a[r.Method+" "+strings.TrimPrefix(r.URL.RequestURI(), admin.Prefix)]
	if !ok {
		problem.Write(w, problem.New(problem.NotFound, "the test has no answer to %s %s", r.Method, r.URL.RequestURI()), "t")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer)
}

// Each command asks for what it says, and prints the answer.
func TestProvisioningCommands(t *testing.T) {
	t.Parallel()
	const jane = "0198c2f0-7a1b-7cde-8f01-23456789abcd"
	text, err := secret.New(strings.NewReader(strings.Repeat("x", 64)), "ghscim", "P1")
	if err != nil {
		t.Fatal(err)
	}
	token := admin.ProvisioningToken{ID: "P1", Connection: "acme-okta", Organization: "acme", Domains: []string{}, State: admin.KeyLive}
	user := admin.User{ID: jane, UserName: "jane@acme.example", Organization: "acme", Connection: "acme-okta", Active: true}
	other := admin.User{ID: "0198c2f0-7a1b-7cde-8f01-0000000000ff", UserName: "both", Connection: "acme-entra"}
	group := admin.Group{ID: jane, DisplayName: "Staff"}
	okta := admin.Connection{Label: "acme-okta", Organization: "acme", Provider: "okta", Brake: "tripped", ActiveUsers: 42}
	google := admin.Connection{
		Label: "acme-google", Organization: "acme", Provider: "google", Brake: "closed",
		Provisioners: []admin.Provisioner{{Instance: "acme-google/google", Pull: &admin.Pull{Instance: "acme-google/google", State: admin.PullReading, Parts: 3}}},
	}
	window := admin.BrakeWindow{ID: "B1", Connection: "acme-okta", State: "tripped", Left: 21, Held: 2}
	server := httptest.NewServer(api{
		"GET /status": admin.Status{},
		"POST /provisioning-tokens": map[string]any{
			"provisioning_token": token, "secret": text.Reveal(), "urls": []string{"https://app.example.com/scim/v2"},
		},
		"GET /provisioning-tokens?connection=acme-okta":                       admin.ProvisioningTokenPage{Tokens: []admin.ProvisioningToken{token}},
		"POST /provisioning-tokens/P1/revoke":                                 token,
		"GET /connections/acme-okta/exchanges?limit=50":                       admin.ExchangeList{Exchanges: []admin.Exchange{{Method: "GET", Target: "/Users/old", Status: 200}, {Method: "GET", Target: "/Users/new", Status: 200}}},
		"GET /connections/calm":                                               admin.Connection{Label: "calm"},
		"GET /connections?":                                                   admin.ConnectionPage{Connections: []admin.Connection{okta, google}},
		"GET /connections/acme-google":                                        google,
		"POST /connections/acme-google/pull":                                  google,
		"GET /users?connection=acme-okta&limit=10&user_name=both":             admin.UserPage{Users: []admin.User{user}},
		"GET /users?limit=10&organization=acme&user_name=both":                admin.UserPage{Users: []admin.User{user, other}},
		"GET /users?limit=10&organization=acme&user_name=jane%40acme.example": admin.UserPage{Users: []admin.User{user}},
		"POST /clients": admin.Issued{},
		"GET /connections/acme-okta/exchanges?limit=1000": admin.ExchangeList{Exchanges: []admin.Exchange{
			{Method: "GET", Target: "/Users/good", Status: 200}, {Method: "GET", Target: "/Users/bad", Status: 404}, {Method: "GET", Target: "/Users/gone"},
		}},
		"GET /brakes":                                                admin.BrakeList{Windows: []admin.BrakeWindow{window, {ID: "B2", Connection: "quiet", State: "open"}}},
		"GET /brakes/B1":                                             admin.BrakeDetail{BrakeWindow: window, Leavers: []admin.BrakeLeaver{{User: "u1", State: "left"}}, Next: "u1"},
		"GET /brakes/B1?after=u1":                                    admin.BrakeDetail{BrakeWindow: window, Leavers: []admin.BrakeLeaver{{User: "u2", State: "held"}}},
		"POST /brakes/B1/release":                                    window,
		"POST /brakes/B1/discard":                                    window,
		"POST /brakes/B2/discard":                                    admin.BrakeWindow{ID: "B2", Connection: "quiet", Stuck: 1},
		"GET /users?limit=100":                                       admin.UserPage{Users: []admin.User{user}},
		"GET /users?limit=10&user_name=jane%40acme.example":          admin.UserPage{Users: []admin.User{user}},
		"GET /users?limit=10&user_name=john":                         admin.UserPage{},
		"GET /users?connection=acme-okta&limit=10&user_name=john":    admin.UserPage{},
		"GET /sessions?connection=acme-okta&user=" + jane:            admin.SessionPage{Sessions: []admin.Session{{ID: "S1", User: jane}}},
		"POST /users/" + jane + "/unpin":                             nil,
		"GET /users?limit=10&user_name=both":                         admin.UserPage{Users: []admin.User{user, other}},
		"GET /users/" + jane:                                         admin.UserDetail{User: user, Attributes: json.RawMessage(`{}`)},
		"GET /groups?after=x&connection=a&limit=5&organization=acme": admin.GroupPage{Groups: []admin.Group{group}},
		"GET /groups?display_name=Staff&limit=10":                    admin.GroupPage{Groups: []admin.Group{group}},
		"GET /groups/" + jane:                                        admin.GroupDetail{Group: group},
	})
	t.Cleanup(server.Close) // the subtests go on after this function
	for name, tt := range map[string]struct {
		args   string
		status int
		words  []string
		not    string
	}{
		"a token":               {"scim-token create acme-okta --domain acme.example", exitOK, []string{text.Reveal(), "https://app.example.com/scim/v2", "not shown again"}, ""},
		"a token as JSON":       {"scim-token create acme-okta --json", exitOK, []string{`"secret": "` + text.Reveal()}, "redacted"},
		"tokens":                {"scim-token list acme-okta", exitOK, []string{"P1", "live"}, ""},
		"tokens as JSON":        {"scim-token list acme-okta --json", exitOK, []string{`"provisioning_tokens": [`}, ""},
		"an end":                {"scim-token revoke P1", exitOK, []string{"P1 of connection acme-okta is revoked"}, ""},
		"the log":               {"scim-log acme-okta", exitOK, []string{"/Users/new", "/Users/old"}, ""},
		"what has failed":       {"scim-log acme-okta --failed", exitOK, []string{"/Users/gone", "/Users/bad"}, "/Users/good"},
		"the last that failed":  {"scim-log acme-okta --failed --limit 1", exitOK, []string{"/Users/bad"}, "/Users/gone"},
		"the log as JSON":       {"scim-log acme-okta --json", exitOK, []string{`"exchanges": [`}, ""},
		"the log of nobody":     {"scim-log nobody", exitFailed, []string{"no answer"}, ""},
		"brakes":                {"brake list", exitOK, []string{"acme-okta", "by you"}, ""},
		"who has left":          {"brake list acme-okta", exitOK, []string{"u1", "u2", "held"}, ""},
		"who, as JSON":          {"brake list acme-okta --json", exitOK, []string{`"leavers": [`, `"u2"`}, `"next"`},
		"a brake of nobody":     {"brake list nobody", exitFailed, []string{"no answer"}, ""},
		"a calm brake":          {"brake list calm", exitOK, []string{"Nobody has left connection calm"}, ""},
		"a release":             {"brake release acme-okta --yes", exitOK, []string{"the 21 who have left, and 2 who were held"}, ""},
		"nobody to ask":         {"brake release acme-okta", exitFailed, []string{"no terminal to ask on", "--yes"}, ""},
		"nothing to release":    {"brake release quiet", exitFailed, []string{"nothing to decide on"}, ""},
		"a discard":             {"brake discard acme-okta", exitOK, []string{"the 21 who had left are restored"}, ""},
		"a discard with stuck":  {"brake discard quiet", exitOK, []string{"but for 1"}, ""},
		"users":                 {"users list", exitOK, []string{"jane@acme.example", "active"}, ""},
		"a user by name":        {"users show jane@acme.example", exitOK, []string{"User jane@acme.example", "none"}, ""},
		"a user by id":          {"users show " + jane + " --json", exitOK, []string{`"attributes": {}`}, ""},
		"no user":               {"users show john", exitFailed, []string{`there is no user "john"`, "gatehouse users list"}, ""},
		"two users":             {"users show both", exitFailed, []string{"several have the name", jane + " of acme-okta", "of acme-entra", "--connection"}, ""},
		"one of them":           {"users show both --connection acme-okta", exitOK, []string{"User jane@acme.example"}, ""},
		"nobody of them":        {"users show john --connection acme-okta", exitFailed, []string{`there is no user "john" in connection acme-okta`, "users list --connection acme-okta"}, ""},
		"sessions of two":       {"sessions list --user both", exitFailed, []string{"several have the name"}, ""},
		"sessions of one":       {"sessions list --user both --connection acme-okta", exitOK, []string{"S1"}, ""},
		"a pin of two":          {"users unpin both", exitFailed, []string{"several have the name"}, ""},
		"a pin of one":          {"users unpin both --connection acme-okta", exitOK, []string{"next sign-on"}, ""},
		"an owner by name":      {"keys create k --organization acme --owner jane@acme.example", exitOK, nil, ""},
		"an owner of two":       {"keys create k --organization acme --owner both", exitFailed, []string{"several have the name", "by the id"}, ""},
		"connections":           {"connections list", exitOK, []string{"acme-okta", "tripped", "42", "acme-google"}, ""},
		"a connection":          {"connections show acme-google", exitOK, []string{"Connection acme-google", "acme-google/google", "parts: 3"}, ""},
		"a connection as JSON":  {"connections show acme-google --json", exitOK, []string{`"provider": "google"`}, ""},
		"a pull":                {"pull acme-google", exitOK, []string{"is asked within a few seconds"}, ""},
		"no connection":         {"connections show nobody", exitFailed, []string{"no answer"}, ""},
		"groups":                {"groups list --connection a --organization acme --limit 5 --after x", exitOK, []string{"Staff"}, ""},
		"a group by name":       {"groups show Staff", exitOK, []string{"Group Staff", "Nobody is in it"}, ""},
		"a connection too few":  {"scim-log", exitUsage, []string{"expected \"<connection>\""}, ""},
		"a lifetime of nothing": {"scim-token create a --lifetime soon", exitUsage, []string{"no duration"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			env := map[string]string{envToken: "gha_x"}
			screen := &terminal{out: &out, err: &out, width: defaultWidth, env: func(name string) (string, bool) { v, ok := env[name]; return v, ok }}
			args := append(strings.Fields(tt.args), "--url", server.URL)
			if status := run(t.Context(), args, screen); status != tt.status {
				t.Errorf("status %d, want %d\n%s", status, tt.status, out.String())
			}
			for _, words := range tt.words {
				if !strings.Contains(out.String(), words) {
					t.Errorf("it does not say %q\n%s", words, out.String())
				}
			}
			if tt.not != "" && strings.Contains(out.String(), tt.not) {
				t.Errorf("it says %q\n%s", tt.not, out.String())
			}
		})
	}
}
