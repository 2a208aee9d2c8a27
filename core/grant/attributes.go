package grant

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"

	"github.com/gatehouse-id/gatehouse/core/directory"
	"github.com/gatehouse-id/gatehouse/core/policy"
)

// enterprise is the URN of the extension that has what employers know (RFC 7643
// §4.3).
const enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

// paths are the SCIM attributes that a user's single texts come from (RFC 7643
// §4.1, §4.3). docs/reference/user-attributes.md shows them.
var paths = map[string][]string{
	"user_name":       {"userName"},
	"display_name":    {"displayName"},
	"given_name":      {"name", "givenName"},
	"family_name":     {"name", "familyName"},
	"title":           {"title"},
	"user_type":       {"userType"},
	"locale":          {"locale"},
	"employee_number": {enterprise, "employeeNumber"},
	"company":         {enterprise, "organization"},
	"division":        {enterprise, "division"},
	"department":      {enterprise, "department"},
	"cost_center":     {enterprise, "costCenter"},
	"manager":         {enterprise, "manager", "value"},
}

// object is a JSON object whose values are not read yet.
type object map[string]json.RawMessage

// asUser turns what the directory knows into what mappings read. What has not the
// form that SCIM gives it is absent: no mapping is fulfilled by it.
func asUser(f directory.Facts) policy.User {
	u := policy.User{ID: f.ID, Organization: f.Organization, Connection: f.Connection, Texts: map[string]string{}}
	for _, g := range f.Groups {
		u.Groups = append(u.Groups, policy.Group{Name: g.Display, ID: g.ExternalID})
	}
	if f.ExternalID != "" {
		u.Texts["external_id"] = f.ExternalID
	}
	top := read(f.Attributes)
	inner := map[string]object{"name": read(top["name"]), enterprise: read(top[enterprise])}
	for name, path := range paths {
		value := top[path[0]]
		if len(path) > 1 {
			value = inner[path[0]][path[1]]
		}
		if len(path) > 2 { // a manager is an object, and of some IdPs just its id
			if within := read(value); within != nil {
				value = within[path[2]]
			}
		}
		if t := text(value); t != "" {
			u.Texts[name] = t
		}
	}
	u.Emails, u.Texts["email"] = emails(top["emails"])
	return u
}

// emails reads all addresses, and chooses one: the primary, else the first that
// is of work, else the first.
func emails(raw json.RawMessage) (all []string, chosen string) {
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil {
		return nil, ""
	}
	best := 0
	for _, element := range list {
		one := read(element)
		value := text(one["value"])
		if value == "" {
			continue
		}
		all = append(all, value)
		rank := 1
		switch {
		case string(one["primary"]) == "true":
			rank = 3
		case text(one["type"]) == "work":
			rank = 2
		}
		if rank > best {
			best, chosen = rank, value
		}
	}
	return all, chosen
}

// read gives the members of an object; nil is none.
func read(raw json.RawMessage) object {
	var o object
	if len(raw) == 0 || raw[0] != '{' || json.Unmarshal(raw, &o) != nil {
		return nil
	}
	return o
}

// text gives a text; "" is none.
func text(raw json.RawMessage) string {
	if n := len(raw); n > 1 && raw[0] == '"' {
		// It was found by a decoder: without escapes it is what stands there.
		if inside := raw[1 : n-1]; bytes.IndexByte(inside, '\\') < 0 && utf8.Valid(inside) {
			return string(inside)
		}
	}
	var s string
	if len(raw) == 0 || raw[0] != '"' || json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}
