package admin_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/core/policy"
	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// authorizer stands for what is in force: u-acme may read everything, u-globex too,
// u-left has no access, and the client acme-reports lacks a scope.
type authorizer struct{}

var subjects = map[string]string{"u-acme": "acme", "u-left": "acme", "u-none": "acme", "u-globex": "globex", "acme-reports": "acme"}

func (authorizer) Permits(_ context.Context, within, kind, id, permission string) (policy.Verdict, error) {
	of, known := subjects[id]
	switch {
	case !known || within != "" && of != within || (kind == "user") != strings.HasPrefix(id, "u-"):
		return policy.Verdict{}, problem.New(problem.NotFound, "there is no %s %q", kind, id)
	case id == "u-left":
		return policy.Verdict{}, problem.New(problem.Forbidden, "this account has no access any more")
	case id == "acme-reports":
		return policy.Verdict{Reason: policy.ReasonScopeMissing, Permission: permission}, nil
	case strings.Contains(permission, "*"):
		return policy.Verdict{}, problem.New(problem.Invalid, "not a permission")
	case strings.HasPrefix(permission, "broken:"):
		return policy.Verdict{}, problem.New(problem.Unavailable, "the store is away")
	case id != "u-none" && strings.HasSuffix(permission, ":read"):
		return policy.Verdict{Allow: true, Reason: policy.ReasonPermitted}, nil
	}
	return policy.Verdict{Reason: policy.ReasonPermissionMissing, Permission: permission}, nil
}

func (authorizer) Subjects(_ context.Context, within, kind, after string, limit int) (ids []string, err error) {
	for id, of := range subjects {
		if (within == "" || of == within) && (kind == "user") == strings.HasPrefix(id, "u-") && id > after {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids[:min(limit, len(ids))], nil
}

func may(kind, id, action, resource string) wire.Evaluation {
	return wire.Evaluation{Subject: &wire.Subject{Type: kind, ID: id}, Action: &wire.Action{Name: action}, Resource: &wire.Resource{Type: resource, ID: "42"}}
}

func TestAuthorize(t *testing.T) {
	h := newHost(t, storetest.Open(t, storetest.SQLite(t)))
	c := h.dial(t)
	for name, tt := range map[string]struct {
		ask    wire.Evaluation
		allow  bool
		reason string
		code   problem.Code
	}{
		"may":                      {may("user", "u-acme", "read", "report"), true, "permitted", ""},
		"may not":                  {may("user", "u-acme", "write", "report"), false, "permission_missing", ""},
		"a client without a scope": {may("client", "acme-reports", "read", "report"), false, "scope_missing", ""},
		"nobody":                   {may("user", "u-nobody", "read", "report"), false, "unknown_subject", ""},
		"a client as a user":       {may("user", "acme-reports", "read", "report"), false, "unknown_subject", ""},
		"who has left":             {may("user", "u-left", "read", "report"), false, "no_access", ""},
		"another type":             {may("group", "g", "read", "report"), false, "", problem.Invalid},
		"no name":                  {may("user", "", "read", "report"), false, "", problem.Invalid},
		"no permission":            {may("user", "u-acme", "*", "report"), false, "", problem.Invalid},
		"no subject":               {wire.Evaluation{Action: &wire.Action{Name: "read"}, Resource: &wire.Resource{Type: "report"}}, false, "", problem.Invalid},
		"no action":                {wire.Evaluation{Subject: &wire.Subject{Type: "user", ID: "u-acme"}, Resource: &wire.Resource{Type: "report"}}, false, "", problem.Invalid},
		"no resource":              {wire.Evaluation{Subject: &wire.Subject{Type: "user", ID: "u-acme"}, Action: &wire.Action{Name: "read"}}, false, "", problem.Invalid},
		"nothing":                  {wire.Evaluation{}, false, "", problem.Invalid},
		"nobody knows":             {may("user", "u-acme", "read", "broken"), false, "", problem.Unavailable},
	} {
		d, err := c.Authorize(t.Context(), wire.Evaluations{Evaluation: tt.ask})
		if tt.code != "" {
			if !problem.Is(err, tt.code) {
				t.Errorf("%s: %+v, %v", name, d, err)
			}
			continue
		}
		if err != nil || d.Decision == nil || *d.Decision != tt.allow || d.Context == nil || d.Context.Reason != tt.reason || d.Evaluations != nil {
			t.Errorf("%s: %+v, %v", name, d, err)
		}
	}
}

// Several questions at once: those that say nothing of a part have that of all, and
// one that is wrong is answered with a no beside the others (AuthZEN §7).
func TestAuthorizeSeveral(t *testing.T) {
	h := newHost(t, storetest.Open(t, storetest.SQLite(t)))
	c := h.dial(t)
	all := may("user", "u-acme", "read", "report")
	write := wire.Evaluation{Action: &wire.Action{Name: "write"}}
	wrong := wire.Evaluation{Subject: &wire.Subject{Type: "group", ID: "g"}}
	other := wire.Evaluation{Resource: &wire.Resource{Type: "policy"}}
	for semantic, want := range map[string]string{
		"":                       "true false:permission_missing false:invalid_request true",
		"execute_all":            "true false:permission_missing false:invalid_request true",
		"deny_on_first_deny":     "true false:permission_missing",
		"permit_on_first_permit": "true",
	} {
		d, err := c.Authorize(t.Context(), wire.Evaluations{Evaluation: all, Evaluations: []wire.Evaluation{{}, write, wrong, other}, Options: &wire.EvaluationOptions{Semantic: semantic}})
		var got []string
		for _, one := range d.Evaluations {
			if one.Decision {
				got = append(got, "true")
			} else {
				got = append(got, "false:"+one.Context.Reason)
			}
		}
		if diff := cmp.Diff(want, strings.Join(got, " ")); err != nil || d.Decision != nil || diff != "" {
			t.Errorf("%q: %v\n%s", semantic, err, diff)
		}
	}
	for name, q := range map[string]wire.Evaluations{
		"another way":        {Evaluation: all, Evaluations: []wire.Evaluation{{}}, Options: &wire.EvaluationOptions{Semantic: "maybe"}},
		"too many":           {Evaluation: all, Evaluations: make([]wire.Evaluation, 101)},
		"the store is away":  {Evaluation: all, Evaluations: []wire.Evaluation{{}, {Resource: &wire.Resource{Type: "broken"}}}},
		"nothing is said":    {Options: &wire.EvaluationOptions{}},
		"a permission of us": {Evaluation: may("user", "u-acme", "*", "gatehouse")},
	} {
		if d, err := c.Authorize(t.Context(), q); err == nil {
			t.Errorf("%s: %+v", name, d)
		}
	}
}

func TestSubjectsWho(t *testing.T) {
	h := newHost(t, storetest.Open(t, storetest.SQLite(t)))
	search := wire.SubjectSearch{Subject: &wire.Subject{Type: "user"}, Action: &wire.Action{Name: "read"}, Resource: &wire.Resource{Type: "report"}}
	walk := func(c *wire.Host, limit int) (found []string, parts int) {
		t.Helper()
		search.Page = &wire.SearchPage{Limit: limit}
		for {
			s, err := c.SubjectsWho(t.Context(), search)
			if err != nil {
				t.Fatal(err)
			}
			for _, one := range s.Results {
				found = append(found, fmt.Sprint(one.Type, " ", one.ID))
			}
			parts++
			if s.Page.NextToken == "" {
				return found, parts
			}
			search.Page.Token = s.Page.NextToken
		}
	}
	for _, limit := range []int{0, 1, 2, 3, 4, 1000} {
		if got, _ := walk(h.dial(t), limit); !slices.Equal(got, []string{"user u-acme", "user u-globex"}) {
			t.Errorf("looking at %d: %q", limit, got)
		}
	}
	_, token := h.confined(t, "acme", "gatehouse:authorize:ask")
	if got, _ := walk(h.as(t, token), 0); !slices.Equal(got, []string{"user u-acme"}) {
		t.Errorf("within acme: %q", got)
	}
	for name, change := range map[string]func(s *wire.SubjectSearch){
		"no subject":       func(s *wire.SubjectSearch) { s.Subject = nil },
		"a subject's name": func(s *wire.SubjectSearch) { s.Subject = &wire.Subject{Type: "user", ID: "u-acme"} },
		"another type":     func(s *wire.SubjectSearch) { s.Subject = &wire.Subject{Type: "group"} },
		"no action":        func(s *wire.SubjectSearch) { s.Action = nil },
		"a negative limit": func(s *wire.SubjectSearch) { s.Page = &wire.SearchPage{Limit: -1} },
		"a large limit":    func(s *wire.SubjectSearch) { s.Page = &wire.SearchPage{Limit: 1001} },
		"a strange token":  func(s *wire.SubjectSearch) { s.Page = &wire.SearchPage{Token: "' OR 1=1"} },
	} {
		q := search
		q.Page = nil
		change(&q)
		if s, err := h.dial(t).SubjectsWho(t.Context(), q); !problem.Is(err, problem.Invalid) {
			t.Errorf("%s: %+v, %v", name, s, err)
		}
	}
	_, other := h.confined(t, "acme", "gatehouse:users:read")
	if _, err := h.as(t, other).SubjectsWho(t.Context(), search); !problem.Is(err, problem.Forbidden) {
		t.Errorf("without the permission: %v", err)
	}
}
