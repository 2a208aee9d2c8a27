package admin_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
)

// ending is what the host of the tests says ends soon.
var ending = []wire.Ending{
	{Kind: wire.EndingKey, ID: "K1", Of: "my-client", Organization: "acme", EndsAt: time.Unix(1, 0).UTC()},
	{Kind: wire.EndingClient, ID: "guest", Organization: "acme", EndsAt: time.Unix(2, 0).UTC()},
	{Kind: wire.EndingToken, ID: "T1", Of: "ci", EndsAt: time.Unix(3, 0).UTC()},
	{Kind: wire.EndingProvisioningToken, ID: "P1", Of: "acme-okta", Organization: "acme", EndsAt: time.Unix(3, 0).UTC()},
	{Kind: wire.EndingHostKey, ID: "k1", Of: "assertion", EndsAt: time.Unix(4, 0).UTC()},
	{Kind: wire.EndingCertificate, ID: "01", Of: "app.example.com", EndsAt: time.Unix(5, 0).UTC()},
}

// pulls is what it says of those that it asks.
var pulls = []wire.Pull{{
	Instance: "acme-google/google", Connection: "acme-google", Organization: "acme", State: wire.PullReading, Parts: 3, Failures: 1,
	Problem: "Google does not let admin@acme.example read its directory",
}}

// Who may see how the host is does not learn by that whose keys there are.
func TestStatusShowsWhatTheCallerMayList(t *testing.T) {
	t.Parallel()
	storetest.Each(t, statusShowsWhatTheCallerMayList)
}

func statusShowsWhatTheCallerMayList(t *testing.T, s *store.Store) {
	h := newHost(t, s)
	for _, tt := range []struct {
		name   string
		scopes []string
		want   []string
	}{
		{"status only", []string{"gatehouse:status:read"}, []string{"01"}},
		{"clients too", []string{"gatehouse:status:read", "gatehouse:clients:read"}, []string{"K1", "guest", "01"}},
		{"tokens too", []string{"gatehouse:status:read", "gatehouse:tokens:read"}, []string{"T1", "01"}},
		{"those of identity providers too", []string{"gatehouse:status:read", "gatehouse:provisioning:read"}, []string{"P1", "01"}},
		{"everything", nil, []string{"K1", "guest", "T1", "P1", "k1", "01"}},
	} {
		s, err := h.dial(t, tt.scopes...).Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		shown := tt.scopes == nil || slices.Contains(tt.scopes, "gatehouse:provisioning:read")
		if want := map[bool]int{true: 1}[shown]; len(s.Pulls) != want {
			t.Errorf("%s: %d pulls, want %d", tt.name, len(s.Pulls), want)
		}
		var got []string
		for _, e := range s.Ending {
			got = append(got, e.ID)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", tt.name, diff)
		}
	}
}
