package signon_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gatehouse-id/gatehouse/core/session"
	"github.com/gatehouse-id/gatehouse/core/signon"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
)

// asked is a connection whose IdP can be asked again.
func asked(onLogin bool) signon.Connection {
	c := okta
	c.OnLogin = onLogin
	c.Authenticators = slices.Clone(c.Authenticators)
	c.Authenticators[0].Refreshes = true
	return c
}

// renewable is jane with a token.
func renewable() authn.Identity {
	i := jane
	i.Refreshable, i.Keep = true, []byte("token")
	return i
}

// use is a click, a while after what was before.
func (w *world) use(b *browser, after time.Duration) {
	w.t.Helper()
	w.later(after)
	if s := b.session(); s != nil {
		w.sessions.Mark(*s, w.now())
	}
	if err := w.sessions.Flush(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// round asks once about what is due.
func (w *world) round() {
	w.t.Helper()
	if err := w.room.RefreshDue(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) renewals() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.plugin.renewed)
}

func TestASessionIsRefreshed(t *testing.T) {
	every := session.Defaults.Refresh
	each(t, []signon.Connection{asked(false)}, func(t *testing.T, w *world) {
		w.person(okta, "jane@acme.example")
		w.as(renewable())
		b := w.browser()
		b.signOn("acme-okta")
		for _, step := range []struct {
			name string
			do   func()
			want int // exchanges from the beginning
		}{
			{"just signed on", func() {}, 0},
			{"used, and not due", func() { w.use(b, every-time.Second) }, 0},
			{"due", func() { w.use(b, time.Second) }, 1},
			{"used again, and not due again", func() { w.use(b, every-time.Second) }, 1},
			{"due again, with the token of before", func() { w.use(b, time.Second) }, 2},
			{"not used since", func() { w.later(2 * every) }, 2},
			{"used at last", func() { w.use(b, time.Minute) }, 3},
		} {
			step.do()
			w.round()
			if got := w.renewals(); got != step.want {
				t.Errorf("%s: the IdP was asked %d times, want %d", step.name, got, step.want)
			}
			if b.session() == nil {
				t.Fatalf("%s: the session is over", step.name)
			}
		}
		if last := w.plugin.renewed[2]; string(last.Keep) != "token++" || last.Issuer != "https://idp.example" || last.Subject != "00u1" {
			t.Errorf("the third was asked with %q of %s, %s", last.Keep, last.Issuer, last.Subject)
		}
	})
}

func TestARefreshedSessionEnds(t *testing.T) {
	for _, row := range []struct {
		name    string
		onLogin bool
		change  func(w *world)
		reason  string // in the log; "" goes on
	}{
		{"the IdP refuses", false, func(w *world) { w.plugin.err = authn.Deny("session_over", "the grant is revoked") }, "session_over"},
		{"another's subject", false, func(w *world) {
			w.person(okta, "joe@acme.example")
			i := renewable()
			i.Subject, i.UserName = "00u2", "joe@acme.example"
			w.as(i)
		}, "another_subject"},
		{"nobody's subject", false, func(w *world) {
			i := renewable()
			i.Subject, i.UserName = "00u9", "nobody@acme.example"
			w.as(i)
		}, "not_provisioned"},
		{"more groups than may be", true, func(w *world) {
			i := renewable()
			i.GroupsState = authn.GroupsPresent
			for n := range 1000 {
				i.Groups = append(i.Groups, "group "+strings.Repeat("x", n))
			}
			w.as(i)
		}, "too_many_groups"},
		{"the IdP does not answer", false, func(w *world) { w.plugin.err = errors.New("no route to the IdP") }, ""},
		{"the IdP says less of its end than we do", false, func(w *world) {
			i := renewable()
			i.SessionEnds = w.now().Add(30 * 24 * time.Hour)
			w.as(i)
		}, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := lite(t, asked(row.onLogin))
			if !row.onLogin {
				w.person(okta, "jane@acme.example")
			}
			w.as(renewable())
			b := w.browser()
			b.signOn("acme-okta")
			row.change(w)
			w.use(b, session.Defaults.Refresh)
			w.round()
			if w.renewals() != 1 {
				t.Fatalf("the IdP was asked %d times", w.renewals())
			}
			if lives := b.session() != nil; lives != (row.reason == "") {
				t.Errorf("the session lives: %v", lives)
			}
			if row.reason != "" && (!strings.Contains(w.log.String(), "reason="+row.reason) || w.ended(t, session.NotRefreshed) != 1) {
				t.Errorf("the log does not say why, or no record does: %s", w.log.String())
			}
		})
	}
}

// ended counts the audit records of sessions that ended for a reason.
func (w *world) ended(t *testing.T, reason session.Reason) (n int) {
	t.Helper()
	err := w.store.Read(t.Context(), func(tx *store.Tx) error {
		return tx.QueryRow(t.Context(), `SELECT count(*) FROM audit_payload WHERE payload LIKE $1`, `%"reason":"`+string(reason)+`"%`).Scan(&n)
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestARefreshSaysAnEarlierEnd(t *testing.T) {
	w := lite(t, asked(false))
	w.person(okta, "jane@acme.example")
	w.as(renewable())
	b := w.browser()
	b.signOn("acme-okta")
	i := renewable()
	i.SessionEnds = w.now().Add(session.Defaults.Refresh + time.Hour)
	w.as(i)
	w.use(b, session.Defaults.Refresh)
	w.round()
	if s := b.session(); s == nil || !s.EndsAt.Equal(i.SessionEnds) {
		t.Fatalf("the session: %+v", s)
	}
	w.use(b, time.Hour)
	if b.session() != nil {
		t.Error("it goes on")
	}
}

// Groups that the IdP takes away are gone with the next answer, those of a list that is
// not whole are not.
func TestARefreshChangesGroups(t *testing.T) {
	w := lite(t, asked(true))
	i := renewable()
	i.GroupsState, i.Groups = authn.GroupsPresent, []string{"Analysts", "Staff"}
	w.as(i)
	b := w.browser()
	b.signOn("acme-okta")
	for _, step := range []struct {
		state authn.GroupsState
		said  []string
		want  []string
	}{
		{authn.GroupsAbsent, nil, []string{"Analysts", "Staff"}},
		{authn.GroupsPresent, []string{"Staff"}, []string{"Staff"}},
		{authn.GroupsPresent, []string{"Leads", "Staff"}, []string{"Leads", "Staff"}},
	} {
		i.GroupsState, i.Groups = step.state, step.said
		w.as(i)
		w.use(b, session.Defaults.Refresh)
		w.round()
		if got := w.groups(t, b.session().User); !slices.Equal(got, step.want) {
			t.Errorf("after %q they are in %q, want %q", step.said, got, step.want)
		}
	}
}

func (w *world) groups(t *testing.T, user string) (names []string) {
	t.Helper()
	list, err := w.directory.GroupsOf(t.Context(), user, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range list {
		names = append(names, g.Display)
	}
	slices.Sort(names)
	return names
}

// A token that counts once is used once, however many nodes there are: an IdP takes
// its second use for a theft, and ends the session.
func TestNodesDoNotRefreshTwice(t *testing.T) {
	each(t, []signon.Connection{asked(false)}, func(t *testing.T, w *world) {
		const people = 20
		w.person(okta, "jane@acme.example")
		w.as(renewable())
		var browsers []*browser
		for n := range people {
			i := renewable()
			i.Keep = []byte{byte('a' + n)}
			w.as(i)
			b := w.browser()
			b.signOn("acme-okta")
			browsers = append(browsers, b)
		}
		w.later(session.Defaults.Refresh)
		for _, b := range browsers {
			w.use(b, 0)
		}
		var nodes errgroup.Group
		for range 4 {
			nodes.Go(func() error { return w.room.RefreshDue(t.Context()) })
		}
		if err := nodes.Wait(); err != nil {
			t.Fatal(err)
		}
		if got := w.renewals(); got != people {
			t.Errorf("%d tokens were exchanged, want %d", got, people)
		}
		for _, b := range browsers {
			if b.session() == nil {
				t.Fatal("a session is over")
			}
		}
	})
}

// An IdP that does not answer is not asked about everybody else in the same round.
func TestASilentIdPIsLeftAlone(t *testing.T) {
	w := lite(t, asked(false))
	w.person(okta, "jane@acme.example")
	var browsers []*browser
	for n := range 18 {
		i := renewable()
		i.Keep = []byte{byte('a' + n)}
		w.as(i)
		b := w.browser()
		b.signOn("acme-okta")
		browsers = append(browsers, b)
	}
	w.later(session.Defaults.Refresh)
	for _, b := range browsers {
		w.use(b, 0)
	}
	w.plugin.err = errors.New("the IdP is down")
	w.round()
	if got := w.renewals(); got == 0 || got > 8 {
		t.Errorf("it was asked about %d of %d sessions", got, len(browsers))
	}
	if got := strings.Count(w.log.String(), "cannot be asked"); got != 1 {
		t.Errorf("the log says so %d times", got)
	}
}
