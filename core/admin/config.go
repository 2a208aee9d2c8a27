package admin

import (
	"encoding/json"
	"math"
	"net/http"
	"regexp"
	"strconv"

	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// configLimit bounds a configuration that is applied, in bytes of JSON.
const configLimit = 16 << 20

// RefusedConfig is a configuration with mistakes: nothing was changed.
type RefusedConfig struct {
	*problem.Problem                 // Invalid
	Diagnostics      json.RawMessage // in the form of gatehouse validate --json
	Report           string          // the same for people
}

// Unwrap gives the Problem to problem.As.
func (r *RefusedConfig) Unwrap() error { return r.Problem }

// refusedConfig is what a RefusedConfig is on the wire.
type refusedConfig struct {
	problem.Document
	Diagnostics json.RawMessage `json:"diagnostics,omitempty" doc:"the mistakes, in the form of gatehouse validate --json"`
	Report      string          `json:"report,omitempty" doc:"the same for people"`
}

func (a *API) applyConfig(c *call) (int, any, error) {
	var asked wire.NewConfig
	if err := read(c, &asked); err != nil {
		return 0, nil, err
	}
	if len(asked.Files) == 0 {
		return 0, nil, problem.New(problem.Invalid, "a configuration has files, and the request has none")
	}
	if len(asked.AllowLockout) > maxList {
		return 0, nil, tooLong("allow_lockout")
	}
	applied, err := a.Config.Apply(c.Context(), c.by(), asked)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, applied, nil
}

// revisionForm is that of a revision's number.
const revisionForm = `^[1-9][0-9]{0,17}$`

var revisionShape = regexp.MustCompile(revisionForm)

func (a *API) listRevisions(c *call) (int, any, error) {
	p, _, err := parseQuery(c.URL.RawQuery, revisionShape)
	if err != nil {
		return 0, nil, err
	}
	before := int64(math.MaxInt64)
	if p.after != "" {
		before, _ = strconv.ParseInt(p.after, 10, 64) // it has at most 18 digits
	}
	list, err := a.Config.Revisions(c.Context(), before, p.limit+1)
	if err != nil {
		return 0, nil, err
	}
	page := wire.RevisionPage{Revisions: list}
	if len(list) > p.limit {
		page.Revisions = list[:p.limit]
		page.Next = strconv.FormatInt(list[p.limit-1].Number, 10)
	}
	return http.StatusOK, page, nil
}

func (a *API) showRevision(c *call) (int, any, error) {
	if !revisionShape.MatchString(c.PathValue("number")) {
		return 0, nil, problem.New(problem.NotFound, "%s is no number of a revision", quoted(c.PathValue("number")))
	}
	n, _ := strconv.ParseInt(c.PathValue("number"), 10, 64) // it has at most 18 digits
	detail, err := a.Config.Revision(c.Context(), n)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, detail, nil
}
