package host

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-id/gatehouse/core/config"
	"github.com/gatehouse-id/gatehouse/core/preview"
	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// previewLimit is how long it may take to find out what a configuration would
// change. A hundred thousand users take seconds.
const previewLimit = 10 * time.Minute

// newPreview makes the room that compares configurations.
func (h *house) newPreview() *preview.Preview {
	return preview.New(preview.Options{Store: h.store, Directory: h.directory, Grants: h.grants, Clients: h.records, Clock: h.clock})
}

// compare says what the next plan would change of the one before.
func (h *house) compare(ctx context.Context, before, next *plan, revision int64, w preview.Watcher) (wire.Plan, error) {
	ctx, cancel := context.WithTimeout(ctx, previewLimit)
	defer cancel()
	made, err := h.newPreview().Compare(ctx, h.side(before), h.side(next), w)
	if err != nil {
		return wire.Plan{}, err
	}
	made.Files, made.Revision = next.source.Digest(), revision
	sum := sha256.Sum256([]byte(made.Files + "\n" + made.Digest))
	made.Digest = hex.EncodeToString(sum[:])
	return made, nil
}

// terms are what a configuration has to fulfil before it counts.
type terms struct {
	plan   string   // the digest of the plan that it was decided by; "" is none
	allow  []string // protected roles that may be left without an active holder
	always bool     // whether what changes is found out in any case
	made   *wire.Plan
}

// judge refuses what the terms do not allow. It notes in them what would change,
// where it had to find out.
func (h *house) judge(ctx context.Context, before, next *plan, revision int64, t *terms) error {
	protected := false
	names := map[string]bool{}
	for _, p := range []*plan{before, next} {
		for _, r := range p.config.Roles {
			protected, names[r.Name] = protected || r.Protected, true
		}
	}
	for _, role := range t.allow {
		if !names[role] {
			return problem.New(problem.Invalid, "there is no role %q that could be left without a holder", role)
		}
	}
	if t.plan == "" && !t.always && !protected {
		return nil
	}
	made, err := h.compare(ctx, before, next, revision, preview.Watcher{})
	if err != nil {
		return err
	}
	t.made = &made
	if t.plan != "" && t.plan != made.Digest {
		return problem.New(problem.Changed, "it would not change any more what was planned: the directory or the configuration in force has changed since").
			WithHint("plan again, and look at what is different")
	}
	return lockedOut(made.Lockouts, t.allow)
}

// lockedOut refuses to leave protected roles without an active holder.
func lockedOut(all []wire.Lockout, allowed []string) error {
	var lines, flags []string
	for _, l := range all {
		if slices.Contains(allowed, l.Role) {
			continue
		}
		lines = append(lines, fmt.Sprintf("role %q in organization %q", l.Role, l.Organization))
		if flag := "--allow-lockout " + l.Role; !slices.Contains(flags, flag) {
			flags = append(flags, flag)
		}
	}
	if len(lines) == 0 {
		return nil
	}
	const most = 5
	if more := len(lines) - most; more > 0 {
		lines = append(lines[:most], fmt.Sprintf("%d more", more))
	}
	return problem.New(problem.Conflict, "a protected role would have no active holder any more: %s", strings.Join(lines, ", ")).
		WithHint("gatehouse plan names who would lose it; to go on all the same: %s", strings.Join(flags, " "))
}

// chooser lets through as many names as were asked for: of each role that is
// gained or lost, and of each reason for which access is.
type chooser struct {
	names int
	all   bool
	seen  map[string]int
}

// namesShown is how many are named where nobody says.
const namesShown = 20

func newChooser(asked wire.NewPlan) (*chooser, error) {
	c := &chooser{names: namesShown, all: asked.All, seen: map[string]int{}}
	if asked.Names != nil {
		c.names = *asked.Names
	}
	const most = 100_000
	if c.names < 0 || c.names > most {
		return nil, problem.New(problem.Invalid, "names is from 0 to %d", most).WithHint("with all, everybody is named")
	}
	return c, nil
}

func (c *chooser) lets(one wire.PlannedChange) bool {
	if c.all {
		return true
	}
	shown := false
	count := func(bucket string) {
		if c.seen[bucket]++; c.seen[bucket] <= c.names {
			shown = true
		}
	}
	for _, g := range one.Gains {
		count("+" + g.Role)
	}
	for _, g := range one.Loses {
		count("-" + g.Role)
	}
	if one.Access != "" {
		count(one.Access + " " + one.Because + " " + one.Connection)
	}
	return shown
}

// watch hands on what a comparison finds as lines.
func (c *chooser) watch(emit func(wire.PlanLine) error) preview.Watcher {
	return preview.Watcher{
		Change: func(one wire.PlannedChange) error {
			if !c.lets(one) {
				return nil
			}
			return emit(wire.PlanLine{Change: &one})
		},
		Progress: func(p wire.PlanProgress) error { return emit(wire.PlanLine{Progress: &p}) },
	}
}

// sourceOf is the configuration of a request.
func sourceOf(files []wire.ConfigFile) config.Source {
	var source config.Source
	for _, f := range files {
		source.Files = append(source.Files, config.File{Name: f.Name, Text: []byte(f.Text)})
	}
	slices.SortFunc(source.Files, func(a, b config.File) int { return strings.Compare(a.Name, b.Name) })
	return source
}
