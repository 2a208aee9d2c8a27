package directoryv1

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/gatehouse-id/gatehouse/sdk/directory"
	hostv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/host/v1"
)

// Whatever a plugin asks, what becomes of it is within the limits.
func FuzzQuery(f *testing.F) {
	for _, r := range []*hostv1.FindRequest{
		{Type: "User", Limit: 10, Sort: []string{"userName"}, Filter: &hostv1.Filter{Op: "eq", Path: []string{"userName"}, Value: &hostv1.Filter_Text{Text: "x"}}},
		{Type: "Group", Filter: &hostv1.Filter{Op: "any", Path: []string{"emails"}, Filters: []*hostv1.Filter{{Op: "lt", Path: []string{"value"}, Value: &hostv1.Filter_Number{Number: "1.5"}}}}},
		{Type: "User", Filter: &hostv1.Filter{Op: "not", Filters: []*hostv1.Filter{{Op: "pr", Path: []string{"x"}}}}},
	} {
		text, err := proto.Marshal(r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var r hostv1.FindRequest
		if proto.Unmarshal(text, &r) != nil {
			return
		}
		q, err := query(&r)
		if err != nil {
			return
		}
		if !q.Type.Check() || q.Limit > directory.PageLimit || q.Members > directory.PageLimit || q.Start < 0 || len(q.Sort) > pathLimit {
			t.Errorf("it was taken: %+v", q)
		}
		if q.Filter != nil {
			comparisons := 0
			within(t, *q.Filter, 1, &comparisons)
		}
	})
}

func within(t *testing.T, f directory.Filter, depth int, comparisons *int) {
	t.Helper()
	if depth > depthLimit+1 {
		t.Fatal("a filter is too deep")
	}
	switch f.Op {
	case directory.And, directory.Or, directory.Not, directory.Any:
		if len(f.Filters) == 0 || f.Value != nil {
			t.Errorf("%+v was taken", f)
		}
	default:
		if *comparisons++; *comparisons > directory.FilterLimit || len(f.Path) == 0 || len(f.Filters) > 0 {
			t.Errorf("%+v was taken, or there are too many", f)
		}
	}
	for _, inner := range f.Filters {
		within(t, inner, depth+1, comparisons)
	}
}

// Whatever a plugin wants changed, what becomes of it is within the limits.
func FuzzChanges(f *testing.F) {
	user := &hostv1.Resource{Type: "User", Id: "u1", ExternalId: "e", Attributes: []byte(`{"userName":"ada"}`)}
	for _, r := range []*hostv1.ApplyRequest{
		{Changes: []*hostv1.Change{{Change: &hostv1.Change_Create{Create: &hostv1.Create{Resource: user, Adopt: true}}}}},
		{Changes: []*hostv1.Change{{Change: &hostv1.Change_Replace{Replace: &hostv1.Replace{Resource: user}}}, {Change: &hostv1.Change_Delete{Delete: &hostv1.Delete{Type: "User", Id: "u"}}}}},
		{Changes: []*hostv1.Change{
			{Change: &hostv1.Change_Members{Members: &hostv1.ChangeMembers{Group: "g", Add: []string{"a"}, More: true}}},
			{Change: &hostv1.Change_Members{Members: &hostv1.ChangeMembers{Remove: []string{"b"}}}},
		}},
	} {
		text, err := proto.Marshal(r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var r hostv1.ApplyRequest
		if proto.Unmarshal(text, &r) != nil {
			return
		}
		var c collector
		if c.take(r.GetChanges()) != nil {
			return
		}
		changes, err := c.done()
		if err != nil {
			return
		}
		for _, change := range changes {
			switch change := change.(type) {
			case directory.Create:
				if directory.CheckAttributes(change.Resource.Type, change.Resource.Attributes) != nil || !idForm.MatchString(change.Resource.ID) {
					t.Errorf("%+v was taken", change)
				}
			case directory.Replace:
				if directory.CheckAttributes(change.Resource.Type, change.Resource.Attributes) != nil || change.Resource.Version < 0 {
					t.Errorf("%+v was taken", change)
				}
			case directory.Delete:
				if !change.Type.Check() || change.ID == "" {
					t.Errorf("%+v was taken", change)
				}
			case directory.Members:
				if change.Group == "" || change.All && len(change.Remove) > 0 {
					t.Errorf("%+v was taken", change)
				}
			default:
				t.Errorf("%T was taken", change)
			}
		}
	})
}
