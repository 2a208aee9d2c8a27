package google

import (
	"context"
	"encoding/json"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/sdk/provision"
)

// requestsLimit is after how many requests a part ends, with what it has begun.
const requestsLimit = 20

// phase is what a pass is at.
type phase string

// The phases, in their order. The groups are there before anybody becomes a
// member of one, since a group may be in a group of a page that comes later.
const (
	atUsers   phase = "users"
	atGroups  phase = "groups"
	atMembers phase = "members"
)

// cursorVersion changes with what a cursor means.
const cursorVersion = 1

// cursor is where a pass is.
type cursor struct {
	Version int      `json:"v"`
	Of      string   `json:"of"` // what it is a pass over: settings.fingerprint
	Phase   phase    `json:"phase"`
	Page    string   `json:"page,omitempty"`   // token of the next page; "" is the first
	Users   int      `json:"users,omitempty"`  // how many were listed
	Groups  []string `json:"groups,omitempty"` // of the page before Page, whose members are still to be read
	Last    bool     `json:"last,omitempty"`   // there is no page after Groups
}

// puller goes through an account.
type puller struct {
	settings
	host Host
	api  *api
}

var _ provision.Puller = (*puller)(nil)

// Sync implements provision.Puller. A part that has come some way before an error
// ends there: what it was meets the next one.
func (p *puller) Sync(ctx context.Context, text string) (provision.Progress, error) {
	at := cursor{Version: cursorVersion, Of: p.fingerprint(), Phase: atUsers}
	if text != "" {
		var from cursor
		if json.Unmarshal([]byte(text), &from) != nil || from.Version != at.Version || from.Of != at.Of {
			return provision.Progress{}, problem.New(problem.Changed, "the configuration of the provisioner was changed since the pass began")
		}
		at = from
	}
	for requests := 0; ; {
		next, made, done, err := p.step(ctx, at)
		requests += made
		switch {
		case err != nil && at.same(text):
			return provision.Progress{}, err
		case err != nil:
			return provision.Progress{Cursor: at.String()}, nil //nolint:nilerr // it meets the next part
		case done:
			return provision.Progress{Done: true}, nil
		}
		if at = next; requests >= requestsLimit {
			return provision.Progress{Cursor: at.String()}, nil
		}
	}
}

// step does one thing: a page, or the members of one group.
func (p *puller) step(ctx context.Context, at cursor) (next cursor, requests int, done bool, err error) {
	switch at.Phase {
	case atUsers:
		next, err = p.users(ctx, at)
		return next, 1, false, err
	case atGroups:
		next, err = p.groups(ctx, at)
		return next, 1, false, err
	case atMembers:
		if len(at.Groups) > 0 {
			requests, err = p.members(ctx, at.Groups[0])
			at.Groups = at.Groups[1:]
			return at, requests, err == nil && len(at.Groups) == 0 && at.Last, err
		}
		next, err = p.memberPage(ctx, at)
		return next, 1, err == nil && len(next.Groups) == 0 && next.Last, err
	}
	return at, 0, false, problem.New(problem.Changed, "the cursor is at no phase of a pass")
}

func (c cursor) String() string {
	text, _ := json.Marshal(c) // texts and numbers always encode
	return string(text)
}

// same reports whether it is where a part began.
func (c cursor) same(text string) bool {
	return c.String() == text || text == "" && c.Phase == atUsers && c.Page == "" && c.Users == 0
}
