//go:build linux

package gatehousetest

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

// SCIM is an IdP's way into a host: one token of one connection.
type SCIM struct {
	URL   string // of the mount
	Token string
	ID    string // of the token

	tb     testing.TB
	client *http.Client
}

// SCIM makes a provisioning token of a connection.
func (h *Host) SCIM(connection string) *SCIM {
	h.tb.Helper()
	var issued struct {
		Token struct {
			ID string `json:"id"`
		} `json:"provisioning_token"`
		Secret string `json:"secret"`
	}
	h.JSON(&issued, "scim-token", "create", connection)
	if issued.Secret == "" {
		h.tb.Fatal("the new provisioning token has no secret")
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	h.tb.Cleanup(transport.CloseIdleConnections)
	return &SCIM{
		URL: h.URL + "/scim/v2", Token: issued.Secret, ID: issued.Token.ID, tb: h.tb,
		client: &http.Client{Transport: transport, Timeout: patience},
	}
}

// SCIMAnswer is what an IdP is told.
type SCIMAnswer struct {
	Status int
	Header http.Header
	Text   string
	Body   map[string]any // of Text, where that is a JSON object
}

// Try sends a request that need not be answered: the host may be gone.
func (s *SCIM) Try(ctx context.Context, method, path, body string) (SCIMAnswer, error) {
	r, err := http.NewRequestWithContext(ctx, method, s.URL+path, strings.NewReader(body))
	if err != nil {
		return SCIMAnswer{}, err
	}
	r.Header.Set("Authorization", "Bearer "+s.Token)
	if body != "" {
		r.Header.Set("Content-Type", "application/scim+json")
	}
	resp, err := s.client.Do(r)
	if err != nil {
		return SCIMAnswer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	a := SCIMAnswer{Status: resp.StatusCode, Header: resp.Header, Text: string(text)}
	_ = json.Unmarshal(text, &a.Body) // an answer without a body has none
	return a, err
}

// Send sends a request that must be answered, in the test's own goroutine.
func (s *SCIM) Send(method, path, body string) SCIMAnswer {
	s.tb.Helper()
	a, err := s.Try(context.WithoutCancel(s.tb.Context()), method, path, body)
	if err != nil {
		s.tb.Fatal(err)
	}
	return a
}

// Must is Send with the status that the answer must have.
func (s *SCIM) Must(status int, method, path, body string) SCIMAnswer {
	s.tb.Helper()
	a := s.Send(method, path, body)
	if a.Status != status {
		s.tb.Fatalf("%s %s %s: status %d, want %d: %s", method, path, body, a.Status, status, a.Text)
	}
	return a
}

// Create makes a resource, such as at /Users, and returns its id.
func (s *SCIM) Create(path, body string) (id string) {
	s.tb.Helper()
	id, _ = s.Must(http.StatusCreated, http.MethodPost, path, body).Body["id"].(string)
	if id == "" {
		s.tb.Fatal("what was created has no id")
	}
	return id
}
