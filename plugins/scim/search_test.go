package scim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/gatehouse-id/gatehouse/sdk/directory"
)

// list is the body of a list.
type list struct {
	Schemas                                []string
	TotalResults, StartIndex, ItemsPerPage int
	NextCursor, PreviousCursor             string
	Resources                              []struct {
		ID, UserName, DisplayName string
		Meta                      struct{ ResourceType string }
	}
}

func (a answer) list() list {
	a.t.Helper()
	var l list
	if err := json.Unmarshal(a.want(http.StatusOK).body, &l); err != nil || l.Resources == nil || !slices.Equal(l.Schemas, []string{listURN}) {
		a.t.Fatalf("%s: no list: %v: %s", a.what, err, a.body)
	}
	return l
}

func (l list) names() string {
	var names []string
	for _, r := range l.Resources {
		name := r.UserName
		if name == "" {
			name = r.DisplayName
		}
		names = append(names, name)
	}
	return strings.Join(names, " ")
}

func people(t testing.TB) *site {
	t.Helper()
	s := newSite(t, map[string]any{"page_size": 3, "max_results": 5})
	for _, name := range []string{"eva", "ada", "bea", "dan", "cyd", "fay"} {
		s.user(name)
	}
	s.group("Ops")
	return s
}

func TestPages(t *testing.T) {
	t.Parallel()
	s := people(t)
	tests := map[string]struct {
		query  string
		names  string
		total  int
		start  int
		status int
	}{
		"default":               {"", "eva ada bea", 6, 1, 0},
		"count":                 {"count=2", "eva ada", 6, 1, 0},
		"count above the most":  {"count=100", "eva ada bea dan cyd", 6, 1, 0},
		"no count":              {"count=", "eva ada bea", 6, 1, 0},
		"count 0":               {"count=0", "", 6, 1, 0},
		"count below 0":         {"count=-3", "", 6, 1, 0},
		"count of many digits":  {"count=99999999999999999999", "eva ada bea dan cyd", 6, 1, 0},
		"start":                 {"startIndex=5", "cyd fay", 6, 5, 0},
		"start below 1":         {"startIndex=-7&count=1", "eva", 6, 1, 0},
		"start behind the end":  {"startIndex=100", "", 6, 100, 0},
		"start far behind":      {"startIndex=99999999999999999999", "", 6, 2147483647, 0},
		"start is no number":    {"startIndex=one", "", 0, 0, http.StatusBadRequest},
		"count is no number":    {"count=1.5", "", 0, 0, http.StatusBadRequest},
		"sorted":                {"sortBy=userName&count=5", "ada bea cyd dan eva", 6, 1, 0},
		"sorted, case of names": {"sortBy=USERNAME&count=1", "ada", 6, 1, 0},
		"descending":            {"sortBy=userName&sortOrder=descending&count=2", "fay eva", 6, 1, 0},
		"descending in capital": {"sortBy=userName&sortOrder=Descending&count=1", "fay", 6, 1, 0},
		"by e-mail":             {"sortBy=emails&count=2", "ada bea", 6, 1, 0},
		"by a URN":              {"sortBy=urn:ietf:params:scim:schemas:core:2.0:User:userName&count=1", "ada", 6, 1, 0},
		"by when it was made":   {"sortBy=meta.created&sortOrder=descending&count=1", "fay", 6, 1, 0},
		"in no order":           {"sortBy=userName&sortOrder=up", "", 0, 0, http.StatusBadRequest},
		"by nothing":            {"sortBy=shoeSize", "", 0, 0, http.StatusBadRequest},
		"by a complex one":      {"sortBy=name", "", 0, 0, http.StatusBadRequest},
		"by the password":       {"sortBy=password", "", 0, 0, http.StatusBadRequest},
		"by groups":             {"sortBy=groups", "", 0, 0, http.StatusBadRequest},
		"filter":                {"filter=" + url.QueryEscape(`userName sw "E" or userName eq "FAY"`), "eva fay", 2, 1, 0},
		"filter and page":       {"count=1&startIndex=2&filter=" + url.QueryEscape(`emails[type eq "work"] and not (userName eq "ada")`), "bea", 5, 2, 0},
		"filter finds nothing":  {"filter=" + url.QueryEscape(`userName eq "nobody"`), "", 0, 1, 0},
		"filter is none":        {"filter=userName", "", 0, 0, http.StatusBadRequest},
		"filter is empty":       {"filter=", "", 0, 0, http.StatusBadRequest},
		"unknown attribute":     {"filter=" + url.QueryEscape(`shoeSize eq "43"`), "", 0, 0, http.StatusBadRequest},
		"an order of booleans":  {"filter=" + url.QueryEscape(`active gt true`), "", 0, 0, http.StatusBadRequest},
	}
	for name, tt := range tests {
		a := s.do("GET", "/Users?"+tt.query, "")
		if tt.status != 0 {
			if a.status != tt.status || scimTypeOf(a) == "" {
				t.Errorf("%s: status %d: %s", name, a.status, a.body)
			}
			continue
		}
		l := a.list()
		if l.names() != tt.names || l.TotalResults != tt.total || l.StartIndex != tt.start || l.ItemsPerPage != len(l.Resources) {
			t.Errorf("%s: %q of %d from %d, %d items; want %q of %d from %d", name, l.names(), l.TotalResults, l.StartIndex, l.ItemsPerPage, tt.names, tt.total, tt.start)
		}
	}
}

// TestSearch: a search request says in its body what a query says in the URL.
func TestSearch(t *testing.T) {
	t.Parallel()
	s := people(t)
	search := func(target, members string) answer {
		return s.do("POST", target, `{"schemas":["`+searchURN+`"]`+members+`}`)
	}
	l := search("/Users/.search", `,"filter":"userName pr","sortBy":"userName","sortOrder":"descending","startIndex":2,"count":2,"attributes":["userName"]`).list()
	if l.names() != "eva dan" || l.TotalResults != 6 || l.StartIndex != 2 {
		t.Errorf("found %q of %d from %d", l.names(), l.TotalResults, l.StartIndex)
	}
	if l = search("/users/.SEARCH", `,"Filter":null,"count":"x","excludedAttributes":"emails"`).listOrNil(); l.Resources != nil {
		t.Error("a count that is a text was taken")
	}
	for name, members := range map[string]string{
		"a filter that is a number": `,"filter":1`,
		"names that are numbers":    `,"attributes":[1]`,
		"a start that is a list":    `,"startIndex":[]`,
		"a filter that is none":     `,"filter":"userName eq"`,
		"a cursor and a start":      `,"cursor":"","startIndex":1`,
	} {
		if a := search("/Users/.search", members); a.status != http.StatusBadRequest {
			t.Errorf("%s: status %d: %s", name, a.status, a.body)
		}
	}
	s.do("POST", "/Users/.search", "null").refused(http.StatusBadRequest, "invalidSyntax")

	// All types: Ops is behind the users, whatever page it is on.
	l = search("/.search", `,"startIndex":6,"count":5`).list()
	if l.names() != "fay Ops" || l.TotalResults != 7 || l.Resources[1].Meta.ResourceType != "Group" {
		t.Errorf("found %q of %d", l.names(), l.TotalResults)
	}
	if l = s.do("GET", "/?filter="+url.QueryEscape(`displayName eq "ops"`), "").list(); l.names() != "Ops" || l.TotalResults != 1 {
		t.Errorf("found %q of %d", l.names(), l.TotalResults)
	}
	if l = s.do("GET", "/?filter="+url.QueryEscape(`userName eq "ada"`), "").list(); l.names() != "ada" {
		t.Errorf("found %q: groups have no userName", l.names())
	}
	for text, want := range map[string]string{
		`userName eq "ada" or displayName eq "Ops"`:                 "ada Ops",
		`not (userName eq "ada") and displayName eq "Ops"`:          "Ops",
		`emails[type eq "work" and value eq "bea"] or members pr`:   "bea",
		`meta.resourceType eq "Group"`:                              "Ops",
		`urn:ietf:params:scim:schemas:core:2.0:User:userName pr`:    "eva ada bea",
		`(userName sw "e" and displayName pr) or userName eq "dan"`: "dan",
	} {
		if l := s.do("GET", "/?filter="+url.QueryEscape(text), "").list(); l.names() != want {
			t.Errorf("%s: found %q, want %q", text, l.names(), want)
		}
	}
	s.do("GET", "/?filter="+url.QueryEscape(`shoeSize eq "43"`), "").refused(http.StatusBadRequest, "invalidFilter")
	s.do("GET", "/?sortBy=id", "").refused(http.StatusBadRequest, "invalidValue")
}

// A list without the filter that it was asked with would be of everybody: what of
// a query cannot be read is refused.
func TestMalformedQueries(t *testing.T) {
	t.Parallel()
	s := people(t)
	if l := s.do("GET", `/Users?filter=userName+eq+%22ada;bea%22`, "").list(); l.TotalResults != 0 {
		t.Errorf("a semicolon took %q out of the filter", l.names())
	}
	if l := s.do("GET", `/Users?&filter=userName+eq+%22ada%22;&`, "").status; l != http.StatusBadRequest {
		t.Errorf("a filter with a semicolon behind it: status %d", l)
	}
	if l := s.do("GET", `/Users?&unknown&=&filter=userName+eq+%22ada%22&`, "").list(); l.names() != "ada" {
		t.Errorf("found %q", l.names())
	}
	s.do("GET", "/Users?filter=%zz", "").refused(http.StatusBadRequest, "invalidFilter")
	s.do("GET", "/Users?filter=userName+sw+%22100%%22", "").refused(http.StatusBadRequest, "invalidFilter")
	s.do("GET", "/Users?startIndex=%", "").refused(http.StatusBadRequest, "invalidValue")
	s.do("GET", "/Users?%zz=1", "").refused(http.StatusBadRequest, "invalidValue")
}

func (a answer) listOrNil() list {
	if a.status != http.StatusOK {
		return list{}
	}
	return a.list()
}

// TestCursor pages forward and back (RFC 9865).
func TestCursor(t *testing.T) {
	t.Parallel()
	s := people(t)
	first := s.do("GET", "/Users?cursor&count=4&sortBy=userName", "").list()
	if first.names() != "ada bea cyd dan" || first.NextCursor == "" || first.PreviousCursor != "" || first.StartIndex != 0 || first.TotalResults != 6 {
		t.Fatalf("first page: %+v", first)
	}
	second := s.do("GET", "/Users?count=4&sortBy=userName&cursor="+url.QueryEscape(first.NextCursor), "").list()
	if second.names() != "eva fay" || second.NextCursor != "" || second.PreviousCursor == "" {
		t.Fatalf("second page: %+v", second)
	}
	back := s.do("GET", "/Users?count=4&sortBy=userName&cursor="+url.QueryEscape(second.PreviousCursor), "").list()
	if back.names() != first.names() {
		t.Errorf("back again: %q", back.names())
	}
	for name, tt := range map[string]struct{ query, scimType string }{
		"a cursor of nobody's":      {"cursor=abc", "invalidCursor"},
		"a cursor of another list":  {"sortBy=id&cursor=" + url.QueryEscape(first.NextCursor), "invalidCursor"},
		"a cursor and a start":      {"cursor=&startIndex=1", "invalidCursor"},
		"count 0":                   {"cursor=&count=0", "invalidCount"},
		"count above the most":      {"cursor=&count=6", "invalidCount"},
		"a cursor over all types":   {"cursor=", "invalidValue"},
		"a cursor of a million":     {"cursor=" + strings.Repeat("x", 1<<20), "invalidCursor"},
		"a cursor that is no UTF-8": {"cursor=%ff", "invalidCursor"},
	} {
		target := "/Users?"
		if tt.scimType == "invalidValue" {
			target = "/?"
		}
		a := s.do("GET", target+tt.query, "")
		a.what = name
		a.refused(http.StatusBadRequest, tt.scimType)
	}
}

// TestPagesCover: pages of any size, by index and by cursor, show everybody once,
// also where the plugin reads a page in several pieces.
func TestPagesCover(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	const everybody = 450
	s.large(t, everybody)
	rapid.Check(t, func(t *rapid.T) {
		count := rapid.IntRange(100, 500).Draw(t, "count")
		byCursor := rapid.Bool().Draw(t, "by cursor")
		sort := rapid.SampledFrom([]string{"", "&sortBy=userName", "&sortBy=userName&sortOrder=descending"}).Draw(t, "sort")
		seen := map[string]bool{}
		query := "startIndex=1"
		if byCursor {
			query = "cursor="
		}
		for {
			l := s.do("GET", fmt.Sprintf("/Users?%s&count=%d%s&attributes=id", query, count, sort), "").list()
			if l.TotalResults != everybody || l.ItemsPerPage != len(l.Resources) {
				t.Fatalf("total %d, %d items of %d", l.TotalResults, l.ItemsPerPage, len(l.Resources))
			}
			for _, r := range l.Resources {
				if seen[r.ID] {
					t.Fatalf("%s is on two pages", r.ID)
				}
				seen[r.ID] = true
			}
			if len(l.Resources) < count {
				break
			}
			query = "startIndex=" + strconv.Itoa(len(seen)+1)
			if byCursor {
				if l.NextCursor == "" {
					break
				}
				query = "cursor=" + url.QueryEscape(l.NextCursor)
			}
		}
		if len(seen) != everybody {
			t.Fatalf("%d were shown, there are %d", len(seen), everybody)
		}
	})
}

// TestLargeGroups: all members are answered, in the order of the directory, and
// read only where they are shown.
func TestLargeGroups(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	group := s.large(t, 3333)
	var shown struct {
		Members []struct {
			Value, Display, Type string
			Ref                  string `json:"$ref"`
		}
	}
	if err := json.Unmarshal(s.do("GET", "/Groups/"+group, "").want(http.StatusOK).body, &shown); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, m := range shown.Members {
		ids = append(ids, m.Value)
		if m.Ref != base+"/Users/"+m.Value || m.Type != string(directory.User) || m.Display == "" {
			t.Fatalf("a member is %+v", m)
		}
	}
	if !slices.Equal(ids, s.members(group)) {
		t.Errorf("%d members were shown", len(ids))
	}
	if got := len(s.do("GET", "/Groups", "").list().Resources); got != 1 {
		t.Errorf("%d groups", got)
	}
	if list, _ := s.do("GET", "/Groups", "").at("Resources", 0, "members").([]any); len(list) != 3333 {
		t.Errorf("the list shows %d members", len(list))
	}

	// Nothing of the members is read where they are not shown, nor on writes.
	s.directory.FailWith(func(method string) error {
		if method == "Members" {
			t.Error("members were read")
		}
		return nil
	})
	s.do("GET", "/Groups/"+group+"?excludedAttributes=members", "").want(http.StatusOK)
	s.do("GET", "/Groups?attributes=displayName", "").want(http.StatusOK)
	s.do("PATCH", "/Groups/"+group, patchBody(`[{"op":"remove","path":"members[value eq \"`+ids[7]+`\"]"}]`)).want(http.StatusNoContent)
	a := s.do("PUT", "/Groups/"+group, `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"Everybody"}`).want(http.StatusOK)
	if a.at("displayName") != "Everybody" || a.at("members") != nil {
		t.Errorf("after a rename: %.300s", a.body)
	}
	if left := len(s.members(group)); left != 3332 {
		t.Errorf("%d members are left", left)
	}
}
