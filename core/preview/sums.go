package preview

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"hash"
	"maps"
	"slices"

	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
)

// kind is that of a principal.
type kind int

const (
	aUser kind = iota
	aClient
)

// sums are what is kept of all that changes. They are as large as the
// configuration, however many people there are.
type sums struct {
	users, clients int
	roles          map[string]*wire.PlannedRole
	access         map[wire.PlannedAccess]*wire.PlannedAccess // by all but the numbers
	holders        map[held]*holders
	digest         hash.Hash // of what changes for whom
}

// held is a role in an organization.
type held struct{ role, organization string }

// holders are how many active principals have it, by their kind.
type holders struct{ before, after [2]int }

func newSums() *sums {
	return &sums{
		roles: map[string]*wire.PlannedRole{}, access: map[wire.PlannedAccess]*wire.PlannedAccess{}, holders: map[held]*holders{}, digest: sha256.New(),
	}
}

// hold counts the roles that an active principal has before and after, as far as
// they come in at all.
func (s *sums) hold(k kind, organization string, before, after []string, was, is bool) {
	of := func(role string) *holders {
		at := held{role, organization}
		if s.holders[at] == nil {
			s.holders[at] = &holders{}
		}
		return s.holders[at]
	}
	if was {
		for _, role := range before {
			of(role).before[k]++
		}
	}
	if is {
		for _, role := range after {
			of(role).after[k]++
		}
	}
}

// add counts what changes for one principal. of is the connection or the
// authenticator that the access is about.
func (s *sums) add(one wire.PlannedChange, k kind, of string) {
	number := func(user, client *int) {
		if k == aUser {
			*user++
		} else {
			*client++
		}
	}
	_, _ = fmt.Fprintf(s.digest, "%q %q %q\n", one.Principal, one.Access, one.Because) // a hash takes everything
	for _, g := range one.Gains {
		r := s.role(g.Role)
		number(&r.UsersGain, &r.ClientsGain)
		_, _ = fmt.Fprintf(s.digest, "+%q\n", g.Role)
	}
	for _, g := range one.Loses {
		r := s.role(g.Role)
		number(&r.UsersLose, &r.ClientsLose)
		_, _ = fmt.Fprintf(s.digest, "-%q\n", g.Role)
	}
	if one.Access == "" {
		return
	}
	at := wire.PlannedAccess{Access: one.Access, Because: one.Because, Of: of}
	if s.access[at] == nil {
		sum := at
		s.access[at] = &sum
	}
	number(&s.access[at].Users, &s.access[at].Clients)
}

func (s *sums) role(name string) *wire.PlannedRole {
	if s.roles[name] == nil {
		s.roles[name] = &wire.PlannedRole{Role: name}
	}
	return s.roles[name]
}

// write puts the sums into a plan, in an order that is always the same.
func (s *sums) write(p *wire.Plan) {
	p.Users, p.Clients = s.users, s.clients
	p.Roles, p.Access = []wire.PlannedRole{}, []wire.PlannedAccess{}
	for _, name := range slices.Sorted(maps.Keys(s.roles)) {
		p.Roles = append(p.Roles, *s.roles[name])
	}
	for _, one := range s.access {
		p.Access = append(p.Access, *one)
	}
	slices.SortFunc(p.Access, func(a, b wire.PlannedAccess) int {
		return cmp.Or(-cmp.Compare(a.Access, b.Access), cmp.Compare(a.Because, b.Because), cmp.Compare(a.Of, b.Of)) // what is lost comes first
	})
}
