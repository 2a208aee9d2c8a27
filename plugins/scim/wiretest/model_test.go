package wiretest_test

import (
	"encoding/json"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/gatehouse-id/gatehouse/plugins/scim/body"
	"github.com/gatehouse-id/gatehouse/plugins/scim/dialect"
	"github.com/gatehouse-id/gatehouse/plugins/scim/filter"
	"github.com/gatehouse-id/gatehouse/plugins/scim/patch"
	"github.com/gatehouse-id/gatehouse/plugins/scim/schema"
	"github.com/gatehouse-id/gatehouse/plugins/scim/scimerr"
	"github.com/gatehouse-id/gatehouse/plugins/scim/wiretest"
	"github.com/gatehouse-id/gatehouse/sdk/directory"
	"github.com/gatehouse-id/gatehouse/sdk/provision"
)

// server is the least that the pure packages need around them to answer: a list
// of resources in the place of the directory, and no HTTP.
type server struct {
	types   []*schema.ResourceType
	quirks  dialect.Set
	all     []*resource
	created int
}

type resource struct {
	kind, id, external string
	doc                map[string]any
	members            []string
}

type answer struct {
	status   int
	scimType string
	found    []string
	total    int
	id       string
	notes    []provision.Note
}

func newServer(t *testing.T, quirks dialect.Set, before []wiretest.Resource) *server {
	t.Helper()
	users, err := schema.Users()
	if err != nil {
		t.Fatal(err)
	}
	groups, err := schema.Groups()
	if err != nil {
		t.Fatal(err)
	}
	s := &server{types: []*schema.ResourceType{users, groups}, quirks: quirks}
	for _, r := range before {
		doc, err := body.DecodeObject(r.Attributes, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		s.all = append(s.all, &resource{kind: r.Type, id: r.ID, external: r.ExternalID, doc: doc, members: slices.Clone(r.Members)})
	}
	return s
}

func (s *server) do(t *testing.T, q wiretest.Request) answer {
	t.Helper()
	u, err := url.Parse(q.Path)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(strings.Trim(u.Path, "/"), "/")
	r := s.quirks.Read()
	for _, rt := range s.types {
		if !schema.Same(strings.Trim(rt.Endpoint, "/"), parts[0]) {
			continue
		}
		a, err := s.route(rt, q, u.Query(), parts[1:], r)
		var refused *scimerr.Error
		switch {
		case errors.As(err, &refused):
			return answer{status: refused.Status, scimType: string(refused.ScimType)}
		case err != nil:
			t.Fatalf("an error that is not scimerr's: %v", err)
		}
		a.notes = r.Notes()
		return a
	}
	t.Fatalf("no resource type at %s", q.Path)
	return answer{}
}

func (s *server) route(rt *schema.ResourceType, q wiretest.Request, query url.Values, id []string, r *dialect.Reading) (answer, error) {
	var object map[string]any
	if data := q.Data(); data != nil {
		var err error
		if object, err = body.DecodeObject(data, 1<<20); err != nil {
			return answer{}, err
		}
	}
	if len(id) == 0 && q.Method == "GET" {
		return s.list(rt, query, r)
	}
	if len(id) == 0 {
		result, err := patch.Normalize(rt, object, nil, r)
		if err != nil {
			return answer{}, err
		}
		s.created++
		made := &resource{kind: rt.Name, id: "new-" + strconv.Itoa(s.created)}
		return answer{status: 201, id: made.id}, s.put(made, result)
	}
	i := slices.IndexFunc(s.all, func(r *resource) bool { return r.kind == rt.Name && r.id == id[0] })
	if i < 0 {
		return answer{}, scimerr.Status(404, "no such resource")
	}
	old := s.all[i]
	switch q.Method {
	case "PUT":
		result, err := patch.Normalize(rt, object, old.doc, r)
		if err != nil {
			return answer{}, err
		}
		return answer{status: 200}, s.put(old, result)
	case "PATCH":
		ops, err := patch.ParseOps(object, r)
		if err != nil {
			return answer{}, err
		}
		result, err := patch.Apply(rt, old.doc, ops, r)
		if err != nil {
			return answer{}, err
		}
		status := 200
		if rt.HasMembers() {
			status = 204
		}
		return answer{status: status}, s.put(old, result)
	case "DELETE":
		s.all = slices.Delete(s.all, i, i+1)
		return answer{status: 204}, nil
	}
	return answer{status: 200}, nil
}

// put does what directory.Apply does with the result.
func (s *server) put(r *resource, result patch.Result) error {
	next := *r
	next.doc = result.Doc
	if result.ExternalID != nil {
		next.external = *result.ExternalID
	}
	var err error
	if next.members, err = s.members(r.members, result.Members); err != nil {
		return err
	}
	for _, other := range s.all {
		if other.id != r.id && other.kind == r.kind && r.kind == "User" && filter.Fold(other.doc["userName"].(string)) == filter.Fold(next.doc["userName"].(string)) {
			return scimerr.New(scimerr.Uniqueness, "taken")
		}
	}
	*r = next
	if !slices.Contains(s.all, r) {
		s.all = append(s.all, r)
	}
	return nil
}

func (s *server) find(id string) *resource {
	if i := slices.IndexFunc(s.all, func(r *resource) bool { return r.id == id }); i >= 0 {
		return s.all[i]
	}
	return nil
}

func (s *server) members(before []string, m patch.Members) ([]string, error) {
	for _, id := range m.Expect {
		if !slices.Contains(before, id) {
			return nil, scimerr.New(scimerr.NoTarget, "no such member")
		}
	}
	var after []string
	matched := make([]bool, len(m.Select))
	for _, id := range before {
		gone := m.All || slices.Contains(m.Remove, id)
		for i, selector := range m.Select {
			found := s.find(id)
			if selector.Match(directory.Member{ID: id, Type: directory.Type(found.kind)}, &filter.Budget{Left: 1000}) {
				gone, matched[i] = true, true
			}
		}
		if !gone {
			after = append(after, id)
		}
	}
	for i, selector := range m.Select {
		if selector.MustMatch && !matched[i] {
			return nil, scimerr.New(scimerr.NoTarget, "no such member")
		}
	}
	for _, id := range m.Add {
		switch {
		case s.find(id) == nil && !m.SkipUnknown:
			return nil, scimerr.New(scimerr.InvalidValue, "nobody has this id")
		case s.find(id) != nil && !slices.Contains(after, id):
			after = append(after, id)
		}
	}
	return after, nil
}

func (s *server) list(rt *schema.ResourceType, query url.Values, r *dialect.Reading) (answer, error) {
	ids := []string{}
	matches := func(map[string]any) bool { return true }
	if text := query.Get("filter"); text != "" {
		e, err := filter.Parse(text, r)
		if err != nil {
			return answer{}, err
		}
		if matches, err = matcher(e, rt, r); err != nil {
			return answer{}, err
		}
		if plain, found := filter.Unescape(e); found && !slices.ContainsFunc(s.all, func(r *resource) bool { return matches(s.whole(r)) }) && r.Took(dialect.EncodedOperand, "filter") {
			if matches, err = matcher(plain, rt, r); err != nil {
				return answer{}, err
			}
		}
	}
	for _, r := range s.all {
		if r.kind == rt.Name && matches(s.whole(r)) {
			ids = append(ids, r.id)
		}
	}
	total := len(ids)
	if start, err := strconv.Atoi(query.Get("startIndex")); err == nil {
		ids = ids[min(max(start, 1)-1, len(ids)):]
	}
	if count, err := strconv.Atoi(query.Get("count")); err == nil {
		ids = ids[:min(count, len(ids))]
	}
	return answer{status: 200, found: ids, total: total}, nil
}

func matcher(e filter.Expr, rt *schema.ResourceType, r *dialect.Reading) (func(map[string]any) bool, error) {
	f, err := filter.Compile(e, rt, r)
	if err != nil {
		return nil, err
	}
	m := filter.NewMatcher(f)
	return func(doc map[string]any) bool { return m.Match(doc, &filter.Budget{Left: 1 << 20}) }, nil
}

// whole is the document with what the directory keeps beside it.
func (s *server) whole(r *resource) map[string]any {
	doc := map[string]any{"id": r.id}
	maps.Copy(doc, r.doc)
	if r.external != "" {
		doc["externalId"] = r.external
	}
	list := func(ids []string) []any {
		out := []any{}
		for _, id := range ids {
			out = append(out, map[string]any{"value": id})
		}
		return out
	}
	if r.kind == "Group" {
		doc["members"] = list(r.members)
		return doc
	}
	var groups []string
	for _, g := range s.all {
		if slices.Contains(g.members, r.id) {
			groups = append(groups, g.id)
		}
	}
	doc["groups"] = list(groups)
	return doc
}

// state is the directory in the form of the fixtures.
func (s *server) state(t *testing.T) []wiretest.Resource {
	t.Helper()
	var out []wiretest.Resource
	for _, r := range s.all {
		attributes, err := json.Marshal(r.doc)
		if err != nil {
			t.Fatal(err)
		}
		id := r.id
		if strings.HasPrefix(id, "new-") {
			id = "*"
		}
		out = append(out, wiretest.Resource{Type: r.kind, ID: id, ExternalID: r.external, Attributes: attributes, Members: r.members})
	}
	return out
}
