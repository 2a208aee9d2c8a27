package domain_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/gatehouse-id/gatehouse/core/domain"
	"github.com/gatehouse-id/gatehouse/core/domain/dnstest"
	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

const place = "_gatehouse-challenge.acme.example"

// What a real server says, over UDP and TCP.
func TestWhatTheDNSSays(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.Open(t, storetest.SQLite(t)))
	server := dnstest.New(t)
	asked := domain.NewResolver(func() string { return server.Addr })
	w.answer(asked.LookupTXT)
	one := w.add(t, operator, "acme", "acme.example")
	other := w.add(t, operator, "globex", "acme.example")
	many := make([]string, 90)
	for i := range many {
		many[i] = strings.Repeat("x", 400)
	}
	for name, tt := range map[string]struct {
		set   func()
		code  problem.Code
		words []string
	}{
		"no such name":                   {func() {}, problem.Conflict, []string{"there is no TXT record at " + place, one.Challenge, "the name to enter is _gatehouse-challenge"}},
		"no record":                      {func() { server.Publish(place) }, problem.Conflict, []string{"there is no TXT record at " + place}},
		"another text":                   {func() { server.Publish(place, "v=spf1 -all") }, problem.Conflict, []string{`it has "v=spf1 -all", and is to have "` + one.Challenge + `"`}},
		"somebody else's challenge":      {func() { server.Publish(place, other.Challenge) }, problem.Conflict, []string{other.Challenge}},
		"more than is shown":             {func() { server.Publish(place, "a", "b", "c", "d", "e") }, problem.Conflict, []string{`"a", "b", "c" and 2 more`}},
		"hostile texts":                  {func() { server.Publish(place, "\x1b[2J\n<script>", strings.Repeat("é", 100)) }, problem.Conflict, []string{`"\x1b[2J\n<script>"`, "…"}},
		"a challenge in quotation marks": {func() { server.Publish(place, `"`+one.Challenge+`"`) }, problem.Conflict, []string{`"\"gatehouse-domain`, "without quotation marks"}},
		"a challenge that is cut":        {func() { server.Publish(place, one.Challenge[:40]) }, problem.Conflict, []string{"does not have the challenge"}},
		"a challenge with more behind":   {func() { server.Publish(place, one.Challenge+" ") }, problem.Conflict, []string{"does not have the challenge"}},
		"another case":                   {func() { server.Publish(place, strings.ToUpper(one.Challenge)) }, problem.Conflict, []string{"does not have the challenge"}},
		"a server that fails":            {func() { server.Fail(place, dnsmessage.RCodeServerFailure) }, problem.Unavailable, []string{"could not be asked"}},
		"a server that refuses":          {func() { server.Fail(place, dnsmessage.RCodeRefused) }, problem.Unavailable, []string{"could not be asked"}},
		"a huge answer":                  {func() { server.Publish(place, many...) }, problem.Conflict, []string{"and 87 more"}},
		"more records than are read":     {func() { server.Publish(place, append(make([]string, 100), one.Challenge)...) }, problem.Conflict, []string{"has 101 TXT records"}},
	} {
		t.Run(name, func(t *testing.T) { // one after the other: they have one name
			tt.set()
			_, err := w.Verify(t.Context(), operator, one.ID, false)
			refused(t, err, tt.code, tt.words...)
			said := problem.As(err).Detail
			if strings.ContainsFunc(said, func(r rune) bool { return r < ' ' }) || len(said) > 2000 {
				t.Errorf("it cannot be read: %q", said)
			}
			list, err := w.List(t.Context(), domain.Query{Organization: "acme", Limit: 1})
			if err != nil || !strings.HasPrefix(said, list[0].Failure) || list[0].Failure == "" || len(list[0].Failure) > 500 || list[0].CheckedAt.IsZero() {
				t.Errorf("%v; it is kept as %+v", err, list)
			}
			if w.owner(t, "acme.example") != "" {
				t.Fatal("it is proved")
			}
		})
		server.Fail(place, dnsmessage.RCodeNameError)
	}
	server.Publish(place, append(many, one.Challenge)...) // comes by TCP
	if proved, err := w.Verify(t.Context(), operator, one.ID, false); err != nil || proved.Failure != "" {
		t.Errorf("among many others: %+v, %v", proved, err)
	}
	if server.Asked(place) == 0 {
		t.Error("the server was never asked")
	}
}

// A server that says nothing, and one that cannot be reached.
func TestNobodyAnswers(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite(t))
	for name, tt := range map[string]struct {
		err   error
		words string
	}{
		"in time":          {&net.DNSError{Err: "i/o timeout", IsTimeout: true}, "did not answer"},
		"before the limit": {context.DeadlineExceeded, "did not answer"},
		"at all":           {&net.DNSError{Err: "connection refused"}, "could not be asked"},
		"with sense":       {errors.New("cannot unmarshal"), "could not be asked"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, s)
			one := w.add(t, operator, "acme", "acme.example")
			w.answer(func(context.Context, string) ([]string, error) { return []string{one.Challenge}, tt.err })
			_, err := w.Verify(t.Context(), operator, one.ID, false)
			refused(t, err, problem.Unavailable, tt.words)
			if problem.As(err).RetryAfter == 0 || w.owner(t, "acme.example") != "" {
				t.Errorf("%+v, of %q", problem.As(err), w.owner(t, "acme.example"))
			}
		})
	}
}

// A resolver that would take for ever is left after ten seconds.
func TestALookupHasALimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		err := domain.Look(t.Context(), resolver(func(ctx context.Context, _ string) ([]string, error) {
			<-ctx.Done()
			return nil, &net.DNSError{Err: ctx.Err().Error(), IsTimeout: true}
		}), domain.Domain{Name: "acme.example", Challenge: "x"})
		refused(t, err, problem.Unavailable, "did not answer")
		if took := time.Since(begun); took != 10*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

// An organization that asks all the time is in nobody else's way.
func TestLookupsOfOneOrganizationAreFew(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.Open(t, storetest.SQLite(t)))
	one, other := w.add(t, operator, "acme", "acme.example"), w.add(t, operator, "globex", "globex.example")
	arrived, leave := make(chan struct{}), make(chan struct{})
	w.answer(func(_ context.Context, name string) ([]string, error) {
		if strings.Contains(name, "acme") {
			arrived <- struct{}{}
			<-leave
		}
		return []string{one.Challenge, other.Challenge}, nil
	})
	done := make(chan error)
	for range 2 {
		go func() { done <- second(w.Verify(t.Context(), operator, one.ID, false)) }()
		<-arrived
	}
	refused(t, second(w.Verify(t.Context(), operator, one.ID, false)), problem.Throttled, "2 domains")
	if _, err := w.Verify(t.Context(), operator, other.ID, false); err != nil {
		t.Errorf("another organization: %v", err)
	}
	close(leave)
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// What was claimed may be removed, or claimed anew, while the DNS is asked.
func TestAClaimThatIsGoneMeanwhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.Open(t, storetest.SQLite(t)))
	one := w.add(t, operator, "acme", "acme.example")
	w.answer(func(context.Context, string) ([]string, error) {
		if _, err := w.Remove(t.Context(), operator, one.ID); err != nil {
			t.Error(err)
		}
		w.add(t, operator, "acme", "acme.example")
		return []string{one.Challenge}, nil
	})
	refused(t, second(w.Verify(t.Context(), operator, one.ID, false)), problem.NotFound)
	if w.owner(t, "acme.example") != "" {
		t.Error("another claim than the one that was looked for is proved")
	}
}
