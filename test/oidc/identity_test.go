package oidc_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/test/idp/oidcidp"
)

// What a good token says is what the host is told.
func TestIdentity(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{person: map[string]any{
		"department": "Analytics", "Sub": "admin", "SUB": "root", "Iss": "https://other.example", "level": 7, "tags": []any{"a", 1, nil, map[string]any{"b": true}}, "odd": "a\u0007b",
	}})
	got := w.signsOn(signOn{factors: 2})
	if got.SessionIndex == "" || len(got.Keep) == 0 || got.Authentication.Time.IsZero() {
		t.Errorf("session, what is kept or the time of the sign-on is missing: %+v", got)
	}
	got.SessionIndex, got.Keep, got.Authentication.Time = "", nil, got.Authentication.Time.UTC().Truncate(1<<62)
	want := authn.Identity{
		Issuer: issuer, Subject: "ada-1", Email: "ada@acme.example", EmailVerified: true, UserName: "ada", DisplayName: "Ada Lovelace",
		GivenName: "Ada", FamilyName: "Lovelace", GroupsState: authn.GroupsPresent, Groups: []string{"Data", "Engines"},
		Authentication: authn.Authentication{Time: got.Authentication.Time, Methods: []string{"pwd", "otp", "mfa"}, MultiFactor: authn.MultiFactorYes},
		Attributes: []authn.Attribute{
			{Name: "Iss", Values: []string{"https://other.example"}}, {Name: "SUB", Values: []string{"root"}}, {Name: "Sub", Values: []string{"admin"}},
			{Name: "department", Values: []string{"Analytics"}}, {Name: "email", Values: []string{"ada@acme.example"}}, {Name: "email_verified", Values: []string{"true"}},
			{Name: "family_name", Values: []string{"Lovelace"}}, {Name: "given_name", Values: []string{"Ada"}}, {Name: "level", Values: []string{"7"}},
			{Name: "name", Values: []string{"Ada Lovelace"}}, {Name: "preferred_username", Values: []string{"ada"}}, {Name: "tags", Values: []string{"a", "1", `{"b":true}`}},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the identity (-want +got):\n%s", diff)
	}
}

// More than one factor is what the provider says, and never a guess.
func TestFactors(t *testing.T) {
	t.Parallel()
	for what, one := range map[string]struct {
		provider string
		config   map[string]any
		claims   map[string]any
		want     authn.MultiFactor
	}{
		"mfa":                         {"generic", nil, map[string]any{"amr": []string{"pwd", "mfa"}}, authn.MultiFactorYes},
		"two methods":                 {"generic", nil, map[string]any{"amr": []string{"pwd", "otp"}}, authn.MultiFactorNo},
		"nothing":                     {"generic", nil, map[string]any{"amr": nil}, authn.MultiFactorUnsaid},
		"an empty list":               {"generic", nil, map[string]any{"amr": []string{}}, authn.MultiFactorUnsaid},
		"a context that is not named": {"generic", nil, map[string]any{"amr": nil, "acr": "high"}, authn.MultiFactorUnsaid},
		"one that is":                 {"generic", map[string]any{"mfa_acr_values": []string{"high"}}, map[string]any{"amr": nil, "acr": "high"}, authn.MultiFactorYes},
		"a method that is named":      {"generic", map[string]any{"mfa_amr_values": []string{"hwk"}}, map[string]any{"amr": []string{"hwk"}}, authn.MultiFactorYes},
		"and mfa that is then not":    {"generic", map[string]any{"mfa_amr_values": []string{"hwk"}}, map[string]any{"amr": []string{"mfa"}}, authn.MultiFactorNo},
		"Okta's":                      {"okta", nil, map[string]any{"amr": nil, "acr": "urn:okta:loa:2fa:any"}, authn.MultiFactorYes},
		"Okta's one":                  {"okta", nil, map[string]any{"amr": []string{"pwd"}, "acr": "urn:okta:loa:1fa:any"}, authn.MultiFactorNo},
		"Entra's context":             {"entra", map[string]any{"mfa_acr_values": []string{"c1"}}, map[string]any{"amr": nil, "acr": "1", "acrs": []string{"p1", "c1"}}, authn.MultiFactorYes},
		"acr where acrs counts":       {"entra", map[string]any{"mfa_acr_values": []string{"c1"}}, map[string]any{"amr": nil, "acr": "c1"}, authn.MultiFactorUnsaid},
	} {
		w := newWorld(t, options{provider: one.provider, config: one.config, person: one.claims})
		if got := w.signsOn(signOn{}).Authentication.MultiFactor; got != one.want {
			t.Errorf("%s: %d, want %d", what, got, one.want)
		}
	}
}

// Only a list that is sure to be whole is present.
func TestGroups(t *testing.T) {
	t.Parallel()
	many := func(n int) (list []string) {
		for i := range n {
			list = append(list, fmt.Sprintf("group-%d", i))
		}
		return list
	}
	for what, one := range map[string]struct {
		provider string
		config   map[string]any
		claims   map[string]any
		state    authn.GroupsState
		groups   int
	}{
		"a list":                       {"generic", nil, map[string]any{"groups": many(3)}, authn.GroupsPresent, 3},
		"an empty one":                 {"generic", nil, map[string]any{"groups": []string{}}, authn.GroupsPresent, 0},
		"one text":                     {"generic", nil, map[string]any{"groups": "a,b"}, authn.GroupsPresent, 1},
		"none":                         {"generic", nil, map[string]any{"groups": nil}, authn.GroupsAbsent, 0},
		"objects":                      {"generic", nil, map[string]any{"groups": []any{map[string]any{"name": "a"}}}, authn.GroupsAbsent, 0},
		"a null within":                {"generic", nil, map[string]any{"groups": []any{"a", nil}}, authn.GroupsAbsent, 0},
		"a name with a line end":       {"generic", nil, map[string]any{"groups": []any{"a", "b\n"}}, authn.GroupsPerhapsCut, 1},
		"an empty name":                {"generic", nil, map[string]any{"groups": []any{"a", ""}}, authn.GroupsPerhapsCut, 1},
		"another claim":                {"generic", map[string]any{"groups_claim": "roles"}, map[string]any{"roles": many(2)}, authn.GroupsPresent, 2},
		"another claim that is absent": {"generic", map[string]any{"groups_claim": "roles"}, nil, authn.GroupsAbsent, 0},
		"a pointer":                    {"generic", nil, pointer(nil), authn.GroupsOverflow, 0},
		"99 of Okta":                   {"okta", nil, map[string]any{"groups": many(99)}, authn.GroupsPresent, 99},
		"100 of Okta":                  {"okta", nil, map[string]any{"groups": many(100)}, authn.GroupsPerhapsCut, 100},
		"100 of another":               {"generic", nil, map[string]any{"groups": many(100)}, authn.GroupsPresent, 100},
		"5000":                         {"generic", nil, map[string]any{"groups": many(2500)}, authn.GroupsPresent, 2500},
		"Entra's pointer":              {"entra", nil, pointer(nil), authn.GroupsOverflow, 0},
		"Entra's hasgroups":            {"entra", nil, map[string]any{"groups": nil, "hasgroups": true}, authn.GroupsOverflow, 0},
		"hasgroups of another":         {"generic", nil, map[string]any{"groups": nil, "hasgroups": true}, authn.GroupsAbsent, 0},
	} {
		w := newWorld(t, options{provider: one.provider, config: one.config, person: one.claims})
		got := w.signsOn(signOn{})
		if got.GroupsState != one.state || len(got.Groups) != one.groups {
			t.Errorf("%s: %s with %d, want %s with %d", what, got.GroupsState, len(got.Groups), one.state, one.groups)
		}
	}
}

// pointer is what stands in a token in place of groups (Core §5.6.2), as Entra writes it.
func pointer(more map[string]any) map[string]any {
	c := map[string]any{
		"groups": nil, "_claim_names": map[string]any{"groups": "src1"},
		"_claim_sources": map[string]any{"src1": map[string]any{"endpoint": "https://attacker.example/groups"}},
	}
	maps.Copy(c, more)
	return c
}

// The groups that do not fit are asked for at Microsoft Graph, with the person's own
// token, and never where a token says.
func TestOverflowIsFollowed(t *testing.T) {
	t.Parallel()
	const cloud, graph = "https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0", "graph.microsoft.com"
	for what, one := range map[string]struct {
		status int
		body   string
		state  authn.GroupsState
		groups int
	}{
		"all of them":  {200, `{"value":["a","b","c"]}`, authn.GroupsPresent, 3},
		"none":         {200, `{"value":[]}`, authn.GroupsPresent, 0},
		"a first page": {200, `{"value":["a"],"@odata.nextLink":"https://graph.microsoft.com/next"}`, authn.GroupsOverflow, 1},
		"forbidden":    {403, `{"error":{}}`, authn.GroupsOverflow, 0},
		"down":         {503, ``, authn.GroupsOverflow, 0},
		"no list":      {200, `{}`, authn.GroupsOverflow, 0},
		"no JSON":      {200, `<html>`, authn.GroupsOverflow, 0},
	} {
		w := newWorld(t, options{provider: "entra", issuer: cloud, config: map[string]any{"all_groups": true}, person: pointer(nil)})
		asked := ""
		w.h.HandleFetch(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(cloud, "https://"+r.Host+"/") {
				w.idp.ServeHTTP(rw, r)
				return
			}
			asked += r.Method + " " + r.Host + r.URL.Path
			if r.Host != graph || !strings.HasPrefix(r.Header.Get("Authorization"), "Bearer ") {
				t.Errorf("%s: %s is asked", what, r.URL)
			}
			rw.WriteHeader(one.status)
			_, _ = rw.Write([]byte(one.body))
		}))
		got := w.signsOn(signOn{})
		if got.GroupsState != one.state || len(got.Groups) != one.groups || asked != "POST "+graph+"/v1.0/me/getMemberObjects" {
			t.Errorf("%s: %s with %d after %q, want %s with %d", what, got.GroupsState, len(got.Groups), asked, one.state, one.groups)
		}
	}
}

// An issuer for many tenants signs on those of the tenants that are named, and the
// issuer of a token is its tenant's.
func TestTenants(t *testing.T) {
	t.Parallel()
	const (
		common = "https://login.example/organizations/v2.0"
		ours   = "72f988bf-86f1-41af-91ab-2d7cd011db47"
		theirs = "11111111-2222-3333-4444-555555555555"
	)
	of := func(tenant string) string { return "https://login.example/" + tenant + "/v2.0" }
	for what, one := range map[string]struct {
		iss, tid any
		want     string
	}{
		"ours":                     {of(ours), ours, ""},
		"ours in capitals":         {of(ours), strings.ToUpper(ours), ""},
		"another's":                {of(theirs), theirs, "issuer"},
		"another's, named as ours": {of(theirs), ours, "issuer"},
		"ours, named as another's": {of(ours), theirs, "issuer"},
		"without a tenant":         {of(ours), nil, "issuer"},
		"the template":             {of("{tenantid}"), "{tenantid}", "issuer"},
		"the template and ours":    {of("{tenantid}"), ours, "issuer"},
		"what is configured":       {common, ours, "issuer"},
		"of version 1":             {"https://sts.windows.net/" + ours + "/", ours, "issuer"},
		"a tenant that is no text": {of(ours), 1, "issuer"},
		"a tenant with more in it": {of(ours + "/x"), ours + "/x", "issuer"},
	} {
		w := newWorld(t, options{
			provider: "entra", issuer: common, config: map[string]any{"tenants": []string{ours}, "subject_claim": "oid"},
			person: map[string]any{"iss": one.iss, "tid": one.tid, "oid": "object-1"},
		})
		w.idp.Bend(oidcidp.Bend{
			Discovery: func(d map[string]any) {
				d["issuer"] = of("{tenantid}")
				delete(d, "authorization_response_iss_parameter_supported")
			},
			Response: func(v map[string][]string) { delete(v, "iss") },
		})
		got, err := w.do(signOn{})
		expect(t, what, one.want, err)
		if err == nil && (got.Issuer != of(ours) || got.Subject != "object-1") {
			t.Errorf("%s: %q of %q", what, got.Subject, got.Issuer)
		}
	}
}

// Google signs as itself with and without https, and has accounts for everybody.
func TestHostedDomain(t *testing.T) {
	t.Parallel()
	for what, one := range map[string]struct {
		iss, hd any
		want    string
	}{
		"ours":                   {"https://accounts.google.com", "acme.example", ""},
		"ours by another name":   {"accounts.google.com", "ACME.example", ""},
		"another's":              {"https://accounts.google.com", "other.example", "hosted_domain"},
		"nobody's":               {"https://accounts.google.com", nil, "hosted_domain"},
		"a list":                 {"https://accounts.google.com", []string{"acme.example"}, "hosted_domain"},
		"another of its issuers": {"https://accounts.google.com/", "acme.example", "issuer"},
	} {
		w := newWorld(t, options{
			provider: "google", issuer: "https://accounts.google.com", config: map[string]any{"hosted_domain": "acme.example"},
			person: map[string]any{"iss": one.iss, "hd": one.hd},
		})
		got, err := w.do(signOn{})
		expect(t, what, one.want, err)
		if err == nil && (got.Issuer != "https://accounts.google.com" || got.UserName != "ada@acme.example") {
			t.Errorf("%s: %q of %q", what, got.UserName, got.Issuer)
		}
	}
}

// What the userinfo endpoint says adds to the token, and is about the same person.
func TestUserInfo(t *testing.T) {
	t.Parallel()
	for what, one := range map[string]struct {
		bend oidcidp.Bend
		want string
	}{
		"as it should be":           {oidcidp.Bend{}, ""},
		"somebody else":             {oidcidp.Bend{UserInfo: func(c map[string]any) { c["sub"] = "bob-2" }}, "userinfo_subject"},
		"nobody":                    {oidcidp.Bend{UserInfo: func(c map[string]any) { delete(c, "sub") }}, "userinfo_subject"},
		"its name in other letters": {oidcidp.Bend{UserInfo: func(c map[string]any) { delete(c, "sub"); c["Sub"] = "ada-1" }}, "userinfo_subject"},
		"down":                      {oidcidp.Bend{Status: map[string]int{"/userinfo": 503}}, "error"},
		"refused":                   {oidcidp.Bend{Status: map[string]int{"/userinfo": 401}}, "userinfo"},
	} {
		w := newWorld(t, options{config: map[string]any{"userinfo": true}})
		less := one.bend
		less.Claims = func(c map[string]any) { delete(c, "groups"); delete(c, "email"); c["name"] = "Ada of the token" }
		if less.UserInfo == nil {
			less.UserInfo = func(c map[string]any) {
				c["amr"], c["iss"], c["acr"] = []string{"mfa"}, "https://other.example", "high"
			}
		}
		w.idp.Bend(less)
		got, err := w.do(signOn{})
		expect(t, what, one.want, err)
		if err != nil {
			continue
		}
		if got.Email != "ada@acme.example" || len(got.Groups) != 2 || got.DisplayName != "Ada of the token" || got.Issuer != issuer {
			t.Errorf("%s: %+v", what, got)
		}
		if got.Authentication.MultiFactor == authn.MultiFactorYes || got.Authentication.Context != "" {
			t.Errorf("%s: how somebody signed on is what the token says, not %+v", what, got.Authentication)
		}
	}
}

// What is asked of the provider is what the host wants, and the person's hint.
func TestRequest(t *testing.T) {
	t.Parallel()
	for what, one := range map[string]struct {
		provider string
		config   map[string]any
		asked    authn.BeginRequest
		want     map[string]string
	}{
		"plainly":        {"generic", nil, authn.BeginRequest{}, map[string]string{"scope": "openid profile email", "response_type": "code", "code_challenge_method": "S256", "prompt": "", "acr_values": ""}},
		"a hint":         {"generic", nil, authn.BeginRequest{LoginHint: "ada\n@acme.example"}, map[string]string{"login_hint": "ada@acme.example"}},
		"fresh":          {"generic", nil, authn.BeginRequest{Fresh: true}, map[string]string{"prompt": "login", "max_age": "0"}},
		"an age":         {"generic", nil, authn.BeginRequest{MaxAge: 90e9}, map[string]string{"max_age": "90"}},
		"factors":        {"okta", nil, authn.BeginRequest{MultiFactor: true}, map[string]string{"acr_values": "urn:okta:loa:2fa:any"}},
		"contexts":       {"entra", map[string]any{"mfa_acr_values": []string{"c1"}}, authn.BeginRequest{MultiFactor: true}, map[string]string{"claims": `{"id_token":{"acrs":{"essential":true,"values":["c1"]}}}`, "acr_values": ""}},
		"renewal of any": {"generic", map[string]any{"refresh": true}, authn.BeginRequest{}, map[string]string{"scope": "openid profile email offline_access", "prompt": "consent"}},
		"renewal":        {"okta", map[string]any{"refresh": true}, authn.BeginRequest{}, map[string]string{"scope": "openid profile email offline_access"}},
		"of OneLogin":    {"onelogin", map[string]any{"refresh": true}, authn.BeginRequest{}, map[string]string{"scope": "openid profile email groups"}},
		"of Google":      {"google", map[string]any{"refresh": true, "hosted_domain": "acme.example"}, authn.BeginRequest{}, map[string]string{"access_type": "offline", "prompt": "consent", "hd": "acme.example"}},
		"one's own":      {"generic", map[string]any{"params": map[string]any{"domain_hint": "acme.example"}}, authn.BeginRequest{}, map[string]string{"domain_hint": "acme.example"}},
	} {
		w := newWorld(t, options{provider: one.provider, config: one.config})
		one.asked.Endpoints, one.asked.Relay = w.h.Endpoints(w.name), "relay"
		begun, err := w.h.Begin(t.Context(), w.name, one.asked)
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(begun.URL)
		if err != nil {
			t.Fatal(err)
		}
		for parameter, value := range one.want {
			if got := u.Query().Get(parameter); got != value {
				t.Errorf("%s: %s is %q, want %q", what, parameter, got, value)
			}
		}
		if len(begun.State) > 1536 || strings.Contains(begun.URL, secret) {
			t.Errorf("%s: %d bytes to keep, %s", what, len(begun.State), begun.URL)
		}
		if slices.ContainsFunc([]string{"nonce", "code_challenge", "state"}, func(p string) bool { return u.Query().Get(p) == "" }) {
			t.Errorf("%s: %s", what, begun.URL)
		}
	}
}
