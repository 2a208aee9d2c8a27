package keyring_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gatehouse-id/gatehouse/core/keyring"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// states are those of the pairs of an instance for a use, oldest first.
func (r *ring) states(t *testing.T, instance string, use keyring.PairUse) (list []string, pairs []keyring.Pair) {
	t.Helper()
	pairs, err := r.Pairs(t.Context(), instance, use)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range pairs {
		list = append(list, p.State)
	}
	return list, pairs
}

func TestRotatePairs(t *testing.T) {
	eachRing(t, func(t *testing.T, r *ring) {
		by := keyring.By{Actor: "tester"}
		if _, err := r.RotatePairs(t.Context(), by, "acme/saml", false); !problem.Is(err, problem.NotFound) {
			t.Errorf("of an instance without: %v", err)
		}
		onePair(t, r.Keyring, "acme/saml", keyring.PairSign)
		onePair(t, r.Keyring, "acme/saml", keyring.PairDecrypt)
		onePair(t, r.Keyring, "globex/saml", keyring.PairSign)
		rotate := func(now bool) {
			t.Helper()
			made, err := r.RotatePairs(t.Context(), by, "acme/saml", now)
			if err != nil || len(made) != 2 || made[0].Purpose != keyring.SigningPair || made[1].Purpose != keyring.DecryptionPair {
				t.Fatalf("%+v %v", made, err)
			}
		}
		are := func(when string, want ...string) {
			t.Helper()
			for _, use := range []keyring.PairUse{keyring.PairSign, keyring.PairDecrypt} {
				got, pairs := r.states(t, "acme/saml", use)
				if len(got) != len(want) {
					t.Fatalf("%s: for %s there are %v, want %v", when, use, got, want)
				}
				for i := range want {
					if got[i] != want[i] {
						t.Errorf("%s: for %s there are %v, want %v", when, use, got, want)
					}
				}
				if use == keyring.PairDecrypt {
					for _, p := range pairs { // whatever its state
						ciphertext, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, p.Certificate.PublicKey.(*rsa.PublicKey), []byte("key"), nil)
						if err != nil {
							t.Fatal(err)
						}
						if _, err := r.DecryptWithPair(t.Context(), "acme/saml", p.ID, rsa.OAEPOptions{Hash: crypto.SHA256}, ciphertext); err != nil {
							t.Errorf("%s: the %s pair does not decrypt: %v", when, p.State, err)
						}
					}
				}
			}
			if got, _ := r.states(t, "globex/saml", keyring.PairSign); len(got) != 1 {
				t.Errorf("%s: another instance has %v", when, got)
			}
		}
		r.now = r.now.Add(time.Minute)
		rotate(false)
		are("published", "active", "next")
		if _, err := r.RotatePairs(t.Context(), by, "acme/saml", false); !problem.Is(err, problem.Conflict) {
			t.Errorf("while they wait: %v", err)
		}
		r.now = r.now.Add(time.Minute)
		rotate(true)
		are("taken over", "retired", "active")
		_, pairs := r.states(t, "acme/saml", keyring.PairSign)
		digest := sha256.Sum256(nil)
		if _, err := r.SignWithPair(t.Context(), "acme/saml", pairs[0].ID, "RS256", digest[:]); !problem.Is(err, problem.Forbidden) {
			t.Errorf("the retired one signs: %v", err)
		}
		if _, err := r.SignWithPair(t.Context(), "acme/saml", pairs[1].ID, "RS256", digest[:]); err != nil {
			t.Errorf("the new one does not sign: %v", err)
		}
		r.now = r.now.Add(30*24*time.Hour - time.Second)
		if err := r.SweepPairs(t.Context()); err != nil {
			t.Fatal(err)
		}
		are("before the end of the overlap", "retired", "active")
		r.now = r.now.Add(time.Second)
		are("after it", "active")
		if err := r.SweepPairs(t.Context()); err != nil {
			t.Fatal(err)
		}
		infos, err := r.PairInfos(t.Context())
		if err != nil || len(infos) != 3 {
			t.Errorf("after the sweep there are %+v, %v", infos, err)
		}
		rotate(true)
		are("at once", "retired", "active")
	})
}

// Of two operators who rotate at once, one does.
func TestRotatePairsAtOnce(t *testing.T) {
	eachRing(t, func(t *testing.T, r *ring) {
		onePair(t, r.Keyring, "acme/saml", keyring.PairSign)
		var all errgroup.Group
		var done [4]error
		for n := range done {
			all.Go(func() error {
				_, done[n] = r.RotatePairs(t.Context(), keyring.By{}, "acme/saml", false)
				return nil
			})
		}
		_ = all.Wait()
		good := 0
		for _, err := range done {
			switch {
			case err == nil:
				good++
			case !problem.Is(err, problem.Conflict):
				t.Error(err)
			}
		}
		if got, _ := r.states(t, "acme/saml", keyring.PairSign); good != 1 || len(got) != 2 {
			t.Errorf("%d have rotated: %v", good, got)
		}
	})
}
