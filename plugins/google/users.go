package google

import (
	"context"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"

	"github.com/gatehouse-id/gatehouse/sdk/directory"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/sdk/provision"
)

// pageMost is how much a page has: less than users.list could give, so that the
// answer has room for what people write about themselves.
const pageMost = 200

// userFields are those that are read of a user (the API's partial responses).
const userFields = "nextPageToken,users(id,primaryEmail,name,suspended,archived,emails,phones,organizations,relations,externalIds)"

// list is the query of a listing.
func (p *puller) list(page string) url.Values {
	q := url.Values{"maxResults": {strconv.Itoa(pageMost)}}
	if p.Domain != "" {
		q.Set("domain", p.Domain)
	} else {
		q.Set("customer", p.Customer)
	}
	if page != "" {
		q.Set("pageToken", page)
	}
	return q
}

// users takes a page of users.list over.
func (p *puller) users(ctx context.Context, at cursor) (next cursor, err error) {
	q := p.list(at.Page)
	q.Set("showDeleted", "false")
	q.Set("fields", userFields)
	var page struct {
		Users []user `json:"users"`
		Next  string `json:"nextPageToken"`
	}
	if err := p.api.get(ctx, "/admin/directory/v1/users", q, &page); err != nil {
		return at, err
	}
	if err := p.takeUsers(ctx, page.Users); err != nil {
		return at, err
	}
	at.Users += len(page.Users)
	if err := checkPage(at.Page, page.Next); err != nil {
		return at, err
	}
	if at.Page = page.Next; at.Page != "" {
		return at, nil
	}
	if at.Users == 0 { // not even the administrator: else everybody would be taken away
		return at, problem.New(problem.BadUpstream, "Google lists no user at all").WithHint("check customer and domain")
	}
	return cursor{Version: at.Version, Of: at.Of, Phase: atGroups}, nil
}

// pageLimit bounds a page's token, so that a cursor and a URL have room for it.
const pageLimit = 4 << 10

// checkPage refuses a token of the next page that a pass cannot go on with.
func checkPage(page, next string) error {
	switch {
	case len(next) > pageLimit:
		return problem.New(problem.BadUpstream, "Google's token of the next page is longer than %d bytes", pageLimit)
	case next != "" && next == page:
		return problem.New(problem.BadUpstream, "Google names a page as the one after itself")
	}
	return nil
}

// takeUsers makes the directory's users what Google's are.
func (p *puller) takeUsers(ctx context.Context, users []user) error {
	var ids, names []string
	for _, u := range users {
		if !idForm.MatchString(u.ID) || u.PrimaryEmail == "" {
			return problem.New(problem.BadUpstream, "Google lists a user without an id or without an address")
		}
		ids, names = append(ids, u.ID), append(names, u.PrimaryEmail)
		if m := u.manager(); m != "" {
			names = append(names, m)
		}
	}
	known, err := p.find(ctx, directory.User, "externalId", ids)
	if err != nil {
		return err
	}
	named, err := p.find(ctx, directory.User, "userName", names)
	if err != nil {
		return err
	}
	byID, byName := map[string]directory.Resource{}, map[string]directory.Resource{}
	for _, r := range known { // of two who have one id the first stays, and the other is not seen
		if _, there := byID[r.ExternalID]; !there {
			byID[r.ExternalID] = r
		}
	}
	for _, r := range named {
		byName[strings.ToLower(userName(r))] = r
	}
	changes, err := p.changes(ctx, users, byID, byName)
	if err != nil || len(changes) == 0 {
		return err
	}
	_, err = p.host.Apply(ctx, changes)
	return err
}

// changes are those that a page of users makes. Whoever is in the way of a name
// is renamed first.
func (p *puller) changes(ctx context.Context, users []user, byID, byName map[string]directory.Resource) ([]directory.Change, error) {
	var first, then []directory.Change
	at, managers, seen := make([]string, len(users)), map[string]string{}, map[string]bool{}
	for name, r := range byName {
		managers[name] = r.ID
	}
	for i, u := range users {
		name := strings.ToLower(u.PrimaryEmail)
		if mine, ok := byID[u.ID]; ok {
			at[i] = mine.ID
		}
		holder, taken := byName[name]
		switch {
		case !taken || holder.ID == at[i]:
		case at[i] == "" && holder.ExternalID == "": // of another provisioner before, or made without an id
			at[i] = holder.ID
			byID[u.ID] = holder
		default:
			renamed, err := moveAside(holder)
			if err != nil {
				return nil, err
			}
			first = append(first, renamed)
			provision.Record(ctx, provision.Note{Rule: "name-moved", Detail: "a user has the address that another had: the other, " + holder.ID + ", was renamed until Google lists them, or does not"})
		}
		if at[i] == "" {
			at[i] = directory.NewID()
		}
		managers[name] = at[i]
	}
	for i, u := range users {
		if seen[u.ID] {
			continue // a page that was changed while it was made may have one twice
		}
		seen[u.ID] = true
		attributes, err := u.attributes(managers[strings.ToLower(u.manager())])
		if err != nil {
			return nil, err
		}
		r := directory.Resource{Type: directory.User, ID: at[i], ExternalID: u.ID, Attributes: attributes}
		if _, there := byID[u.ID]; there {
			then = append(then, directory.Replace{Resource: r})
		} else {
			then = append(then, directory.Create{Resource: r, Adopt: p.Adopt})
		}
	}
	return append(first, then...), nil
}

// moveAside takes a user's name away and leaves the rest. Who it is has changed
// their address, and is listed with the new one by the end of the pass; so two who
// swap addresses are no conflict. Or they are gone: since this change counts as
// having seen them, they leave with the end of the next pass.
func moveAside(r directory.Resource) (directory.Change, error) {
	var attributes map[string]json.RawMessage
	if err := json.Unmarshal(r.Attributes, &attributes); err != nil {
		return nil, problem.Wrap(err, problem.Internal, "the directory's user %s cannot be read", r.ID)
	}
	attributes["userName"], _ = json.Marshal("renamed:" + r.ID) // a text always encodes
	text, err := json.Marshal(attributes)
	if err != nil {
		return nil, problem.Wrap(err, problem.Internal, "the directory's user %s cannot be renamed", r.ID)
	}
	return directory.Replace{Resource: directory.Resource{Type: directory.User, ID: r.ID, ExternalID: r.ExternalID, Attributes: text}}, nil
}

func userName(r directory.Resource) string {
	var named struct {
		UserName string `json:"userName"`
	}
	_ = json.Unmarshal(r.Attributes, &named) // the directory has checked what it keeps
	return named.UserName
}

// find looks resources up by one attribute.
func (p *puller) find(ctx context.Context, t directory.Type, attribute string, values []string) (found []directory.Resource, err error) {
	const most = 200 // of one question
	for len(values) > 0 {
		part := values[:min(most, len(values))]
		values = values[len(part):]
		f := directory.Filter{Op: directory.Or}
		for _, v := range part {
			f.Filters = append(f.Filters, directory.Filter{Op: directory.Equal, Path: directory.Path{attribute}, Value: v, CaseExact: attribute == "externalId"})
		}
		page, err := p.host.Find(ctx, directory.Query{Type: t, Filter: &f, Limit: directory.PageLimit, Attributes: attribute == "userName"})
		switch {
		case err != nil:
			return nil, err
		case page.Next != "": // many have one external id: who is who?
			return nil, problem.New(problem.Conflict, "more than %d users of the connection have the external ids of %d people", directory.PageLimit, len(part))
		}
		found = append(found, page.Resources...)
	}
	return found, nil
}
