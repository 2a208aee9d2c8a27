package admin

import (
	"encoding/json"
	"math"
	"net/http"
	"slices"
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

func (a *API) applyConfig(c *call) (int, any, error) {
	var asked wire.NewConfig
	if err := read(c, &asked); err != nil {
		return 0, nil, err
	}
	if len(asked.Files) == 0 {
		return 0, nil, problem.New(problem.Invalid, "a configuration has files, and the request has none")
	}
	applied, err := a.Config.Apply(c.Context(), c.by(), asked.Files)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, applied, nil
}

func (a *API) listRevisions(c *call) (int, any, error) {
	before, limit := int64(math.MaxInt64), int64(defaultPage)
	for name, values := range c.URL.Query() {
		if !slices.Contains([]string{"before", "limit"}, name) {
			return 0, nil, problem.New(problem.Invalid, "there is no parameter %s", quoted(name)).WithHint("there is: before, limit")
		}
		n, err := strconv.ParseInt(values[0], 10, 64)
		if err != nil || n < 1 || name == "limit" && n > maxPage {
			return 0, nil, problem.New(problem.Invalid, "%s is no number that is possible there", name).WithHint("limit is from 1 to %d, before the next of the page before", maxPage)
		}
		if name == "before" {
			before = n
		} else {
			limit = n
		}
	}
	list, err := a.Config.Revisions(c.Context(), before, int(limit)+1) // one more tells whether there is a next page
	if err != nil {
		return 0, nil, err
	}
	page := wire.RevisionPage{Revisions: list}
	if len(list) > int(limit) {
		page.Revisions = list[:limit]
		page.Next = list[limit-1].Number
	}
	return http.StatusOK, page, nil
}

func (a *API) showRevision(c *call) (int, any, error) {
	n, err := strconv.ParseInt(c.PathValue("number"), 10, 64)
	if err != nil || n < 1 {
		return 0, nil, problem.New(problem.NotFound, "%s is no number of a revision", quoted(c.PathValue("number")))
	}
	detail, err := a.Config.Revision(c.Context(), n)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, detail, nil
}
