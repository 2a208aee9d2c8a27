package pull

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/gatehouse-id/gatehouse/core/directory"
	"github.com/gatehouse-id/gatehouse/core/tracing"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

const (
	// leastWait and mostWait bound how long a source is left alone that has failed:
	// each time in a row twice as long.
	leastWait = 30 * time.Second
	mostWait  = time.Hour

	// batch is how many leave in one transaction, so that no writer waits long.
	batch = 50

	problemLimit = 500 // bytes of a failure that are kept
)

// Advance does what is due for a source now: it begins a pass, or goes on with
// one, until the pass is complete or something fails. The error is kept in the
// source's Status too.
func (p *Pulls) Advance(ctx context.Context, of Source) error {
	s, err := p.read(ctx, of)
	if err != nil || !s.due(p.Clock(), of.Every) {
		return err
	}
	s.Organization, s.Connection = of.Organization, of.Connection
	for {
		was := s
		if err := p.step(ctx, &s); err != nil {
			return p.failed(ctx, was, err)
		}
		s.Failures, s.Problem, s.RetryAt = 0, "", time.Time{}
		if err := p.save(ctx, was, s); err != nil {
			return err
		}
		if s.State == Waiting {
			p.Logger.InfoContext(ctx, "a pass over an identity provider is complete", "instance", s.Instance, "parts", s.Parts)
			return nil
		}
	}
}

// step does the next thing: what may be done twice, if it could not be saved.
func (p *Pulls) step(ctx context.Context, s *Status) (err error) {
	switch s.State {
	case Reading:
		return p.part(ctx, s)
	case Ending:
		if err := p.end(ctx, *s); err != nil {
			return err
		}
		s.State, s.CompletedAt = Waiting, p.Clock()
		return nil
	default:
		s.State, s.cursor, s.Parts, s.StartedAt = Reading, "", 0, p.Clock()
		s.pass, err = p.id()
		return err
	}
}

// id is 128 random bits, as a trace id has (W3C Trace Context §3.2.2.3).
func (p *Pulls) id() (string, error) {
	var id [16]byte
	if _, err := io.ReadFull(p.Random, id[:]); err != nil {
		return "", fmt.Errorf("reading randomness for a pass: %w", err)
	}
	return hex.EncodeToString(id[:]), nil
}

// part has the plugin go on from where the last part has ended.
func (p *Pulls) part(ctx context.Context, s *Status) error {
	trace, err := p.id()
	if err != nil {
		return err
	}
	p.mu.Lock()
	p.running[trace] = s.pass
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.running, trace)
	}()
	ctx = tracing.WithID(ctx, trace)
	progress, notes, err := p.Plugins.Sync(ctx, s.Instance, s.Organization, s.cursor)
	if err != nil {
		return err
	}
	for _, n := range notes {
		p.Logger.InfoContext(ctx, "what an identity provider has was taken over otherwise than it is there", "instance", s.Instance, "rule", n.Rule, "detail", n.Detail)
	}
	s.Parts++
	if s.cursor = progress.Cursor; progress.Done {
		s.State = Ending
	}
	return nil
}

// end takes away whom the pass has not seen. Whom the brake holds stays, and does
// not keep the others.
func (p *Pulls) end(ctx context.Context, s Status) error {
	by := directory.By{Actor: "connection:" + s.Connection, Pass: s.pass}
	scope := directory.Scope{Organization: s.Organization, Connection: s.Connection}
	var sum directory.Gone
	for after := ""; ; {
		gone, held, err := p.Directory.EndPass(ctx, by, scope, after, batch)
		if err != nil {
			return err
		}
		if held {
			p.Logger.WarnContext(ctx, "the brake holds people whom a pass over an identity provider has not seen", "instance", s.Instance, "people", gone.Users)
		} else {
			sum.Users, sum.Groups = sum.Users+gone.Users, sum.Groups+gone.Groups
		}
		if after = gone.Next; after == "" {
			break
		}
	}
	if sum.Users+sum.Groups > 0 {
		p.Logger.InfoContext(ctx, "a pass over an identity provider has not seen all who were there before", "instance", s.Instance, "deactivated", sum.Users, "groups_deleted", sum.Groups)
	}
	return nil
}

// failed keeps an error, and when the source is asked again. A pass whose cursor
// leads nowhere any more (Changed) begins anew then.
func (p *Pulls) failed(ctx context.Context, was Status, err error) error {
	if ctx.Err() != nil {
		return ctx.Err() // the host ends, and goes on from here at its next start
	}
	s, found := was, problem.As(err)
	s.Failures++
	s.Problem = found.Detail
	if found.Hint != "" {
		s.Problem += "; " + found.Hint
	}
	s.Problem = strings.ToValidUTF8(s.Problem[:min(len(s.Problem), problemLimit)], "")
	s.RetryAt = p.Clock().Add(min(max(found.RetryAfter, leastWait<<min(s.Failures-1, 7)), max(found.RetryAfter, mostWait)))
	if s.State == Reading && found.Code == problem.Changed {
		s.State, s.StartedAt = Waiting, time.Time{}
	}
	if saved := p.save(ctx, was, s); saved != nil {
		return fmt.Errorf("%w (and it could not be kept: %w)", err, saved)
	}
	return err
}
