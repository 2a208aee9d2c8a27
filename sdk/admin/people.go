package admin

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// User is a person of an organization.
type User struct {
	ID           string    `json:"id"`
	Organization string    `json:"organization" doc:"label"`
	Connection   string    `json:"connection,omitempty" doc:"label of the one that provisions them; missing: none"`
	ExternalID   string    `json:"external_id,omitempty" doc:"what the IdP calls them"`
	UserName     string    `json:"user_name"`
	DisplayName  string    `json:"display_name,omitempty"`
	Active       bool      `json:"active"`
	CreatedAt    time.Time `json:"created_at"`
	UpdatedAt    time.Time `json:"updated_at"`
}

// Membership is a group that somebody is in.
type Membership struct {
	Group       string `json:"group" doc:"id"`
	DisplayName string `json:"display_name"`
	Nested      bool   `json:"nested,omitempty" doc:"only through a group within it"`
}

// UserDetail is a user with their groups, and their roles with the reason of each.
type UserDetail struct {
	User
	Groups     []Membership    `json:"groups"`
	Roles      []Role          `json:"roles"`
	Attributes json.RawMessage `json:"attributes" doc:"as in SCIM (RFC 7643)"`
}

// UserPage is one page of a list by id.
type UserPage struct {
	Users []User `json:"users"`
	Next  string `json:"next,omitempty" doc:"the after of the following page; missing on the last"`
}

// Group is a group of a connection.
type Group struct {
	ID           string    `json:"id"`
	Organization string    `json:"organization" doc:"label"`
	Connection   string    `json:"connection" doc:"label of the one that provisions it"`
	ExternalID   string    `json:"external_id,omitempty" doc:"what the IdP calls it"`
	DisplayName  string    `json:"display_name"`
	CreatedAt    time.Time `json:"created_at"`
	UpdatedAt    time.Time `json:"updated_at"`
}

// GroupMember is one who is in a group.
type GroupMember struct {
	ID      string `json:"id"`
	Type    string `json:"type" doc:"\"User\" or \"Group\""`
	Display string `json:"display,omitempty"`
}

// GroupDetail is a group with a page of its members.
type GroupDetail struct {
	Group
	Members []GroupMember `json:"members"`
	Next    string        `json:"next,omitempty" doc:"the after of the following page of members; missing on the last"`
}

// GroupPage is one page of a list by id.
type GroupPage struct {
	Groups []Group `json:"groups"`
	Next   string  `json:"next,omitempty" doc:"the after of the following page; missing on the last"`
}

// PeopleQuery selects users or groups of a list that is ordered by id. What is
// empty selects all.
type PeopleQuery struct {
	Organization string // label
	Connection   string // label
	Name         string // the whole userName, or displayName of a group, in any case
	After        string // the Next of the page before
	Limit        int    // at most 1000; 0 is 100
}

func (q PeopleQuery) encode(name string) string {
	query := url.Values{}
	for key, value := range map[string]string{"organization": q.Organization, "connection": q.Connection, name: q.Name, "after": q.After} {
		if value != "" {
			query.Set(key, value)
		}
	}
	if q.Limit != 0 {
		query.Set("limit", strconv.Itoa(q.Limit))
	}
	return "?" + query.Encode()
}

// Users lists users by id.
func (h *Host) Users(ctx context.Context, q PeopleQuery) (page UserPage, err error) {
	err = h.call(ctx, http.MethodGet, "/users"+q.encode("user_name"), nil, &page)
	return page, err
}

// User returns a user with their groups and roles.
func (h *Host) User(ctx context.Context, id string) (detail UserDetail, err error) {
	err = h.with(ctx, http.MethodGet, "/users/", id, "", nil, &detail)
	return detail, err
}

// Groups lists groups by id.
func (h *Host) Groups(ctx context.Context, q PeopleQuery) (page GroupPage, err error) {
	err = h.call(ctx, http.MethodGet, "/groups"+q.encode("display_name"), nil, &page)
	return page, err
}

// Group returns a group with a page of its members: after the Next of the page
// before, or "".
func (h *Host) Group(ctx context.Context, id, after string) (detail GroupDetail, err error) {
	query := ""
	if after != "" {
		query = "?" + url.Values{"after": {after}}.Encode()
	}
	err = h.with(ctx, http.MethodGet, "/groups/", id, query, nil, &detail)
	return detail, err
}
