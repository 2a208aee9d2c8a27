package admin

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/gatehouse-id/gatehouse/core/access/decided"
	"github.com/gatehouse-id/gatehouse/core/credential"
	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// Explainer says why somebody has which roles, and why a request was decided on as
// it was. What is asked for within an organization ("" is all) is not there if it is
// of another: a Problem (NotFound).
type Explainer interface {
	User(ctx context.Context, within, id string, q wire.ExplainQuery) (wire.Explanation, error)
	Client(ctx context.Context, within, id string, q wire.ExplainQuery) (wire.Explanation, error)

	// Decision opens an id. One that is none of ours is a Problem (Invalid).
	Decision(ctx context.Context, within, id string, q wire.ExplainQuery) (wire.DecisionDetail, error)
}

// explainRoutes are those of what can say why.
func explainRoutes() []route {
	text := object{"type": "string", "minLength": 1, "maxLength": maxText}
	asked := []parameter{
		{"role", "query", "name of a role: what is missing for it, mapping by mapping", text},
		{"upstream", "query", "label, with path, where there are several upstreams", object{"type": "string", "pattern": labelForm}},
		{"host", "query", "in place of upstream: a host name that it serves", text},
	}
	request := []parameter{
		{"method", "query", "of the request that path is of", object{"type": "string", "pattern": methodForm, "default": http.MethodGet}},
		{"path", "query", "of a request: whether it may be made, and why", object{"type": "string", "pattern": "^/", "maxLength": maxPath}},
	}
	return []route{
		{http.MethodGet, "/users/{id}/explanation", ReadUsers, oneOrganization, (*API).explainUser, contract{
			id: "explainUser", summary: "Say why a user has which roles", out: wire.Explanation{}, status: http.StatusOK,
			parameters: slices.Concat(id(resourceIDForm), asked, request),
		}},
		{http.MethodGet, "/clients/{id}/explanation", ReadClients, oneOrganization, (*API).explainClient, contract{
			id: "explainClient", summary: "Say why a client has which roles", out: wire.Explanation{}, status: http.StatusOK,
			parameters: slices.Concat(id(credential.ClientIDForm), asked, request),
		}},
		{http.MethodGet, "/decisions/{id}", ReadDecisions, oneOrganization, (*API).explainDecision, contract{
			id: "explainDecision", summary: "Open the id of a decision, and say what has changed since", out: wire.DecisionDetail{}, status: http.StatusOK,
			parameters: slices.Concat(id(decided.Form), request),
		}},
	}
}

// maxPath bounds the path of a request that is asked about, in bytes.
const maxPath = 8 << 10

const methodForm = `^[A-Z][A-Z0-9-]{0,31}$`

var methodPattern = regexp.MustCompile(methodForm)

func (a *API) explainUser(c *call) (int, any, error) {
	q, err := explainQuery(c, "role", "upstream", "host", "method", "path")
	if err != nil {
		return 0, nil, err
	}
	id, err := personID(c, "gatehouse users list")
	if err != nil {
		return 0, nil, err
	}
	e, err := a.Explain.User(c.Context(), c.actor.organization, id, q)
	return http.StatusOK, e, err
}

func (a *API) explainClient(c *call) (int, any, error) {
	q, err := explainQuery(c, "role", "upstream", "host", "method", "path")
	if err != nil {
		return 0, nil, err
	}
	client, err := a.client(c)
	if err != nil {
		return 0, nil, err
	}
	e, err := a.Explain.Client(c.Context(), c.actor.organization, client.ID, q)
	return http.StatusOK, e, err
}

func (a *API) explainDecision(c *call) (int, any, error) {
	q, err := explainQuery(c, "method", "path")
	if err != nil {
		return 0, nil, err
	}
	d, err := a.Explain.Decision(c.Context(), c.actor.organization, c.PathValue("id"), q)
	return http.StatusOK, d, err
}

// explainQuery reads what is asked for, each of which may stand once.
func explainQuery(c *call, known ...string) (q wire.ExplainQuery, err error) {
	query, err := url.ParseQuery(c.URL.RawQuery)
	if err != nil {
		return q, problem.New(problem.Invalid, "the query of the URL cannot be read")
	}
	for name, values := range query {
		switch {
		case !slices.Contains(known, name):
			return q, problem.New(problem.Invalid, "there is no parameter %s", quoted(name)).WithHint("there is: %s", strings.Join(known, ", "))
		case len(values) > 1:
			return q, problem.New(problem.Invalid, "the parameter %s stands %d times", name, len(values)).WithHint("send it once")
		case values[0] == "" || name != "path" && len([]rune(values[0])) > maxText || len(values[0]) > maxPath:
			return q, problem.New(problem.Invalid, "%s is empty or too long", name)
		}
	}
	q = wire.ExplainQuery{Role: query.Get("role"), Upstream: query.Get("upstream"), Host: query.Get("host"), Method: query.Get("method"), Path: query.Get("path")}
	switch {
	case q.Method != "" && !methodPattern.MatchString(q.Method):
		return q, problem.New(problem.Invalid, "%s is no method", quoted(q.Method)).WithHint("methods are written in capitals, such as GET")
	case q.Path == "" && (q.Method != "" || q.Upstream != "" || q.Host != ""):
		return q, problem.New(problem.Invalid, "method, upstream and host say nothing without a path")
	case q.Upstream != "" && q.Host != "":
		return q, problem.New(problem.Invalid, "upstream and host name the same").WithHint("send one of them")
	case q.Path != "" && !strings.HasPrefix(q.Path, "/"):
		return q, problem.New(problem.Invalid, "%s is no path", quoted(q.Path)).WithHint("a path begins with /, and has no host before it")
	}
	return q, nil
}
