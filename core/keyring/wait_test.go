package keyring_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/core/keyring"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// A time in the database is not believed: whoever restarts publishes for a while
// before it signs, and after.
func TestAWaitIsNotCutShortByTheClock(t *testing.T) {
	for name, c := range map[string]struct {
		made time.Duration // how wrong the clock was when the key was made
	}{
		"the clock was behind by a year": {-365 * 24 * time.Hour}, "it was ahead by a year": {365 * 24 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			eachRing(t, func(t *testing.T, r *ring) {
				old, _ := r.Signer()
				r.now = noon.Add(c.made)
				next := r.rotate(t, keyring.Assertion, "", false).ID
				r.now = noon
				r.open(t)
				for _, step := range []struct {
					d         time.Duration
					signs     string
					published []string
				}{
					{0, old, []string{old, next}},
					{10*time.Minute - time.Microsecond, old, []string{old, next}},
					{time.Microsecond, next, []string{next, old}},
					{10*time.Minute - time.Microsecond, next, []string{next, old}},
					{time.Microsecond, next, []string{next}},
				} {
					r.now = r.now.Add(step.d)
					if err := r.Advance(t.Context()); err != nil {
						t.Fatal(err)
					}
					signs, _ := r.Signer()
					slices.Sort(step.published[1:])
					if published := kids(r.Keyring); signs != step.signs || cmp.Diff(step.published, published) != "" {
						t.Errorf("%s after the start %s signs of %v, want %s of %v", r.now.Sub(noon), signs, published, step.signs, step.published)
					}
				}
			})
		})
	}
}

// A commit that was reported as failed can stand in the database all the same.
func TestAKeyThatWasMadeInDoubtIsPublishedBeforeItSigns(t *testing.T) {
	eachRing(t, func(t *testing.T, r *ring) {
		old, _ := r.Signer()
		unseen := &ring{store: r.store, now: r.now}
		unseen.open(t)
		next := unseen.rotate(t, keyring.Assertion, "", false).ID
		token := unseen.rotate(t, keyring.AdminToken, "", false).ID
		r.now = r.now.Add(time.Hour)
		r.Doubt()
		if err := r.Advance(t.Context()); err != nil {
			t.Fatal(err)
		}
		if signs, _ := r.Signer(); signs != old || cmp.Diff([]string{old, next}, kids(r.Keyring)) != "" {
			t.Errorf("%s signs of %v, want still %s, with %s published", signs, kids(r.Keyring), old, next)
		}
		if !slices.ContainsFunc(r.Keys(), func(k keyring.Info) bool { return k.ID == token && k.State == "active" }) {
			t.Error("the other key that was made is not seen")
		}
		r.now = r.now.Add(10 * time.Minute)
		if err := r.Advance(t.Context()); err != nil {
			t.Fatal(err)
		}
		if signs, _ := r.Signer(); signs != next {
			t.Errorf("after the overlap %s signs, want %s", signs, next)
		}
	})
}

// A host that lost its lock for a while may have the root key of before.
func TestNothingIsSealedWithARootKeyThatWasReplaced(t *testing.T) {
	eachRing(t, func(t *testing.T, r *ring) {
		mac, err := r.MAC(keyring.AdminToken, []byte("token"))
		if err != nil {
			t.Fatal(err)
		}
		if err := keyring.Reseal(t.Context(), r.store, root(t, 1), root(t, 2), keyring.By{}, told); err != nil {
			t.Fatal(err)
		}
		if _, err := r.InstanceKeys(t.Context(), "new"); !problem.Is(err, problem.Invalid) {
			t.Errorf("the first key of an instance: %v", err)
		}
		if _, err := r.Rotate(t.Context(), keyring.By{}, keyring.AdminToken, "", false); !problem.Is(err, problem.Invalid) {
			t.Errorf("a rotation: %v", err)
		}
		r.Doubt()
		for range 2 { // what failed is tried again
			if err := r.Advance(t.Context()); !problem.Is(err, problem.Invalid) {
				t.Errorf("reading the keys again: %v", err)
			}
		}
		if !r.CheckMAC(keyring.AdminToken, []byte("token"), mac) {
			t.Error("the keys that were opened before are gone")
		}
		if _, err := open(t, r.store, root(t, 2)); err != nil {
			t.Errorf("the new root key: %v", err)
		}
	})
}

func TestRotationsAtOnce(t *testing.T) {
	eachRing(t, func(t *testing.T, r *ring) {
		const n = 8
		var wg sync.WaitGroup
		errs := make([]error, n)
		for i := range n {
			wg.Go(func() { _, errs[i] = r.Rotate(t.Context(), keyring.By{}, keyring.Assertion, "", false) })
			wg.Go(func() {
				if _, err := r.Rotate(t.Context(), keyring.By{}, keyring.AdminToken, "", false); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		made := 0
		for _, err := range errs {
			if err == nil {
				made++
			} else if !problem.Is(err, problem.Conflict) {
				t.Error(err)
			}
		}
		if made != 1 {
			t.Errorf("%d signing keys are on their way, want one", made)
		}
		before := r.Keys()
		states := map[string]int{}
		for _, k := range before {
			states[string(k.Purpose)+" "+k.State]++
		}
		want := map[string]int{"assertion active": 1, "assertion next": 1, "admin_token active": 1, "admin_token retired": n, "provisioning_token active": 1, "decision active": 1, "plugin_state active": 1, "sign_on active": 1}
		if diff := cmp.Diff(want, states); diff != "" {
			t.Errorf("keys (-want +got):\n%s", diff)
		}
		r.open(t)
		if diff := cmp.Diff(before, r.Keys()); diff != "" {
			t.Errorf("the database has others:\n%s", diff)
		}
	})
}

func TestKeysThatNoRecordCanNameAreNotSwept(t *testing.T) {
	eachRing(t, func(t *testing.T, r *ring) {
		instanceKeys(t, r.Keyring, "tokens")
		r.rotate(t, keyring.Instance, "tokens", true)
		r.rotate(t, keyring.Decision, "", true)
		before := r.Keys()
		nothing := func(*store.Tx, []keyring.Info) (map[string]int, error) { return map[string]int{}, nil }
		if err := r.Sweep(t.Context(), []string{"apikey"}, nothing); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(before, r.Keys()); diff != "" {
			t.Errorf("keys have changed:\n%s", diff)
		}
	})
}
