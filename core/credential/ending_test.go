package credential_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/core/credential"
	"github.com/gatehouse-id/gatehouse/core/store"
)

// What ends soon is found soonest first: not what has ended, what was revoked,
// or what ends later. A key whose client has a longer one says so.
func TestEnding(t *testing.T) {
	each(t, func(t *testing.T, r *rooms) {
		const day = 24 * time.Hour
		ids := map[string]string{}
		for _, c := range []struct {
			client    string
			lifetimes []time.Duration
		}{
			{"second", []time.Duration{3 * day}}, {"replaced", []time.Duration{2 * day, 90 * day}},
			{"late", []time.Duration{15 * day}}, {"over", []time.Duration{time.Hour}}, {"revoked", []time.Duration{4 * day}},
		} {
			_, k, _, err := r.Create(t.Context(), by, credential.Client{ID: c.client, Organization: "acme", Instance: "apikey"}, c.lifetimes[0], nothing)
			if err != nil {
				t.Fatal(err)
			}
			ids[c.client] = k.ID
			for _, lifetime := range c.lifetimes[1:] {
				if _, _, err := r.Issue(t.Context(), by, c.client, lifetime); err != nil {
					t.Fatal(err)
				}
			}
		}
		if _, err := r.Revoke(t.Context(), by, ids["revoked"], "left"); err != nil {
			t.Fatal(err)
		}
		ends := r.now.Add(5 * day)
		if _, _, _, err := r.Create(t.Context(), by, credential.Client{ID: "guest", Organization: "acme", Instance: "apikey", ExpiresAt: ends}, 0, nothing); err != nil {
			t.Fatal(err)
		}
		soon, _, err := r.tokens.Create(t.Context(), by, "ci", "", nil, 6*day)
		if err != nil {
			t.Fatal(err)
		}
		gone, _, err := r.tokens.Create(t.Context(), by, "gone", "", nil, 6*day)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.tokens.Revoke(t.Context(), by, gone.ID); err != nil {
			t.Fatal(err)
		}
		if _, _, err := r.tokens.Create(t.Context(), by, "late", "", nil, 60*day); err != nil {
			t.Fatal(err)
		}
		started := r.now
		r.now = r.now.Add(2 * time.Hour)
		err = r.store.Read(t.Context(), func(tx *store.Tx) error {
			keys, err := r.EndingKeys(t.Context(), tx, r.now, started.Add(14*day), 20)
			want := []credential.EndingKey{
				{ID: ids["replaced"], Client: "replaced", Organization: "acme", EndsAt: started.Add(2 * day), Replaced: true},
				{ID: ids["second"], Client: "second", Organization: "acme", EndsAt: started.Add(3 * day)},
			}
			if diff := cmp.Diff(want, keys); err != nil || diff != "" {
				t.Errorf("keys: %v (-want +got)\n%s", err, diff)
			}
			if keys, err = r.EndingKeys(t.Context(), tx, r.now, started.Add(14*day), 1); err != nil || len(keys) != 1 {
				t.Errorf("one at most: %v, %v", keys, err)
			}
			clients, err := r.EndingClients(t.Context(), tx, r.now, started.Add(14*day), 20)
			if err != nil || len(clients) != 1 || clients[0].ID != "guest" || !clients[0].ExpiresAt.Equal(ends) {
				t.Errorf("clients: %v, %v", clients, err)
			}
			tokens, err := r.tokens.Ending(t.Context(), tx, r.now, started.Add(14*day), 20)
			if err != nil || !slices.EqualFunc(tokens, []credential.AdminToken{soon}, func(a, b credential.AdminToken) bool { return a.ID == b.ID && a.ExpiresAt.Equal(b.ExpiresAt) }) {
				t.Errorf("tokens: %v, %v", tokens, err)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}
