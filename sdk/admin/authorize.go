package admin

import (
	"context"
	"encoding/json"
	"net/http"
)

// Evaluation asks whether a subject may do something (OpenID AuthZEN Authorization API
// 1.0 §6.1). What is asked for is the permission "TYPE:NAME", of the type of the
// resource and the name of the action: for {"type": "query"} and {"name": "execute"}
// it is "query:execute".
type Evaluation struct {
	Subject  *Subject        `json:"subject,omitempty"`
	Action   *Action         `json:"action,omitempty"`
	Resource *Resource       `json:"resource,omitempty"`
	Context  json.RawMessage `json:"context,omitempty" doc:"taken, and not looked at: no rule reads it"`
}

// Subject is whom a decision is about.
type Subject struct {
	Type       string          `json:"type" doc:"user or client"`
	ID         string          `json:"id,omitempty" doc:"of the user or client, as an assertion names it in sub; a search has none"`
	Properties json.RawMessage `json:"properties,omitempty" doc:"taken, and not looked at"`
}

// Action is what they would do.
type Action struct {
	Name       string          `json:"name"`
	Properties json.RawMessage `json:"properties,omitempty" doc:"taken, and not looked at"`
}

// Resource is with what.
type Resource struct {
	Type       string          `json:"type" doc:"the permission without its last word"`
	ID         string          `json:"id,omitempty" doc:"taken, and not looked at: permissions are for all of a type"`
	Properties json.RawMessage `json:"properties,omitempty" doc:"taken, and not looked at"`
}

// Evaluations asks one question, or several at once: then what stands beside the list
// is for those that do not say it themselves (AuthZEN §7.1).
type Evaluations struct {
	Evaluation
	Evaluations []Evaluation       `json:"evaluations,omitempty" doc:"at most 100"`
	Options     *EvaluationOptions `json:"options,omitempty"`
}

// EvaluationOptions say how several questions are answered.
type EvaluationOptions struct {
	Semantic string `json:"evaluations_semantic,omitempty" doc:"execute_all, deny_on_first_deny or permit_on_first_permit"`
}

// Decisions is the answer: of one question a decision, of several a list in their
// order, which ends early where the options say so.
type Decisions struct {
	Decision    *bool            `json:"decision,omitempty"`
	Context     *DecisionContext `json:"context,omitempty"`
	Evaluations []Decision       `json:"evaluations,omitempty"`
}

// Decision is the answer to one of several questions.
type Decision struct {
	Decision bool             `json:"decision"`
	Context  *DecisionContext `json:"context,omitempty"`
}

// DecisionContext says why.
type DecisionContext struct {
	Reason     string `json:"reason" doc:"permitted, permission_missing, owner_missing, scope_missing, no_access, unknown_subject, or the code of a problem"`
	Permission string `json:"permission,omitempty" doc:"that was asked for"`
	Detail     string `json:"detail,omitempty" doc:"for people"`
}

// SubjectSearch asks who may do something (AuthZEN §8.4).
type SubjectSearch struct {
	Subject  *Subject        `json:"subject"`
	Action   *Action         `json:"action"`
	Resource *Resource       `json:"resource"`
	Context  json.RawMessage `json:"context,omitempty" doc:"taken, and not looked at"`
	Page     *SearchPage     `json:"page,omitempty"`
}

// SearchPage is which part of the answer is asked for.
type SearchPage struct {
	Token string `json:"token,omitempty" doc:"the next_token of the part before; without it, the first"`
	Limit int    `json:"limit,omitempty" doc:"how many subjects are looked at for a part, 1 to 1000; 0 is 100"`
}

// Subjects is a part of the answer. It may be empty, and others follow.
type Subjects struct {
	Results []Subject   `json:"results"`
	Page    *SearchNext `json:"page,omitempty"`
}

// SearchNext leads to the part that follows.
type SearchNext struct {
	NextToken string `json:"next_token" doc:"\"\" on the last part"`
}

// Authorize asks whether subjects may do something. The token needs the permission
// gatehouse:authorize:ask.
func (h *Host) Authorize(ctx context.Context, q Evaluations) (d Decisions, err error) {
	return d, h.call(ctx, http.MethodPost, "/authorize", q, &d)
}

// SubjectsWho asks who may do something; see Authorize.
func (h *Host) SubjectsWho(ctx context.Context, q SubjectSearch) (s Subjects, err error) {
	return s, h.call(ctx, http.MethodPost, "/authorize/subjects", q, &s)
}
