package admin_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// explains stands for what explains: it says what it was asked.
type explains struct{}

func (explains) User(ctx context.Context, within, id string, q wire.ExplainQuery) (wire.Explanation, error) {
	u, err := people{}.User(ctx, within, id)
	return explained("user", u.ID, u.Organization, q), err
}

func (explains) Client(_ context.Context, within, id string, q wire.ExplainQuery) (wire.Explanation, error) {
	return explained("client", id, within, q), nil
}

func explained(kind, id, organization string, q wire.ExplainQuery) wire.Explanation {
	e := wire.Explanation{Kind: kind, ID: id, Organization: organization, Roles: []wire.ExplainedRole{}, Sentences: []string{}}
	if q.Role != "" {
		e.Role = &wire.RoleAnswer{Name: q.Role, Mappings: []wire.ExplainedMapping{}, Sentences: []string{}}
	}
	if q.Path != "" {
		e.Request = &wire.RequestAnswer{Upstream: q.Upstream + q.Host, Method: q.Method, Path: q.Path, Sentences: []string{}}
	}
	return e
}

func (explains) Decision(_ context.Context, within, id string, _ wire.ExplainQuery) (wire.DecisionDetail, error) {
	if id != "D-globex" || within != "" && within != "globex" {
		return wire.DecisionDetail{}, problem.New(problem.NotFound, "there is no such decision")
	}
	return wire.DecisionDetail{At: born, Organization: "globex", Sentences: []string{}, Changes: []wire.DecisionChange{}}, nil
}

func TestExplain(t *testing.T) {
	h := newHost(t, storetest.Open(t, storetest.SQLite(t)))
	root := h.dial(t)
	if _, err := root.CreateClient(t.Context(), wire.NewClient{ID: "c1", Organization: "acme"}); err != nil {
		t.Fatal(err)
	}
	q := wire.ExplainQuery{Role: "admin", Upstream: "app", Method: "PUT", Path: "/a/b?c=%2F&d=e"}
	if e, err := root.ExplainUser(t.Context(), "u-acme", q); err != nil || e.Role.Name != "admin" || e.Request.Path != q.Path || e.Request.Method != "PUT" || e.Request.Upstream != "app" {
		t.Errorf("%+v, %v", e, err)
	}
	if e, err := root.ExplainClient(t.Context(), "c1", wire.ExplainQuery{}); err != nil || e.Role != nil || e.Request != nil {
		t.Errorf("%+v, %v", e, err)
	}
	_, err := root.ExplainClient(t.Context(), "nobody", wire.ExplainQuery{})
	refused(t, err, problem.NotFound, "nobody")
	if d, err := root.Decision(t.Context(), "D-globex", q); err != nil || d.Organization != "globex" {
		t.Errorf("%+v, %v", d, err)
	}
	_, token := h.token(t)
	for query, says := range map[string]string{
		"rolle=admin":                        "there is no parameter",
		"role=a&role=b":                      "stands 2 times",
		"role=":                              "empty or too long",
		"path=/" + strings.Repeat("a", 9000): "empty or too long",
		"path=a":                             "is no path",
		"path=https://a.example/x":           "is no path",
		"path=/x&method=get":                 "is no method",
		"method=GET":                         "say nothing without a path",
		"upstream=app":                       "say nothing without a path",
		"path=/x&upstream=a&host=b":          "name the same",
		"path=%zz":                           "cannot be read",
	} {
		for _, at := range []string{"/users/u-acme/explanation?", "/clients/c1/explanation?", "/decisions/D-globex?"} {
			res, body := h.send(t, http.MethodGet, wire.Prefix+at+query, "", with(token))
			if res.StatusCode != http.StatusBadRequest || !strings.Contains(body, says) && !(strings.Contains(at, "decisions") && strings.Contains(body, "there is no parameter")) {
				t.Errorf("%s%s: %s %s", at, query, res.Status, body)
			}
		}
	}
}
