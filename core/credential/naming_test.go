package credential_test

import (
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/core/credential"
	"github.com/gatehouse-id/gatehouse/core/keyring"
	"github.com/gatehouse-id/gatehouse/core/store"
)

// two is a keyring whose key was replaced.
type two struct{ mac }

func (two) IsOutdated(_ keyring.Purpose, sum []byte) bool {
	return !strings.HasPrefix(string(sum), "new ")
}

func (k two) MAC(p keyring.Purpose, data []byte) ([]byte, error) {
	sum, err := k.mac.MAC(p, data)
	return append([]byte("new "), sum...), err
}

func (k two) CheckMAC(p keyring.Purpose, data, sum []byte) bool {
	return k.mac.CheckMAC(p, data, []byte(strings.TrimPrefix(string(sum), "new ")))
}

func TestATokenIsHashedAnewWithTheNewestKey(t *testing.T) {
	each(t, func(t *testing.T, r *rooms) {
		_, text, err := r.tokens.Create(t.Context(), by, "ci", "", nil, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		o := credential.Options{Store: r.store, Feed: r.feed, Audit: r.audit, Clock: func() time.Time { return r.now }, Random: rand.Reader}
		rotated := credential.NewAdminTokens(o, two{})
		count := func() (counts map[string]int) {
			t.Helper()
			if err := r.store.Read(t.Context(), func(tx *store.Tx) (err error) {
				counts, err = rotated.Naming(t.Context(), tx, []string{"new ", "old "}, r.now)
				return err
			}); err != nil {
				t.Fatal(err)
			}
			return counts
		}
		if diff := cmp.Diff(map[string]int{"new ": 1, "old ": 1}, count()); diff != "" {
			t.Errorf("a hash that names no key counts for each (-want +got):\n%s", diff)
		}
		if _, err := rotated.Verify(t.Context(), text+"x"); err == nil || count()["old "] != 1 {
			t.Errorf("a wrong token: %v, and the hash is another", err)
		}
		for range 2 { // by the old hash, and by the new one
			if _, err := rotated.Verify(t.Context(), text); err != nil {
				t.Error(err)
			}
		}
		if diff := cmp.Diff(map[string]int{"new ": 1, "old ": 0}, count()); diff != "" {
			t.Errorf("after its use (-want +got):\n%s", diff)
		}
	})
}

func TestOnlyLiveKeysNameTheirInstancesKey(t *testing.T) {
	each(t, func(t *testing.T, r *rooms) {
		r.client(t, "one")
		r.client(t, "two")
		live, _ := r.key(t, "one")
		revoked, _ := r.key(t, "one")
		ended, _ := r.key(t, "two")
		for _, k := range []credential.Key{live, revoked, ended} {
			r.usage.Rehash(k.ID, []byte("\x01kOLD and a hash"))
		}
		if err := r.usage.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		count := func(instance string) (counts map[string]int) {
			t.Helper()
			if err := r.store.Read(t.Context(), func(tx *store.Tx) (err error) {
				counts, err = r.Naming(t.Context(), tx, instance, []string{"kNEW", "kOLD"}, r.now)
				return err
			}); err != nil {
				t.Fatal(err)
			}
			return counts
		}
		if diff := cmp.Diff(map[string]int{"kNEW": 0, "kOLD": 3}, count("apikey")); diff != "" {
			t.Errorf("while all are live (-want +got):\n%s", diff)
		}
		if _, err := r.Revoke(t.Context(), by, revoked.ID, "lost"); err != nil {
			t.Fatal(err)
		}
		if n := count("apikey")["kOLD"]; n != 2 {
			t.Errorf("%d after one was revoked", n)
		}
		if n := count("another")["kOLD"]; n != 0 {
			t.Errorf("%d of another instance", n)
		}
		r.now = ended.ExpiresAt.Add(time.Second)
		if n := count("apikey")["kOLD"]; n != 0 {
			t.Errorf("%d after all have ended", n)
		}
	})
}
