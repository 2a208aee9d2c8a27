package oidc

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"unicode"

	"github.com/gatehouse-id/gatehouse/plugins/oidc/internal/idtoken"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
)

// The limits of groups.
const (
	groupsMost  = 50_000  // that the host takes
	groupsBytes = 1 << 20 // of an answer with them
)

// groups reads the groups of a person, and what the list means. Whatever is not sure
// to be all of them takes nothing away.
func (c *client) groups(ctx context.Context, claims idtoken.Claims, access string) (authn.GroupsState, []string) {
	if !claims.Has(c.Groups) {
		if !c.overflown(claims) {
			return authn.GroupsAbsent, nil
		}
		return c.allGroups(ctx, access)
	}
	list, ok := claims.Texts(c.Groups)
	if !ok {
		// Not the form of a list of names: objects, say. Nobody knows what it means.
		c.logger.WarnContext(ctx, "the claim of groups is no list of texts", "claim", c.Groups)
		return authn.GroupsAbsent, nil
	}
	return c.sound(list, c.defaults.Groups.Cut)
}

// sound is a list of groups without what is no name. One that is left out, and a list
// that is as long as a list can be, may be missing something.
func (c *client) sound(list []string, cut int) (authn.GroupsState, []string) {
	state := authn.GroupsPresent
	if cut > 0 && len(list) == cut {
		state = authn.GroupsPerhapsCut
	}
	groups := make([]string, 0, len(list))
	for _, g := range list {
		if g == "" || len(g) > longMost || strings.ContainsFunc(g, unicode.IsControl) {
			state = authn.GroupsPerhapsCut
			continue
		}
		groups = append(groups, g)
	}
	if len(groups) > groupsMost {
		return authn.GroupsOverflow, groups[:groupsMost]
	}
	return state, groups
}

// overflown reports whether the provider says that there are more groups than it
// sends: by a pointer to them (OpenID Connect Core 1.0 §5.6.2), or by a claim of its
// own. The address of a pointer is never followed: a token does not choose where we
// go.
func (c *client) overflown(claims idtoken.Claims) bool {
	var sources map[string]json.RawMessage
	if json.Unmarshal(claims["_claim_names"], &sources) == nil {
		if _, ok := sources[c.Groups]; ok {
			return true
		}
	}
	own := c.defaults.Groups.Overflow
	return own != "" && claims.Truth(own)
}

// allGroups asks for the groups of the person whom an access token is about, where the
// operator wants that. Without an answer they are signed on all the same: that there
// are more groups is what is known.
func (c *client) allGroups(ctx context.Context, access string) (authn.GroupsState, []string) {
	where, _ := c.defaults.Groups.Graph(c.Issuer)
	if !c.AllGroups || where == "" || access == "" {
		return authn.GroupsOverflow, nil
	}
	status, _, text, err := c.ask(ctx, http.MethodPost, where, access, strings.NewReader(`{"securityEnabledOnly":false}`))
	if err != nil || status != http.StatusOK {
		c.logger.WarnContext(ctx, "the groups that did not fit into the token cannot be had", "address", where, "status", status, "error", err)
		return authn.GroupsOverflow, nil
	}
	var answer struct {
		Value []string `json:"value"`
		Next  string   `json:"@odata.nextLink"`
	}
	if json.Unmarshal(text, &answer) != nil || answer.Value == nil {
		c.logger.WarnContext(ctx, "the groups that did not fit into the token cannot be read", "address", where)
		return authn.GroupsOverflow, nil
	}
	state, groups := c.sound(answer.Value, c.defaults.Groups.GraphMost)
	if answer.Next != "" {
		state = authn.GroupsOverflow
	}
	return state, groups
}
