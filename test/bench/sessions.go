//go:build linux

package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gatehouse-id/gatehouse/core/audit"
	"github.com/gatehouse-id/gatehouse/core/change"
	"github.com/gatehouse-id/gatehouse/core/directory"
	"github.com/gatehouse-id/gatehouse/core/session"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

// fewSessions are live in the smaller installation, and in use in both.
const fewSessions = 1000

const sessionsBlock = `
connection "people" {
  organization = "bench-0"
  provisioner "scim" {}
}
`

// signedOn is an installation in which so many people have signed on.
type signedOn struct {
	*gatehouse
	tokens []secret.Text
}

// liveSessions holds an installation with many live sessions against one with few.
func (b *bench) liveSessions(ctx context.Context) error {
	app, _, err := startFloor(ctx, serveUpstream, "")
	if err != nil {
		return err
	}
	defer app.stop()
	var hosts [2]signedOn
	for i, n := range []int{fewSessions, b.sessions} {
		fmt.Fprintf(os.Stderr, "sign-on: %s live sessions: starting\n", thousands(n))
		if hosts[i].gatehouse, err = startGatehouse(ctx, b.binary, setting{
			Upstream: "http://" + app.addr, More: sessionsBlock,
			prepare: both(populate(directory.Scope{Organization: "bench-0", Connection: "people"}, everybody, 0, n), hosts[i].begin(n)),
		}); err != nil {
			return err
		}
		defer hosts[i].stop()
	}
	few, many := hosts[0], hosts[1]
	all := many.requests(len(many.tokens))
	for _, w := range []struct {
		g    *gatehouse
		list [][]byte
	}{{few.gatehouse, few.requests(fewSessions)}, {many.gatehouse, all}} {
		if err := warm(w.g, w.list); err != nil {
			return err
		}
	}
	for round := range b.rounds {
		fmt.Fprintf(os.Stderr, "sign-on: live sessions, round %d of %d\n", round+1, b.rounds)
		least, err := b.measure(few.process, b.again(few.addr, few.requests(fewSessions)))
		if err != nil {
			return err
		}
		some, err := b.measure(many.process, b.again(many.addr, many.requests(fewSessions)))
		if err != nil {
			return err
		}
		turn, err := b.measure(many.process, b.again(many.addr, all))
		if err != nil {
			return err
		}
		b.signon.live.addSpeed(some, least)
		b.signon.inTurn.addSpeed(turn, least)
	}
	time.Sleep(restAfter)
	return b.signon.sessionShare.addShares(many.gatehouse, few.gatehouse)
}

// requests are checks of a page for whoever has signed on, with the first n sessions.
func (s *signedOn) requests(n int) [][]byte {
	list := make([][]byte, n)
	for i, token := range s.tokens[:n] {
		list[i] = fmt.Appendf(nil, "GET /auth/check HTTP/1.1\r\nHost: %s\r\nX-Forwarded-Method: GET\r\nX-Forwarded-Uri: %s\r\nCookie: %s=%s\r\n\r\n",
			s.addr, home, session.Cookie, token.Reveal())
	}
	return list
}

// begin signs that many people on, by the room that the host does it by.
func (s *signedOn) begin(n int) func(ctx context.Context, dir string) error {
	return func(ctx context.Context, dir string) (err error) {
		db, err := store.Open(ctx, store.Options{URL: "sqlite://" + filepath.Join(dir, "gatehouse.db")})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, db.Close()) }()
		sessions := session.New(session.Options{
			Store: db, Feed: change.NewFeed(db, time.Now), Audit: audit.New(time.Now, rand.Reader), Clock: time.Now, Random: rand.Reader,
		})
		const together = 1000
		for first := 0; first < n; first += together {
			var some []secret.Text
			err := db.Write(ctx, func(tx *store.Tx) error {
				some = some[:0]
				for i := first; i < min(first+together, n); i++ {
					_, token, err := sessions.Start(ctx, tx, session.By{Actor: "connection:people"}, session.Start{
						Organization: "bench-0", User: userID(i), Connection: "people", Instance: "people/saml", Host: "bench", Agent: "a browser", Address: "192.0.2.1",
						Identity: authn.Identity{Issuer: "https://idp.example/metadata", Subject: userName("first", i), SessionIndex: fmt.Sprintf("_s%d", i)},
					})
					if err != nil {
						return err
					}
					some = append(some, token)
				}
				return nil
			})
			if err != nil {
				return err
			}
			s.tokens = append(s.tokens, some...)
		}
		return nil
	}
}
