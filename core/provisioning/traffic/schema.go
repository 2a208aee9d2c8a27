package traffic

import "strings"

// kind says what an object is, and so which of its values an operator may see.
// What is not listed is hidden: a schema of a customer's own may hold anything.
type kind int

const (
	other     kind = iota // of attributes that hold what is personal: nothing
	resource              // a user, a group, an answer's frame: ids, and the names to sign in with
	meta                  // RFC 7643 §3.1: says nothing of a person
	reference             // a member, a group, a manager: the id
	operation             // of PATCH (RFC 7644 §3.5.2) and of Bulk (§3.7)
)

// shown are the members whose values are no person's affair, in lower case.
var shown = map[kind]map[string]bool{
	resource: set("schemas", "id", "externalid", "username", "active", "status", "scimtype", "detail", "totalresults", "itemsperpage",
		"startindex", "count", "failonerrors", "attributes", "excludedattributes", "sortby", "sortorder"),
	meta:      set("resourcetype", "location", "version", "created", "lastmodified"),
	reference: set("value", "$ref", "type"),
	operation: set("op", "method", "bulkid", "version", "location", "status"),
	other:     set("type"),
}

func set(names ...string) map[string]bool {
	made := map[string]bool{}
	for _, name := range names {
		made[name] = true
	}
	return made
}

// shows reports whether a member's value may be seen. A group's displayName is
// what mappings go by; a user's is a person's name.
func (k kind) shows(member string, ofGroup bool) bool {
	member = strings.ToLower(member)
	return shown[k][member] || k == resource && ofGroup && member == "displayname"
}

// within is what the objects in a member's value are.
func (k kind) within(member string) kind {
	switch strings.ToLower(member) {
	case "members", "groups", "manager":
		return reference
	case "meta":
		if k == resource {
			return meta
		}
	case "resources":
		if k == resource {
			return resource
		}
	case "operations":
		if k == resource {
			return operation
		}
	case "data", "response":
		if k == operation {
			return resource
		}
	}
	return other
}

// attributeOf is the first name of a path, without the URN of its schema and
// without a filter: "emails" of emails[type eq "work"].value.
func attributeOf(path string) string {
	path, _, _ = strings.Cut(path, "[")
	path = path[strings.LastIndexByte(path, ':')+1:]
	name, _, _ := strings.Cut(path, ".")
	return name
}

// ofGroups reports whether a path below the mount is one of groups.
func ofGroups(path string) bool {
	first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return strings.EqualFold(first, "Groups")
}
