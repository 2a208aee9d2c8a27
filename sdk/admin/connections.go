package admin

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Connection is one organization's link to its identity provider, as the
// configuration in force declares it, and how it is doing.
type Connection struct {
	Label        string        `json:"label"`
	Organization string        `json:"organization" doc:"label"`
	Provider     string        `json:"provider" doc:"the product, such as \"okta\""`
	Provisioners []Provisioner `json:"provisioners"`
	ActiveUsers  int           `json:"active_users"`
	LiveTokens   int           `json:"live_tokens" doc:"provisioning tokens that can be used"`
	Brake        string        `json:"brake" doc:"\"closed\": nobody has left lately; else the state of its window"`
	LastRequest  time.Time     `json:"last_request_at,omitzero" doc:"of the identity provider, at this host since its start"`
	LastStatus   int           `json:"last_status,omitempty" doc:"what that was answered with"`
}

// Provisioner is a block of a connection that takes people over.
type Provisioner struct {
	Instance string `json:"instance" doc:"such as \"acme-okta/scim\""`
	URL      string `json:"url,omitempty" doc:"where the identity provider pushes to; missing where it is asked"`
	Pull     *Pull  `json:"pull,omitempty" doc:"how far the pass over the identity provider is; missing where it pushes"`
}

// ConnectionPage is one page of the connections, by label.
type ConnectionPage struct {
	Connections []Connection `json:"connections"`
	Next        string       `json:"next,omitempty" doc:"the after of the following page; missing on the last"`
}

// Connections lists the connections, by label.
func (h *Host) Connections(ctx context.Context) (list []Connection, err error) {
	query := url.Values{}
	for {
		var page ConnectionPage
		if err := h.call(ctx, http.MethodGet, "/connections?"+query.Encode(), nil, &page); err != nil {
			return nil, err
		}
		list = append(list, page.Connections...)
		if page.Next == "" {
			return list, nil
		}
		query.Set("after", page.Next)
	}
}

// Connection returns one by its label.
func (h *Host) Connection(ctx context.Context, label string) (found Connection, err error) {
	err = h.with(ctx, http.MethodGet, "/connections/", label, "", nil, &found)
	return found, err
}

// PullConnection has a pass begin now over the identity provider of a connection
// that is asked for its people. It is under way when this returns; Connection
// says how far it is.
func (h *Host) PullConnection(ctx context.Context, label string) (found Connection, err error) {
	err = h.with(ctx, http.MethodPost, "/connections/", label, "/pull", Empty{}, &found)
	return found, err
}
