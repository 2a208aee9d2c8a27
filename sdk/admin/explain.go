package admin

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Why is one thing that is so of somebody, and that a role hangs on.
type Why struct {
	Kind      string   `json:"kind" doc:"\"group\", \"attribute\", \"absent\" (an attribute that is not there), \"connection\" (the mapping is for users of another one), \"everybody\", or \"never\" (the condition holds for nobody)"`
	Attribute string   `json:"attribute,omitempty" doc:"such as user.department"`
	Is        string   `json:"is,omitempty" doc:"what the attribute is"`
	Asked     string   `json:"asked,omitempty" doc:"what was asked for, in words"`
	Groups    []string `json:"groups,omitempty" doc:"in words"`
	Text      string   `json:"text"`
}

// Way is what is missing for one alternative of a condition.
type Way struct {
	Missing []Why `json:"missing"`
}

// ExplainedMapping is a mapping that gives a role, as far as somebody fulfils it.
type ExplainedMapping struct {
	Rule     string   `json:"rule" doc:"its name, of a mapping of users after the connection and a slash"`
	Where    string   `json:"where" doc:"file:line"`
	Gives    bool     `json:"gives"`
	Because  []Why    `json:"because" doc:"what fulfils it; where it does not give, what is missing, all of it"`
	Either   []Way    `json:"either,omitempty" doc:"and one of these, the nearest first"`
	More     int      `json:"more,omitempty" doc:"further alternatives"`
	Sentence string   `json:"sentence"`
	Roles    []string `json:"roles" doc:"all that it gives"`
}

// ExplainedRole is a role that somebody has, from one source.
type ExplainedRole struct {
	Name     string    `json:"name"`
	Source   string    `json:"source" doc:"\"file\", \"mapping\", \"manual\" or \"api\""`
	Rule     string    `json:"rule,omitempty" doc:"which rule of the source gave it"`
	Where    string    `json:"where,omitempty" doc:"of a mapping: file:line"`
	Since    time.Time `json:"since,omitzero" doc:"missing: it is evaluated with each request, as the mappings of clients are"`
	Why      []Why     `json:"why" doc:"of a mapping: what fulfils it"`
	InForce  bool      `json:"in_force" doc:"whether requests are decided by it"`
	Withheld []string  `json:"withheld,omitempty" doc:"permissions that routes ask for, that the role has, and that the scopes of the client do not cover"`
	Sentence string    `json:"sentence"`
}

// RoleAnswer says of one role whether somebody has it, and of each mapping that
// gives it what is missing.
type RoleAnswer struct {
	Name      string             `json:"name"`
	Has       bool               `json:"has"`
	Declared  bool               `json:"declared"`
	Mappings  []ExplainedMapping `json:"mappings"`
	More      int                `json:"more,omitempty" doc:"further mappings, which were not looked at"`
	Sentences []string           `json:"sentences"`
}

// RouteRule is a route of the configuration.
type RouteRule struct {
	Pattern     string   `json:"pattern"`
	Methods     []string `json:"methods,omitempty" doc:"none is every method"`
	Where       string   `json:"where" doc:"file:line"`
	Permission  string   `json:"permission,omitempty"`
	Public      bool     `json:"public,omitempty"`
	MultiFactor bool     `json:"multi_factor,omitempty"`
	MaxAge      Duration `json:"max_age,omitzero"`
}

// RequestAnswer says whether somebody may make a request, and why.
type RequestAnswer struct {
	Upstream  string     `json:"upstream" doc:"label"`
	Method    string     `json:"method"`
	Path      string     `json:"path" doc:"in its normal form; of a decision that was opened, the pattern of its route"`
	Route     *RouteRule `json:"route,omitempty" doc:"that applies; missing: none stands there"`
	Allowed   bool       `json:"allowed"`
	StepUp    bool       `json:"step_up,omitempty" doc:"how they have signed on counts as well"`
	Reason    string     `json:"reason" doc:"what the policy says: \"public\", \"authenticated\", \"permitted\", \"no_rule\", \"permission_missing\", \"owner_missing\" or \"scope_missing\""`
	By        []string   `json:"by,omitempty" doc:"the roles that have the permission, of those that they have"`
	Could     []string   `json:"could,omitempty" doc:"the roles that are declared and have it"`
	More      int        `json:"more,omitempty" doc:"further such roles"`
	Sentences []string   `json:"sentences"`
}

// Explanation says why somebody has which roles.
type Explanation struct {
	Kind         string          `json:"kind" doc:"\"user\" or \"client\""`
	ID           string          `json:"id"`
	Name         string          `json:"name,omitempty" doc:"of a user: userName"`
	Organization string          `json:"organization" doc:"label"`
	Connection   string          `json:"connection,omitempty" doc:"of a user: label of the one that provisions them"`
	Access       bool            `json:"access" doc:"whether they have any; without it, roles do not matter"`
	Roles        []ExplainedRole `json:"roles"`
	Role         *RoleAnswer     `json:"role,omitempty" doc:"about the role that was asked for"`
	Request      *RequestAnswer  `json:"request,omitempty" doc:"about the path that was asked for"`
	Sentences    []string        `json:"sentences"`
}

// DecisionChange is something that is otherwise since a decision was made.
type DecisionChange struct {
	Kind string `json:"kind" doc:"\"revision\", \"route\", \"roles\", \"access\", \"credential\" or \"answer\""`
	Text string `json:"text"`
}

// DecisionDetail is what the id of a decision says, and what has changed since.
type DecisionDetail struct {
	At           time.Time        `json:"at"`
	Process      string           `json:"process" doc:"of the host, in hexadecimal"`
	ThisProcess  bool             `json:"this_process"`
	Revision     int64            `json:"revision" doc:"of the configuration"`
	Way          string           `json:"way" doc:"\"proxy\" or \"forward_auth\""`
	Method       string           `json:"method,omitempty" doc:"missing: none of the common ones"`
	Upstream     string           `json:"upstream,omitempty" doc:"label; missing: none was found"`
	Route        *RouteRule       `json:"route,omitempty" doc:"as the revision had it"`
	Outcome      string           `json:"outcome" doc:"\"allowed\", or the code of the refusal"`
	Reason       string           `json:"reason,omitempty" doc:"what the policy said; missing: it was not asked"`
	Kind         string           `json:"kind,omitempty" doc:"of the principal; missing: nobody was known"`
	Principal    string           `json:"principal,omitempty" doc:"id"`
	Organization string           `json:"organization,omitempty" doc:"label; missing: it is not declared any more"`
	Sentences    []string         `json:"sentences"`
	Changes      []DecisionChange `json:"changes" doc:"since then"`
	Now          *Explanation     `json:"now,omitempty" doc:"the principal and the same question as they are now; missing: there is none"`
}

// ExplainQuery says what to explain beside the roles that somebody has. What is empty
// is not asked.
type ExplainQuery struct {
	Role     string
	Upstream string // label; with Path, where there are several and no Host
	Host     string // with Path, in place of Upstream
	Method   string // with Path; "" is GET
	Path     string
}

func (q ExplainQuery) encode() string {
	query := url.Values{}
	for key, value := range map[string]string{"role": q.Role, "upstream": q.Upstream, "host": q.Host, "method": q.Method, "path": q.Path} {
		if value != "" {
			query.Set(key, value)
		}
	}
	if len(query) == 0 {
		return ""
	}
	return "?" + query.Encode()
}

// ExplainUser says why a user has which roles.
func (h *Host) ExplainUser(ctx context.Context, id string, q ExplainQuery) (e Explanation, err error) {
	err = h.with(ctx, http.MethodGet, "/users/", id, "/explanation"+q.encode(), nil, &e)
	return e, err
}

// ExplainClient says why a client has which roles.
func (h *Host) ExplainClient(ctx context.Context, id string, q ExplainQuery) (e Explanation, err error) {
	err = h.with(ctx, http.MethodGet, "/clients/", id, "/explanation"+q.encode(), nil, &e)
	return e, err
}

// Decision opens the id of a decision: the header X-Gatehouse-Decision of an answer.
// Of q, Method and Path count: the same question as it was asked, which an id does
// not hold.
func (h *Host) Decision(ctx context.Context, id string, q ExplainQuery) (d DecisionDetail, err error) {
	err = h.with(ctx, http.MethodGet, "/decisions/", id, ExplainQuery{Method: q.Method, Path: q.Path}.encode(), nil, &d)
	return d, err
}
