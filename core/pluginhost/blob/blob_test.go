package blob_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/core/keyring"
	"github.com/gatehouse-id/gatehouse/core/pluginhost/blob"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	"github.com/gatehouse-id/gatehouse/sdk/hostsvc"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

func TestMain(m *testing.M) { storetest.Main(m) }

func open(t *testing.T, s *store.Store) *blob.Shelf {
	t.Helper()
	root, err := keyring.LoadRootKey(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32)), "")
	if err != nil {
		t.Fatal(err)
	}
	keys, err := keyring.Open(t.Context(), keyring.Options{
		Store: s, Root: root, Clock: time.Now, Random: rand.Reader,
		Changed: func(context.Context, *store.Tx, keyring.Change) error { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return blob.New(s, keys, time.Now)
}

func TestSaveAndLoad(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		h := open(t, s)
		const acme, globex = "acme-okta/saml", "globex/saml"
		for n, step := range []struct {
			instance, blob string
			version, now   int64
			code           problem.Code
		}{
			{instance: acme, blob: "first", now: 1},
			{instance: acme, blob: "again as new", code: problem.Changed},
			{instance: acme, blob: "second", version: 1, now: 2},
			{instance: acme, blob: "of an old one", version: 1, code: problem.Changed},
			{instance: globex, blob: "another's", now: 1},
			{instance: acme, version: 1, code: problem.Changed},
			{instance: acme, version: 2},
			{instance: acme}, // what is not there can be removed
			{instance: acme, blob: "anew", now: 1},
		} {
			now, err := h.Save(t.Context(), step.instance, "metadata", []byte(step.blob), step.version)
			if step.code != "" {
				if !problem.Is(err, step.code) {
					t.Errorf("step %d: %v", n, err)
				}
				continue
			}
			if err != nil || now != step.now {
				t.Fatalf("step %d: version %d, %v", n, now, err)
			}
			got, version, err := h.Load(t.Context(), step.instance, "metadata")
			if err != nil || version != step.now || string(got) != step.blob {
				t.Errorf("step %d: read %q, version %d, %v", n, got, version, err)
			}
		}
	})
}

func TestAnInstanceKeepsAFew(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		h := open(t, s)
		for n := range hostsvc.StateMost {
			if _, err := h.Save(t.Context(), "i", fmt.Sprintf("b%d", n), []byte("x"), 0); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := h.Save(t.Context(), "i", "more", []byte("x"), 0); !problem.Is(err, problem.TooLarge) {
			t.Errorf("one more: %v", err)
		}
		if _, err := h.Save(t.Context(), "i", "b0", []byte("y"), 1); err != nil {
			t.Errorf("another in its place: %v", err)
		}
	})
}

// Who can write the database can neither read a blob, nor put that of one
// instance, or of another name, in the place of another.
func TestABlobOpensInItsPlaceOnly(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		h := open(t, s)
		for _, instance := range []string{"acme/saml", "globex/saml"} {
			if _, err := h.Save(t.Context(), instance, "metadata", []byte("certificate of "+instance), 0); err != nil {
				t.Fatal(err)
			}
		}
		err := s.Write(t.Context(), func(tx *store.Tx) error {
			var sealed []byte
			if err := tx.QueryRow(t.Context(), `SELECT sealed FROM plugin_blob WHERE instance = 'globex/saml'`).Scan(&sealed); err != nil {
				return err
			}
			if bytes.Contains(sealed, []byte("certificate")) {
				t.Error("the blob can be read in the database")
			}
			_, err := tx.Exec(t.Context(), `UPDATE plugin_blob SET sealed = $1 WHERE instance = 'acme/saml'`, sealed)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if got, _, err := h.Load(t.Context(), "acme/saml", "metadata"); err == nil {
			t.Errorf("another's was read: %q", got)
		}
	})
}
