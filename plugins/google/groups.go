package google

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"

	"github.com/gatehouse-id/gatehouse/sdk/directory"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/sdk/provision"
)

// group is what is read of one (REST resource: groups).
type group struct {
	ID      string   `json:"id"`
	Email   string   `json:"email"`
	Name    string   `json:"name"`
	Aliases []string `json:"aliases"`
}

// groupPage is a page of groups.list, with those that are taken over.
func (p *puller) groupPage(ctx context.Context, page string) (wanted []group, next string, err error) {
	q := p.list(page)
	q.Set("fields", "nextPageToken,groups(id,email,name,aliases)")
	var answer struct {
		Groups []group `json:"groups"`
		Next   string  `json:"nextPageToken"`
	}
	if err := p.api.get(ctx, "/admin/directory/v1/groups", q, &answer); err != nil {
		return nil, "", err
	}
	if len(answer.Groups) > pageMost { // the cursor has room for no more
		return nil, "", problem.New(problem.BadUpstream, "Google lists %d groups on a page, where %d were asked for", len(answer.Groups), pageMost)
	}
	seen := map[string]bool{}
	for _, g := range answer.Groups {
		if !idForm.MatchString(g.ID) || g.Name == "" && g.Email == "" {
			return nil, "", problem.New(problem.BadUpstream, "Google lists a group without an id, or without name and address")
		}
		if p.wants(g) && !seen[g.ID] {
			wanted = append(wanted, g)
		}
		seen[g.ID] = true
	}
	return wanted, answer.Next, checkPage(page, answer.Next)
}

// groups takes a page of groups over, without their members.
func (p *puller) groups(ctx context.Context, at cursor) (cursor, error) {
	page, next, err := p.groupPage(ctx, at.Page)
	if err != nil {
		return at, err
	}
	ids := make([]string, len(page))
	for i, g := range page {
		ids[i] = g.ID
	}
	known, err := p.known(ctx, directory.Group, ids)
	if err != nil {
		return at, err
	}
	var changes []directory.Change
	for _, g := range page {
		o := object{}
		if o.text("displayName", g.Name); len(o) == 0 {
			o.text("displayName", g.Email)
		}
		attributes, err := json.Marshal(o)
		if err != nil {
			return at, problem.Wrap(err, problem.Internal, "a group of Google's cannot be written down")
		}
		r := directory.Resource{Type: directory.Group, ID: known[g.ID], ExternalID: g.ID, Attributes: attributes}
		if r.ID != "" {
			changes = append(changes, directory.Replace{Resource: r})
			continue
		}
		r.ID = directory.NewID()
		changes = append(changes, directory.Create{Resource: r})
	}
	if len(changes) > 0 {
		if _, err := p.host.Apply(ctx, changes); err != nil {
			return at, err
		}
	}
	if at.Page = next; next == "" {
		at.Phase = atMembers
	}
	return at, nil
}

// memberPage lists the groups once more, for their members.
func (p *puller) memberPage(ctx context.Context, at cursor) (cursor, error) {
	page, next, err := p.groupPage(ctx, at.Page)
	if err != nil {
		return at, err
	}
	for _, g := range page {
		at.Groups = append(at.Groups, g.ID)
	}
	at.Page, at.Last = next, next == ""
	return at, nil
}

// A group with more members, or with more pages of them, is not taken over: all of
// it is read in one part. Pages may have fewer members than they could.
const (
	membersMost = 100_000
	pagesMost   = 2 * membersMost / pageMost
)

// member is what is read of one (REST resource: members).
type member struct {
	ID   string `json:"id"`
	Type string `json:"type"` // USER, GROUP, CUSTOMER or EXTERNAL
}

// members makes a group's members what they are at Google. A group that is gone
// there meanwhile is left to the next pass.
func (p *puller) members(ctx context.Context, external string) (requests int, err error) {
	group, err := p.known(ctx, directory.Group, []string{external})
	if err != nil || group[external] == "" {
		return 0, err
	}
	ids := map[string][]string{}
	left, all := 0, 0
	for page := ""; ; {
		q := url.Values{"maxResults": {strconv.Itoa(pageMost)}, "fields": {"nextPageToken,members(id,type)"}}
		if page != "" {
			q.Set("pageToken", page)
		}
		var answer struct {
			Members []member `json:"members"`
			Next    string   `json:"nextPageToken"`
		}
		requests++
		err := p.api.get(ctx, "/admin/directory/v1/groups/"+url.PathEscape(external)+"/members", q, &answer)
		if problem.Is(err, problem.NotFound) && page == "" {
			return requests, nil
		}
		if err != nil {
			return requests, again(err)
		}
		for _, m := range answer.Members {
			if m.Type != "USER" && m.Type != "GROUP" || !idForm.MatchString(m.ID) {
				left++
				continue
			}
			ids[m.Type] = append(ids[m.Type], m.ID)
		}
		if all += len(answer.Members); all > membersMost || requests == pagesMost && answer.Next != "" {
			provision.Record(ctx, provision.Note{Rule: "group-too-large", Detail: fmt.Sprintf("group %s has more than %d members, and keeps those that it had", external, membersMost)})
			return requests, nil
		}
		if err := checkPage(page, answer.Next); err != nil {
			return requests, err
		}
		if page = answer.Next; page == "" {
			break
		}
	}
	change := directory.Members{Group: group[external], All: true, SkipUnknown: true}
	for kind, t := range map[string]directory.Type{"USER": directory.User, "GROUP": directory.Group} {
		known, err := p.known(ctx, t, ids[kind])
		if err != nil {
			return requests, err
		}
		for _, id := range ids[kind] {
			if known[id] == "" {
				left++
				continue
			}
			change.Add = append(change.Add, known[id])
		}
	}
	if left > 0 {
		provision.Record(ctx, provision.Note{Rule: "members-left-out", Detail: fmt.Sprintf("%d members of group %s are no users or groups that were taken over", left, external)})
	}
	_, err = p.host.Apply(ctx, []directory.Change{change})
	return requests, err
}

// again is an error in the middle of a group, which begins anew: there is no
// cursor that leads nowhere.
func again(err error) error {
	if problem.Is(err, problem.Changed) {
		return problem.Wrap(err, problem.Unavailable, "Google changed the list of a group's members while it was read")
	}
	return err
}

// known are the directory's ids, by Google's.
func (p *puller) known(ctx context.Context, t directory.Type, external []string) (map[string]string, error) {
	found, err := p.find(ctx, t, "externalId", external)
	if err != nil {
		return nil, err
	}
	known := make(map[string]string, len(found))
	for _, r := range found {
		known[r.ExternalID] = r.ID
	}
	return known, nil
}
