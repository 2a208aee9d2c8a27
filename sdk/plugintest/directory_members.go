package plugintest

import (
	"slices"

	"github.com/gatehouse-id/gatehouse/sdk/directory"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

func (a *apply) members(c directory.Members) (directory.Outcome, error) {
	if c.All && len(c.Remove) > 0 {
		return directory.Outcome{}, problem.New(problem.Invalid, "those of Add are to be all members, and others are to be removed")
	}
	e, err := a.find(directory.Group, c.Group, c.Version)
	if err != nil {
		return directory.Outcome{}, err
	}
	var add, unknown []string
	for _, id := range slices.Compact(slices.Sorted(slices.Values(c.Add))) {
		if a.directory.canBeMember(id) {
			add = append(add, id)
		} else {
			unknown = append(unknown, id)
		}
	}
	if len(unknown) > 0 && !c.SkipUnknown {
		return directory.Outcome{}, problem.New(problem.Invalid, "there is no user or group %q", unknown[0])
	}
	was := e.members
	a.save(e)
	e.members = slices.Clone(was)
	if c.All {
		e.members = nil
	}
	remove := slices.Sorted(slices.Values(c.Remove))
	e.members = slices.DeleteFunc(e.members, func(id string) bool {
		_, gone := slices.BinarySearch(remove, id)
		return gone
	})
	e.members = append(e.members, add...)
	slices.Sort(e.members)
	e.members = slices.Compact(e.members)
	changed := !slices.Equal(was, e.members)
	if changed {
		a.touch(e)
	}
	out := e.outcome(changed)
	out.Unknown = unknown
	return out, nil
}

func (d *Directory) canBeMember(id string) bool {
	_, user := d.entry(directory.User, id)
	_, group := d.entry(directory.Group, id)
	return user || group
}
