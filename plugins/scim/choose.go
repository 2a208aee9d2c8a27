package scim

import (
	"context"

	"github.com/gatehouse-id/gatehouse/plugins/scim/filter"
	"github.com/gatehouse-id/gatehouse/plugins/scim/patch"
	"github.com/gatehouse-id/gatehouse/plugins/scim/scimerr"
	"github.com/gatehouse-id/gatehouse/sdk/directory"
)

const (
	// lookups is up to how many members are looked for one by one; for more the
	// group is read.
	lookups = 16

	// chooseLimit bounds the comparisons of members with filters in one request.
	chooseLimit = 4 << 20
)

var errNoMember = scimerr.New(scimerr.NoTarget, "The path chooses a member that the group does not have.")

// choose finds the members that a request removes by something else than their
// ids, and checks that those are there that must be. Only such requests read the
// members of a group.
func (h *handler) choose(ctx context.Context, group string, m patch.Members) ([]string, error) {
	if len(m.Select) == 0 && len(m.Expect) == 0 {
		return nil, nil
	}
	if len(m.Select) == 0 && len(m.Expect) <= lookups {
		return nil, h.expect(ctx, group, m.Expect)
	}
	missing := map[string]bool{}
	for _, id := range m.Expect {
		missing[id] = true
	}
	var chosen []string
	matched := make([]bool, len(m.Select))
	budget := filter.Budget{Left: chooseLimit}
	for after, more := "", true; more; {
		var list []directory.Member
		var err error
		if list, more, err = h.directory.Members(ctx, group, after, membersPage); err != nil {
			return nil, err
		}
		for _, member := range list {
			after = member.ID
			delete(missing, member.ID)
			is := false
			for i, s := range m.Select {
				if s.Match(member, &budget) {
					is, matched[i] = true, true
				}
			}
			if is {
				chosen = append(chosen, member.ID)
			}
		}
		if budget.Spent() {
			return nil, scimerr.Status(413, "The request compares more members than a single one may. Send it in parts.")
		}
		if len(list) == 0 {
			break
		}
	}
	for i, s := range m.Select {
		if s.MustMatch && !matched[i] {
			return nil, errNoMember
		}
	}
	if len(missing) > 0 {
		return nil, errNoMember
	}
	return chosen, nil
}

// expect checks that a group has these members.
func (h *handler) expect(ctx context.Context, group string, ids []string) error {
	for _, id := range ids {
		page, err := h.directory.Find(ctx, directory.Query{Type: directory.Group, ID: group, Filter: &directory.Filter{
			Op: directory.Equal, Path: directory.Path{"members", "value"}, Value: id, CaseExact: true,
		}})
		if err != nil {
			return err
		}
		if page.Total == 0 {
			return errNoMember
		}
	}
	return nil
}
