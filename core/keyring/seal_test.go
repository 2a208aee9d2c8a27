package keyring_test

import (
	"errors"
	"testing"

	"github.com/gatehouse-id/gatehouse/core/keyring"
	"github.com/gatehouse-id/gatehouse/core/store/storetest"
)

func TestASealedValueOpensWhereItBelongs(t *testing.T) {
	k := mustOpen(t, storetest.Open(t, storetest.SQLite(t)))
	sealed, err := k.Seal(keyring.Decision, []byte("row 1"), []byte("text"))
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := k.Unseal(keyring.Decision, []byte("row 1"), sealed); err != nil || string(plain) != "text" {
		t.Fatalf("unsealed %q, %v", plain, err)
	}
	if _, err := k.Unseal(keyring.Decision, []byte("row 2"), sealed); !errors.Is(err, keyring.ErrNotOurs) {
		t.Errorf("in another row: %v", err)
	}
	for i := range sealed {
		bad := append([]byte(nil), sealed...)
		bad[i] ^= 1
		if _, err := k.Unseal(keyring.Decision, []byte("row 1"), bad); !errors.Is(err, keyring.ErrNotOurs) {
			t.Errorf("with byte %d changed: %v", i, err)
		}
		if _, err := k.Unseal(keyring.Decision, []byte("row 1"), sealed[:i]); !errors.Is(err, keyring.ErrNotOurs) {
			t.Errorf("cut to %d bytes: %v", i, err)
		}
	}
}

func TestAMACHoldsForItsDataOnly(t *testing.T) {
	k := mustOpen(t, storetest.Open(t, storetest.SQLite(t)))
	mac, err := k.MAC(keyring.AdminToken, []byte("token"))
	if err != nil {
		t.Fatal(err)
	}
	if !k.CheckMAC(keyring.AdminToken, []byte("token"), mac) || k.CheckMAC(keyring.AdminToken, []byte("tokem"), mac) {
		t.Error("the hash holds for the wrong data, or not for the right data")
	}
	for i := range mac {
		bad := append([]byte(nil), mac...)
		bad[i] ^= 1
		if k.CheckMAC(keyring.AdminToken, []byte("token"), bad) || k.CheckMAC(keyring.AdminToken, []byte("token"), mac[:i]) {
			t.Errorf("it holds with byte %d changed, or cut to %d bytes", i, i)
		}
	}
}

func TestAKeyServesItsPurposeOnly(t *testing.T) {
	k := mustOpen(t, storetest.Open(t, storetest.SQLite(t)))
	for _, p := range []keyring.Purpose{"", "instance", "unknown", keyring.Assertion, keyring.AdminToken} {
		if _, err := k.Seal(p, nil, []byte("x")); err == nil {
			t.Errorf("%q encrypts", p)
		}
	}
	for _, p := range []keyring.Purpose{"", "instance", "unknown", keyring.Assertion, keyring.Decision} {
		if _, err := k.MAC(p, []byte("x")); err == nil {
			t.Errorf("%q hashes", p)
		}
	}
	sealed, err := k.Seal(keyring.Decision, nil, []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Unseal(keyring.AdminToken, nil, sealed); !errors.Is(err, keyring.ErrNotOurs) {
		t.Errorf("another purpose opened it: %v", err)
	}
	if _, err := k.InstanceKeys(t.Context(), ""); err == nil {
		t.Error("an instance without a name has keys")
	}
}

func FuzzUnseal(f *testing.F) {
	k := mustOpen(f, storetest.Open(f, storetest.SQLite(f)))
	sealed, err := k.Seal(keyring.Decision, nil, []byte("text"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed)
	f.Add([]byte{})
	f.Add([]byte{1, 255})
	f.Add([]byte{1, 0})
	f.Fuzz(func(t *testing.T, value []byte) {
		if plain, err := k.Unseal(keyring.Decision, nil, value); err == nil && string(plain) != "text" {
			t.Errorf("opened to %q", plain)
		}
		_ = k.CheckMAC(keyring.AdminToken, nil, value)
	})
}
