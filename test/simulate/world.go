package simulate

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
)

// world is the provider's own directory, and what is done to it.
type world struct {
	provider provider
	session  *session
	random   *rand.Rand
	parallel int
	people   []*person
	groups   []*group
}

type phase struct {
	name     string
	run      func(ctx context.Context) error
	compared bool // what is there before the first sync is nobody's business
}

// phases are the life cycle, in the order in which a customer goes through it.
func (w *world) phases(o Options) []phase {
	list := []phase{
		{"test connection", func(ctx context.Context) error {
			return again(ctx, func(ctx context.Context) error { return w.provider.test(ctx, w.session) })
		}, false},
		{"first sync of users", w.firstUsers, true},
		{"first sync of groups", w.firstGroups, true},
		{"profile changes", w.profiles, true},
		{"group moves", w.moves, true},
		{"deactivation", w.deactivate, true},
		{"reactivation", w.reactivate, true},
	}
	if !o.Keep {
		list = append(list, phase{"deletion", w.removeAll, true})
	}
	return list
}

// task is something to do that does not depend on its neighbours.
type task func(ctx context.Context) error

// each does tasks in an order of its own, several at once, and each again when
// it failed, as the providers do.
func (w *world) each(ctx context.Context, tasks []task) error {
	if w.parallel > 1 {
		w.random.Shuffle(len(tasks), func(i, j int) { tasks[i], tasks[j] = tasks[j], tasks[i] })
	}
	queue := make(chan task)
	var mu sync.Mutex
	var errs []error
	var wg sync.WaitGroup
	for range w.parallel {
		wg.Go(func() {
			for t := range queue {
				if err := again(ctx, t); err != nil {
					mu.Lock()
					errs = append(errs, err)
					mu.Unlock()
				}
			}
		})
	}
	for _, t := range tasks {
		queue <- t
	}
	close(queue)
	wg.Wait()
	return errors.Join(errs...)
}

// attempts is how often a provider begins a task whose way was cut off.
const attempts = 50

func again(ctx context.Context, t task) (err error) {
	for range attempts {
		if err = t(ctx); err == nil || !errors.Is(err, errOnTheWay) {
			return err
		}
	}
	return err
}

func (w *world) firstUsers(ctx context.Context) error {
	var tasks []task
	for _, p := range w.people {
		tasks = append(tasks, func(ctx context.Context) error {
			err := w.provider.createUser(ctx, w.session, p)
			p.there = p.there || err == nil
			return err
		})
	}
	if err := w.each(ctx, tasks); err != nil {
		return err
	}
	m, ok := w.provider.(managed)
	if !ok {
		return nil
	}
	tasks = nil
	for _, p := range w.people {
		tasks = append(tasks, func(ctx context.Context) error { return m.manager(ctx, w.session, p) })
	}
	return w.each(ctx, tasks)
}

func (w *world) firstGroups(ctx context.Context) error {
	var tasks []task
	for _, g := range w.groups {
		var first []*person
		for _, p := range w.people {
			if w.random.IntN(len(w.groups)) == 0 || len(w.groups) == 1 {
				first = append(first, p)
			}
		}
		tasks = append(tasks, func(ctx context.Context) error {
			if err := w.provider.createGroup(ctx, w.session, g); err != nil {
				return err
			}
			g.there = true
			return w.move(ctx, g, first, nil)
		})
	}
	return w.each(ctx, tasks)
}

// move changes who is in a group. The provider's own directory has changed
// before it tells anybody.
func (w *world) move(ctx context.Context, g *group, add, remove []*person) error {
	for _, p := range add {
		g.members[p] = true
	}
	for _, p := range remove {
		delete(g.members, p)
	}
	if len(add)+len(remove) == 0 {
		return nil
	}
	return w.provider.members(ctx, w.session, g, add, remove)
}

func (w *world) profiles(ctx context.Context) error {
	var tasks []task
	for _, p := range w.some(3) {
		p.title, p.department, p.family = pick(w.random, titles), pick(w.random, departments), pick(w.random, familyNames)
		tasks = append(tasks, func(ctx context.Context) error { return w.provider.updateUser(ctx, w.session, p) })
	}
	return w.each(ctx, tasks)
}

func (w *world) moves(ctx context.Context) error {
	var tasks []task
	for i, g := range w.groups {
		var add, remove []*person
		for _, p := range w.some(4) {
			if g.members[p] {
				remove = append(remove, p)
			} else {
				add = append(add, p)
			}
		}
		rename := i == 0
		if rename {
			g.display += " EU"
		}
		tasks = append(tasks, func(ctx context.Context) error {
			if rename {
				if err := w.provider.renameGroup(ctx, w.session, g); err != nil {
					return err
				}
			}
			return w.move(ctx, g, add, remove)
		})
	}
	return w.each(ctx, tasks)
}

// some are one in n of the people, at least one.
func (w *world) some(n int) []*person {
	var list []*person
	for _, p := range w.people {
		if w.random.IntN(n) == 0 {
			list = append(list, p)
		}
	}
	if len(list) == 0 {
		list = append(list, w.people[w.random.IntN(len(w.people))])
	}
	return list
}

func (w *world) deactivate(ctx context.Context) error {
	var tasks []task
	// Fewer than ten people, and less than a fifth: more would stop at a brake.
	for _, p := range w.some(8)[:1] {
		p.active = false
		tasks = append(tasks, func(ctx context.Context) error { return w.provider.setActive(ctx, w.session, p) })
	}
	return w.each(ctx, tasks)
}

func (w *world) reactivate(ctx context.Context) error {
	var tasks []task
	for _, p := range w.people {
		if !p.active {
			p.active = true
			tasks = append(tasks, func(ctx context.Context) error { return w.provider.setActive(ctx, w.session, p) })
		}
	}
	return w.each(ctx, tasks)
}

func (w *world) removeAll(ctx context.Context) error {
	var groups, users []task
	for _, g := range w.groups {
		groups = append(groups, func(ctx context.Context) error {
			err := w.provider.deleteGroup(ctx, w.session, g)
			g.there = g.there && err != nil
			return err
		})
	}
	if err := w.each(ctx, groups); err != nil {
		return err
	}
	for _, p := range w.people {
		p.active = false
		users = append(users, func(ctx context.Context) error { return w.provider.deleteUser(ctx, w.session, p) })
	}
	return w.each(ctx, users)
}
