//go:build linux

package faults_test

import (
	"net/http"
	"net/url"
)

// verb is one thing that an IdP asks for.
type verb struct {
	name   string
	writes bool
	fresh  bool // with a token that was never used before
	method string
	path   string // with the id of a user for USER and of a group for GROUP, each of its own
	body   string
	again  []int // what its repetition is answered afterwards, besides 2xx
}

func verbs() []verb {
	filter := func(f string) string { return "?filter=" + url.QueryEscape(f) }
	const user, group = `"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"]`, `"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"]`
	const patch, bulk, search = `"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"]`, `"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"]`, `"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"]`
	taken := []int{http.StatusConflict}
	gone := []int{http.StatusNotFound}
	return []verb{
		{name: "read a user", method: "GET", path: "/Users/USER"},
		{name: "read a group with its members", method: "GET", path: "/Groups/GROUP"},
		{name: "find a user by userName", method: "GET", path: "/Users" + filter(`userName eq "member"`)},
		{name: "find a user by externalId", method: "GET", path: "/Users" + filter(`externalId eq "member"`)},
		{name: "find whoever is not there", method: "GET", path: "/Users" + filter(`userName eq "nobody"`)},
		{name: "find a group by a member", method: "GET", path: "/Groups" + filter(`members.value eq "MEMBER"`)},
		{name: "list users, sorted", method: "GET", path: "/Users" + filter(`userName sw "member"`) + "&sortBy=userName"},
		{name: "list by cursor", method: "GET", path: "/Groups" + filter(`displayName sw "listed"`) + "&cursor=&count=10"},
		{name: "search by POST", method: "POST", path: "/Users/.search", body: `{` + search + `,"filter":"userName sw \"member\""}`},
		{name: "read with a token not seen before", method: "GET", path: "/Users/USER", fresh: true},
		{name: "create a user", writes: true, method: "POST", path: "/Users", body: `{` + user + `,"userName":"created"}`, again: taken},
		{name: "create a group with members", writes: true, method: "POST", path: "/Groups", body: `{` + group + `,"displayName":"created","members":[{"value":"MEMBER"}]}`, again: taken},
		{name: "replace a user", writes: true, method: "PUT", path: "/Users/USER", body: `{` + user + `,"userName":"replaced","title":"Other"}`},
		{name: "replace a group", writes: true, method: "PUT", path: "/Groups/GROUP", body: `{` + group + `,"displayName":"replaced","members":[]}`},
		{name: "change a user", writes: true, method: "PATCH", path: "/Users/USER", body: `{` + patch + `,"Operations":[{"op":"replace","path":"title","value":"Other"}]}`},
		{name: "deactivate a user", writes: true, method: "PATCH", path: "/Users/USER", body: `{` + patch + `,"Operations":[{"op":"replace","path":"active","value":false}]}`},
		{name: "add a member", writes: true, method: "PATCH", path: "/Groups/GROUP", body: `{` + patch + `,"Operations":[{"op":"add","path":"members","value":[{"value":"USER"}]}]}`},
		{name: "remove a member", writes: true, method: "PATCH", path: "/Groups/GROUP", body: `{` + patch + `,"Operations":[{"op":"remove","path":"members[value eq \"MEMBER\"]"}]}`},
		{name: "delete a user", writes: true, method: "DELETE", path: "/Users/USER", again: gone},
		{name: "delete a group", writes: true, method: "DELETE", path: "/Groups/GROUP", again: gone},
		{name: "create in Bulk", writes: true, method: "POST", path: "/Bulk", body: `{` + bulk + `,"Operations":[{"method":"POST","path":"/Users","bulkId":"a","data":{` + user + `,"userName":"in bulk"}}]}`},
	}
}
