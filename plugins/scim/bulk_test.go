package scim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/gatehouse-id/gatehouse/sdk/directory"
)

// bulkAnswer is the body of an answer to Bulk.
type bulkAnswer struct {
	Schemas    []string
	Operations []struct {
		Method, BulkID, Version, Location, Status string
		Response                                  struct{ ScimType, Detail string }
	}
}

func (s *site) bulk(members string, operations ...string) bulkAnswer {
	s.t.Helper()
	a := s.do("POST", "/Bulk", `{"schemas":["`+bulkRequestURN+`"]`+members+`,"Operations":[`+strings.Join(operations, ",")+`]}`).want(http.StatusOK)
	var b bulkAnswer
	if err := json.Unmarshal(a.body, &b); err != nil || !slices.Equal(b.Schemas, []string{bulkResponseURN}) {
		s.t.Fatalf("no answer of Bulk: %v: %s", err, a.body)
	}
	return b
}

func (b bulkAnswer) statuses() string {
	var list []string
	for _, op := range b.Operations {
		list = append(list, op.Status)
	}
	return strings.Join(list, " ")
}

// id is that of the resource of an operation.
func (b bulkAnswer) id(i int) string {
	l := b.Operations[i].Location
	return l[strings.LastIndexByte(l, '/')+1:]
}

func post(bulkID, path, data string) string {
	return fmt.Sprintf(`{"method":"POST","bulkId":%q,"path":%q,"data":%s}`, bulkID, path, data)
}

func TestBulk(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	old := s.user("old")
	b := s.bulk("",
		post("g", "/Groups", groupBody("Eng", "bulkId:u", old)), // refers forward
		post("u", "/Users", userBody("new")),
		`{"method":"PATCH","path":"/Users/bulkId:u","data":`+patchBody(`[{"op":"replace","path":"active","value":false}]`)+`}`,
		`{"method":"put","path":"/Users/`+old+`","version":"W/\"1\"","data":`+userBody("older")+`}`,
		`{"method":"DELETE","path":"/Users/nobody"}`,
	)
	if got := b.statuses(); got != "201 201 200 200 404" {
		t.Fatalf("statuses %s", got)
	}
	if got, want := s.members(b.id(0)), []string{old, b.id(1)}; !slices.Equal(got, want) && !slices.Equal(got, []string{want[1], want[0]}) {
		t.Errorf("members %v, want %v", got, want)
	}
	if r, _ := s.directory.Resource(directory.User, b.id(1)); !strings.Contains(string(r.Attributes), `"active":false`) {
		t.Errorf("the new user is %s", r.Attributes)
	}
	for i, op := range b.Operations[:4] {
		if !strings.HasPrefix(op.Version, `W/"`) || !strings.HasPrefix(op.Location, base+"/") || op.Response.Detail != "" {
			t.Errorf("operation %d: %+v", i, op)
		}
	}
	if op := b.Operations[4]; op.Response.Detail == "" || op.Version != "" {
		t.Errorf("the failed operation: %+v", op)
	}
	if applied := s.directory.Applied(); len(applied) != 5 {
		t.Errorf("%d times Apply, want one for the user before and one for each operation that was done", len(applied))
	}
}

// TestBulkCircle: groups that are members of one another, as in RFC 7644 §3.7.1.
func TestBulkCircle(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	b := s.bulk("",
		post("a", "/Groups", groupBody("A", "bulkId:b")),
		post("b", "/Groups", groupBody("B", "bulkId:c")),
		post("c", "/Groups", groupBody("C", "bulkId:a", "bulkId:u")),
		post("u", "/Users", userBody("mia")),
	)
	if got := b.statuses(); got != "201 201 201 201" {
		t.Fatalf("statuses %s: %+v", got, b)
	}
	for i, want := range map[int][]string{0: {b.id(1)}, 1: {b.id(2)}, 2: {b.id(0), b.id(3)}} {
		got := s.members(b.id(i))
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("group %d has the members %v, want %v", i, got, want)
		}
		if r, _ := s.directory.Resource(directory.Group, b.id(i)); b.Operations[i].Version != etag(r.Version) {
			t.Errorf("group %d has the version %s, want %d", i, b.Operations[i].Version, r.Version)
		}
	}
}

func TestBulkRefuses(t *testing.T) {
	t.Parallel()
	user := userBody("mia")
	tests := map[string]struct {
		operations []string
		members    string
		statuses   string
		left       string // the userNames and displayNames that are there afterwards
	}{
		"a reference to nothing":         {[]string{post("g", "/Groups", groupBody("A", "bulkId:x"))}, "", "409", ""},
		"a reference to what failed":     {[]string{post("u", "/Users", "{}"), post("g", "/Groups", groupBody("A", "bulkId:u"))}, "", "400 409", ""},
		"a path to what failed":          {[]string{post("u", "/Users", "{}"), `{"method":"DELETE","path":"/Users/bulkId:u"}`}, "", "400 409", ""},
		"a circle that cannot close":     {[]string{post("a", "/Groups", groupBody("A", "bulkId:b")), post("b", "/Groups", strings.Replace(groupBody("B", "bulkId:a"), "displayName", "title", 1))}, "", "409 400", ""},
		"one bulkId twice":               {[]string{post("u", "/Users", user), post("u", "/Users", userBody("leo"))}, "", "201 400", "mia"},
		"no data":                        {[]string{`{"method":"POST","path":"/Users","bulkId":"u"}`}, "", "400", ""},
		"data that is a text":            {[]string{`{"method":"POST","path":"/Users","bulkId":"u","data":"x"}`}, "", "400", ""},
		"a method that reads":            {[]string{`{"method":"GET","path":"/Users"}`}, "", "400", ""},
		"no method":                      {[]string{`{"path":"/Users"}`}, "", "400", ""},
		"Bulk in Bulk":                   {[]string{`{"method":"POST","path":"/Bulk","bulkId":"u","data":{}}`}, "", "400", ""},
		"a search":                       {[]string{`{"method":"POST","path":"/Users/.search","bulkId":"u","data":{}}`}, "", "400", ""},
		"POST to a resource":             {[]string{`{"method":"POST","path":"/Users/1","bulkId":"u","data":{}}`}, "", "400", ""},
		"DELETE of all":                  {[]string{`{"method":"DELETE","path":"/Users"}`}, "", "400", ""},
		"an operation that is a number":  {[]string{`1`, `null`}, "", "400 400", ""},
		"taken":                          {[]string{post("a", "/Users", user), post("b", "/Users", user)}, "", "201 409", "mia"},
		"another version":                {[]string{post("u", "/Users", user), `{"method":"DELETE","path":"/Users/bulkId:u","version":"W/\"7\""}`}, "", "201 412", "mia"},
		"the first error ends it":        {[]string{post("a", "/Users", "{}"), post("b", "/Users", user)}, `,"failOnErrors":1`, "400", ""},
		"the second error ends it":       {[]string{post("a", "/Users", "{}"), post("b", "/Users", user), post("c", "/Users", "{}"), post("d", "/Users", userBody("leo"))}, `,"failOnErrors":2`, "400 201 400", "mia"},
		"no error ends it":               {[]string{post("a", "/Users", "{}"), post("b", "/Users", "{}")}, `,"failOnErrors":0`, "400 400", ""},
		"what was begun is taken back":   {[]string{post("a", "/Groups", groupBody("A", "bulkId:b")), post("b", "/Groups", groupBody("", "bulkId:a")), post("c", "/Users", user)}, `,"failOnErrors":1`, "409 400 201", "mia"},
		"a user without a bulkId":        {[]string{`{"method":"POST","path":"/Users","data":` + user + `}`}, "", "201", "mia"},
		"a title that looks like one":    {[]string{post("u", "/Users", strings.Replace(user, "Mia", "bulkId:x", 1))}, "", "409", ""},
		"a manager who is hired as well": {[]string{post("m", "/Users", strings.Replace(user, `"active"`, `"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"manager":{"value":"bulkId:b"}},"active"`, 1)), post("b", "/Users", userBody("leo"))}, "", "201 201", "leo mia"},
	}
	for name, tt := range tests {
		s := newSite(t, nil)
		b := s.bulk(tt.members, tt.operations...)
		if got := b.statuses(); got != tt.statuses {
			t.Errorf("%s: statuses %s, want %s: %+v", name, got, tt.statuses, b)
		}
		names := strings.Fields(s.do("GET", "/", "").list().names())
		slices.Sort(names)
		if got := strings.Join(names, " "); got != tt.left {
			t.Errorf("%s: %q is there, want %q", name, got, tt.left)
		}
	}
	s := newSite(t, nil)
	s.do("POST", "/Bulk", `{"schemas":["`+bulkRequestURN+`"]}`).refused(http.StatusBadRequest, "invalidSyntax")
	s.do("POST", "/Bulk", `{"schemas":["`+bulkRequestURN+`"],"Operations":{}}`).refused(http.StatusBadRequest, "invalidSyntax")
	s.do("POST", "/Bulk", `{"schemas":["`+bulkRequestURN+`"],"Operations":[],"failOnErrors":"x"}`).refused(http.StatusBadRequest, "invalidValue")
	if b := s.bulk("", ""); len(b.Operations) != 0 {
		t.Errorf("nothing was asked for: %+v", b)
	}
}

// TestBulkGraph: groups whose members are any of the others, in any order, end
// with exactly those members.
func TestBulkGraph(t *testing.T) {
	t.Parallel()
	outer := t
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(t, "groups")
		edges := make([][]int, n)
		operations := make([]string, n)
		for i := range n {
			edges[i] = rapid.SliceOfNDistinct(rapid.IntRange(0, n-1).Filter(func(j int) bool { return j != i || n == 1 }), 0, min(3, n-1), rapid.ID[int]).Draw(t, "members")
			var members []string
			for _, j := range edges[i] {
				members = append(members, fmt.Sprintf("bulkId:%d", j))
			}
			operations[i] = post(fmt.Sprint(i), "/Groups", groupBody(fmt.Sprintf("G%d", i), members...))
		}
		s := newSite(outer, nil)
		b := s.bulk("", operations...)
		for i := range n {
			if b.Operations[i].Status != "201" {
				t.Fatalf("operation %d: %+v", i, b.Operations[i])
			}
			want := []string{}
			for _, j := range edges[i] {
				want = append(want, b.id(j))
			}
			slices.Sort(want)
			if got := s.members(b.id(i)); !slices.Equal(got, want) {
				t.Fatalf("group %d has the members %v, want %v", i, got, want)
			}
		}
	})
}
