package admin

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Grant says that a user or a client has a role, and from which source. One source
// never takes what another gave.
type Grant struct {
	Principal    string    `json:"principal" doc:"\"user:\" or \"client:\", and the id"`
	Organization string    `json:"organization" doc:"label"`
	UserName     string    `json:"user_name,omitempty" doc:"of a user"`
	Role         string    `json:"role"`
	Source       string    `json:"source" doc:"\"file\", \"mapping\", \"manual\" or \"api\""`
	Rule         string    `json:"rule,omitempty" doc:"which rule of the source gave it"`
	Reason       string    `json:"reason,omitempty" doc:"why the rule held, or what was said when it was given by hand"`
	GivenBy      string    `json:"given_by,omitempty" doc:"by hand: who"`
	Since        time.Time `json:"since"`
	EndsAt       time.Time `json:"ends_at,omitzero" doc:"from then on it does not count; missing is never"`
	KeptSince    time.Time `json:"kept_since,omitzero" doc:"since when it stands only because it is the last of a protected role; missing: its source gives it"`
	KeptFrom     string    `json:"kept_from,omitempty" doc:"what would have taken it then"`
	Undeclared   bool      `json:"undeclared,omitempty" doc:"the configuration in force declares no such role: it gives nothing until one does"`
}

// NewGrant gives a role by hand. Given once more, the reason and the end are those
// of the last time.
type NewGrant struct {
	Principal string    `json:"principal" doc:"\"user:\" and an id, or \"client:\" and an id"`
	Role      string    `json:"role"`
	Reason    string    `json:"reason" doc:"why, for whoever asks later"`
	EndsAt    time.Time `json:"ends_at,omitzero" doc:"from then on it does not count; missing is never, unless there is a lifetime"`
	Lifetime  Duration  `json:"lifetime,omitempty" doc:"in place of ends_at: how long it counts from now on"`
}

// GrantRemoval takes back what was given by hand.
type GrantRemoval struct {
	Principal string `json:"principal"`
	Role      string `json:"role"`
}

// GrantPage is one page of the grants, by role, organization and principal.
type GrantPage struct {
	Grants []Grant `json:"grants"`
	Next   string  `json:"next,omitempty" doc:"the after of the following page; missing on the last"`
}

// GrantQuery says which grants to list; what is empty restricts nothing.
type GrantQuery struct {
	Organization string
	Principal    string
	Role         string
	After        string // the Next of the page before
	Limit        int    // at most 1000; 0 is 100
}

// Grants lists grants by role, organization and principal.
func (h *Host) Grants(ctx context.Context, q GrantQuery) (page GrantPage, err error) {
	query := url.Values{}
	for name, value := range map[string]string{"organization": q.Organization, "principal": q.Principal, "role": q.Role, "after": q.After} {
		if value != "" {
			query.Set(name, value)
		}
	}
	if q.Limit != 0 {
		query.Set("limit", strconv.Itoa(q.Limit))
	}
	err = h.call(ctx, http.MethodGet, "/grants?"+query.Encode(), nil, &page)
	return page, err
}

// AddGrant gives a role by hand.
func (h *Host) AddGrant(ctx context.Context, n NewGrant) (given Grant, err error) {
	err = h.call(ctx, http.MethodPost, "/grants", n, &given)
	return given, err
}

// RemoveGrant takes back what was given by hand. The error is a Problem (Conflict)
// for the last grant of a protected role.
func (h *Host) RemoveGrant(ctx context.Context, r GrantRemoval) (taken Grant, err error) {
	err = h.call(ctx, http.MethodPost, "/grants/remove", r, &taken)
	return taken, err
}
