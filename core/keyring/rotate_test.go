package keyring_test

import (
	"context"
	"crypto/rand"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/core/keyring"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// ring is a keyring with a clock that the test sets.
type ring struct {
	*keyring.Keyring
	store *store.Store
	now   time.Time
}

func eachRing(t *testing.T, f func(t *testing.T, r *ring)) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		r := &ring{store: s, now: noon}
		r.open(t)
		f(t, r)
	})
}

func (r *ring) open(t *testing.T) {
	t.Helper()
	k, err := keyring.Open(t.Context(), keyring.Options{
		Store: r.store, Root: root(t, 1), Clock: func() time.Time { return r.now }, Random: rand.Reader,
		Overlap: 10 * time.Minute, RotateAfter: 90 * 24 * time.Hour, Changed: told,
	})
	if err != nil {
		t.Fatal(err)
	}
	r.Keyring = k
}

// after advances the clock and what is due, and returns who signs and what is
// published, the same before and after a restart.
func (r *ring) after(t *testing.T, d time.Duration) (signs string, published []string) {
	t.Helper()
	r.now = r.now.Add(d)
	if err := r.Advance(t.Context()); err != nil {
		t.Fatal(err)
	}
	signs, _ = r.Signer()
	published = kids(r.Keyring)
	restarted := &ring{store: r.store, now: r.now}
	restarted.open(t)
	if again, _ := restarted.Signer(); again != signs || cmp.Diff(published, kids(restarted.Keyring)) != "" {
		t.Errorf("after a restart %s signs of %v, before it %s of %v", again, kids(restarted.Keyring), signs, published)
	}
	return signs, published
}

func (r *ring) rotate(t *testing.T, p keyring.Purpose, instance string, now bool) keyring.Info {
	t.Helper()
	made, err := r.Rotate(t.Context(), keyring.By{Actor: "tester"}, p, instance, now)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func TestASigningKeyIsPublishedBeforeAndAfterItSigns(t *testing.T) {
	eachRing(t, func(t *testing.T, r *ring) {
		old, _ := r.Signer()
		next := r.rotate(t, keyring.Assertion, "", false).ID
		_, err := r.Rotate(t.Context(), keyring.By{}, keyring.Assertion, "", false)
		if !problem.Is(err, problem.Conflict) {
			t.Errorf("a second one on its way: %v", err)
		}
		for _, step := range []struct {
			name      string
			d         time.Duration
			signs     string
			published []string
		}{
			{"at once", 0, old, []string{old, next}},
			{"just before the overlap is over", 10*time.Minute - time.Microsecond, old, []string{old, next}},
			{"after it", time.Microsecond, next, []string{next, old}},
			{"just before the old one ends", 10*time.Minute - time.Microsecond, next, []string{next, old}},
			{"after it", time.Microsecond, next, []string{next}},
		} {
			signs, published := r.after(t, step.d)
			if signs != step.signs || cmp.Diff(step.published, published) != "" {
				t.Errorf("%s: %s signs of %v, want %s of %v", step.name, signs, published, step.signs, step.published)
			}
		}
	})
}

func TestASigningKeyIsReplacedByTime(t *testing.T) {
	eachRing(t, func(t *testing.T, r *ring) {
		old, _ := r.Signer()
		if _, published := r.after(t, 90*24*time.Hour-time.Microsecond); len(published) != 1 {
			t.Errorf("before its time %v is published", published)
		}
		if signs, published := r.after(t, time.Microsecond); len(published) != 2 || signs != old {
			t.Errorf("in its time %s signs of %v", signs, published)
		}
		next, _ := r.after(t, 10*time.Minute)
		if next == old {
			t.Error("the next one does not sign")
		}
		if signs, published := r.after(t, 80*24*time.Hour); signs != next || len(published) != 1 {
			t.Errorf("a young key is replaced: %s signs of %v", signs, published)
		}
	})
}

func TestANewSigningKeyCanSignAtOnce(t *testing.T) {
	eachRing(t, func(t *testing.T, r *ring) {
		old, _ := r.Signer()
		made := r.rotate(t, keyring.Assertion, "", true).ID
		if signs, published := r.after(t, 0); signs != made || cmp.Diff([]string{made, old}, published) != "" {
			t.Errorf("%s signs of %v, want %s and then %s", signs, published, made, old)
		}
		next := r.rotate(t, keyring.Assertion, "", false).ID
		if again := r.rotate(t, keyring.Assertion, "", true).ID; again != next {
			t.Errorf("%s signs in place of %s, which was published already", again, next)
		}
		if signs, published := r.after(t, 0); signs != next || len(published) != 3 {
			t.Errorf("%s signs of %v, want %s of three", signs, published, next)
		}
	})
}

func TestARetiredKeyStaysWhileItIsNamed(t *testing.T) {
	eachRing(t, func(t *testing.T, r *ring) {
		first := instanceKeys(t, r.Keyring, "apikey")[0].ID
		mac, err := r.MAC(keyring.AdminToken, []byte("token"))
		if err != nil {
			t.Fatal(err)
		}
		made := r.rotate(t, keyring.Instance, "apikey", false).ID
		r.rotate(t, keyring.AdminToken, "", false)
		keys := instanceKeys(t, r.Keyring, "apikey")
		if len(keys) != 2 || keys[0].ID != made || keys[1].ID != first {
			t.Errorf("the plugin gets %v, want the newest %s first", keys, made)
		}
		if !r.CheckMAC(keyring.AdminToken, []byte("token"), mac) || !r.IsOutdated(keyring.AdminToken, mac) {
			t.Error("a hash of before does not hold, or is not outdated")
		}
		fresh, err := r.MAC(keyring.AdminToken, []byte("token"))
		if err != nil || r.IsOutdated(keyring.AdminToken, fresh) {
			t.Errorf("a new hash is outdated (%v)", err)
		}
		sweep := func(count int) {
			t.Helper()
			err := r.Sweep(t.Context(), []string{"apikey"}, func(_ *store.Tx, keys []keyring.Info) (map[string]int, error) {
				counts := map[string]int{}
				for _, k := range keys {
					counts[k.ID] = count
				}
				return counts, nil
			})
			if err != nil {
				t.Fatal(err)
			}
			r.open(t)
		}
		sweep(1)
		if len(instanceKeys(t, r.Keyring, "apikey")) != 2 || !r.CheckMAC(keyring.AdminToken, []byte("token"), mac) {
			t.Error("a key is gone that something names")
		}
		sweep(0)
		if keys := instanceKeys(t, r.Keyring, "apikey"); len(keys) != 1 || keys[0].ID != made {
			t.Errorf("%v are left, want %s alone", keys, made)
		}
		if r.CheckMAC(keyring.AdminToken, []byte("token"), mac) || !r.CheckMAC(keyring.AdminToken, []byte("token"), fresh) {
			t.Error("the old key is accepted, or the new one is not")
		}
	})
}

func TestRotationsThatMeanNothing(t *testing.T) {
	eachRing(t, func(t *testing.T, r *ring) {
		before := r.Keys()
		for name, of := range map[string]struct {
			p        keyring.Purpose
			instance string
		}{
			"no purpose": {"", ""}, "an unknown one": {"root", ""},
			"an instance without a name": {keyring.Instance, ""}, "a name without an instance": {keyring.Assertion, "apikey"},
		} {
			if _, err := r.Rotate(t.Context(), keyring.By{}, of.p, of.instance, true); !problem.Is(err, problem.Invalid) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if diff := cmp.Diff(before, r.Keys()); diff != "" {
			t.Errorf("keys have changed:\n%s", diff)
		}
	})
}

func TestResealChangesTheRootKeyAndNothingElse(t *testing.T) {
	eachRing(t, func(t *testing.T, r *ring) {
		kid, _ := r.Signer()
		apikey := instanceKeys(t, r.Keyring, "apikey")[0].Key
		reseal := func(from, to byte, changed func(context.Context, *store.Tx, keyring.Change) error) error {
			return keyring.Reseal(t.Context(), r.store, root(t, from), root(t, to), keyring.By{Actor: "tester"}, changed)
		}
		if err := reseal(2, 3, told); !problem.Is(err, problem.Invalid) {
			t.Errorf("from a wrong root key: %v", err)
		}
		if err := reseal(1, 1, told); !problem.Is(err, problem.Invalid) {
			t.Errorf("to the same root key: %v", err)
		}
		full := func(context.Context, *store.Tx, keyring.Change) error {
			return problem.New(problem.Unavailable, "full")
		}
		if err := reseal(1, 2, full); !problem.Is(err, problem.Unavailable) {
			t.Errorf("without an audit record: %v", err)
		}
		r.open(t) // still with the first: nothing has changed
		if err := reseal(1, 2, told); err != nil {
			t.Fatal(err)
		}
		if _, err := open(t, r.store, root(t, 1)); !problem.Is(err, problem.Invalid) {
			t.Errorf("the old root key: %v", err)
		}
		k, err := open(t, r.store, root(t, 2))
		if err != nil {
			t.Fatal(err)
		}
		if again, _ := k.Signer(); again != kid || cmp.Diff(apikey.Reveal(), instanceKeys(t, k, "apikey")[0].Key.Reveal()) != "" {
			t.Error("a key has changed")
		}
	})
}
