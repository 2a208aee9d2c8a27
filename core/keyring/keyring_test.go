package keyring_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/cryptosigner"
	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/core/keyring"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestMain(m *testing.M) { storetest.Main(m) }

var noon = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

func root(t testing.TB, b byte) keyring.RootKey {
	t.Helper()
	key, err := keyring.LoadRootKey(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{b}, 32)), "")
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// told keeps what the listener was told, in a table that goes with the
// transaction.
func told(ctx context.Context, tx *store.Tx, c keyring.Change) error {
	_, err := tx.Exec(ctx, `INSERT INTO audit (id, at, action, canonical, leaf) VALUES ($1, 0, $2, $3, $3)`,
		c.Key.ID+rand.Text(), string(c.What), []byte(c.Key.ID+" "+c.By.Actor))
	return err
}

func open(t testing.TB, s *store.Store, root keyring.RootKey) (*keyring.Keyring, error) {
	clock := func() time.Time { return noon }
	return keyring.Open(t.Context(), keyring.Options{Store: s, Root: root, Clock: clock, Random: rand.Reader,
		Changed: told})
}

func mustOpen(t testing.TB, s *store.Store) *keyring.Keyring {
	t.Helper()
	k, err := open(t, s, root(t, 1))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func instanceKeys(t testing.TB, k *keyring.Keyring, instance string) []keyring.InstanceKey {
	t.Helper()
	keys, err := k.InstanceKeys(t.Context(), instance)
	if err != nil || len(keys) == 0 {
		t.Fatalf("keys of %s: %v, %v", instance, keys, err)
	}
	return keys
}

func exec(t testing.TB, s *store.Store, query string, args ...any) {
	t.Helper()
	if err := s.Write(t.Context(), func(tx *store.Tx) error {
		n, err := tx.Exec(t.Context(), query, args...)
		if err == nil && n == 0 {
			t.Errorf("no row is touched by %s", query)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

func TestKeysAreTheSameAfterARestart(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		k := mustOpen(t, s)
		kid, signer := k.Signer()
		first, other := instanceKeys(t, k, "apikey"), instanceKeys(t, k, "acme/apikey")
		mac, err := k.MAC(keyring.AdminToken, []byte("token"))
		if err != nil {
			t.Fatal(err)
		}
		sealed, err := k.Seal(keyring.Decision, []byte("row 1"), []byte("text"))
		if err != nil {
			t.Fatal(err)
		}
		if first[0].ID == other[0].ID || bytes.Equal(first[0].Key.Reveal(), other[0].Key.Reveal()) {
			t.Error("two instances share a key")
		}

		k = mustOpen(t, s)
		kid2, signer2 := k.Signer()
		if kid != kid2 || cmp.Diff(signer.Public(), signer2.Public()) != "" {
			t.Error("the signing key has changed")
		}
		if again := instanceKeys(t, k, "apikey"); len(again) != 1 || again[0].ID != first[0].ID || !bytes.Equal(again[0].Key.Reveal(), first[0].Key.Reveal()) {
			t.Error("the instance's key has changed")
		}
		if !k.CheckMAC(keyring.AdminToken, []byte("token"), mac) {
			t.Error("the hash does not hold")
		}
		if plain, err := k.Unseal(keyring.Decision, []byte("row 1"), sealed); err != nil || string(plain) != "text" {
			t.Errorf("unsealed %q, %v", plain, err)
		}
	})
}

func TestTheListenerIsToldOfEveryKey(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		instanceKeys(t, mustOpen(t, s), "apikey")
		mustOpen(t, s) // makes nothing more
		var events int
		if err := s.Read(t.Context(), func(tx *store.Tx) error {
			return tx.QueryRow(t.Context(), `SELECT count(*) FROM audit`).Scan(&events)
		}); err != nil || events != 8 {
			t.Errorf("%d events (%v); want 7 keys and the binding to the root", events, err)
		}
	})
}

func TestAKeyThatCannotBeRecordedIsNotMade(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		full := errors.New("the audit log is full")
		_, err := keyring.Open(t.Context(), keyring.Options{Store: s, Root: root(t, 1), Clock: func() time.Time { return noon }, Random: rand.Reader,
			Changed: func(context.Context, *store.Tx, keyring.Change) error { return full }})
		if !errors.Is(err, full) {
			t.Fatalf("got %v", err)
		}
		var keys int
		if err := s.Read(t.Context(), func(tx *store.Tx) error {
			return tx.QueryRow(t.Context(), `SELECT count(*) FROM keyring_key`).Scan(&keys)
		}); err != nil || keys != 0 {
			t.Errorf("%d keys are there, %v", keys, err)
		}
	})
}

func TestTheRootKeyIsChecked(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		mustOpen(t, s)
		_, err := open(t, s, root(t, 2))
		if !problem.Is(err, problem.Invalid) || !strings.Contains(err.Error(), "not the one that this database was made with") || problem.As(err).Hint == "" {
			t.Errorf("a wrong root key: %v", err)
		}
		if _, err := open(t, s, keyring.RootKey{}); !problem.Is(err, problem.Invalid) {
			t.Errorf("no root key: %v", err)
		}
		exec(t, s, `DELETE FROM keyring_check`)
		if _, err := open(t, s, root(t, 2)); err == nil {
			t.Error("without its check value the store took another root key")
		}
	})
}

// Whoever can write the table, but has no root key, must gain nothing by
// moving ciphertexts between rows or giving a row another meaning.
func TestASealedKeyFitsItsRowOnly(t *testing.T) {
	attacks := map[string]string{
		"another row's key":   `UPDATE keyring_key SET sealed = (SELECT sealed FROM keyring_key WHERE instance = 'victim') WHERE instance = 'mallory'`,
		"another instance":    `UPDATE keyring_key SET instance = 'mallory2' WHERE instance = 'victim'`,
		"another purpose":     `UPDATE keyring_key SET purpose = 'instance', instance = 'm' WHERE purpose = 'admin_token'`,
		"another algorithm":   `UPDATE keyring_key SET algorithm = 'plain-256' WHERE purpose = 'assertion'`,
		"another id":          `UPDATE keyring_key SET id = 'x' WHERE purpose = 'assertion'`,
		"another public half": `UPDATE keyring_key SET public = sealed WHERE purpose = 'assertion'`,
		"no public half":      `UPDATE keyring_key SET public = NULL WHERE purpose = 'assertion'`,
	}
	for name, attack := range attacks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := storetest.Open(t, storetest.SQLite(t)) // what it tests is the same on both
			k := mustOpen(t, s)
			instanceKeys(t, k, "victim")
			instanceKeys(t, k, "mallory")
			exec(t, s, attack)
			if _, err := open(t, s, root(t, 1)); !problem.Is(err, problem.Internal) || !strings.Contains(err.Error(), "its row was altered") {
				t.Errorf("Open: %v", err)
			}
		})
	}
}

// A row that was written once must open for ever, and nowhere else.
func TestAGoldenRow(t *testing.T) {
	const path = "testdata/row.golden"
	want := []byte("thirty-two bytes that are a key.")
	row := []string{"k1", "instance", "apikey", "plain-256"}
	if *update {
		sealed, err := keyring.SealRow(root(t, 7), row[0], row[1], row[2], row[3], want)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(hex.EncodeToString(sealed)+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := keyring.OpenRow(root(t, 7), row[0], row[1], row[2], row[3], sealed); err != nil || !bytes.Equal(got, want) {
		t.Errorf("opened %q, %v", got, err)
	}
	for i := range row {
		moved := append([]string(nil), row...)
		moved[i] += "x"
		if got, err := keyring.OpenRow(root(t, 7), moved[0], moved[1], moved[2], moved[3], sealed); err == nil {
			t.Errorf("moved to %v it opened as %q", moved, got)
		}
	}
	if _, err := keyring.OpenRow(root(t, 7), "k1i", "nstance", "apikey", "plain-256", sealed); err == nil {
		t.Error("the parts of the binding run into one another")
	}
}

func TestManyAskForOneInstanceAtOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		k := mustOpen(t, s)
		ids := make([]string, 8)
		var wg sync.WaitGroup
		for i := range ids {
			wg.Go(func() {
				keys, err := k.InstanceKeys(t.Context(), "apikey")
				if err != nil || len(keys) != 1 {
					t.Errorf("%d keys, %v", len(keys), err)
					return
				}
				ids[i] = keys[0].ID
			})
		}
		wg.Wait()
		for _, id := range ids {
			if id != ids[0] {
				t.Errorf("they got %v", ids)
			}
		}
	})
}

func TestAssertionsVerifyWithTheJWKS(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	k := mustOpen(t, s)
	kid, key := k.Signer()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: cryptosigner.Opaque(key)},
		(&jose.SignerOptions{}).WithHeader("kid", kid))
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign([]byte("claims"))
	if err != nil {
		t.Fatal(err)
	}
	compact, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	wire, err := json.Marshal(k.JWKS())
	if err != nil {
		t.Fatal(err)
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(wire, &set); err != nil {
		t.Fatal(err)
	}
	for _, jwk := range set.Keys {
		if !jwk.IsPublic() || jwk.Use != "sig" || jwk.Algorithm != "EdDSA" {
			t.Errorf("published %s", wire)
		}
	}
	parsed, err := jose.ParseSignedCompact(compact, []jose.SignatureAlgorithm{jose.EdDSA})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := parsed.Verify(set); err != nil || string(got) != "claims" {
		t.Errorf("verified %q, %v", got, err)
	}
}

// What rotation does is written into the table by hand.
func TestKeysInEveryState(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		k := mustOpen(t, s)
		old := instanceKeys(t, k, "apikey")[0].ID
		mac, err := k.MAC(keyring.AdminToken, []byte("token"))
		if err != nil {
			t.Fatal(err)
		}
		sealed, err := k.Seal(keyring.Decision, nil, []byte("text"))
		if err != nil {
			t.Fatal(err)
		}
		oldKid, _ := k.Signer()
		exec(t, s, `UPDATE keyring_key SET state = 'retired', retires_at = $1`, noon.Add(time.Minute).UnixMicro())
		k = mustOpen(t, s)
		kid, _ := k.Signer()
		if kid == oldKid {
			t.Error("a retired key signs")
		}
		if diff := cmp.Diff([]string{kid, oldKid}, kids(k)); diff != "" {
			t.Errorf("published during the overlap (-want +got):\n%s", diff)
		}
		if !k.CheckMAC(keyring.AdminToken, []byte("token"), mac) {
			t.Error("a hash by a retired key does not hold")
		}
		if again, err := k.MAC(keyring.AdminToken, []byte("token")); err != nil || bytes.Equal(again, mac) {
			t.Errorf("the retired key made a new hash (%v)", err)
		}
		if plain, err := k.Unseal(keyring.Decision, nil, sealed); err != nil || string(plain) != "text" {
			t.Errorf("unsealed %q, %v", plain, err)
		}
		if keys := instanceKeys(t, k, "apikey"); keys[len(keys)-1].ID != old {
			t.Error("the instance's retired key is gone")
		}

		exec(t, s, `UPDATE keyring_key SET state = 'next' WHERE id = $1`, oldKid)
		if k = mustOpen(t, s); len(kids(k)) != 2 || kids(k)[0] != kid {
			t.Errorf("with a next key %v is published, first the active %s", kids(k), kid)
		}
	})
}

func kids(k *keyring.Keyring) (ids []string) {
	for _, jwk := range k.JWKS().Keys {
		ids = append(ids, jwk.KeyID)
	}
	return ids
}

func TestSecretsDoNotShow(t *testing.T) {
	url := storetest.SQLite(t)
	s := storetest.Open(t, url)
	k := mustOpen(t, s)
	rootKey, instance := root(t, 1), instanceKeys(t, k, "apikey")
	_, signer := k.Signer()
	type holder struct {
		root keyring.RootKey
		keys []keyring.InstanceKey
		ring *keyring.Keyring
		sign crypto.Signer
	}
	var out strings.Builder
	log := slog.New(slog.NewJSONHandler(&out, nil))
	for _, v := range []any{rootKey, instance, instance[0].Key, k, signer, holder{rootKey, instance, k, signer}, &holder{rootKey, instance, k, signer}} {
		fmt.Fprintf(&out, "%v %+v %#v %s %x %q %d\n", v, v, v, v, v, v, v)
		log.Info("x", "v", v)
	}
	for _, v := range []any{rootKey, instance} {
		if err := json.NewEncoder(&out).Encode(v); err != nil {
			t.Fatal(err)
		}
	}
	file, err := os.ReadFile(strings.TrimPrefix(url, "sqlite://"))
	if err != nil {
		t.Fatal(err)
	}
	wal, err := os.ReadFile(strings.TrimPrefix(url, "sqlite://") + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range append(k.Secrets(), rootKey.Reveal()) {
		for form, text := range map[string]string{
			"raw": string(secret), "hex": hex.EncodeToString(secret), "base64": base64.StdEncoding.EncodeToString(secret),
			"decimal": strings.Trim(fmt.Sprint(secret), "[]"), "Go": strings.Trim(fmt.Sprintf("%#v", secret), "[]byte{}"),
		} {
			if strings.Contains(out.String(), text) {
				t.Errorf("a key was printed as %s", form)
			}
			if bytes.Contains(file, []byte(text)) || bytes.Contains(wal, []byte(text)) {
				t.Errorf("a key stands in the database as %s", form)
			}
		}
	}
}
