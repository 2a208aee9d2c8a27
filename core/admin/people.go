package admin

import (
	"context"
	"net/http"
	"regexp"

	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// People is the directory as an operator sees it, with the roles that were given.
// Lists are ordered by id and begin after the After of the query; one that has an
// After which nobody has begins behind it all the same. What is asked for within
// an organization ("" is all) is not there if it is of another: a Problem
// (NotFound).
type People interface {
	Users(ctx context.Context, q wire.PeopleQuery) ([]wire.User, error)
	User(ctx context.Context, within, id string) (wire.UserDetail, error)

	// UserNames are the userNames of users by their ids, also of those who were
	// deleted; whoever was purged has none.
	UserNames(ctx context.Context, within string, ids []string) (map[string]string, error)
	Groups(ctx context.Context, q wire.PeopleQuery) ([]wire.Group, error)

	// Group returns a group, and its members by id after the given one, at most
	// limit.
	Group(ctx context.Context, within, id, after string, limit int) (wire.Group, []wire.GroupMember, error)
}

// resourceIDForm is the pattern of ids in the directory.
const resourceIDForm = `^[0-9A-Za-z-]{1,64}$`

var resourceID = regexp.MustCompile(resourceIDForm)

func (a *API) listUsers(c *call) (int, any, error) {
	asked, err := a.people(c, "user_name")
	if err != nil {
		return 0, nil, err
	}
	limit := asked.Limit
	asked.Limit++
	users, err := a.People.Users(c.Context(), asked)
	if err != nil {
		return 0, nil, err
	}
	page := wire.UserPage{Users: append([]wire.User{}, users[:min(len(users), limit)]...)}
	if len(users) > limit {
		page.Next = users[limit-1].ID
	}
	return http.StatusOK, page, nil
}

func (a *API) listGroups(c *call) (int, any, error) {
	asked, err := a.people(c, "display_name")
	if err != nil {
		return 0, nil, err
	}
	limit := asked.Limit
	asked.Limit++
	groups, err := a.People.Groups(c.Context(), asked)
	if err != nil {
		return 0, nil, err
	}
	page := wire.GroupPage{Groups: append([]wire.Group{}, groups[:min(len(groups), limit)]...)}
	if len(groups) > limit {
		page.Next = groups[limit-1].ID
	}
	return http.StatusOK, page, nil
}

// people reads what a list is asked for. Whoever is confined gets that of their
// organization.
func (a *API) people(c *call, name string) (wire.PeopleQuery, error) {
	asked, query, err := parseQuery(c.URL.RawQuery, resourceID, "organization", "connection", name)
	if err != nil {
		return wire.PeopleQuery{}, err
	}
	q := wire.PeopleQuery{Organization: query.Get("organization"), Connection: query.Get("connection"), Name: query.Get(name), After: asked.after, Limit: asked.limit}
	if query.Has("organization") {
		if err := a.checkOrganization(c.actor, q.Organization); err != nil {
			return wire.PeopleQuery{}, err
		}
	}
	if c.actor.organization != "" {
		q.Organization = c.actor.organization
	}
	if query.Has("connection") {
		if _, ok := a.connection(c.actor, q.Connection); !ok {
			return wire.PeopleQuery{}, noConnection(problem.Invalid, q.Connection)
		}
	}
	if query.Has(name) && (q.Name == "" || len(q.Name) > maxName) {
		return wire.PeopleQuery{}, problem.New(problem.Invalid, "%s is empty, or longer than %d bytes", name, maxName)
	}
	return q, nil
}

// maxName bounds a name that is looked for, in bytes.
const maxName = 1024

func (a *API) showUser(c *call) (int, any, error) {
	id, err := personID(c, "gatehouse users list")
	if err != nil {
		return 0, nil, err
	}
	detail, err := a.People.User(c.Context(), c.actor.organization, id)
	if err != nil {
		return 0, nil, err
	}
	detail.Groups, detail.Roles = append([]wire.Membership{}, detail.Groups...), append([]wire.Role{}, detail.Roles...)
	a.markRoles(detail.Roles, nil)
	return http.StatusOK, detail, nil
}

func (a *API) showGroup(c *call) (int, any, error) {
	asked, _, err := parseQuery(c.URL.RawQuery, resourceID)
	if err != nil {
		return 0, nil, err
	}
	id, err := personID(c, "gatehouse groups list")
	if err != nil {
		return 0, nil, err
	}
	group, members, err := a.People.Group(c.Context(), c.actor.organization, id, asked.after, asked.limit+1)
	if err != nil {
		return 0, nil, err
	}
	detail := wire.GroupDetail{Group: group, Members: append([]wire.GroupMember{}, members[:min(len(members), asked.limit)]...)}
	if len(members) > asked.limit {
		detail.Next = members[asked.limit-1].ID
	}
	return http.StatusOK, detail, nil
}

func personID(c *call, list string) (string, error) {
	id := c.PathValue("id")
	if !resourceID.MatchString(id) {
		return "", problem.New(problem.NotFound, "%s cannot be an id of the directory", quoted(id)).WithHint("%s", list)
	}
	return id, nil
}
