package admin_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// links stands for how connections are doing.
type links struct{}

var declared = []wire.Connection{
	{Label: "acme-okta", Organization: "acme", Provider: "okta", Brake: "tripped", ActiveUsers: 7, LiveTokens: 1, Provisioners: []wire.Provisioner{{Instance: "acme-okta/scim", URL: "https://app.example.com/scim/v2"}}},
	{Label: "acme-pulled", Organization: "acme", Provider: "google", Brake: "closed", Provisioners: []wire.Provisioner{{Instance: "acme-pulled/google", Pull: &wire.Pull{Instance: "acme-pulled/google", Connection: "acme-pulled", Organization: "acme", State: wire.PullWaiting}}}},
	{Label: "globex-entra", Organization: "globex", Provider: "entra", Brake: "closed", Provisioners: []wire.Provisioner{}},
}

func (links) List(_ context.Context, organization, after string, limit int) ([]wire.Connection, error) {
	list := slices.DeleteFunc(slices.Clone(declared), func(c wire.Connection) bool {
		return organization != "" && c.Organization != organization || c.Label <= after
	})
	return list[:min(len(list), limit)], nil
}

func (links) Show(_ context.Context, label string) (wire.Connection, error) {
	return declared[slices.IndexFunc(declared, func(c wire.Connection) bool { return c.Label == label })], nil
}

func (links) Pull(_ context.Context, label string) error {
	if label != "acme-pulled" {
		return problem.New(problem.Invalid, "connection %q is not asked", label)
	}
	return nil
}

func TestConnections(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		h := newHost(t, s)
		c := h.dial(t)
		list, err := c.Connections(t.Context())
		if diff := cmp.Diff(declared, list); err != nil || diff != "" {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
		one, err := c.Connection(t.Context(), "acme-okta")
		if diff := cmp.Diff(declared[0], one); err != nil || diff != "" {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
		if _, err := c.Connection(t.Context(), "nobody"); !problem.Is(err, problem.NotFound) {
			t.Errorf("a connection of nobody: %v", err)
		}
		if got, err := c.PullConnection(t.Context(), "acme-pulled"); err != nil || got.Provisioners[0].Pull == nil {
			t.Errorf("%+v, %v", got, err)
		}
		if _, err := c.PullConnection(t.Context(), "acme-okta"); !problem.Is(err, problem.Invalid) {
			t.Errorf("one that pushes: %v", err)
		}
		_, token := h.token(t)
		_, first := h.send(t, http.MethodGet, wire.Prefix+"/connections?limit=2", "", with(token))
		if !strings.Contains(first, `"next":"acme-pulled"`) || strings.Contains(first, "globex") {
			t.Errorf("the first page: %s", first)
		}
		_, second := h.send(t, http.MethodGet, wire.Prefix+"/connections?limit=2&after=acme-pulled", "", with(token))
		if !strings.Contains(second, "globex-entra") || strings.Contains(second, "next") {
			t.Errorf("the second: %s", second)
		}
	})
}
