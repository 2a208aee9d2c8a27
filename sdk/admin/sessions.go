package admin

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Session is a person's sign-on with one browser. The token of it is not known to
// anybody but the browser.
type Session struct {
	ID           string    `json:"id"`
	Organization string    `json:"organization" doc:"label"`
	User         string    `json:"user" doc:"id"`
	Connection   string    `json:"connection" doc:"label"`
	Instance     string    `json:"instance" doc:"of the authenticator that signed them on"`
	Host         string    `json:"host" doc:"that the cookie is for"`
	StartedAt    time.Time `json:"started_at"`
	SeenAt       time.Time `json:"seen_at" doc:"up to a minute late"`
	EndsAt       time.Time `json:"ends_at" doc:"whatever is done with it until then"`
	SignedOnAt   time.Time `json:"signed_on_at" doc:"at the identity provider"`
	Context      string    `json:"context,omitempty" doc:"authentication context, as the identity provider names it"`
	Methods      []string  `json:"methods,omitempty"`
	MultiFactor  bool      `json:"multi_factor" doc:"more than one factor was used, as the identity provider says"`
	Agent        string    `json:"agent,omitempty" doc:"the browser's name for itself"`
	Address      string    `json:"address" doc:"that they signed on from"`
}

// SessionPage is one page of the sessions, the newest first.
type SessionPage struct {
	Sessions []Session `json:"sessions"`
	Next     string    `json:"next,omitempty" doc:"the after of the following page; missing on the last"`
}

// SessionQuery says which sessions to list; what is empty restricts nothing.
type SessionQuery struct {
	Organization string
	User         string // id
	Connection   string
}

// Sessions lists sessions, the newest first.
func (h *Host) Sessions(ctx context.Context, q SessionQuery) (list []Session, err error) {
	query := url.Values{}
	for name, value := range map[string]string{"organization": q.Organization, "user": q.User, "connection": q.Connection} {
		if value != "" {
			query.Set(name, value)
		}
	}
	for {
		var page SessionPage
		if err := h.call(ctx, http.MethodGet, "/sessions?"+query.Encode(), nil, &page); err != nil {
			return nil, err
		}
		list = append(list, page.Sessions...)
		if page.Next == "" {
			return list, nil
		}
		query.Set("after", page.Next)
	}
}

// RevokeSession ends a session with the next request.
func (h *Host) RevokeSession(ctx context.Context, id string) (ended Session, err error) {
	err = h.with(ctx, http.MethodPost, "/sessions/", id, "/revoke", Empty{}, &ended)
	return ended, err
}

// UnpinUser forgets by which names the identity providers know a user: their next
// sign-on is matched as their first was.
func (h *Host) UnpinUser(ctx context.Context, id string) error {
	return h.with(ctx, http.MethodPost, "/users/", id, "/unpin", Empty{}, nil)
}
