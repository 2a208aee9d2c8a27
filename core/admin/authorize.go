package admin

import (
	"context"
	"net/http"

	"github.com/gatehouse-id/gatehouse/core/policy"
	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// Authorizer says what others may do, by what is in force now.
type Authorizer interface {
	// Permits answers whether a user or a client has a permission. Of somebody who is
	// not there, or of another organization than the one within ("" is all), the error
	// is a Problem (NotFound); of one who may not come at all, a Problem (Forbidden).
	Permits(ctx context.Context, within, kind, id, permission string) (policy.Verdict, error)

	// Subjects lists ids of users or clients after one, at most limit.
	Subjects(ctx context.Context, within, kind, after string, limit int) ([]string, error)
}

// The limits of questions.
const (
	evaluationsMost = 100  // of one request
	lookedAtMost    = 1000 // subjects of one part of a search
	lookedAt        = 100  // where the request does not say
)

// The reasons that are not the policy's.
const (
	unknownSubject = "unknown_subject"
	noAccess       = "no_access" // whatever their roles
)

// authorizeRoutes are those of whoever asks what others may do.
func authorizeRoutes() []route {
	return []route{
		{http.MethodPost, "/authorize", Authorize, oneOrganization, (*API).authorize, contract{
			id: "authorize", summary: "Ask whether subjects may do something, as OpenID AuthZEN does; also at /api/v1/authorize",
			in: wire.Evaluations{}, needed: true, out: wire.Decisions{}, status: http.StatusOK,
		}},
		{http.MethodPost, "/authorize/subjects", Authorize, oneOrganization, (*API).subjectsWho, contract{
			id: "searchSubjects", summary: "Ask who may do something; also at /api/v1/authorize/subjects",
			in: wire.SubjectSearch{}, needed: true, out: wire.Subjects{}, status: http.StatusOK,
		}},
	}
}

func (a *API) authorize(c *call) (int, any, error) {
	var asked wire.Evaluations
	if err := read(c, &asked); err != nil {
		return 0, nil, err
	}
	if len(asked.Evaluations) == 0 {
		d, err := a.decide(c, asked.Evaluation)
		return http.StatusOK, wire.Decisions{Decision: &d.Decision, Context: d.Context}, err
	}
	if n := len(asked.Evaluations); n > evaluationsMost {
		return 0, nil, problem.New(problem.Invalid, "there are %d questions, and %d are answered at once", n, evaluationsMost).WithHint("ask in several requests")
	}
	stop, err := stopping(asked.Options)
	if err != nil {
		return 0, nil, err
	}
	var all wire.Decisions
	for _, one := range asked.Evaluations {
		d, err := a.decide(c, withDefaults(one, asked.Evaluation))
		switch found := problem.As(err); {
		case err == nil:
		case found.Code.Status() >= http.StatusInternalServerError:
			return 0, nil, err // the whole question can be asked again
		default: // AuthZEN §7.2.1: the others are answered all the same
			d = wire.Decision{Context: &wire.DecisionContext{Reason: string(found.Code), Detail: found.Detail}}
		}
		all.Evaluations = append(all.Evaluations, d)
		if stop != nil && d.Decision == *stop {
			break
		}
	}
	return http.StatusOK, all, nil
}

// withDefaults completes a question with what is said for all (AuthZEN §7.1.1).
func withDefaults(one, all wire.Evaluation) wire.Evaluation {
	if one.Subject == nil {
		one.Subject = all.Subject
	}
	if one.Action == nil {
		one.Action = all.Action
	}
	if one.Resource == nil {
		one.Resource = all.Resource
	}
	return one
}

// stopping is the decision after which no other is wanted; nil is none.
func stopping(o *wire.EvaluationOptions) (*bool, error) {
	yes, no := true, false
	if o == nil {
		return nil, nil //nolint:nilnil // all are wanted
	}
	switch o.Semantic {
	case "", "execute_all":
		return nil, nil //nolint:nilnil // the same
	case "deny_on_first_deny":
		return &no, nil
	case "permit_on_first_permit":
		return &yes, nil
	}
	return nil, problem.New(problem.Invalid, "%s is no way to answer several questions", quoted(o.Semantic)).
		WithHint("it is execute_all, deny_on_first_deny or permit_on_first_permit")
}

func (a *API) decide(c *call, one wire.Evaluation) (wire.Decision, error) {
	if one.Subject == nil || one.Action == nil || one.Resource == nil {
		return wire.Decision{}, problem.New(problem.Invalid, "a question has a subject, an action and a resource")
	}
	if err := checkSubject(*one.Subject, true); err != nil {
		return wire.Decision{}, err
	}
	permission := one.Resource.Type + ":" + one.Action.Name
	v, err := a.Authorizer.Permits(c.Context(), c.actor.organization, one.Subject.Type, one.Subject.ID, permission)
	why := &wire.DecisionContext{Reason: string(v.Reason), Permission: permission}
	switch {
	case problem.Is(err, problem.NotFound):
		why.Reason, why.Detail = unknownSubject, problem.As(err).Detail
	case problem.Is(err, problem.Forbidden):
		why.Reason, why.Detail = noAccess, problem.As(err).Detail
	case err != nil:
		return wire.Decision{}, err
	}
	return wire.Decision{Decision: err == nil && v.Allow, Context: why}, nil
}

func checkSubject(s wire.Subject, named bool) error {
	switch {
	case s.Type != policy.KindUser && s.Type != policy.KindClient:
		return problem.New(problem.Invalid, "%s is no type of subject", quoted(s.Type)).WithHint("it is user or client")
	case named && !resourceID.MatchString(s.ID):
		return problem.New(problem.Invalid, "%s cannot be the id of a %s", quoted(s.ID), s.Type).WithHint("it is what an assertion says in sub")
	case !named && s.ID != "":
		return problem.New(problem.Invalid, "a search for subjects names none").WithHint("ask whether %s may with /authorize", quoted(s.ID))
	}
	return nil
}

// subjectsWho looks at a part of the subjects, and answers with those who may.
func (a *API) subjectsWho(c *call) (int, any, error) {
	var asked wire.SubjectSearch
	if err := read(c, &asked); err != nil {
		return 0, nil, err
	}
	if asked.Subject == nil {
		return 0, nil, problem.New(problem.Invalid, "a search says the type of subjects").WithHint(`send "subject": {"type": "user"}`)
	}
	if err := checkSubject(*asked.Subject, false); err != nil {
		return 0, nil, err
	}
	after, limit := "", lookedAt
	if p := asked.Page; p != nil {
		after = p.Token
		if p.Limit != 0 {
			limit = p.Limit
		}
	}
	if limit < 1 || limit > lookedAtMost || after != "" && !resourceID.MatchString(after) {
		return 0, nil, problem.New(problem.Invalid, "this is no page").WithHint("its limit is from 1 to %d, and its token the next_token of the page before", lookedAtMost)
	}
	kind := asked.Subject.Type
	ids, err := a.Authorizer.Subjects(c.Context(), c.actor.organization, kind, after, limit)
	if err != nil {
		return 0, nil, err
	}
	found := wire.Subjects{Results: []wire.Subject{}, Page: &wire.SearchNext{}}
	for _, id := range ids {
		d, err := a.decide(c, wire.Evaluation{Subject: &wire.Subject{Type: kind, ID: id}, Action: asked.Action, Resource: asked.Resource})
		if err != nil {
			return 0, nil, err
		}
		if d.Decision {
			found.Results = append(found.Results, wire.Subject{Type: kind, ID: id})
		}
	}
	if len(ids) == limit {
		found.Page.NextToken = ids[limit-1] // in the order of whoever lists them
	}
	return http.StatusOK, found, nil
}
