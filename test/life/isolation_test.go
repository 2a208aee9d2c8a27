//go:build linux

package life_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	"github.com/gatehouse-id/gatehouse/test/gatehousetest"
)

// victim is a connection that somebody else asks about: everything of it has the
// word in it that an answer to others may not have.
type victim struct {
	*gatehousetest.SCIM
	label  string
	users  []string // ids
	groups []string
}

const secretWord = "zanzibar"

func newVictim(h *gatehousetest.Host, label, organization string) *victim {
	v := &victim{SCIM: h.SCIM(label), label: label}
	for i := range 3 {
		name := fmt.Sprintf("%s-%s-%d", secretWord, label, i)
		v.users = append(v.users, v.Create("/Users", fmt.Sprintf(`{"schemas":[%q],"userName":%q,"externalId":%q,"title":%q,"emails":[{"value":"%s@example.com","primary":true}]}`,
			userSchema, name, "ext-"+name, secretWord, name)))
	}
	v.groups = append(v.groups, v.Create("/Groups", group(secretWord+" inner", v.users[:2]...)))
	v.groups = append(v.groups, v.Create("/Groups", group(secretWord+" outer", v.groups[0], v.users[2])))
	return v
}

// state is all that a connection has, as its own IdP and the operator see it.
func (v *victim) state(h *gatehousetest.Host) string {
	var all strings.Builder
	for _, path := range []string{"/Users?count=500", "/Groups?count=500"} {
		resources, _ := json.Marshal(v.Must(http.StatusOK, http.MethodGet, path, "").Body)
		all.Write(resources)
	}
	for _, id := range v.users {
		all.WriteString(h.CLI("users", "show", id, "--json").Out)
	}
	return all.String()
}

// gives reports what of a victim is in an answer to another: what that one wrote
// in the request itself is no news to it.
func (v *victim) gives(request, answer string) string {
	for _, word := range slices.Concat(v.users, v.groups, []string{secretWord}) {
		if strings.Contains(answer, word) && !strings.Contains(request, word) {
			return word
		}
	}
	return ""
}

// attack draws a request that somebody makes with their own token, and that is
// about another's people.
func attack(rt *rapid.T, v *victim, own []string) (method, path, body string) {
	pick := func(label string, list ...string) string { return rapid.SampledFrom(list).Draw(rt, label) }
	id := pick("id", slices.Concat(v.users, v.groups, own)...)
	endpoint := pick("endpoint", "/Users", "/Groups")
	name := pick("name", secretWord+"-"+v.label+"-0", secretWord+" inner", "ext-"+secretWord+"-"+v.label+"-1")
	filter := strings.NewReplacer("ID", id, "NAME", name, "WORD", secretWord[:4]).Replace(pick("filter",
		`userName eq "NAME"`, `userName sw "WORD"`, `externalId eq "NAME"`, `id eq "ID"`, `displayName co "WORD"`, `title pr`,
		`emails[value co "WORD"]`, `emails.value ew "example.com"`, `members.value eq "ID"`, `members[value eq "ID"]`, `groups.value eq "ID"`,
		`not (userName eq "nobody")`, `meta.created gt "2000-01-01T00:00:00Z"`, `userName gt "a" or displayName pr`, `active eq true and (title co "WORD" or id ne "ID")`))
	query := url.Values{}
	if rapid.Bool().Draw(rt, "filtered") {
		query.Set("filter", filter)
	}
	for _, one := range []string{"startIndex=1&count=500", "cursor=&count=1", "cursor=" + id, "sortBy=title&sortOrder=descending", "attributes=id,userName,members,groups,title", "excludedAttributes=members"} {
		if rapid.IntRange(0, 3).Draw(rt, one) == 0 {
			more, _ := url.ParseQuery(one)
			for k := range more {
				query.Set(k, more.Get(k))
			}
		}
	}
	operation := strings.NewReplacer("ID", id, "OWN", pick("own", own...), "NAME", name).Replace(pick("operation",
		`{"op":"add","path":"members","value":[{"value":"ID"}]}`, `{"op":"replace","path":"members","value":[{"value":"ID"},{"value":"OWN"}]}`,
		`{"op":"remove","path":"members[value eq \"ID\"]"}`, `{"op":"remove","path":"members"}`, `{"op":"replace","path":"active","value":false}`,
		`{"op":"replace","path":"displayName","value":"mine"}`, `{"op":"replace","value":{"externalId":"mine"}}`, `{"op":"remove","path":"title"}`))
	data := pick("data", user("mine"), group("mine", id), `{"schemas":["`+userSchema+`"],"userName":"mine2","id":"`+id+`"}`)
	target := endpoint + "/" + pick("whose", id, id, pick("own target", own...))
	switch pick("verb", "list", "read", "search", "create", "replace", "patch", "delete", "bulk", "me", "other mount") {
	case "list":
		return http.MethodGet, endpoint + "?" + query.Encode(), ""
	case "read":
		return http.MethodGet, target + "?" + query.Encode(), ""
	case "search":
		text, _ := json.Marshal(map[string]any{"schemas": []string{"urn:ietf:params:scim:api:messages:2.0:SearchRequest"}, "filter": filter, "count": 500})
		return http.MethodPost, pick("where", "", endpoint) + "/.search", string(text)
	case "create":
		return http.MethodPost, endpoint, data
	case "replace":
		return http.MethodPut, target, data
	case "patch":
		return http.MethodPatch, target, patch(operation)
	case "delete":
		return http.MethodDelete, endpoint + "/" + pick("victim", slices.Concat(v.users, v.groups)...), ""
	case "bulk":
		return http.MethodPost, "/Bulk", fmt.Sprintf(`{"schemas":[%q],"Operations":[{"method":"PATCH","path":%q,"data":%s},{"method":"POST","path":%q,"bulkId":"b","data":%s},{"method":"DELETE","path":"%s/%s"}]}`,
			bulkSchema, target, patch(operation), endpoint, data, endpoint, pick("victim", slices.Concat(v.users, v.groups)...))
	case "me":
		return pick("how", http.MethodGet, http.MethodPatch, http.MethodDelete), "/Me", ""
	default:
		return http.MethodGet, "/" + v.label + endpoint + "?" + query.Encode(), ""
	}
}

// What one connection does with its token never reads, changes or reveals
// anything of another, be it of another organization or of the same one.
func TestConnectionsDoNotMeet(t *testing.T) {
	t.Parallel()
	storetest.EachURL(t, func(t *testing.T, url string) {
		h := start(t, gatehousetest.Options{Store: url}, linked("acme-okta", "acme", brief), linked("acme-entra", "acme"), linked("globex-okta", "globex"))
		same, foreign := newVictim(h, "acme-entra", "acme"), newVictim(h, "globex-okta", "globex")
		attacker := h.SCIM("acme-okta")
		var own []string
		for i := range 3 {
			own = append(own, attacker.Create("/Users", user(fmt.Sprintf("own-%d", i))))
		}
		own = append(own, attacker.Create("/Groups", group("own", own...)))
		// A name that another connection has is no name that is taken.
		for _, v := range []*victim{same, foreign} {
			name := secretWord + "-" + v.label + "-0"
			attacker.Must(http.StatusNoContent, http.MethodDelete, "/Users/"+attacker.Create("/Users", user(name)), "")
			attacker.Must(http.StatusNoContent, http.MethodDelete, "/Groups/"+attacker.Create("/Groups", group(secretWord+" inner")), "")
		}
		before := map[*victim]string{same: same.state(h), foreign: foreign.state(h)}
		seen := map[int]int{}
		rapid.Check(t, func(rt *rapid.T) {
			v := rapid.SampledFrom([]*victim{same, foreign}).Draw(rt, "victim")
			for range 10 {
				method, path, body := attack(rt, v, own)
				a := attacker.Send(method, path, body)
				seen[a.Status]++
				asked, _ := decoded(path)
				if word := v.gives(asked+body, a.Text+fmt.Sprint(a.Header)); word != "" {
					rt.Fatalf("%s %s %s: status %d tells of %s: %s", method, path, body, a.Status, word, a.Text)
				}
				if a.Status >= http.StatusInternalServerError && a.Status != http.StatusNotImplemented {
					rt.Fatalf("%s %s %s: status %d: %s", method, path, body, a.Status, a.Text)
				}
			}
		})
		t.Logf("statuses: %v", seen)
		for v, want := range before {
			if diff := cmp.Diff(want, v.state(h)); diff != "" {
				t.Errorf("connection %s was changed by another (-before +after):\n%s", v.label, diff)
			}
		}
		if list := h.CLI("scim-log", "globex-okta", "--json"); strings.Contains(list.Out, `"mine"`) {
			t.Errorf("the log of a connection has another's requests: %s", list.Out)
		}
	})
}

// decoded is a path as its writer meant it.
func decoded(path string) (string, error) { return url.QueryUnescape(path) }
