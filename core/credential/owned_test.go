package credential_test

import (
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/core/change"
	"github.com/gatehouse-id/gatehouse/core/credential"
	"github.com/gatehouse-id/gatehouse/core/store"
)

func (r *rooms) write(t *testing.T, do func(tx *store.Tx) error) {
	t.Helper()
	if err := r.store.Write(t.Context(), do); err != nil {
		t.Fatal(err)
	}
}

// states are those of a client's keys, oldest first: what they can be used for.
func (r *rooms) states(t *testing.T, client string) (list []string) {
	t.Helper()
	keys, err := r.Keys(t.Context(), client)
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(keys)
	for _, k := range keys {
		switch {
		case k.State == credential.Revoked:
			list = append(list, "revoked: "+k.RevokedReason)
		case !k.StoppedAt.IsZero():
			list = append(list, "stopped")
		default:
			list = append(list, "live")
		}
	}
	return list
}

// The keys that a user owns stop with them, come back if that was a mistake, and
// end for good if it was not. Nobody else's are touched, nor those that were made
// after a return.
func TestKeysOfWhoLeft(t *testing.T) {
	const jane, joe = "0198c7a2-jane", "0198c7a2-joe"
	each(t, func(t *testing.T, r *rooms) {
		issue := func(client string) {
			t.Helper()
			r.now = r.now.Add(time.Second)
			if _, _, err := r.Issue(t.Context(), by, client, 0); err != nil {
				t.Fatal(err)
			}
		}
		for client, owner := range map[string]string{"of-jane": credential.OwnedBy(jane), "of-joe": credential.OwnedBy(joe), "of-acme": credential.OwnedBy("")} {
			if _, _, _, err := r.Create(t.Context(), by, credential.Client{ID: client, Organization: "acme", Instance: "apikey", Owner: owner}, 0, nothing); err != nil {
				t.Fatal(err)
			}
		}
		stop := func(tx *store.Tx) error {
			return r.StopOwned(t.Context(), tx, by, []string{jane, "nobody", "organization"})
		}
		restore := func(tx *store.Tx) error { return r.RestoreOwned(t.Context(), tx, by, []string{jane}) }
		revoke := func(tx *store.Tx) error { return r.RevokeOwned(t.Context(), tx, by, []string{jane}) }
		want := func(step string, states ...string) {
			t.Helper()
			if got := r.states(t, "of-jane"); !slices.Equal(got, states) {
				t.Errorf("%s: %v, want %v", step, got, states)
			}
			for _, other := range []string{"of-joe", "of-acme"} {
				if got := r.states(t, other); !slices.Equal(got, []string{"live"}) {
					t.Errorf("%s: the key of %s is %v", step, other, got)
				}
			}
		}
		record, _, err := r.Find(t.Context(), "of-jane")
		if err != nil {
			t.Fatal(err)
		}
		deps := r.feed.Observe(change.ClientKey(record.Keys[0].ID))
		r.write(t, stop)
		want("stopped", "stopped")
		if deps.Fresh() {
			t.Error("who remembers the key is not told")
		}
		if record, _, err = r.Find(t.Context(), "of-jane"); err != nil || len(record.Keys) != 1 || record.Keys[0].StoppedAt.IsZero() {
			t.Errorf("found: %+v, %v", record, err)
		}
		r.write(t, restore)
		want("restored", "live")
		r.write(t, revoke)
		want("nothing is stopped", "live")
		r.write(t, stop)
		issue("of-jane")
		want("a key for who came back", "stopped", "live")
		r.write(t, revoke)
		want("revoked", "revoked: its owner left", "live")
		r.write(t, restore)
		want("what is revoked stays", "revoked: its owner left", "live")
		actions, err := r.actions(t)
		if err != nil {
			t.Fatal(err)
		}
		if got := []string{"key.stopped", "key.restored", "key.stopped", "key.revoked"}; !slices.Equal(actions, got) {
			t.Errorf("recorded: %v, want %v", actions, got)
		}
	})
}

// actions are what was done to keys after they were issued.
func (r *rooms) actions(t *testing.T) (list []string, err error) {
	return list, r.store.Read(t.Context(), func(tx *store.Tx) error {
		rows, err := tx.Query(t.Context(), `SELECT action FROM audit WHERE action LIKE 'key.%' AND action <> 'key.issued' ORDER BY seq`)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		list = nil
		for rows.Next() {
			var action string
			if err := rows.Scan(&action); err != nil {
				return err
			}
			list = append(list, action)
		}
		return rows.Err()
	})
}

func TestOwners(t *testing.T) {
	t.Parallel()
	for owner, user := range map[string]string{credential.OrganizationOwned: "", credential.OwnedBy("u1"): "u1", credential.OwnedBy("organization"): "organization", credential.OwnedBy(""): ""} {
		if got := credential.OwnerOf(owner); got != user {
			t.Errorf("%s is owned by %q, want %q", owner, got, user)
		}
	}
}
