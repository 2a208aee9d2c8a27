package admin

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

// ProvisioningToken is what is known of a token by which an identity provider
// comes in. The token is not.
type ProvisioningToken struct {
	ID           string    `json:"id"`
	Connection   string    `json:"connection" doc:"label"`
	Organization string    `json:"organization" doc:"label"`
	Name         string    `json:"name,omitempty"`
	Domains      []string  `json:"domains" doc:"e-mail domains of the users that it is for; none does not restrict"`
	State        KeyState  `json:"state"`
	CreatedAt    time.Time `json:"created_at"`
	ExpiresAt    time.Time `json:"expires_at"`
	RevokedAt    time.Time `json:"revoked_at,omitzero"`
	LastUsedAt   time.Time `json:"last_used_at,omitzero" doc:"up to a minute late; missing is never"`
	LastUsedFrom string    `json:"last_used_from,omitempty"`
}

// ProvisioningTokenPage is one page of the tokens, newest first.
type ProvisioningTokenPage struct {
	Tokens []ProvisioningToken `json:"provisioning_tokens"`
	Next   string              `json:"next,omitempty" doc:"the after of the following page; missing on the last"`
}

// NewProvisioningToken asks for a token of a connection, which can have two live
// ones.
type NewProvisioningToken struct {
	Connection string   `json:"connection" doc:"label"`
	Name       string   `json:"name,omitempty"`
	Domains    []string `json:"domains,omitempty" doc:"users outside of these e-mail domains are refused; none does not restrict"`
	Lifetime   Duration `json:"lifetime,omitzero" doc:"0 is a year"`
}

// IssuedProvisioningToken is a new token. It is the only answer that holds the
// secret.
type IssuedProvisioningToken struct {
	Token  ProvisioningToken `json:"provisioning_token"`
	Secret secret.Text       `json:"secret" doc:"redacted when it is encoded again: see Reveal"`
	URLs   []string          `json:"urls" doc:"what to enter at the IdP: one for each provisioner of the connection"`
}

// Exchange is one request of an IdP and its answer. Bodies are shown without
// what is secret, and of what is personal with ids and names to sign in with
// only.
type Exchange struct {
	At            time.Time         `json:"at"`
	Duration      Duration          `json:"duration"`
	TraceID       string            `json:"trace_id"`
	Token         string            `json:"token" doc:"id of the provisioning token"`
	From          string            `json:"from,omitempty"`
	UserAgent     string            `json:"user_agent,omitempty"`
	Method        string            `json:"method"`
	Target        string            `json:"target" doc:"path and query below the mount"`
	Status        int               `json:"status" doc:"0: whoever asked went away"`
	Problem       string            `json:"problem,omitempty" doc:"code of an answer of the host's own"`
	Times         int               `json:"times" doc:"how often it was refused in a row for the same reason; 1 else"`
	Notes         []ExchangeNote    `json:"notes" doc:"what was understood otherwise than it was written"`
	Changes       []DirectoryChange `json:"changes" doc:"what it changed in the directory"`
	Request       string            `json:"request,omitempty"`
	RequestBytes  int64             `json:"request_bytes"`
	Response      string            `json:"response,omitempty"`
	ResponseBytes int64             `json:"response_bytes"`
}

// ExchangeNote tells how a request was understood.
type ExchangeNote struct {
	Rule   string `json:"rule"`
	Detail string `json:"detail,omitempty"`
}

// DirectoryChange is what a request changed.
type DirectoryChange struct {
	What    string   `json:"what" doc:"such as \"created\", \"deactivated\" or \"members\""`
	Type    string   `json:"type" doc:"of the resource, such as \"User\""`
	ID      string   `json:"id"`
	Name    string   `json:"name,omitempty" doc:"the userName or displayName that the request has"`
	Unknown []string `json:"unknown,omitempty" doc:"ids that were left out, because nobody has them"`
}

// ExchangeList is the last requests of a connection, the newest first.
type ExchangeList struct {
	Exchanges []Exchange `json:"exchanges"`
}

// ProvisioningTokens lists the tokens of a connection, newest first; "" is all.
func (h *Host) ProvisioningTokens(ctx context.Context, connection string) (list []ProvisioningToken, err error) {
	query := url.Values{}
	if connection != "" {
		query.Set("connection", connection)
	}
	for {
		var page ProvisioningTokenPage
		if err := h.call(ctx, http.MethodGet, "/provisioning-tokens?"+query.Encode(), nil, &page); err != nil {
			return nil, err
		}
		list = append(list, page.Tokens...)
		if page.Next == "" {
			return list, nil
		}
		query.Set("after", page.Next)
	}
}

// CreateProvisioningToken makes a token of a connection.
func (h *Host) CreateProvisioningToken(ctx context.Context, n NewProvisioningToken) (issued IssuedProvisioningToken, err error) {
	err = h.call(ctx, http.MethodPost, "/provisioning-tokens", n, &issued)
	return issued, err
}

// RevokeProvisioningToken ends a token with the next request.
func (h *Host) RevokeProvisioningToken(ctx context.Context, id string) (revoked ProvisioningToken, err error) {
	err = h.with(ctx, http.MethodPost, "/provisioning-tokens/", id, "/revoke", Empty{}, &revoked)
	return revoked, err
}

// Exchanges returns the last requests of a connection's IdP, the newest first, at
// most limit (0 is 100).
func (h *Host) Exchanges(ctx context.Context, connection string, limit int) (list []Exchange, err error) {
	segment, err := element(connection)
	if err != nil {
		return nil, err
	}
	query := url.Values{}
	if limit != 0 {
		query.Set("limit", strconv.Itoa(limit))
	}
	var answer ExchangeList
	err = h.call(ctx, http.MethodGet, "/connections/"+segment+"/exchanges?"+query.Encode(), nil, &answer)
	return answer.Exchanges, err
}
