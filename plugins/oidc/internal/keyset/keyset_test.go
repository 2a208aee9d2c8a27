package keyset_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse-id/gatehouse/plugins/oidc/internal/keyset"
)

// provider publishes keys, and counts who asks.
type provider struct {
	mu    sync.Mutex
	keys  []*ecdsa.PrivateKey
	first int // number of the first one that is published
	down  bool
	asked atomic.Int64
}

func (p *provider) rotate(t *testing.T) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys = append(p.keys, k)
}

var errDown = errors.New("the provider is down")

func (p *provider) fetch(context.Context, string) ([]byte, time.Duration, error) {
	p.asked.Add(1)
	time.Sleep(50 * time.Millisecond) // as long as a network takes
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.down {
		return nil, 0, errDown
	}
	var set jose.JSONWebKeySet
	for i, k := range p.keys[p.first:] {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: k.Public(), KeyID: strconv.Itoa(p.first + i), Use: "sig"})
	}
	text, err := json.Marshal(set)
	return text, 0, err
}

// signed is a message, signed with a key under a name for it.
func (p *provider) signed(t *testing.T, key int, kid string) *jose.JSONWebSignature {
	t.Helper()
	p.mu.Lock()
	k := p.keys[key]
	p.mu.Unlock()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: k, KeyID: kid}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	made, err := signer.Sign([]byte("text"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := made.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := jose.ParseSignedCompact(text, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// store keeps blobs as the host does, for all sets that share it.
type store struct {
	mu    sync.Mutex
	blobs map[string][]byte
	gone  bool
}

func (s *store) Load(_ context.Context, name string) ([]byte, int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone {
		return nil, 0, errDown
	}
	return s.blobs[name], int64(len(s.blobs[name])), nil
}

func (s *store) Save(_ context.Context, name string, blob []byte, _ int64) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone {
		return 0, errDown
	}
	if s.blobs == nil {
		s.blobs = map[string][]byte{}
	}
	s.blobs[name] = blob
	return int64(len(blob)), nil
}

func newSet(p *provider, s *store) *keyset.Set {
	return keyset.New(keyset.Options{Name: "keys", URL: "https://idp.example/keys", Store: s, Clock: time.Now, Logger: slog.New(slog.DiscardHandler), Fetch: p.fetch})
}

func newProvider(t *testing.T, keys int) *provider {
	t.Helper()
	p := &provider{}
	for range keys {
		p.rotate(t)
	}
	return p
}

// A thousand tokens with keys that nobody knows, in a minute and many at once, have the
// keys fetched twice at most; and a thousand with a key that is known, and signatures
// that are not its, not at all.
func TestForged(t *testing.T) {
	t.Parallel()
	for what, kid := range map[string]func(i int) string{
		"keys that are made up":   func(i int) string { return "made-up-" + strconv.Itoa(i) },
		"one key that is made up": func(int) string { return "made-up" },
		"a key that is known":     func(int) string { return "0" },
		"no key's name":           func(int) string { return "" },
		"all of them":             func(i int) string { return []string{"made-up", "0", ""}[i%3] },
	} {
		for _, warm := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				p := newProvider(t, 1)
				s := newSet(p, &store{})
				stranger := newProvider(t, 1)
				if warm {
					if _, err := s.Verify(t.Context(), p.signed(t, 0, "0"), "ES256", "0"); err != nil {
						t.Fatal(err)
					}
				}
				before := p.asked.Load()
				var all sync.WaitGroup
				for i := range 1000 {
					forged := stranger.signed(t, 0, "x")
					all.Go(func() {
						time.Sleep(time.Duration(i) * 59 * time.Millisecond)
						_, err := s.Verify(t.Context(), forged, "ES256", kid(i))
						if !errors.Is(err, keyset.ErrUnknownKey) && !errors.Is(err, keyset.ErrSignature) {
							t.Errorf("%s: %v", what, err)
						}
					})
				}
				all.Wait()
				if asked := p.asked.Load() - before; asked > 2 {
					t.Errorf("%s (warm: %t): the keys were fetched %d times", what, warm, asked)
				}
			})
		}
	}
}

// Somebody with a good token of their own beside forged ones has nothing fetched more
// often.
func TestForgedBesideGood(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, stranger := newProvider(t, 1), newProvider(t, 1)
		s := newSet(p, &store{})
		good, forged := p.signed(t, 0, "0"), stranger.signed(t, 0, "x")
		for range 500 {
			if _, err := s.Verify(t.Context(), good, "ES256", "0"); err != nil {
				t.Fatal(err)
			}
			_, _ = s.Verify(t.Context(), forged, "ES256", rand.Text())
			time.Sleep(100 * time.Millisecond)
		}
		if asked := p.asked.Load(); asked > 3 { // the first time, and twice in vain
			t.Errorf("the keys were fetched %d times in %s", asked, 50*time.Second)
		}
	})
}

// Many who need the same new key at once have it fetched once.
func TestSingleFlight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(t, 1)
		s := newSet(p, &store{})
		for round := range 3 {
			signed := p.signed(t, round, strconv.Itoa(round))
			var all sync.WaitGroup
			for range 100 {
				all.Go(func() {
					if _, err := s.Verify(t.Context(), signed, "ES256", strconv.Itoa(round)); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
			p.rotate(t)
		}
		if asked := p.asked.Load(); asked != 3 {
			t.Errorf("three keys were fetched %d times", asked)
		}
	})
}

// A provider whose keys turn every 30 seconds fails nobody, whenever they come, and a
// key that it has withdrawn no longer counts after the set's time.
func TestRotation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(t, 1)
		s := newSet(p, &store{})
		for i := range 40 {
			time.Sleep(7 * time.Second)
			if i%4 == 3 { // about every 30 seconds
				p.rotate(t)
				p.mu.Lock()
				p.first = len(p.keys) - 1
				p.mu.Unlock()
			}
			newest := len(p.keys) - 1
			if _, err := s.Verify(t.Context(), p.signed(t, newest, strconv.Itoa(newest)), "ES256", strconv.Itoa(newest)); err != nil {
				t.Fatalf("after %d seconds: %v", 7*i, err)
			}
		}
		if _, err := s.Verify(t.Context(), p.signed(t, 0, "0"), "ES256", "0"); !errors.Is(err, keyset.ErrUnknownKey) {
			t.Errorf("a key that was withdrawn: %v", err)
		}
	})
}

// A withdrawn key counts until the set is fetched again, and no longer.
func TestWithdrawn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(t, 2)
		s := newSet(p, &store{})
		verify := func(key int) error {
			_, err := s.Verify(t.Context(), p.signed(t, key, strconv.Itoa(key)), "ES256", strconv.Itoa(key))
			return err
		}
		if err := errors.Join(verify(0), verify(1)); err != nil {
			t.Fatal(err)
		}
		p.first = 1
		time.Sleep(59 * time.Minute)
		if err := verify(0); err != nil {
			t.Errorf("within the set's time: %v", err)
		}
		time.Sleep(2 * time.Minute)
		if err := verify(0); !errors.Is(err, keyset.ErrUnknownKey) {
			t.Errorf("after it: %v", err)
		}
	})
}

// A provider that is down takes nothing away for a day, also after a restart and on
// another node; then nobody knows.
func TestDown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, kept := newProvider(t, 1), &store{}
		s := newSet(p, kept)
		verify := func(s *keyset.Set) error {
			_, err := s.Verify(t.Context(), p.signed(t, 0, "0"), "ES256", "0")
			return err
		}
		if err := verify(s); err != nil {
			t.Fatal(err)
		}
		p.down = true
		time.Sleep(2 * time.Hour)
		for what, set := range map[string]*keyset.Set{"the same": s, "another": newSet(p, kept)} {
			if err := verify(set); err != nil {
				t.Errorf("%s, while the provider is down: %v", what, err)
			}
		}
		if _, err := s.Verify(t.Context(), p.signed(t, 0, "1"), "ES256", "1"); !errors.Is(err, errDown) {
			t.Errorf("a key that may be newer: %v, want that nobody knows", err)
		}
		if err := verify(newSet(p, &store{})); !errors.Is(err, errDown) {
			t.Errorf("where nothing is kept: %v", err)
		}
		before := p.asked.Load()
		for range 100 {
			_ = verify(s)
		}
		if asked := p.asked.Load() - before; asked > 1 {
			t.Errorf("a provider that is down is asked %d times", asked)
		}
		time.Sleep(24 * time.Hour)
		if err := verify(s); !errors.Is(err, errDown) {
			t.Errorf("after a day: %v", err)
		}
		p.down = false
		time.Sleep(keyset.Every)
		if err := verify(s); err != nil {
			t.Errorf("when it is back: %v", err)
		}
	})
}

// What the host keeps saves the provider a question, and is no condition for one.
func TestStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, kept := newProvider(t, 1), &store{}
		verify := func(s *keyset.Set) {
			t.Helper()
			if _, err := s.Verify(t.Context(), p.signed(t, 0, "0"), "ES256", "0"); err != nil {
				t.Error(err)
			}
		}
		verify(newSet(p, kept))
		verify(newSet(p, kept))
		if asked := p.asked.Load(); asked != 1 {
			t.Errorf("two nodes asked %d times", asked)
		}
		verify(newSet(p, &store{gone: true}))
		kept.blobs["keys"] = []byte("nothing of ours")
		verify(newSet(p, kept))
		other := keyset.New(keyset.Options{Name: "keys", URL: "https://other.example/keys", Store: kept, Clock: time.Now, Logger: slog.New(slog.DiscardHandler), Fetch: p.fetch})
		before := p.asked.Load()
		verify(other)
		if p.asked.Load() == before {
			t.Error("the keys of one address are taken for those of another")
		}
	})
}

// A call that ends while it fetches is no reason for others to fail.
func TestAbandoned(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(t, 1)
		s := keyset.New(keyset.Options{
			Name: "keys", URL: "https://idp.example/keys", Store: &store{}, Clock: time.Now, Logger: slog.New(slog.DiscardHandler),
			Fetch: func(ctx context.Context, url string) ([]byte, time.Duration, error) {
				select {
				case <-ctx.Done():
					return nil, 0, ctx.Err()
				case <-time.After(time.Second):
					return p.fetch(ctx, url)
				}
			},
		})
		hasty, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		var all sync.WaitGroup
		all.Go(func() {
			if _, err := s.Verify(hasty, p.signed(t, 0, "0"), "ES256", "0"); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("the hasty one: %v", err)
			}
		})
		synctest.Wait()
		all.Go(func() {
			if _, err := s.Verify(t.Context(), p.signed(t, 0, "0"), "ES256", "0"); err != nil {
				t.Errorf("the other: %v", err)
			}
		})
		all.Wait()
	})
}

// A set that is none, or has no key that can verify, replaces none that does.
func TestBadSets(t *testing.T) {
	t.Parallel()
	for what, text := range map[string]string{
		"no JSON": "<html>", "no set": "{}", "null": "null", "an empty set": `{"keys":[]}`, "a list": `[]`,
		"only symmetric keys": `{"keys":[{"kty":"oct","k":"AAAA"}]}`, "large": `{"keys":[` + strings.Repeat(" ", keyset.Limit) + `]}`,
		"many": `{"keys":[` + strings.Repeat(`{},`, 101) + `{}]}`,
	} {
		s := keyset.New(keyset.Options{
			Name: "keys", URL: "https://idp.example/keys", Store: &store{}, Clock: time.Now, Logger: slog.New(slog.DiscardHandler),
			Fetch: func(context.Context, string) ([]byte, time.Duration, error) { return []byte(text), 0, nil },
		})
		p := newProvider(t, 1)
		if _, err := s.Verify(t.Context(), p.signed(t, 0, "0"), "ES256", "0"); err == nil || errors.Is(err, keyset.ErrUnknownKey) {
			t.Errorf("%s: %v, want that the keys are not to be had", what, err)
		}
	}
}
