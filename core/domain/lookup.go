package domain

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// Resolver asks the DNS; a net.Resolver is one.
type Resolver interface {
	LookupTXT(ctx context.Context, name string) ([]string, error)
}

// Limits of looking for a challenge.
const (
	lookupLimit  = 10 * time.Second
	maxTexts     = 100 // TXT records of one name
	shownTexts   = 3   // of those that are something else
	underWay     = 2   // lookups of one organization at once
	askAgainSoon = 10 * time.Second
)

// NewResolver asks the DNS server that the function names, "host:port", or for ""
// those of the system.
func NewResolver(server func() string) *net.Resolver {
	var d net.Dialer
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		if s := server(); s != "" {
			address = s
		}
		return d.DialContext(ctx, network, address)
	}}
}

// lookups bounds how many an organization has under way: one that asks all the time
// is in nobody else's way.
type lookups struct {
	mu    sync.Mutex
	under map[string]int // by organization
}

func (l *lookups) begin(organization string) (end func(), err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.under[organization] >= underWay {
		return nil, problem.New(problem.Throttled, "the organization has %d domains looked for at this moment", underWay).
			WithHint("repeat the request when one of them has an answer").WithRetryAfter(time.Second)
	}
	l.under[organization]++
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.under[organization]--; l.under[organization] == 0 {
			delete(l.under, organization)
		}
	}, nil
}

// look asks the DNS for a claim's challenge. The error is a Problem: Conflict where
// the answer is not that, Unavailable where there is none.
func (d *Domains) look(ctx context.Context, one Domain) error {
	ctx, cancel := context.WithTimeout(ctx, lookupLimit)
	defer cancel()
	at := ChallengeName(one.Name)
	texts, err := d.Resolver.LookupTXT(ctx, at+".") // with the dot, so that no search list of ours adds to it
	if err != nil {
		return unanswered(ctx, one, err)
	}
	if len(texts) > maxTexts {
		return problem.New(problem.Conflict, "%s has %d TXT records, and no more than %d are looked at", at, len(texts), maxTexts).
			WithHint("take away those that are not needed")
	}
	switch {
	case slices.Contains(texts, one.Challenge):
		return nil
	case len(texts) == 0:
		return missing(one)
	}
	return problem.New(problem.Conflict, "the TXT record at %s does not have the challenge: it has %s, and is to have %s", at, among(texts), quoted(one.Challenge)).
		WithHint("publish the challenge as it stands there, without quotation marks; other records can stay beside it.\nWhere it was published already: resolvers go on with the answer before for as long as its TTL")
}

// among shows some texts of somebody else's.
func among(texts []string) string {
	var shown []string
	for _, text := range texts[:min(shownTexts, len(texts))] {
		shown = append(shown, quoted(text))
	}
	list := strings.Join(shown, ", ")
	if more := len(texts) - shownTexts; more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}
	return list
}

// missing is that there is no record at all.
func missing(one Domain) error {
	return problem.New(problem.Conflict, "there is no TXT record at %s", ChallengeName(one.Name)).
		WithHint("publish one there: %s\nMany DNS consoles add the domain by themselves: then the name to enter is %s. A name that was asked for before it was there can be taken for missing for some minutes", one.Challenge, challengeLabel)
}

// unanswered says why there was no answer to go by.
func unanswered(ctx context.Context, one Domain, err error) error {
	var answer *net.DNSError
	of := ChallengeName(one.Name)
	switch {
	case errors.As(err, &answer) && answer.IsNotFound:
		return missing(one)
	case errors.Is(ctx.Err(), context.Canceled):
		return err // the caller went away
	case ctx.Err() != nil || errors.Is(err, context.DeadlineExceeded) || errors.As(err, &answer) && answer.IsTimeout:
		return problem.Wrap(err, problem.Unavailable, "the DNS did not answer for %s in time", of).
			WithHint("repeat the request; if it stays so, look whether the name servers of the domain can be reached").WithRetryAfter(askAgainSoon)
	}
	return problem.Wrap(err, problem.Unavailable, "the DNS could not be asked for %s", of).
		WithHint("look at the name servers of the domain, and at the DNS server of this host").WithRetryAfter(askAgainSoon)
}
