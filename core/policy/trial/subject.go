package trial

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/gatehouse-id/gatehouse/core/config"
	"github.com/gatehouse-id/gatehouse/core/policy"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
)

// subject is who is tried: a user, or else a client.
type subject struct {
	user   *policy.User
	auth   policy.Auth
	client policy.Principal
}

// given is one attribute of a subject, and where it stands.
type given struct {
	kind  kind
	text  string
	list  []string
	truth bool
	key   hcl.Range
	value hcl.Range
}

// kind is what an attribute is, in words.
type kind string

const (
	aText  kind = "a text"
	aList  kind = `a list of texts, such as ["a", "b"]`
	aTruth kind = "true or false"
)

func kindOf(attribute string) kind {
	switch {
	case policy.IsList(attribute):
		return aList
	case policy.IsTruth(attribute):
		return aTruth
	}
	return aText
}

// fault is what is wrong with a subject, at one attribute of it; "" is none.
type fault struct{ attribute, summary, detail string }

// subject reads who a test is about.
func (s *Suite) subject(t Test) (subject, hcl.Diagnostics) {
	var who subject
	diags := read(t.Who, t.Range, func(fields map[string]given) (faults []fault) {
		if t.Connection != "" {
			who.user, faults = newUser(t.Connection, t.Organization, fields)
		} else {
			who.client, faults = s.newClient(t.Client, fields)
		}
		return faults
	})
	diags = append(diags, read(t.Auth, t.Range, func(fields map[string]given) (faults []fault) {
		who.auth, faults = newAuth(fields)
		return faults
	})...)
	return who, diags
}

// read has the attributes of a map looked at, which may be nil, and complains at the
// place of each.
func read(e hcl.Expression, at hcl.Range, look func(map[string]given) []fault) hcl.Diagnostics {
	var fields map[string]given
	if e != nil {
		var diags hcl.Diagnostics
		if fields, diags = readMap(e); diags.HasErrors() {
			return diags
		}
		at = e.Range()
	}
	var diags hcl.Diagnostics
	for _, f := range look(fields) {
		place := at
		if g, ok := fields[f.attribute]; ok {
			if place = g.value; f.summary == unknownAttribute {
				place = g.key
			}
		}
		diags = append(diags, complaint(place, f.summary, "%s", f.detail))
	}
	return diags
}

// newAuth is how somebody signed on.
func newAuth(fields map[string]given) (policy.Auth, []fault) {
	a := policy.Auth{Context: fields["context"].text, Methods: fields["methods"].list, Connection: fields["connection"].text, Instance: fields["instance"].text}
	if mfa, said := fields["mfa"]; said {
		a.MultiFactor = authn.MultiFactorNo
		if mfa.truth {
			a.MultiFactor = authn.MultiFactorYes
		}
	}
	return a, check("auth", policy.SessionAttributes(), fields)
}

const unknownAttribute = "Unknown attribute"

// check refuses names and types that the policy does not know.
func check(root string, known []string, fields map[string]given) []fault {
	var names []string
	for _, name := range known {
		if short, ok := strings.CutPrefix(name, root+"."); ok {
			names = append(names, short)
		}
	}
	var faults []fault
	for _, name := range sorted(fields) {
		f := fields[name]
		switch {
		case !slices.Contains(names, name):
			hint := ""
			if near := config.Nearest(name, names); near != "" {
				hint = fmt.Sprintf(" Did you mean %q?", near)
			}
			faults = append(faults, fault{name, unknownAttribute, fmt.Sprintf("There is no attribute %.100q of %s.%s The attributes are %s.", name, map[string]string{"user": "a user", "client": "a client", "auth": "a sign-on"}[root], hint, strings.Join(names, ", "))})
		case kindOf(root+"."+name) != f.kind:
			faults = append(faults, fault{name, "Wrong type", fmt.Sprintf("The attribute %s.%s is %s, and this is %s.", root, name, kindOf(root+"."+name), f.kind)})
		}
	}
	return faults
}

// newUser is a user of a connection with some attributes. As an IdP says one thing of
// a person, an e-mail address that is given alone is also in the list, and the other
// way round.
func newUser(connection, organization string, fields map[string]given) (*policy.User, []fault) {
	faults := check("user", policy.UserAttributes(), fields)
	u := &policy.User{ID: "test", Organization: organization, Connection: connection, Texts: map[string]string{}}
	for name, f := range fields {
		switch {
		case f.kind != aText || f.text == "":
		case name == "id":
			u.ID = f.text
		case name == "organization":
			if f.text != organization {
				faults = append(faults, fault{name, "Another organization", fmt.Sprintf("The users of this connection are of the organization %q, which need not be said.", organization)})
			}
		default:
			u.Texts[name] = f.text
		}
	}
	for _, name := range fields["groups"].list {
		u.Groups = append(u.Groups, policy.Group{Name: name})
	}
	for _, id := range fields["group_ids"].list {
		u.Groups = append(u.Groups, policy.Group{ID: id})
	}
	u.Emails = fields["emails"].list
	email := u.Texts["email"]
	switch {
	case email == "" && len(u.Emails) > 0:
		u.Texts["email"] = u.Emails[0]
	case email != "" && fields["emails"].key == (hcl.Range{}) && len(u.Emails) == 0:
		u.Emails = []string{email}
	case email != "" && !slices.Contains(u.Emails, email):
		faults = append(faults, fault{"email", "Not one of the addresses", "The attribute email is one of emails: nobody comes with another."})
	}
	return u, faults
}

// newClient is a client with some attributes, and otherwise as its block says.
func (s *Suite) newClient(of *policy.Principal, fields map[string]given) (policy.Principal, []fault) {
	faults := check("client", policy.ClientAttributes(), fields)
	who := policy.Principal{Kind: policy.KindClient, ID: fields["id"].text}
	switch declared, ok := s.clients[who.ID]; {
	case of != nil:
		if who.ID != "" && who.ID != of.ID {
			faults = append(faults, fault{"id", "Another client", fmt.Sprintf("This test is about the client %q, in whose block it stands.", of.ID)})
		}
		who = *of
	case ok:
		// Of a client that a test by itself names, what mappings give is tried.
		who, who.Grants = declared, nil
	}
	for name, f := range fields {
		switch name {
		case "organization":
			who.Organization = f.text
		case "owner":
			who.Owner = f.text
		case "scopes":
			who.Scopes = f.list
		case "kind":
			if f.text != policy.KindClient {
				faults = append(faults, fault{name, "Not a client", `The kind of a client is always "client", which need not be said.`})
			}
		}
	}
	switch {
	case who.Organization == "":
		faults = append(faults, fault{"", "Missing attribute", "A client has an organization: name it, or the id of a client block."})
	case who.ID == "":
		who.ID = "test" // an id that nothing asks for
	}
	return who, faults
}

func sorted[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
