package credential_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/core/audit"
	"github.com/gatehouse-id/gatehouse/core/change"
	"github.com/gatehouse-id/gatehouse/core/credential"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// Import takes every hash that does not begin with "bad".
func (p plugin) Import(_ context.Context, _ string, hashes []string) ([]authn.Imported, error) {
	if p.fail != nil {
		return nil, p.fail
	}
	out := make([]authn.Imported, len(hashes))
	for i, h := range hashes {
		if strings.HasPrefix(h, "bad") {
			out[i].Problem = "it is bad"
			continue
		}
		out[i] = authn.Imported{Verifier: []byte(h), Scheme: "bcrypt"}
		if strings.HasPrefix(h, "fast") {
			out[i].Digest = []byte("digest of " + h)
		}
	}
	return out, nil
}

func foreign(client, organization, hash string) credential.Foreign {
	return credential.Foreign{Client: credential.Client{ID: client, Organization: organization, Name: "Old"}, Hash: hash}
}

func noGrants(*store.Tx, int) error { return nil }

func TestImportedKeysAreFoundAndKnownAgain(t *testing.T) {
	each(t, func(t *testing.T, r *rooms) {
		r.keyless(t, "my-tenant")
		deps := r.feed.Observe(change.Client("my-tenant"))
		keys := []credential.Foreign{foreign("my-tenant", "", "h1"), foreign("my-tenant", "acme", "h2"), foreign("other", "acme", "h1")}
		keys[1].ExpiresAt = r.now.Add(time.Hour)
		got, mistakes, err := r.Import(t.Context(), by, "apikey", keys, false, noGrants)
		if err != nil || len(mistakes) > 0 || len(got) != 3 {
			t.Fatalf("%d imported, mistakes %v, error %v", len(got), mistakes, err)
		}
		if got[0].NewClient || got[0].Known || !got[2].NewClient || got[0].Key.ID == got[2].Key.ID {
			t.Errorf("what became of them: %+v", got)
		}
		if deps.Fresh() {
			t.Error("what depends on the client is still taken for fresh")
		}
		record, ok, err := r.Find(t.Context(), "my-tenant")
		if err != nil || !ok || len(record.Keys) != 2 {
			t.Fatalf("found %t with %d keys, error %v", ok, len(record.Keys), err)
		}
		for _, k := range record.Keys {
			if k.Imported != "bcrypt" || !k.ForeignHash {
				t.Errorf("key %s: imported %q, foreign hash %t", k.ID, k.Imported, k.ForeignHash)
			}
		}
		again, mistakes, err := r.Import(t.Context(), by, "apikey", keys, false, noGrants)
		if err != nil || len(mistakes) > 0 {
			t.Fatal(mistakes, err)
		}
		for i, one := range again {
			if !one.Known || one.NewClient || one.Key.ID != got[i].Key.ID {
				t.Errorf("key %d again: %+v, want known as %s", i, one, got[i].Key.ID)
			}
		}
	})
}

func TestAnImportIsAllOrNothing(t *testing.T) {
	each(t, func(t *testing.T, r *rooms) {
		r.client(t, "my-tenant")
		r.key(t, "my-tenant")
		r.key(t, "my-tenant")
		wrong := []credential.Foreign{
			foreign("fine", "acme", "h1"), foreign("fine", "acme", "bad"), foreign("nobody", "", "h3"), foreign("my-tenant", "globex", "h4"),
			foreign("my-tenant", "", "h5"), foreign("", "acme", "h6"),
		}
		_, mistakes, err := r.Import(t.Context(), by, "apikey", wrong, false, noGrants)
		if err != nil {
			t.Fatal(err)
		}
		want := map[int]string{1: "it is bad", 2: "no client", 3: "another organization", 4: "two live keys", 5: "cannot be a client's id"}
		if len(mistakes) != len(want) {
			t.Errorf("%d mistakes, want %d: %v", len(mistakes), len(want), mistakes)
		}
		for _, m := range mistakes {
			if !strings.Contains(m.Problem, want[m.Index]) || want[m.Index] == "" {
				t.Errorf("key %d: %q, want something of %q", m.Index, m.Problem, want[m.Index])
			}
		}
		if _, _, err := r.Import(t.Context(), by, "apikey", wrong[:1], true, noGrants); err != nil {
			t.Fatal(err)
		}
		if _, mistakes, err := r.Import(t.Context(), by, "another", []credential.Foreign{foreign("my-tenant", "", "h7")}, false, noGrants); err != nil || len(mistakes) != 1 {
			t.Errorf("for an authenticator that is not the client's: %v, %v", mistakes, err)
		}
		if _, ok, err := r.Find(t.Context(), "fine"); ok || err != nil {
			t.Errorf("after mistakes and a try the client is there: %t, %v", ok, err)
		}
	})
}

func TestAFailingPluginImportsNothing(t *testing.T) {
	each(t, func(t *testing.T, r *rooms) {
		down := problem.New(problem.Unsupported, "it does not import")
		records := credential.New(credential.Options{Store: r.store, Importer: plugin{fail: down}})
		if _, _, err := records.Import(t.Context(), by, "apikey", []credential.Foreign{foreign("x", "acme", "h")}, false, noGrants); !problem.Is(err, problem.Unsupported) {
			t.Errorf("%v, want %s", err, problem.Unsupported)
		}
	})
}

func TestTheFirstUseEndsAForeignHash(t *testing.T) {
	each(t, func(t *testing.T, r *rooms) {
		got, _, err := r.Import(t.Context(), by, "apikey", []credential.Foreign{foreign("old", "acme", "h1")}, false, noGrants)
		if err != nil {
			t.Fatal(err)
		}
		count := func(want int) {
			t.Helper()
			err := r.store.Read(t.Context(), func(tx *store.Tx) error {
				counts, err := r.Naming(t.Context(), tx, "apikey", []string{"key-in-the-keyring"}, r.now)
				if counts["key-in-the-keyring"] != want {
					t.Errorf("%d live keys need a key of the keyring, want %d", counts["key-in-the-keyring"], want)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		count(0)
		r.usage.Rehash(got[0].Key.ID, []byte("by key-in-the-keyring"))
		if err := r.usage.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		count(1)
		keys, err := r.Keys(t.Context(), "old")
		if err != nil || len(keys) != 1 || keys[0].ForeignHash || keys[0].Imported != "bcrypt" || string(keys[0].Verifier) != "by key-in-the-keyring" {
			t.Errorf("%+v, %v", keys, err)
		}
		again, _, err := r.Import(t.Context(), by, "apikey", []credential.Foreign{foreign("old", "acme", "h1")}, false, noGrants)
		if err != nil || !again[0].Known {
			t.Errorf("imported again after its use: %+v, %v; want known", again, err)
		}
	})
}

func TestAnImportIsAuditedWithoutItsHash(t *testing.T) {
	each(t, func(t *testing.T, r *rooms) {
		if _, _, err := r.Import(t.Context(), by, "apikey", []credential.Foreign{foreign("old", "acme", "hash-canary")}, false, noGrants); err != nil {
			t.Fatal(err)
		}
		var found int
		err := r.store.Read(t.Context(), func(tx *store.Tx) error {
			rows, err := tx.Query(t.Context(), `SELECT a.action, p.payload FROM audit a JOIN audit_payload p ON p.audit_id = a.id`)
			if err != nil {
				return err
			}
			defer rows.Close()
			for rows.Next() {
				var action, payload string
				if err := rows.Scan(&action, &payload); err != nil {
					return err
				}
				if action == string(audit.KeyImported) && strings.Contains(payload, "bcrypt") {
					found++
				}
				if strings.Contains(payload, "canary") {
					t.Errorf("the record of %s holds the hash", action)
				}
			}
			return rows.Err()
		})
		if err != nil || found != 1 {
			t.Errorf("%d records, error %v; want one", found, err)
		}
	})
}

func TestAnImportedKeyIsFoundByDigest(t *testing.T) {
	each(t, func(t *testing.T, r *rooms) {
		alone := func(client, hash string) credential.Foreign {
			f := foreign(client, "acme", hash)
			f.ByDigest = true
			return f
		}
		got, mistakes, err := r.Import(t.Context(), by, "apikey", []credential.Foreign{alone("one", "fast1"), foreign("two", "acme", "fast2")}, false, noGrants)
		if err != nil || len(mistakes) > 0 {
			t.Fatal(mistakes, err)
		}
		find := func(instance, digest string) string {
			t.Helper()
			id, err := r.FindID(t.Context(), instance, [][]byte{[]byte("another digest"), []byte(digest)})
			if err != nil {
				t.Fatal(err)
			}
			return id
		}
		if id := find("apikey", "digest of fast1"); id != got[0].Key.ID {
			t.Errorf("found %q, want %q", id, got[0].Key.ID)
		}
		for name, id := range map[string]string{
			"of another instance":    find("other", "digest of fast1"),
			"of a key with an id":    find("apikey", "digest of fast2"),
			"of a key without one":   find("apikey", ""),
			"of nobody's":            find("apikey", "digest of fast3"),
			"that only begins alike": find("apikey", "digest of fast"),
		} {
			if id != "" {
				t.Errorf("a digest %s finds %q", name, id)
			}
		}
		_, mistakes, err = r.Import(t.Context(), by, "apikey", []credential.Foreign{alone("three", "fast1"), alone("four", "slow")}, false, noGrants)
		if err != nil || len(mistakes) != 2 || !strings.Contains(mistakes[0].Problem, "same secret") || !strings.Contains(mistakes[1].Problem, "without an id") {
			t.Errorf("one secret for two clients, and one without a digest: %v, %v", mistakes, err)
		}
		if _, err := r.Revoke(t.Context(), by, got[0].Key.ID, "leaked"); err != nil {
			t.Fatal(err)
		}
		if id := find("apikey", "digest of fast1"); id != "" {
			t.Errorf("a revoked key is found: %q", id)
		}
		if _, mistakes, err := r.Import(t.Context(), by, "apikey", []credential.Foreign{alone("one", "fast1")}, false, noGrants); err != nil || len(mistakes) > 0 {
			t.Error(mistakes, err)
		}
		if id := find("apikey", "digest of fast1"); id != "" {
			t.Errorf("importing it again brings a revoked key back: %q", id)
		}
	})
}
