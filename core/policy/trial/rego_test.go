package trial_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/core/policy/trial"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

var organizations = map[string]string{"acme": "acme", "globex": "globex"}

func TestRego(t *testing.T) {
	t.Parallel()
	s := suite(t, rules(t))
	out, err := s.RunRego(t.Context(), []trial.File{{Name: "roles_test.rego", Text: []byte(`package gatehouse_test

test_user if gatehouse.user_roles("acme", {"groups": ["Admins"]}) == {"admin"}

test_sets_are_lists if gatehouse.user_roles("acme", {"groups": {"Admins", "x"}, "title": null}) == {"admin"}

test_client if gatehouse.client_roles({"id": "reports", "owner": "u2"}) == {"analyst", "guest"}

test_everybody if {
	every title in ["Lead", "Engineer"] {
		"guest" in gatehouse.user_roles("globex", {"title": title})
	}
}

test_false if {
	roles := gatehouse.user_roles("acme", {})
	print("roles", roles)
	count(roles) == 1
}

test_generated if {
	some grant in data.gatehouse.grants with input as {"grants": [{"role": "guest"}]}
	grant.role == "guest"
}

todo_test_later if false

test_mistyped if gatehouse.user_roles("acme", {"departmnt": "x"}) == set()

test_connection if gatehouse.user_roles("acne", {}) == set()

test_number if gatehouse.user_roles("acme", {"title": 7}) == set()
`)}}, organizations)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range out.Results {
		line := strings.TrimPrefix(r.Name, "gatehouse_test.") + " "
		switch {
		case r.Skipped:
			line += "skipped"
		case r.Passed:
			line += "passed"
		case r.Error != "":
			line += r.Error
		default:
			line += "failed"
		}
		if r.Printed != "" {
			line += ", " + strings.TrimSpace(r.Printed)
		}
		got = append(got, line)
	}
	// The attributes are listed by the tests of mistakes.
	for i, line := range got {
		got[i], _, _ = strings.Cut(line, " The attributes are")
	}
	want := []string{
		"test_user passed", "test_sets_are_lists passed", "test_client passed", "test_everybody passed", "test_false failed, roles set()", "test_generated passed", "todo_test_later skipped",
		`test_mistyped roles_test.rego:28: eval_builtin_error: gatehouse.user_roles: Unknown attribute: There is no attribute "departmnt" of a user. Did you mean "department"?`,
		`test_connection roles_test.rego:30: eval_builtin_error: gatehouse.user_roles: there is no connection "acne". Did you mean "acme"?`,
		`test_number roles_test.rego:32: eval_builtin_error: gatehouse.user_roles: the attribute "title" is neither a text nor a list of texts`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if out.Lines <= 0 || out.Lines > 100 {
		t.Errorf("%.1f%% of the lines", out.Lines)
	}
	c, err := s.Cover(t.Context(), nil, out.Asked)
	if err != nil {
		t.Fatal(err)
	}
	if c.Mappings[0].Tests != 2 || c.Mappings[3].Tests != 2 || c.Mappings[5].Tests != 1 {
		t.Errorf("whom Rego tests ask about counts once each: %+v", c.Mappings)
	}
}

// Rego tests reach nothing outside, and change nothing of what they try.
func TestRegoIsConfined(t *testing.T) {
	t.Parallel()
	s := suite(t, rules(t))
	tests := map[string]struct{ text, want string }{
		"network":      {"package a_test\ntest_a if http.send({\"method\": \"get\", \"url\": \"http://127.0.0.1\"})", "a_test.rego:2: undefined function http.send"},
		"environment":  {"package a_test\ntest_a if opa.runtime().env.PATH", "undefined function opa.runtime"},
		"names":        {"package a_test\ntest_a if net.lookup_ip_addr(\"localhost\")", "undefined function net.lookup_ip_addr"},
		"clock":        {"package a_test\ntest_a if time.now_ns() > 0", "undefined function time.now_ns"},
		"randomness":   {"package a_test\ntest_a if rand.intn(\"a\", 5) > 0", "undefined function rand.intn"},
		"tokens":       {"package a_test\ntest_a if io.jwt.decode_verify(\"a\", {})", "undefined function io.jwt.decode_verify"},
		"schemas":      {"package a_test\ntest_a if json.match_schema({}, {})", "undefined function json.match_schema"},
		"the policy's": {"package gatehouse\ngrants contains {\"role\": \"admin\"}", "a_test.rego:1: tests stand in a package of their own"},
		"below it":     {"package gatehouse.connections.acme\ngrants contains {\"role\": \"admin\"}", "tests stand in a package of their own"},
		"no Rego":      {"package a_test\ntest_a if {", "a_test.rego:2"},
		"nothing":      {"", "a_test.rego"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := s.RunRego(t.Context(), []trial.File{{Name: "a_test.rego", Text: []byte(tt.text)}}, organizations)
			if p := problem.As(err); err == nil || p.Code != problem.Invalid || !strings.Contains(p.Detail+"\n"+p.Hint, tt.want) {
				t.Errorf("%v, hint %q; want %q", err, problem.As(err).Hint, tt.want)
			}
		})
	}
}

// A test that does not end is ended.
func TestRegoEnds(t *testing.T) {
	t.Parallel()
	out, err := suite(t, rules(t)).RunRego(t.Context(), []trial.File{{Name: "a_test.rego", Text: []byte(`package a_test

test_endless if {
	some a in numbers.range(1, 2000)
	some d in numbers.range(1, 2000)
	some e in numbers.range(1, 2000)
	a + d + e < 0
}
`)}}, organizations)
	if err == nil && (len(out.Results) != 1 || out.Results[0].Passed || out.Results[0].Error == "") {
		t.Errorf("%+v, %v", out, err)
	}
}
