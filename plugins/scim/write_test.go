package scim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/gatehouse-id/gatehouse/sdk/directory"
)

// TestAdopt: a user of the organization whom no connection provisions becomes the
// connection's if that is configured (D-5).
func TestAdopt(t *testing.T) {
	t.Parallel()
	for _, adopt := range []bool{false, true} {
		s := newSite(t, map[string]any{"adopt": adopt})
		was, err := s.directory.AddUnprovisioned(json.RawMessage(`{"userName":"Mia","active":true}`))
		if err != nil {
			t.Fatal(err)
		}
		a := s.do("POST", "/Users", userBody("mia"))
		if !adopt {
			a.refused(http.StatusConflict, "uniqueness")
			continue
		}
		if a.want(http.StatusCreated).id() != was || a.header.Get("Location") != base+"/Users/"+was || a.at("name", "givenName") != "Mia" {
			t.Errorf("adopted as %s: %s", was, a.body)
		}
		s.do("POST", "/Users", userBody("MIA")).refused(http.StatusConflict, "uniqueness")
	}
}

// TestGroupAnswers: PATCH of a group is answered as Entra asks for, with
// attributes as RFC 7644 §3.5.2 asks for; what is so already stays.
func TestGroupAnswers(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	user := s.user("mia")
	group := s.group("Eng", user)
	add := patchBody(`[{"op":"add","path":"members","value":[{"value":"` + user + `"}]}]`)
	a := s.do("PATCH", "/Groups/"+group, add).want(http.StatusNoContent)
	if len(a.body) > 0 || a.header.Get("Content-Type") != "" || a.header.Get("ETag") != `W/"2"` {
		t.Errorf("body %q, headers %v", a.body, a.header)
	}
	a = s.do("PATCH", "/Groups/"+group+"?attributes=members", add).want(http.StatusOK)
	if a.at("members", 0, "value") != user || a.at("displayName") != nil {
		t.Errorf("with attributes: %s", a.body)
	}
	a = s.do("PUT", "/Groups/"+group, groupBody("Eng")).want(http.StatusOK)
	if a.at("members") != nil || len(s.members(group)) != 0 || a.at("meta", "version") != `W/"3"` {
		t.Errorf("emptied: %s", a.body)
	}
	// A group in a group.
	a = s.do("POST", "/Groups", groupBody("All", group, user)).want(http.StatusCreated)
	types := map[any]any{}
	for i := range 2 {
		types[a.at("members", i, "value")] = a.at("members", i, "type")
	}
	if types[group] != "Group" || types[user] != "User" {
		t.Errorf("members of both types: %s", a.body)
	}
}

// TestNoChange: what is so already costs no version, and no Apply.
func TestNoChange(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	made := s.do("POST", "/Users", userBody("mia"))
	applied := len(s.directory.Applied())
	for _, v := range []verb{
		{method: "PUT", body: userBody("mia")},
		{method: "PUT", body: string(made.body)}, // what was read, as Okta sends it back (OK-05)
		{method: "PATCH", body: patchBody(`[{"op":"replace","path":"active","value":true}]`)},
		{method: "PATCH", body: patchBody(`[{"op":"add","path":"emails","value":[{"value":"mia","type":"work","primary":true}]}]`)},
	} {
		if a := s.do(v.method, "/Users/"+made.id(), v.body).want(http.StatusOK); a.header.Get("ETag") != `W/"1"` || a.at("meta", "lastModified") != made.at("meta", "lastModified") {
			t.Errorf("%s %s: %s", v.method, v.body, a.body)
		}
	}
	if got := len(s.directory.Applied()); got != applied {
		t.Errorf("%d times Apply for nothing", got-applied)
	}
}

// TestOneApply: whatever a request changes is one Apply, so that it is done
// together or not at all.
func TestOneApply(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	user := s.user("mia")
	group := s.group("Eng")
	before := len(s.directory.Applied())
	s.do("PATCH", "/Groups/"+group, patchBody(`[{"op":"replace","value":{"id":"`+group+`","displayName":"Ops"}},{"op":"add","path":"members","value":[{"value":"`+user+`"}]}]`)).want(http.StatusNoContent)
	if applied := s.directory.Applied()[before:]; len(applied) != 1 || len(applied[0]) != 2 {
		t.Errorf("applied %v", applied)
	}
	// What is wrong with one part leaves the other undone.
	strict := newSiteOver(t, map[string]any{"strict": true}, s.directory, nil)
	strict.do("PATCH", "/Groups/"+group, patchBody(`[{"op":"replace","path":"displayName","value":"X"},{"op":"add","path":"members","value":[{"value":"nobody"}]}]`)).refused(http.StatusBadRequest, "invalidValue")
	if r, _ := s.directory.Named(directory.Group, "Ops"); r.ID != group || len(r.Members) != 1 {
		t.Errorf("the group is %+v", r)
	}
}

// TestTogether: many writers of one group and one user lose nothing of each
// other's.
func TestTogether(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	group := s.group("Eng")
	const writers = 16
	users := make([]string, writers)
	for i := range users {
		users[i] = s.user(fmt.Sprint("user-", i))
	}
	var wait sync.WaitGroup
	for _, user := range users {
		other := newSiteOver(t, nil, s.directory, nil)
		wait.Go(func() {
			if a := other.do("PATCH", "/Groups/"+group, patchBody(`[{"op":"add","path":"members","value":[{"value":"`+user+`"}]}]`)); a.status != http.StatusNoContent {
				t.Errorf("status %d: %s", a.status, a.body)
			}
		})
	}
	wait.Wait()
	if got := s.members(group); len(got) != writers {
		t.Errorf("%d members of %d", len(got), writers)
	}

	written := make([]bool, writers)
	for i := range writers {
		other := newSiteOver(t, nil, s.directory, nil)
		wait.Go(func() {
			a := other.do("PATCH", "/Users/"+users[0], patchBody(fmt.Sprintf(`[{"op":"add","path":"phoneNumbers","value":[{"value":"+%d"}]}]`, i)))
			if written[i] = a.status == http.StatusOK; !written[i] && a.status != http.StatusServiceUnavailable {
				t.Errorf("status %d: %s", a.status, a.body)
			}
		})
	}
	wait.Wait()
	r, _ := s.directory.Resource(directory.User, users[0])
	for i, done := range written {
		if there := strings.Contains(string(r.Attributes), fmt.Sprintf(`"+%d"`, i)); there != done {
			t.Errorf("writer %d was told %v, and it is %v", i, done, there)
		}
	}
}
