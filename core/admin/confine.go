package admin

import (
	"slices"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// reach says how far a route reaches. Its zero value is for nobody who is
// confined: a route that does not say is closed to them.
type reach string

const (
	// wholeInstallation: what it shows or changes belongs to no organization.
	wholeInstallation reach = "installation"

	// oneOrganization: to an actor who is confined to one, it shows that one's
	// only, and whatever is of another it does not find.
	oneOrganization reach = "organization"
)

// reaches refuses a route of the whole installation to whoever is confined.
func (a actor) reaches(r reach) error {
	if a.organization == "" || r == oneOrganization {
		return nil
	}
	return problem.New(problem.Forbidden, "this admin token is confined to the organization %q, and what was asked for is of the whole installation", a.organization).
		WithHint("use a token that is not confined")
}

// checkOrganization refuses what is no organization of the configuration. To
// whoever is confined all others are alike, whether they are there or not.
func (a *API) checkOrganization(who actor, label string) error {
	if who.organization == "" {
		return checkKnown("organization", label, a.Known.Organizations())
	}
	if label != who.organization {
		return problem.New(problem.Forbidden, "this admin token is confined to the organization %q", who.organization).
			WithHint("name that organization, or use another token")
	}
	return nil // it was known when the actor came
}

// checkUse refuses scopes that give a confined token nothing, as checkScopes does
// for all tokens.
func checkUse(scopes []string) error {
	var useful []string
	for _, rt := range routes() {
		if p := string(rt.permission); rt.reach == oneOrganization && !slices.Contains(useful, p) {
			useful = append(useful, p)
		}
	}
	for _, scope := range scopes {
		if !slices.ContainsFunc(useful, func(p string) bool { return covers(scope, p) }) {
			return problem.New(problem.Invalid, "the scope %s covers nothing that a token of one organization may do", quoted(scope)).
				WithHint("%s", didYouMean(scope, useful))
		}
	}
	return nil
}
