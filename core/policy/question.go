package policy

import (
	"encoding/binary"

	"golang.org/x/text/unicode/norm"
)

// reads says what of a principal the mappings read. Scopes and grants are always
// read: a principal has few kinds of them, and many principals have the same.
type reads struct {
	id, organization, owner bool            // by a condition
	clients                 map[string]bool // that have mappings of their own
}

// client notes a mapping of one client.
func (r *reads) client(id string) {
	if r.clients == nil {
		r.clients = map[string]bool{}
	}
	r.clients[norm.NFC.String(id)] = true
}

// attributes notes what a condition names. The kind is the same for all.
func (r *reads) attributes(names []string) {
	for _, name := range names {
		switch name {
		case "client.id":
			r.id = true
		case "client.organization":
			r.organization = true
		case "client.owner":
			r.owner = true
		}
	}
}

// of is what mappings read of a principal. What is left out is absent from the
// input, and since nothing reads it, nothing becomes false by that.
func (r *reads) of(who Principal) Principal {
	if !r.id && !r.clients[norm.NFC.String(who.ID)] {
		who.ID = ""
	}
	if !r.organization {
		who.Organization = ""
	}
	if !r.owner {
		who.Owner = ""
	}
	return who
}

// Question is what the roles of a principal depend on under this policy, as a
// key: for two principals of one question RoleSet gives one answer. So who keeps
// answers evaluates only questions that are new.
func (p *Policy) Question(who Principal) string {
	who = p.reads.of(who)
	var space [256]byte
	b := space[:0]
	put := func(text string) {
		b = binary.AppendUvarint(b, uint64(len(text)))
		b = append(b, text...)
	}
	for _, text := range []string{who.Kind, who.ID, who.Organization, who.Owner} {
		put(text)
	}
	b = binary.AppendUvarint(b, uint64(len(who.Scopes)))
	for _, scope := range who.Scopes {
		put(scope)
	}
	for _, g := range who.Grants {
		put(g.Role)
		put(g.Source)
		put(g.Rule)
	}
	return string(b)
}
