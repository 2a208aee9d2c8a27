package access

import (
	"context"
	"net/http"
	"net/netip"
	"time"

	"github.com/gatehouse-id/gatehouse/core/change"
	"github.com/gatehouse-id/gatehouse/core/domain"
	"github.com/gatehouse-id/gatehouse/core/policy"
	"github.com/gatehouse-id/gatehouse/core/session"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

// Sessions finds the sessions of people with a browser.
type Sessions interface {
	// Find returns the session of a token, and until when it holds if it is not
	// used. Where there is none the error is a Problem (Unauthenticated).
	Find(ctx context.Context, token secret.Text) (session.Session, time.Time, error)

	// Mark notes that one was used.
	Mark(one session.Session, at time.Time)
}

// Domains knows whose an e-mail domain is; a domain.Known is one. A change of it comes
// with one of the organization's tag, and is known here by then.
type Domains interface {
	// Owner is the label of an organization; "" is that nobody has the domain.
	Owner(ctx context.Context, name string) (organization string, err error)
}

// bySession is how a session's token is read: it is no plugin's.
var bySession = &reading{instance: "session"}

// readSession finds the token of a session behind the credentials of programs. A
// cookie that is no token of ours is nobody's business here.
func (s *Service) readSession(h http.Header, found *[maxPresented]presented, n int) (int, error) {
	if s.Sessions == nil {
		return n, nil
	}
	token := session.TokenOf(h)
	id := session.IDOf(token)
	if id == "" {
		return n, nil
	}
	if n == maxPresented {
		return n, problem.New(problem.Invalid, "the request carries too many credentials").WithHint("send one")
	}
	found[n] = presented{by: bySession, id: id, secret: token.Reveal()}
	return n + 1, nil
}

// verifySession finds who has signed on. What that rests on includes the session
// itself, so that whoever ends it is not answered before this is forgotten.
func (s *Service) verifySession(ctx context.Context, token secret.Text) (*entry, error) {
	id := session.IDOf(token)
	deps := s.Feed.Observe(change.Session(id))
	found, until, err := s.Sessions.Find(ctx, token)
	if err != nil {
		return nil, err
	}
	principal, err := s.principal(ctx, subject{id: found.User, organization: found.Organization, session: &found})
	if err != nil {
		return nil, err
	}
	return &entry{verified: verified{principal: principal, expires: ending(until), keyID: id, deps: deps}}, nil
}

// lapsed reports whether a session would be over if it had not been used since it
// was verified. Whether it was, its row and what was marked say.
func (s *Service) lapsed(e *entry) bool {
	return e.principal.session != nil && e.expires.over(s.Clock())
}

// at reports whether a principal may come to a host. A session is for one: an
// application that sees its own host's cookies, as behind another proxy, gets into no
// other with them.
func (p *Principal) at(host string) bool { return p.session == nil || p.session.Host == host }

func elsewhere() error {
	return problem.New(problem.Unauthenticated, "the session is for another host").WithHint("sign on at this one")
}

// mark notes a use: of a key, or of a session.
func (s *Service) mark(e *entry, now time.Time, from netip.Addr) {
	if one := e.principal.session; one != nil {
		s.Sessions.Mark(*one, now)
		return
	}
	s.Used.Mark(e.keyID, now, from)
}

// grantUser finds who a user is, and which roles they were given.
func (s *Service) grantUser(ctx context.Context, p *Principal) (err error) {
	p.deps = s.Feed.Observe()
	if p.person, err = s.ownerOf(ctx, p, p.ID); err != nil {
		return err
	}
	p.granted, p.until = p.person.granted, p.person.until
	return nil
}

// rightsOfUser evaluates what a person may do. A session outlives neither their
// account nor their connection, whatever row was left of it.
func (s *Service) rightsOfUser(ctx context.Context, p *Principal, sub subject) (*rights, error) {
	who := p.person
	if !who.active || who.organization != sub.organization || !s.Connections[sub.session.Connection] || who.connection != "" && !s.Connections[who.connection] {
		return nil, problem.New(problem.Forbidden, "this account has no access any more").
			WithHint("ask whoever looks after the accounts of your company")
	}
	var err error
	if p.verified, err = s.verifiedEmail(ctx, who); err != nil {
		return nil, err
	}
	var r *rights
	granted, err := s.granted(ctx, p)
	if err == nil {
		r, err = s.evaluate(ctx, policy.Principal{Kind: KindUser, ID: sub.id, Organization: sub.organization, Grants: granted})
	}
	if err != nil {
		return nil, problem.Wrap(err, problem.Unavailable, "the roles of this account cannot be evaluated").WithRetryAfter(time.Second)
	}
	return r, nil
}

// verifiedEmail reports whether a person's e-mail address is shown as verified: it is
// of a domain that their organization has. Whoever creates users can give them any
// address; that of somebody else is nobody's proof.
func (s *Service) verifiedEmail(ctx context.Context, who *person) (bool, error) {
	name := domain.Of(who.email)
	if name == "" || s.Domains == nil {
		return false, nil
	}
	owner, err := s.Domains.Owner(ctx, name)
	return owner != "" && owner == who.organization, err
}

// tellOfUser adds what an assertion says of a person and of how they signed on.
func (s *Service) tellOfUser(p *Principal, told *claims) {
	if p.session == nil {
		return
	}
	a := p.session.Authentication
	told.Name, told.Email, told.Session = p.person.name, p.person.email, p.session.ID
	told.EmailVerified = p.verified
	told.AuthTime, told.Methods, told.Context = a.Time.Unix(), a.Methods, a.Context
}
