package admin

import (
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// Sizes of a page.
const (
	defaultPage = 100
	maxPage     = 1000
)

// page is the part of a list that was asked for. Lists are read with one entry
// more than limit, which tells whether there is a next page.
type page struct {
	after string
	limit int
}

// parseQuery reads the parameters of a list, each of which may stand once: limit,
// after (of the given form), and those named.
func parseQuery(raw string, form *regexp.Regexp, others ...string) (p page, query url.Values, err error) {
	known := append([]string{"after", "limit"}, others...)
	query, err = url.ParseQuery(raw)
	if err != nil {
		return p, nil, problem.New(problem.Invalid, "the query of the URL cannot be read")
	}
	for name, values := range query {
		if !slices.Contains(known, name) {
			return p, nil, problem.New(problem.Invalid, "there is no parameter %s", quoted(name)).WithHint("there is: %s", strings.Join(known, ", "))
		}
		if len(values) > 1 {
			return p, nil, problem.New(problem.Invalid, "the parameter %s stands %d times", name, len(values)).WithHint("send it once")
		}
	}
	p = page{after: query.Get("after"), limit: defaultPage}
	if query.Has("limit") {
		p.limit, err = strconv.Atoi(query.Get("limit"))
		if err != nil || p.limit < 1 || p.limit > maxPage {
			return p, nil, problem.New(problem.Invalid, "limit is not a number from 1 to %d", maxPage)
		}
	}
	if query.Has("after") && !form.MatchString(p.after) {
		return p, nil, problem.New(problem.Invalid, "%s cannot be where a page begins", quoted(p.after)).WithHint("after is the next of the page before")
	}
	return p, query, nil
}

// checkNoQuery refuses parameters where there are none: what a caller believes
// to have said must not be passed over.
func checkNoQuery(raw string) error {
	if raw == "" {
		return nil
	}
	return problem.New(problem.Invalid, "this path takes no parameters in the URL")
}
