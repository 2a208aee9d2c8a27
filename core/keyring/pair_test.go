package keyring_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"github.com/gatehouse-id/gatehouse/core/keyring"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

func onePair(t *testing.T, k *keyring.Keyring, instance string, use keyring.PairUse) keyring.Pair {
	t.Helper()
	pairs, err := k.Pairs(t.Context(), instance, use)
	if err != nil || len(pairs) != 1 {
		t.Fatalf("pairs of %s: %v, %v", instance, pairs, err)
	}
	return pairs[0]
}

func TestPairs(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		k := mustOpen(t, s)
		sign, decrypt := onePair(t, k, "acme/saml", keyring.PairSign), onePair(t, k, "acme/saml", keyring.PairDecrypt)
		if sign.ID == decrypt.ID || bytes.Equal(sign.Certificate.RawSubjectPublicKeyInfo, decrypt.Certificate.RawSubjectPublicKeyInfo) {
			t.Error("one key has two uses")
		}
		if err := sign.Certificate.CheckSignature(sign.Certificate.SignatureAlgorithm, sign.Certificate.RawTBSCertificate, sign.Certificate.Signature); err != nil {
			t.Errorf("its certificate: %v", err)
		}
		public := sign.Certificate.PublicKey.(*rsa.PublicKey)
		digest := sha256.Sum256([]byte("a request"))
		for algorithm, verify := range map[string]func(signature []byte) error{
			"RS256": func(signature []byte) error { return rsa.VerifyPKCS1v15(public, crypto.SHA256, digest[:], signature) },
			"PS256": func(signature []byte) error {
				return rsa.VerifyPSS(public, crypto.SHA256, digest[:], signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
			},
		} {
			signature, err := k.SignWithPair(t.Context(), "acme/saml", sign.ID, algorithm, digest[:])
			if err != nil || verify(signature) != nil {
				t.Errorf("%s: %v", algorithm, err)
			}
		}
		again := onePair(t, mustOpen(t, s), "acme/saml", keyring.PairSign)
		if again.ID != sign.ID || !again.Certificate.Equal(sign.Certificate) {
			t.Error("it is another one after a restart")
		}
	})
}

func TestDecryptWithPair(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		k := mustOpen(t, s)
		pair := onePair(t, k, "acme/saml", keyring.PairDecrypt)
		key := []byte("0123456789abcdef")
		for _, hash := range []crypto.Hash{crypto.SHA1, crypto.SHA256, crypto.SHA512} {
			ciphertext, err := rsa.EncryptOAEP(hash.New(), rand.Reader, pair.Certificate.PublicKey.(*rsa.PublicKey), key, nil)
			if err != nil {
				t.Fatal(err)
			}
			o := rsa.OAEPOptions{Hash: hash, MGFHash: hash}
			if got, err := k.DecryptWithPair(t.Context(), "acme/saml", pair.ID, o, ciphertext); err != nil || !bytes.Equal(got, key) {
				t.Errorf("%s: %q, %v", hash, got, err)
			}
			// However it is wrong, nothing tells how.
			var said []string
			for _, wrong := range [][]byte{ciphertext[1:], append([]byte{ciphertext[0] ^ 1}, ciphertext[1:]...), {1}, bytes.Repeat([]byte{0xff}, len(ciphertext))} {
				_, err := k.DecryptWithPair(t.Context(), "acme/saml", pair.ID, o, wrong)
				said = append(said, fmt.Sprint(err))
			}
			for _, text := range said[1:] {
				if text != said[0] || !strings.Contains(text, "does not decrypt") {
					t.Errorf("%s: the failures differ: %q", hash, said)
				}
			}
		}
	})
}

// What is of one instance, or for one use, is nobody else's.
func TestAPairIsForOneInstanceAndUse(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		k := mustOpen(t, s)
		sign, decrypt := onePair(t, k, "acme/saml", keyring.PairSign), onePair(t, k, "acme/saml", keyring.PairDecrypt)
		digest := sha256.Sum256(nil)
		if _, err := k.SignWithPair(t.Context(), "globex/saml", sign.ID, "RS256", digest[:]); !problem.Is(err, problem.NotFound) {
			t.Errorf("another instance signs with it: %v", err)
		}
		if _, err := k.SignWithPair(t.Context(), "acme/saml", decrypt.ID, "RS256", digest[:]); !problem.Is(err, problem.NotFound) {
			t.Errorf("a key to decrypt with signs: %v", err)
		}
		if _, err := k.DecryptWithPair(t.Context(), "acme/saml", sign.ID, rsa.OAEPOptions{Hash: crypto.SHA256}, make([]byte, 384)); !problem.Is(err, problem.NotFound) {
			t.Errorf("a key to sign with decrypts: %v", err)
		}
		if _, err := k.SignWithPair(t.Context(), "acme/saml", sign.ID, "ES256", digest[:]); !problem.Is(err, problem.Unsupported) {
			t.Errorf("another algorithm: %v", err)
		}
		for _, text := range []string{fmt.Sprintf("%v %+v %#v %s", sign, sign, sign, sign)} {
			if strings.Count(text, sign.ID) != 4 || len(text) > 200 {
				t.Errorf("it prints as %s", text)
			}
		}
		// A row in the place of another does not open.
		exec(t, s, `UPDATE keyring_pair SET sealed = (SELECT sealed FROM keyring_pair WHERE purpose = 'decrypt') WHERE purpose = 'sign'`)
		if _, err := k.Pairs(t.Context(), "acme/saml", keyring.PairSign); !problem.Is(err, problem.Internal) {
			t.Errorf("an altered row: %v", err)
		}
	})
}

func TestResealKeepsPairs(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		before := onePair(t, mustOpen(t, s), "acme/saml", keyring.PairSign)
		if err := keyring.Reseal(t.Context(), s, root(t, 1), root(t, 2), keyring.By{}, told); err != nil {
			t.Fatal(err)
		}
		k, err := open(t, s, root(t, 2))
		if err != nil {
			t.Fatal(err)
		}
		if after := onePair(t, k, "acme/saml", keyring.PairSign); after.ID != before.ID {
			t.Error("it is another one")
		}
		digest := sha256.Sum256(nil)
		if _, err := k.SignWithPair(t.Context(), "acme/saml", before.ID, "RS256", digest[:]); err != nil {
			t.Error(err)
		}
	})
}

// Of many that ask first at the same time, all get the same pair.
func TestTheFirstPairIsEverybodys(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		k := mustOpen(t, s)
		ids := make(chan string, 4)
		for range cap(ids) {
			go func() {
				pairs, err := k.Pairs(t.Context(), "acme/saml", keyring.PairSign)
				if err != nil || len(pairs) != 1 {
					t.Errorf("%v, %v", pairs, err)
					ids <- ""
					return
				}
				ids <- pairs[0].ID
			}()
		}
		first := <-ids
		for range cap(ids) - 1 {
			if id := <-ids; id != first {
				t.Errorf("%s and %s", first, id)
			}
		}
	})
}
