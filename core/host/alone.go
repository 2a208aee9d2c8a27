package host

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/gatehouse-id/gatehouse/core/config"
	"github.com/gatehouse-id/gatehouse/core/pluginhost"
	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// alone is a house without a host that runs: its store, and the files. The host
// must not be running, since it holds the store.
type alone struct {
	*house
	next     *plan
	before   *plan // what the latest revision says; nil where there is none yet
	revision int64 // that one's number
}

// openAlone reads the files and opens the store for them.
func (o Options) openAlone(ctx context.Context, end *closers) (*alone, error) {
	source, err := o.source()
	if err != nil {
		return nil, err
	}
	c, report := o.load(source, false)
	plugins, err := o.newPlugins("", pluginhost.Options{}, end)
	if err != nil {
		return nil, err
	}
	p, _, err := o.examine(ctx, source, c, report, plugins)
	if err != nil {
		return nil, err
	}
	if report.HasErrors() {
		return nil, o.refuse(report)
	}
	s, err := o.openStore(ctx, c, end)
	if err != nil {
		return nil, err
	}
	a := &alone{house: &house{Options: o, boot: c, store: s, clock: time.Now, random: rand.Reader}, next: p}
	if err := a.state(ctx, end); err != nil {
		return nil, err
	}
	last, there, err := latest(ctx, s)
	if err != nil || !there {
		return a, err
	}
	a.revision = last.number
	a.before, err = o.inForceAlone(ctx, last.source, plugins)
	return a, err
}

// inForceAlone is the configuration of the latest revision. With variables and files
// that are not there any more it is the same to people; with mistakes, such as a
// plugin that is gone, nobody can say what it was.
func (o Options) inForceAlone(ctx context.Context, source config.Source, plugins *pluginhost.Host) (*plan, error) {
	c, report := o.load(source, true)
	p, _, err := o.examine(ctx, source, c, report, plugins)
	if err != nil || report.HasErrors() {
		o.Logger.WarnContext(ctx, "the configuration in force cannot be read any more: what would change of it is not known", "error", err, "mistakes", report.Summary())
		return nil, nil //nolint:nilnil,nilerr // it is told, and must not keep anybody from a right one
	}
	return p, nil
}

// Decided is what an apply is decided by.
type Decided struct {
	Plan         string   // digest of a plan; "" is none
	AllowLockout []string // protected roles that may be left without an active holder
}

// Apply makes the files the configuration in force of a host that does not run.
func Apply(ctx context.Context, o Options, by Decided) (applied wire.AppliedConfig, err error) {
	var end closers
	defer func() { err = errors.Join(err, end.close()) }()
	a, err := o.openAlone(ctx, &end)
	if err != nil {
		return applied, err
	}
	t := &terms{plan: by.Plan, allow: by.AllowLockout, always: true}
	switch {
	case a.before != nil:
		if err := a.judge(ctx, a.before, a.next, a.revision, t); err != nil {
			return applied, err
		}
	case by.Plan != "":
		return applied, unknownBefore()
	}
	applied.Plan = t.made
	applied.Revision, err = a.declare(ctx, "apply", a.next)
	return applied, err
}

// Plan says what the files would change of a host that does not run.
func Plan(ctx context.Context, o Options, asked wire.NewPlan, emit func(wire.PlanLine) error) (made wire.Plan, err error) {
	var end closers
	defer func() { err = errors.Join(err, end.close()) }()
	choose, err := newChooser(asked)
	if err != nil {
		return made, err
	}
	a, err := o.openAlone(ctx, &end)
	if err != nil {
		return made, err
	}
	if a.before == nil {
		return made, unknownBefore()
	}
	return a.compare(ctx, a.before, a.next, a.revision, choose.watch(emit))
}

func unknownBefore() error {
	return problem.New(problem.NotFound, "there is no configuration in force that files could be compared with").
		WithHint("gatehouse validate says what is wrong with the files; gatehouse apply, without a plan, brings the first into force")
}
