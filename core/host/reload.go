package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/gatehouse-id/gatehouse/core/config"
	"github.com/gatehouse-id/gatehouse/core/pluginhost"
	"github.com/gatehouse-id/gatehouse/core/server"
	"github.com/gatehouse-id/gatehouse/core/store"
)

// Time limits of a reload.
const (
	reloadLimit = 60 * time.Second
	settleLimit = 15 * time.Second // for what the generation before leaves behind
)

// refused is the last configuration that was not taken, while none was since.
type refused struct {
	at     time.Time
	reason string
}

// reload takes a configuration while requests go on, or refuses it as a whole:
// then everything is as it was. The report is never nil. An error is
// ErrConfiguration if the report holds the mistakes.
func (h *house) reload(ctx context.Context, actor string, source config.Source) (*generation, *config.Report, error) {
	h.reloading.Lock()
	defer h.reloading.Unlock()
	// Who asked may go away: what was begun is finished or undone.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), reloadLimit)
	defer cancel()
	before := h.current.Load()
	c, report := h.load(source, false)
	next, err := h.exchange(ctx, actor, before, source, c, report)
	if err != nil {
		reason := err.Error()
		if errors.Is(err, ErrConfiguration) {
			reason = report.Summary()
		}
		h.failures.Inc()
		h.refused.Store(&refused{h.clock(), reason})
		h.Logger.ErrorContext(ctx, "a new configuration is refused, and the one in force stays", "revision", before.revision, "actor", actor, "error", reason)
		return before, report, err
	}
	h.refused.Store(nil)
	h.Logger.InfoContext(ctx, "a new configuration is in force", "revision", next.revision, "actor", actor, "warnings", report.Len())
	h.settle(ctx, before, next)
	return next, report, nil
}

// exchange brings a configuration into force. The transaction that declares it
// is the last step that can fail; until then all that was done is undone.
func (h *house) exchange(ctx context.Context, actor string, before *generation, source config.Source, c *config.Config, report *config.Report) (next *generation, err error) {
	p, started, err := h.examine(ctx, source, c, report, h.plugins)
	defer func() {
		if err != nil {
			h.stopPlugins(ctx, started)
		}
	}()
	if err != nil {
		return nil, err
	}
	if report.HasErrors() {
		return nil, ErrConfiguration
	}
	c.WarnOfRestart(h.boot, report)
	changed := slices.DeleteFunc(slices.Clone(p.instances), before.has)
	defer func() {
		if err != nil {
			h.undo(ctx, changed, before)
		}
	}()
	if err := each(changed, func(in instance) error { return h.configure(ctx, in) }); err != nil {
		return nil, err
	}
	if next, err = h.build(ctx, p, before); err != nil {
		return nil, err
	}
	if next.revision, err = h.declare(ctx, actor, p); err != nil {
		return nil, err
	}
	next.requests.Revision = next.revision
	h.limitSessions(next.config)
	h.current.Store(next)
	h.streams.Follow(ctx, next.requests.Proxy)
	if err := h.fetch.Use(next.fetch); err != nil { // they have been checked
		h.Logger.ErrorContext(ctx, "the settings of the fetch block are not in force", "error", err)
	}
	return next, nil
}

// undo gives instances the configuration back that they had.
func (h *house) undo(ctx context.Context, changed []instance, before *generation) {
	err := each(changed, func(in instance) error {
		if old, ok := before.named(in.Name); ok {
			return h.configure(ctx, old)
		}
		return h.plugins.Remove(ctx, in.Name)
	})
	if err != nil {
		h.Logger.ErrorContext(ctx, "an instance could not be given its configuration back", "error", err)
	}
}

// settle removes what only the generation before needed, once no request is
// decided on in it.
func (h *house) settle(ctx context.Context, before, next *generation) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleLimit)
	defer cancel()
	if err := before.requests.Decided(ctx); err != nil {
		h.Logger.WarnContext(ctx, "requests that began with the configuration before are not waited for any longer", "error", err)
	}
	for _, in := range before.instances {
		if _, stays := next.named(in.Name); stays {
			continue
		}
		if err := h.plugins.Remove(ctx, in.Name); err != nil {
			h.Logger.WarnContext(ctx, "an instance could not be removed from its plugin", "instance", in.Name, "error", err)
		}
	}
	var gone []string
	for _, spec := range before.plugins {
		if !slices.ContainsFunc(next.plugins, func(o pluginhost.Spec) bool { return o.ID == spec.ID }) {
			gone = append(gone, spec.ID)
		}
	}
	h.stopPlugins(ctx, gone)
	before.requests.Proxy.Retire(next.requests.Proxy)
}

func (h *house) stopPlugins(ctx context.Context, ids []string) {
	_ = each(ids, func(id string) error { // none fails
		h.plugins.Stop(ctx, id)
		return nil
	})
}

// configuration is the condition that says which revision runs. A newer one
// that is refused is told, and takes nothing from being ready.
func (h *house) configuration() server.Condition {
	c := server.Condition{Name: "configuration", OK: true}
	if r := h.refused.Load(); r != nil {
		c.Detail = fmt.Sprintf("running revision %d; a newer configuration was refused at %s because: %s",
			h.current.Load().revision, r.at.UTC().Format(time.RFC3339), r.reason)
	}
	return c
}

// follow reloads when it is asked to, and in development when the files change,
// until ctx ends.
func (h *house) follow(ctx context.Context) {
	var changes <-chan time.Time
	if h.Dev && h.ConfigPath != "" {
		ticker := time.NewTicker(lookEvery)
		defer ticker.Stop()
		changes = ticker.C
	}
	seen := h.current.Load().source.Digest()
	for {
		select {
		case <-ctx.Done():
			return
		case s := <-h.Reload:
			h.hangup(ctx, s)
		case <-changes:
			source, err := h.source()
			if err != nil || source.Digest() == seen {
				continue // an editor may be replacing a file: the next look sees it
			}
			seen = source.Digest()
			h.print(h.reload(ctx, "dev", source))
		}
	}
}

// lookEvery is how often development looks for changed files.
const lookEvery = 500 * time.Millisecond

// hangup takes the files anew, or on PostgreSQL the latest revision: there a
// node with old files must not undo what was applied elsewhere.
func (h *house) hangup(ctx context.Context, s os.Signal) {
	source, err := h.source()
	if err == nil && h.store.Dialect() != store.SQLite {
		var last revision
		if last, _, err = latest(ctx, h.store); err == nil {
			source = last.source
		}
	}
	if err != nil {
		h.failures.Inc()
		h.refused.Store(&refused{h.clock(), err.Error()})
		h.Logger.ErrorContext(ctx, "the configuration cannot be read, and the one in force stays", "signal", s.String(), "error", err)
		return
	}
	h.print(h.reload(ctx, "signal", source))
}

// print shows the diagnostics to people, as validate does.
func (h *house) print(_ *generation, report *config.Report, _ error) {
	if report.Len() > 0 {
		_ = report.WriteText(h.Out, h.Width, h.Color) // the log has what matters
	}
}
