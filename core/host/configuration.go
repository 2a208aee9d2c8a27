package host

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/gatehouse-id/gatehouse/core/admin"
	"github.com/gatehouse-id/gatehouse/core/config"
	"github.com/gatehouse-id/gatehouse/core/credential"
	"github.com/gatehouse-id/gatehouse/core/store"
	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// configurations answers for the admin API.
type configurations struct{ h *house }

// reportWidth is how wide a report is that goes over the admin API, in columns.
const reportWidth = 80

// Apply implements admin.Configuration.
func (c configurations) Apply(ctx context.Context, by credential.By, asked wire.NewConfig) (wire.AppliedConfig, error) {
	t := &terms{plan: asked.Plan, allow: asked.AllowLockout, always: true}
	now, report, err := c.h.reload(ctx, by.Actor, sourceOf(asked.Files), t)
	var text, list bytes.Buffer
	written := errors.Join(report.WriteText(&text, reportWidth, false), report.WriteJSON(&list))
	switch {
	case errors.Is(err, ErrConfiguration):
		return wire.AppliedConfig{}, errors.Join(written, wrongConfig(report))
	case problem.Is(err, problem.Changed), problem.Is(err, problem.Conflict), problem.Is(err, problem.Invalid):
		p := problem.As(err)
		return wire.AppliedConfig{}, problem.Wrap(err, p.Code, "the configuration is refused, and revision %d stays: %s", now.revision, p.Detail).WithHint("%s", p.Hint)
	case err != nil:
		return wire.AppliedConfig{}, problem.Wrap(err, problem.As(err).Code, "the configuration is refused, and revision %d stays: %s", now.revision, why(err))
	}
	return wire.AppliedConfig{Revision: now.revision, Diagnostics: list.Bytes(), Report: text.String(), Plan: t.made}, written
}

// wrongConfig is the refusal of a configuration with mistakes.
func wrongConfig(report *config.Report) error {
	var text, list bytes.Buffer
	written := errors.Join(report.WriteText(&text, reportWidth, false), report.WriteJSON(&list))
	return errors.Join(written, &admin.RefusedConfig{
		Problem: problem.New(problem.Invalid, "%s", ErrConfiguration), Diagnostics: list.Bytes(), Report: text.String(),
	})
}

// Plan implements admin.Configuration.
func (c configurations) Plan(ctx context.Context, asked wire.NewPlan) (admin.Planning, error) {
	choose, err := newChooser(asked)
	if err != nil {
		return nil, err
	}
	next, err := c.h.glance(ctx, sourceOf(asked.Files))
	if err != nil {
		return nil, err
	}
	select {
	case c.h.planning <- struct{}{}:
	default:
		return nil, problem.New(problem.Unavailable, "another plan is being made").WithHint("one at a time is made, since each reads the whole directory").WithRetryAfter(retryPlan)
	}
	return func(ctx context.Context, emit func(wire.PlanLine) error) error {
		defer func() { <-c.h.planning }()
		now := c.h.current.Load()
		made, err := c.h.compare(ctx, now.plan, next, now.revision, choose.watch(emit))
		if err != nil {
			return err
		}
		return emit(wire.PlanLine{Plan: &made})
	}, nil
}

// retryPlan is after how long another plan may be made.
const retryPlan = 5 * time.Second

// glance looks at a configuration that is not to be taken. What is started for it
// is stopped again.
func (h *house) glance(ctx context.Context, source config.Source) (*plan, error) {
	h.reloading.Lock() // plugins come and go with it
	defer h.reloading.Unlock()
	c, report := h.load(source, false)
	p, started, err := h.examined(ctx, source, c, report)
	h.stopPlugins(context.WithoutCancel(ctx), started)
	if errors.Is(err, ErrConfiguration) {
		return nil, wrongConfig(report)
	}
	return p, err
}

// why is an error for an operator: of a failure of our own, no more than that
// there was one, since it may be anything.
func why(err error) string {
	if p := problem.As(err); p.Hint != "" {
		return p.Detail + ": " + p.Hint
	}
	return problem.As(err).Detail
}

// Revisions implements admin.Configuration.
func (c configurations) Revisions(ctx context.Context, before int64, limit int) ([]wire.Revision, error) {
	list := []wire.Revision{}
	err := c.h.store.Read(ctx, func(tx *store.Tx) error {
		rows, err := tx.Query(ctx, `SELECT number, created_at, actor, digest FROM config_revision WHERE number < $1 ORDER BY number DESC LIMIT $2`, before, limit)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var r wire.Revision
			var at int64
			if err := rows.Scan(&r.Number, &at, &r.Actor, &r.Digest); err != nil {
				return err
			}
			r.CreatedAt = time.UnixMicro(at).UTC()
			list = append(list, r)
		}
		return rows.Err()
	})
	return list, err
}

// Revision implements admin.Configuration.
func (c configurations) Revision(ctx context.Context, number int64) (wire.RevisionDetail, error) {
	d := wire.RevisionDetail{Revision: wire.Revision{Number: number}, Files: []wire.ConfigFile{}}
	var at int64
	var files string
	err := c.h.store.Read(ctx, func(tx *store.Tx) error {
		return tx.QueryRow(ctx, `SELECT created_at, actor, digest, files FROM config_revision WHERE number = $1`, number).Scan(&at, &d.Actor, &d.Digest, &files)
	})
	if errors.Is(err, store.ErrNotFound) {
		return d, problem.New(problem.NotFound, "there is no revision %d", number)
	}
	if err != nil {
		return d, err
	}
	var source config.Source
	if err := json.Unmarshal([]byte(files), &source); err != nil {
		return d, fmt.Errorf("revision %d of the configuration cannot be read: %w", number, err)
	}
	d.CreatedAt = time.UnixMicro(at).UTC()
	for _, f := range source.Files {
		d.Files = append(d.Files, wire.ConfigFile{Name: f.Name, Text: string(f.Text)})
	}
	return d, nil
}
