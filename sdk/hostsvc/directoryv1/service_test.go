package directoryv1_test

import (
	"context"
	"encoding/json"
	"net"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"
	"pgregory.net/rapid"

	"github.com/gatehouse-id/gatehouse/sdk/directory"
	"github.com/gatehouse-id/gatehouse/sdk/hostsvc"
	"github.com/gatehouse-id/gatehouse/sdk/hostsvc/directoryv1"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	hostv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/host/v1"
)

// echoing is a directory that keeps what it was asked, and answers what it is told.
type echoing struct {
	mu       sync.Mutex
	query    directory.Query
	changes  []directory.Change
	page     directory.Page
	outcomes []directory.Outcome
	live     bool   // the handle
	stop     func() // of the host
}

func (e *echoing) Find(_ context.Context, q directory.Query) (directory.Page, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.query = q
	return e.page, nil
}

func (e *echoing) Members(_ context.Context, group, after string, limit int) ([]directory.Member, bool, error) {
	if group == "missing" {
		return nil, false, problem.New(problem.NotFound, "there is no group %q", group)
	}
	return []directory.Member{{ID: after, Type: directory.User, Display: group}}, limit == 2, nil
}

func (e *echoing) Apply(_ context.Context, changes []directory.Change) ([]directory.Outcome, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.changes = changes
	out := e.outcomes
	for len(out) < len(changes) {
		out = append(out, directory.Outcome{ID: "x"})
	}
	return out[:len(changes)], nil
}

// asking is a plugin's way to a directory, with a call that is being answered.
func asking(t testing.TB, e *echoing) (context.Context, hostsvc.Host, grpc.ClientConnInterface) {
	t.Helper()
	return askingOf(t, e, e)
}

// askingOf is the same of a directory that is more than echoing.
func askingOf(t testing.TB, e *echoing, d directoryv1.Directory) (context.Context, hostsvc.Host, grpc.ClientConnInterface) {
	t.Helper()
	e.live = true
	g := grpc.NewServer(grpc.MaxRecvMsgSize(directoryv1.MessageLimit))
	hostv1.RegisterDirectoryServiceServer(g, directoryv1.New(func(ctx context.Context, handle string) (directoryv1.Directory, context.Context, context.CancelFunc, error) {
		e.mu.Lock()
		defer e.mu.Unlock()
		if handle != "h" || !e.live {
			return nil, nil, nil, problem.New(problem.Forbidden, "no such call")
		}
		return d, ctx, func() {}, nil
	}, func(_ context.Context, _ string, value any) error {
		return problem.New(problem.Internal, "panic: %v", value)
	}))
	listener := bufconn.Listen(1 << 20)
	go func() { _ = g.Serve(listener) }()
	conn, err := grpc.NewClient("passthrough:///memory",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	e.stop = g.Stop
	t.Cleanup(func() { _ = conn.Close(); g.Stop() })
	return hostsvc.WithHandle(context.Background(), "h"), hostsvc.New(conn), conn
}

var (
	ids   = rapid.StringOfN(rapid.RuneFrom([]rune("azAZ09_-")), 1, 64, -1)
	texts = rapid.StringOfN(rapid.RuneFrom([]rune("aZ0 .\"\n\u007fü😀")), 0, 20, -1)
	names = rapid.StringOfN(rapid.RuneFrom([]rune("aZ0:.$ü")), 1, 20, -1)
	types = rapid.SampledFrom([]directory.Type{directory.User, directory.Group, "Device"})
	paths = rapid.Custom(func(t *rapid.T) directory.Path {
		return rapid.SliceOfN(names, 1, 4).Draw(t, "path")
	})
	values = rapid.Custom(func(t *rapid.T) any {
		return rapid.SampledFrom([]any{nil, true, false, "", "text ü", json.Number("1"), json.Number("-2.5e10")}).Draw(t, "value")
	})
)

func filters(depth int) *rapid.Generator[directory.Filter] {
	compare := rapid.Custom(func(t *rapid.T) directory.Filter {
		op := rapid.SampledFrom([]directory.Op{directory.Equal, directory.NotEqual, directory.Present, directory.Contains, directory.Less}).Draw(t, "op")
		f := directory.Filter{Op: op, Path: paths.Draw(t, "path"), CaseExact: rapid.Bool().Draw(t, "exact"), Time: rapid.Bool().Draw(t, "time")}
		switch op {
		case directory.Contains, directory.Less:
			f.Value = texts.Draw(t, "text")
		case directory.Present:
		default:
			f.Value = values.Draw(t, "value")
		}
		return f
	})
	if depth == 0 {
		return compare
	}
	return rapid.OneOf(compare, rapid.Custom(func(t *rapid.T) directory.Filter {
		return directory.Filter{Op: rapid.SampledFrom([]directory.Op{directory.And, directory.Or}).Draw(t, "op"), Filters: rapid.SliceOfN(filters(depth-1), 1, 3).Draw(t, "in")}
	}), rapid.Custom(func(t *rapid.T) directory.Filter {
		return directory.Filter{Op: directory.Any, Path: paths.Draw(t, "path"), Filters: []directory.Filter{filters(depth-1).Draw(t, "in")}}
	}))
}

// A query arrives as it was asked.
func TestQueriesArrive(t *testing.T) {
	e := &echoing{}
	ctx, host, _ := asking(t, e)
	rapid.Check(t, func(t *rapid.T) {
		q := directory.Query{
			Type: types.Draw(t, "type"), ID: texts.Draw(t, "id"), SortExact: rapid.Bool().Draw(t, "exact"), Descending: rapid.Bool().Draw(t, "down"),
			Limit: rapid.IntRange(0, directory.PageLimit).Draw(t, "limit"), Members: rapid.IntRange(0, directory.PageLimit).Draw(t, "members"),
			Attributes: rapid.Bool().Draw(t, "attributes"), Groups: rapid.Bool().Draw(t, "groups"),
		}
		if rapid.Bool().Draw(t, "sorted") {
			q.Sort = paths.Draw(t, "sort")
		}
		if rapid.Bool().Draw(t, "by cursor") {
			q.Cursor = texts.Draw(t, "cursor")
		} else {
			q.Start = rapid.IntRange(0, 1<<30).Draw(t, "start")
		}
		if rapid.Bool().Draw(t, "filtered") {
			f := filters(3).Draw(t, "filter")
			q.Filter = &f
		}
		if _, err := host.Find(ctx, q); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(q, e.query); diff != "" {
			t.Errorf("what arrived (-asked +got):\n%s", diff)
		}
	})
}

// A page arrives as it was answered, in however many messages.
func TestPagesArrive(t *testing.T) {
	e := &echoing{}
	ctx, host, _ := asking(t, e)
	member := rapid.Custom(func(t *rapid.T) directory.Member {
		return directory.Member{ID: ids.Draw(t, "id"), Type: types.Draw(t, "type"), Display: texts.Draw(t, "display")}
	})
	resource := rapid.Custom(func(t *rapid.T) directory.Resource {
		return directory.Resource{
			Type: types.Draw(t, "type"), ID: ids.Draw(t, "id"), ExternalID: texts.Draw(t, "external"), Version: rapid.Int64Min(1).Draw(t, "version"),
			Created: time.UnixMicro(rapid.Int64Range(0, 1<<50).Draw(t, "created")).UTC(), Modified: time.UnixMicro(rapid.Int64Range(0, 1<<50).Draw(t, "modified")).UTC(),
			Attributes: json.RawMessage(`"` + strings.Repeat("x", rapid.SampledFrom([]int{1, 1, 1, 100, 100 << 10, 1 << 20}).Draw(t, "size")) + `"`),
			Members:    rapid.SliceOfN(member, 1, 3).Draw(t, "members"), Groups: rapid.SliceOfN(member, 1, 3).Draw(t, "groups"), More: rapid.Bool().Draw(t, "more"),
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		page := directory.Page{Total: rapid.IntMin(0).Draw(t, "total"), Next: texts.Draw(t, "next"), Previous: texts.Draw(t, "previous")}
		if page.Resources = rapid.SliceOfN(resource, 0, 12).Draw(t, "resources"); len(page.Resources) == 0 {
			page.Resources = nil
		}
		e.page = page
		got, err := host.Find(ctx, directory.Query{Type: directory.User})
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(page, got) {
			t.Errorf("what arrived (-answered +got):\n%.1000s", cmp.Diff(page, got))
		}
	})
}

// Changes arrive as they were made, in however many messages.
func TestChangesArrive(t *testing.T) {
	e := &echoing{}
	ctx, host, _ := asking(t, e)
	resource := rapid.Custom(func(t *rapid.T) directory.Resource {
		padding := strings.Repeat("x", rapid.SampledFrom([]int{1, 1, 100, 20 << 10, 900 << 10}).Draw(t, "size"))
		return directory.Resource{Type: "Device", ID: ids.Draw(t, "id"), ExternalID: texts.Draw(t, "external"), Attributes: json.RawMessage(`{"x":"` + padding + `"}`)}
	})
	many := rapid.Custom(func(t *rapid.T) []string {
		n := rapid.SampledFrom([]int{0, 1, 2, 3, 2000, 5000}).Draw(t, "n")
		var out []string
		for i := range n {
			out = append(out, strings.Repeat("x", 1+i%64))
		}
		return out
	})
	change := rapid.Custom(func(t *rapid.T) directory.Change {
		version := rapid.Int64Min(0).Draw(t, "version")
		switch rapid.IntRange(0, 4).Draw(t, "kind") {
		case 0:
			return directory.Create{Resource: resource.Draw(t, "resource"), Adopt: rapid.Bool().Draw(t, "adopt")}
		case 1:
			r := resource.Draw(t, "resource")
			r.Version = version
			return directory.Replace{Resource: r}
		case 2:
			return directory.Delete{Type: types.Draw(t, "type"), ID: ids.Draw(t, "id"), Version: version}
		case 3:
			return directory.Members{Group: ids.Draw(t, "group"), Version: version, All: true, Add: many.Draw(t, "add")}
		}
		return directory.Members{Group: ids.Draw(t, "group"), Version: version, Add: many.Draw(t, "add"), Remove: many.Draw(t, "remove"), SkipUnknown: rapid.Bool().Draw(t, "skip")}
	})
	rapid.Check(t, func(t *rapid.T) {
		changes := rapid.SliceOfN(change, 1, 8).Draw(t, "changes")
		e.outcomes = []directory.Outcome{{
			ID: "u", Version: 3, Created: time.UnixMicro(5).UTC(), Modified: time.UnixMicro(7).UTC(), Changed: true, Adopted: true, Unknown: many.Draw(t, "unknown"),
		}}
		got, err := host.Apply(ctx, changes)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(changes, e.changes) {
			t.Errorf("what arrived (-made +got):\n%.1000s", cmp.Diff(changes, e.changes))
		}
		if len(got) != len(changes) || !cmp.Equal(got[0], e.outcomes[0]) {
			t.Errorf("the outcomes are %.300v", got)
		}
	})
}

// What cannot be is refused by its code, on whichever side.
func TestRefusals(t *testing.T) {
	e := &echoing{}
	ctx, host, _ := asking(t, e)
	user := func(id, attributes string) directory.Create {
		return directory.Create{Resource: directory.Resource{Type: directory.User, ID: id, Attributes: json.RawMessage(attributes)}}
	}
	large := func(n int) directory.Create { return user("u", `{"userName":"`+strings.Repeat("x", n)+`"}`) }
	deep := directory.Filter{Op: directory.Present, Path: directory.Path{"x"}}
	for range 60 {
		deep = directory.Filter{Op: directory.Not, Filters: []directory.Filter{deep}}
	}
	wide := directory.Filter{Op: directory.Or, Filters: slices.Repeat([]directory.Filter{{Op: directory.Present, Path: directory.Path{"x"}}}, directory.FilterLimit+1)}
	find := func(q directory.Query) func() error {
		return func() error { _, err := host.Find(ctx, q); return err }
	}
	filtered := func(f directory.Filter) func() error { return find(directory.Query{Type: directory.User, Filter: &f}) }
	apply := func(changes ...directory.Change) func() error {
		return func() error { _, err := host.Apply(ctx, changes); return err }
	}
	members := func(group, after string, limit int) func() error {
		return func() error { _, _, err := host.Members(ctx, group, after, limit); return err }
	}
	var tooMany []directory.Change
	for range 1001 {
		tooMany = append(tooMany, directory.Delete{Type: directory.User, ID: "x"})
	}
	for name, c := range map[string]struct {
		ask  func() error
		want problem.Code
	}{
		"another's handle": {func() error {
			_, err := host.Find(hostsvc.WithHandle(ctx, "x"), directory.Query{Type: directory.User})
			return err
		}, problem.Forbidden},
		"changes by another's handle": {func() error { _, err := host.Apply(hostsvc.WithHandle(ctx, "x"), tooMany[:1]); return err }, problem.Forbidden},
		"no call": {func() error {
			_, err := host.Find(context.Background(), directory.Query{Type: directory.User})
			return err
		}, problem.Unsupported},
		"no type":                   {find(directory.Query{}), problem.Invalid},
		"a large page":              {find(directory.Query{Type: directory.User, Limit: 1001}), problem.TooLarge},
		"an id that is not UTF-8":   {find(directory.Query{Type: directory.User, ID: "\xff"}), problem.Invalid},
		"an id with a NUL":          {find(directory.Query{Type: directory.User, ID: "\x00"}), problem.Invalid},
		"a long id":                 {find(directory.Query{Type: directory.User, ID: strings.Repeat("x", 257)}), problem.Invalid},
		"a start and a cursor":      {find(directory.Query{Type: directory.User, Start: 1, Cursor: "x"}), problem.Invalid},
		"a long sort":               {find(directory.Query{Type: directory.User, Sort: slices.Repeat(directory.Path{"x"}, 9)}), problem.Invalid},
		"a deep filter":             {filtered(deep), problem.TooLarge},
		"a wide filter":             {filtered(wide), problem.TooLarge},
		"an operator that is none":  {filtered(directory.Filter{Op: "like", Path: directory.Path{"x"}, Value: "x"}), problem.Invalid},
		"a comparison of nothing":   {filtered(directory.Filter{Op: directory.Equal, Value: "x"}), problem.Invalid},
		"a comparison with a list":  {filtered(directory.Filter{Op: directory.Equal, Path: directory.Path{"x"}, Value: []any{}}), problem.Invalid},
		"a part of a number":        {filtered(directory.Filter{Op: directory.StartsWith, Path: directory.Path{"x"}, Value: json.Number("1")}), problem.Invalid},
		"an order of truths":        {filtered(directory.Filter{Op: directory.Less, Path: directory.Path{"x"}, Value: true}), problem.Invalid},
		"more than nothing":         {filtered(directory.Filter{Op: directory.Greater, Path: directory.Path{"x"}}), problem.Invalid},
		"a number that is none":     {filtered(directory.Filter{Op: directory.Less, Path: directory.Path{"x"}, Value: json.Number("0x10")}), problem.Invalid},
		"present with a value":      {filtered(directory.Filter{Op: directory.Present, Path: directory.Path{"x"}, Value: "x"}), problem.Invalid},
		"not two":                   {filtered(directory.Filter{Op: directory.Not, Filters: slices.Repeat([]directory.Filter{{Op: directory.Present, Path: directory.Path{"x"}}}, 2)}), problem.Invalid},
		"and with a path":           {filtered(directory.Filter{Op: directory.And, Path: directory.Path{"x"}, Filters: []directory.Filter{{Op: directory.Present, Path: directory.Path{"x"}}}}), problem.Invalid},
		"a text with a NUL":         {filtered(directory.Filter{Op: directory.Equal, Path: directory.Path{"x"}, Value: "a\x00"}), problem.Invalid},
		"a text that is not UTF-8":  {filtered(directory.Filter{Op: directory.Equal, Path: directory.Path{"x"}, Value: "a\xff"}), problem.Invalid},
		"no members":                {members("g", "", 0), problem.TooLarge},
		"too many members":          {members("g", "", 1001), problem.TooLarge},
		"members of nothing":        {members("", "", 1), problem.Invalid},
		"members of what is not":    {members("missing", "", 1), problem.NotFound},
		"an id of another form":     {apply(user("a/b", `{"userName":"x"}`)), problem.Invalid},
		"no id":                     {apply(user("", `{"userName":"x"}`)), problem.Invalid},
		"attributes that are none":  {apply(user("u", `[]`)), problem.Invalid},
		"attributes that are large": {apply(large(directory.AttributesLimit)), problem.Invalid},
		"a new one with a version":  {apply(directory.Create{Resource: directory.Resource{Type: directory.User, ID: "u", Version: 1, Attributes: json.RawMessage(`{"userName":"x"}`)}}), problem.Invalid},
		"a version below none":      {apply(directory.Delete{Type: directory.User, ID: "u", Version: -1}), problem.Invalid},
		"all, and some to remove":   {apply(directory.Members{Group: "g", All: true, Remove: []string{"u"}}), problem.Invalid},
		"a member without an id":    {apply(directory.Members{Group: "g", Add: []string{""}}), problem.Invalid},
		"too many changes":          {apply(tooMany...), problem.TooLarge},
		"too many to add":           {apply(directory.Members{Group: "g", Add: slices.Repeat([]string{"u"}, 500_001)}), problem.TooLarge},
		"too many bytes":            {apply(slices.Repeat([]directory.Change{large(900 << 10)}, 40)...), problem.TooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			if err := c.ask(); !problem.Is(err, c.want) {
				t.Errorf("it ended with %v, want %s", err, c.want)
			}
		})
	}
	if _, err := host.Apply(ctx, []directory.Change{large(900 << 10)}); err != nil {
		t.Errorf("after all these: %v", err)
	}
}

// A call that ended while its changes came changes nothing.
func TestApplyAfterItsCall(t *testing.T) {
	e := &echoing{}
	ctx, _, conn := asking(t, e)
	stream, err := hostv1.NewDirectoryServiceClient(conn).Apply(ctx)
	if err != nil {
		t.Fatal(err)
	}
	change := []*hostv1.Change{{Change: &hostv1.Change_Delete{Delete: &hostv1.Delete{Type: "User", Id: "u"}}}}
	if err := stream.Send(&hostv1.ApplyRequest{Handle: "h", Changes: change}); err != nil {
		t.Fatal(err)
	}
	e.mu.Lock()
	e.live = false
	e.mu.Unlock()
	_, err = stream.CloseAndRecv()
	if p, ok := problem.FromGRPC(err); !ok || p.Code != problem.Forbidden || e.changes != nil {
		t.Errorf("it ended with %v, and changed %v", err, e.changes)
	}
}

// Messages that the SDK never sends.
func TestApplyOutOfOrder(t *testing.T) {
	e := &echoing{}
	ctx, _, conn := asking(t, e)
	members := func(m *hostv1.ChangeMembers) *hostv1.Change {
		return &hostv1.Change{Change: &hostv1.Change_Members{Members: m}}
	}
	gone := &hostv1.Change{Change: &hostv1.Change_Delete{Delete: &hostv1.Delete{Type: "User", Id: "u"}}}
	for name, messages := range map[string][]*hostv1.ApplyRequest{
		"nothing":                   {},
		"no changes":                {{Handle: "h"}},
		"a change that is none":     {{Handle: "h", Changes: []*hostv1.Change{{}}}},
		"no end":                    {{Handle: "h", Changes: []*hostv1.Change{members(&hostv1.ChangeMembers{Group: "g", More: true})}}},
		"something else in between": {{Handle: "h", Changes: []*hostv1.Change{members(&hostv1.ChangeMembers{Group: "g", More: true}), gone}}},
		"another group in between":  {{Handle: "h", Changes: []*hostv1.Change{members(&hostv1.ChangeMembers{Group: "g", More: true}), members(&hostv1.ChangeMembers{Group: "o"})}}},
		"a second handle":           {{Handle: "h", Changes: []*hostv1.Change{gone}}, {Handle: "h", Changes: []*hostv1.Change{gone}}},
		"a handle too late":         {{Changes: []*hostv1.Change{gone}}, {Handle: "h"}},
	} {
		t.Run(name, func(t *testing.T) {
			stream, err := hostv1.NewDirectoryServiceClient(conn).Apply(ctx)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range messages {
				_ = stream.Send(m) // why it fails is what the answer says
			}
			_, err = stream.CloseAndRecv()
			if p, ok := problem.FromGRPC(err); !ok || p.Code != problem.Invalid && p.Code != problem.Forbidden {
				t.Errorf("it ended with %v", err)
			}
		})
	}
	if e.changes != nil {
		t.Errorf("it changed %v", e.changes)
	}
}
