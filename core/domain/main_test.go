package domain_test

import (
	"context"
	"crypto/rand"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/core/audit"
	"github.com/gatehouse-id/gatehouse/core/change"
	"github.com/gatehouse-id/gatehouse/core/domain"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// start is the time at which a test begins.
var start = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// operator is confined to no organization.
var operator = domain.By{Actor: "local", TraceID: "trace-1"}

// confined is somebody of an organization.
func confined(organization string) domain.By {
	return domain.By{Actor: "admin_token:T-" + organization, Within: organization}
}

// resolver answers what a test says.
type resolver func(ctx context.Context, name string) ([]string, error)

func (r resolver) LookupTXT(ctx context.Context, name string) ([]string, error) { return r(ctx, name) }

// world is the room with a clock, a DNS and the files that a test sets.
type world struct {
	*domain.Domains
	audit *audit.Log
	store *store.Store
	clock atomic.Pointer[time.Time]
	filed atomic.Pointer[map[string]string]
	dns   atomic.Pointer[resolver]
}

func newWorld(t *testing.T, s *store.Store) *world {
	t.Helper()
	w := &world{store: s}
	w.at(start)
	w.file(nil)
	w.answer(func(context.Context, string) ([]string, error) { return nil, nil })
	now := func() time.Time { return *w.clock.Load() }
	w.audit = audit.New(now, rand.Reader)
	w.Domains = domain.New(domain.Options{
		Store: s, Feed: change.NewFeed(s, now), Audit: w.audit, Clock: now, Random: rand.Reader,
		Filed:    func(name string) string { return (*w.filed.Load())[name] },
		Resolver: resolver(func(ctx context.Context, name string) ([]string, error) { return (*w.dns.Load())(ctx, name) }),
	})
	return w
}

func (w *world) at(now time.Time)             { w.clock.Store(&now) }
func (w *world) file(filed map[string]string) { w.filed.Store(&filed) }
func (w *world) answer(r resolver)            { w.dns.Store(&r) }

// publish has the DNS answer every question with these texts.
func (w *world) publish(texts ...string) {
	w.answer(func(context.Context, string) ([]string, error) { return texts, nil })
}

func (w *world) add(t *testing.T, by domain.By, organization, name string) domain.Domain {
	t.Helper()
	one, err := w.Add(t.Context(), by, organization, name)
	if err != nil {
		t.Fatal(err)
	}
	return one
}

// prove adds a domain and proves it.
func (w *world) prove(t *testing.T, organization, name string) domain.Domain {
	t.Helper()
	one := w.add(t, operator, organization, name)
	w.publish(one.Challenge)
	one, err := w.Verify(t.Context(), operator, one.ID, false)
	if err != nil {
		t.Fatal(err)
	}
	return one
}

// owner is whose a domain is by the files of now and what was proved.
func (w *world) owner(t *testing.T, name string) string {
	t.Helper()
	owner, err := w.With(*w.filed.Load()).Owner(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return owner
}

// refused checks that an error is a Problem of this code that says the words.
func refused(t *testing.T, err error, code problem.Code, words ...string) {
	t.Helper()
	if !problem.Is(err, code) {
		t.Fatalf("error %v, want a %s", err, code)
	}
	said := problem.As(err).Detail + " | " + problem.As(err).Hint
	for _, want := range words {
		if !strings.Contains(said, want) {
			t.Errorf("it says %q, which does not contain %q", said, want)
		}
	}
}
