package decided_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/gatehouse-id/gatehouse/core/access/decided"
	"github.com/gatehouse-id/gatehouse/core/keyring"
	"github.com/gatehouse-id/gatehouse/core/policy"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

func TestMain(m *testing.M) { storetest.Main(m) }

var start = time.Date(2026, 11, 28, 7, 0, 0, 123_000_000, time.UTC)

// world is a keyring with a clock, and what seals with it.
type world struct {
	*decided.Sealer
	keyring *keyring.Keyring
	now     time.Time
}

func newWorld(tb testing.TB) *world {
	tb.Helper()
	return newWorldOn(tb, storetest.Open(tb, storetest.SQLite(tb)))
}

func newWorldOn(tb testing.TB, s *store.Store) *world {
	tb.Helper()
	w := &world{now: start}
	clock := func() time.Time { return w.now }
	root, err := keyring.LoadRootKey(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32)), "")
	if err != nil {
		tb.Fatal(err)
	}
	w.keyring, err = keyring.Open(tb.Context(), keyring.Options{Store: s, Root: root, Clock: clock, Random: rand.Reader, Changed: func(context.Context, *store.Tx, keyring.Change) error { return nil }})
	if err != nil {
		tb.Fatal(err)
	}
	if w.Sealer, err = decided.New(w.keyring, clock, rand.Reader); err != nil {
		tb.Fatal(err)
	}
	return w
}

var some = decided.Facts{
	Revision: 7, Way: decided.ForwardAuth, Method: "POST", Upstream: 1, Rule: 300, Outcome: string(problem.Forbidden), Reason: policy.ReasonPermissionMissing,
	Kind: policy.KindClient, Principal: "my-tenant", Recorded: true, Organization: decided.TagOf("acme"), Credential: decided.Hash("K1"), Roles: decided.Hash("a,b"),
}

// What is sealed is what is opened, for whomever, and every id has one size.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	rapid.Check(t, func(rt *rapid.T) {
		f := decided.Facts{
			Revision: int64(rapid.Uint32().Draw(rt, "revision")), Way: rapid.SampledFrom([]decided.Way{decided.Proxied, decided.ForwardAuth}).Draw(rt, "way"),
			Method: rapid.SampledFrom([]string{"", "GET", "DELETE", "TRACE"}).Draw(rt, "method"), Upstream: rapid.IntRange(-1, 65534).Draw(rt, "upstream"),
			Rule: rapid.IntRange(-1, 1<<24-2).Draw(rt, "rule"), Outcome: rapid.SampledFrom([]string{"allowed", "permission_denied", "internal", "other"}).Draw(rt, "outcome"),
			Reason: rapid.SampledFrom([]policy.Reason{"", policy.ReasonPublic, policy.ReasonScopeMissing}).Draw(rt, "reason"),
			Kind:   rapid.SampledFrom([]string{"", policy.KindClient, policy.KindUser}).Draw(rt, "kind"), Recorded: rapid.Bool().Draw(rt, "recorded"),
			Organization: decided.TagOf(rapid.String().Draw(rt, "organization")), Credential: rapid.Uint32().Draw(rt, "credential"), Roles: rapid.Uint32().Draw(rt, "roles"),
			Principal: rapid.OneOf(rapid.StringN(0, 200, 200), rapid.Just("0192f0c1-7d2e-7c3a-8b1f-0123456789ab"), rapid.Just("0192F0C1-7D2E-7C3A-8B1F-0123456789AB")).Draw(rt, "principal"),
		}
		id := w.Seal(f)
		if len(id) != decided.Size || decided.Size >= 150 {
			rt.Fatalf("%d characters", len(id))
		}
		got, err := w.Open(id)
		if err != nil {
			rt.Fatal(err)
		}
		if !got.Is(f.Principal) || got.Is(f.Principal+"x") {
			rt.Fatalf("%q is taken for another than %q", got.Principal, f.Principal)
		}
		want := f
		want.At, want.Process, want.Cut, want.Principal = start, w.Process(), got.Cut, got.Principal
		if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(decided.Facts{}), cmp.Transformer("utc", func(t time.Time) time.Time { return t.UTC() })); diff != "" {
			rt.Fatal(diff)
		}
	})
}

// Nothing of a principal can be seen in an id, nor whether two are of the same.
func TestIDsAreNoise(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const n = 2000
	seen := map[string]int{}
	var ones [111 * 8]int
	for range n {
		raw, err := base64.RawURLEncoding.DecodeString(w.Seal(some))
		if err != nil {
			t.Fatal(err)
		}
		for i := 5; i+8 <= len(raw); i++ {
			seen[string(raw[i:i+8])]++
		}
		for i, b := range raw {
			for bit := range 8 {
				ones[i*8+bit] += int(b>>bit) & 1
			}
		}
	}
	for window, times := range seen {
		if times > 1 {
			t.Fatalf("%x stands %d times in the ids of one principal", window, times)
		}
	}
	for i, times := range ones[5*8:] { // each bit is as often set as not: here within seven standard deviations
		if times < n/2-157 || times > n/2+157 {
			t.Errorf("bit %d behind the name of the key is set %d times of %d", i, times, n)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	w, other := newWorld(t), newWorld(t)
	id := w.Seal(some)
	flip := func(i int) string {
		raw, err := base64.RawURLEncoding.DecodeString(id)
		if err != nil {
			t.Fatal(err)
		}
		raw[i] ^= 1
		return base64.RawURLEncoding.EncodeToString(raw)
	}
	for name, c := range map[string]struct{ id, says string }{
		"nothing":                      {"", "no id of a decision"},
		"a part of it":                 {id[:100], "and this has 100 characters"},
		"too much":                     {id + "A", "no id of a decision"},
		"megabytes":                    {strings.Repeat("A", 1<<20), "no id of a decision"},
		"other characters":             {id[:147] + "=", "no id of a decision"},
		"another version":              {flip(0), "not made here"},
		"another installation's":       {other.Seal(some), "a key that this host does not have"},
		"the name of its key, altered": {flip(1), "a key that this host does not have"},
		"its nonce, altered":           {flip(5), "not made here"},
		"what is sealed, altered":      {flip(21), "not made here"},
		"its last bit, altered":        {flip(110), "not made here"},
		"zeroes":                       {strings.Repeat("A", decided.Size), "not made here"},
	} {
		f, err := w.Open(c.id)
		if !problem.Is(err, problem.Invalid) || !strings.Contains(problem.As(err).Detail, c.says) || f != (decided.Facts{}) {
			t.Errorf("%s: %+v, %v", name, f, err)
		}
	}
	// Every byte counts.
	for i := range 111 {
		if _, err := w.Open(flip(i)); err == nil {
			t.Errorf("with byte %d altered it is opened", i)
		}
	}
}

// A key that another has taken the place of opens its ids for the stated time, and a
// host that was started anew opens those of the one before.
func TestIDsSurviveTheirKey(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		w := newWorldOn(t, s)
		before := w.Seal(some)
		if _, err := w.keyring.Rotate(t.Context(), keyring.By{}, keyring.Decision, "", false); err != nil {
			t.Fatal(err)
		}
		after := w.Seal(some)
		if before[:6] == after[:6] {
			t.Error("the key before is used on")
		}
		open := func(what string, id string, want string) {
			t.Helper()
			_, err := w.Open(id)
			if got := fmt.Sprint(err); (err == nil) != (want == "") || !strings.Contains(got, want) {
				t.Errorf("%s: %v, want %q", what, err, want)
			}
		}
		open("with the key before", before, "")
		open("with the new key", after, "")
		w.now = start.Add(keyring.DecisionKept)
		if err := w.keyring.SweepDecisions(t.Context()); err != nil {
			t.Fatal(err)
		}
		open("on the last day, of the key that is gone", before, "a key that this host does not have")
		open("on the last day", after, "")
		w.now = w.now.Add(time.Second)
		open("a second later", after, "could be opened for 90 days")
	})
	w := newWorld(t)
	id := w.Seal(some)
	again, err := decided.New(w.keyring, func() time.Time { return w.now }, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if f, err := again.Open(id); err != nil || f.Process == again.Process() {
		t.Errorf("by the next process: %+v, %v", f, err)
	}
}

// Retired keys are kept until the time is over, and not longer.
func TestSweepKeepsWhatIsNeeded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	count := func() (n int) {
		if err := w.keyring.SweepDecisions(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, k := range w.keyring.Keys() {
			if k.Purpose == keyring.Decision {
				n++
			}
		}
		return n
	}
	for range 2 {
		if _, err := w.keyring.Rotate(t.Context(), keyring.By{}, keyring.Decision, "", false); err != nil {
			t.Fatal(err)
		}
		w.now = w.now.Add(time.Hour)
	}
	if n := count(); n != 3 {
		t.Errorf("%d keys after two rotations", n)
	}
	w.now = start.Add(keyring.DecisionKept)
	if n := count(); n != 2 {
		t.Errorf("%d keys once the time of the first is over", n)
	}
	w.now = start.Add(keyring.DecisionKept * 10)
	if n := count(); n != 1 {
		t.Errorf("%d keys in the end", n)
	}
}

func FuzzOpen(f *testing.F) {
	w := newWorld(f)
	id := w.Seal(some)
	for _, seed := range []string{"", id, id[1:], strings.ToUpper(id), strings.Repeat("A", decided.Size), strings.Repeat("_", decided.Size), "AQ" + id[2:]} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := w.Open(text)
		if err == nil && text != id {
			t.Errorf("%q is opened: %+v", text, got)
		}
		if err != nil && !problem.Is(err, problem.Invalid) {
			t.Errorf("%q: %v", text, err)
		}
	})
}

func TestSealAllocates(t *testing.T) {
	w := newWorld(t)
	user := some
	user.Kind, user.Principal = policy.KindUser, "0192f0c1-7d2e-7c3a-8b1f-0123456789ab"
	for name, f := range map[string]decided.Facts{"a client": some, "a user": user} {
		if n := testing.AllocsPerRun(1000, func() { w.Seal(f) }); n > 1 {
			t.Errorf("%s: %v allocations, and one is the text", name, n)
		}
	}
}

func BenchmarkSeal(b *testing.B) {
	w := newWorld(b)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			w.Seal(some)
		}
	})
}
