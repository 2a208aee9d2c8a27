package hostsvc

import (
	"encoding/json"
	"time"
	"unicode/utf8"

	"github.com/gatehouse-id/gatehouse/sdk/directory"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	hostv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/host/v1"
)

func queryToProto(q directory.Query) (*hostv1.FindRequest, error) {
	if q.Start < 0 || q.Limit < 0 || q.Limit > directory.PageLimit || q.Members < 0 || q.Members > directory.PageLimit {
		return nil, problem.New(problem.TooLarge, "a page begins at 0 or later, and has at most %d resources with as many members each", directory.PageLimit)
	}
	if err := checkTexts(append([]string{string(q.Type), q.ID, q.Cursor}, q.Sort...)...); err != nil {
		return nil, err
	}
	out := &hostv1.FindRequest{
		Type: string(q.Type), Id: q.ID, Sort: q.Sort, SortExact: q.SortExact, Descending: q.Descending,
		Start: uint32(min(q.Start, 1<<31)), Cursor: q.Cursor, Limit: uint32(q.Limit),
		Attributes: q.Attributes, Members: uint32(q.Members), Groups: q.Groups,
	}
	if q.Filter == nil {
		return out, nil
	}
	var err error
	nodes := 0
	out.Filter, err = filterToProto(*q.Filter, &nodes, filterDepth)
	return out, err
}

// The limits of a filter: how deep it may be nested, and how many operators it
// may have with all that joins its comparisons.
const (
	filterDepth = 50
	filterNodes = 4 * directory.FilterLimit
)

func filterToProto(f directory.Filter, nodes *int, depth int) (*hostv1.Filter, error) {
	if *nodes++; *nodes > filterNodes || depth == 0 {
		return nil, problem.New(problem.TooLarge, "the filter is larger than can be asked for")
	}
	if err := checkTexts(f.Path...); err != nil {
		return nil, err
	}
	out := &hostv1.Filter{Op: string(f.Op), Path: f.Path, CaseExact: f.CaseExact, Time: f.Time}
	switch v := f.Value.(type) {
	case nil:
	case string:
		if err := checkTexts(v); err != nil {
			return nil, err
		}
		out.Value = &hostv1.Filter_Text{Text: v}
	case bool:
		out.Value = &hostv1.Filter_Truth{Truth: v}
	case json.Number:
		out.Value = &hostv1.Filter_Number{Number: string(v)}
	default:
		return nil, problem.New(problem.Invalid, "a filter compares with a text, a bool, a json.Number or nil, not with %T", v)
	}
	for _, inner := range f.Filters {
		one, err := filterToProto(inner, nodes, depth-1)
		if err != nil {
			return nil, err
		}
		out.Filters = append(out.Filters, one)
	}
	return out, nil
}

// checkTexts refuses what no message can carry.
func checkTexts(texts ...string) error {
	for _, text := range texts {
		if !utf8.ValidString(text) {
			return problem.New(problem.Invalid, "a text for the directory is not in UTF-8")
		}
	}
	return nil
}

func resourceFromProto(r *hostv1.Resource) directory.Resource {
	return directory.Resource{
		Type: directory.Type(r.GetType()), ID: r.GetId(), ExternalID: r.GetExternalId(), Version: r.GetVersion(),
		Created: time.UnixMicro(r.GetCreatedUnixMicros()).UTC(), Modified: time.UnixMicro(r.GetModifiedUnixMicros()).UTC(),
		Attributes: r.GetAttributes(), Members: membersFromProto(r.GetMembers()), Groups: membersFromProto(r.GetGroups()), More: r.GetMore(),
	}
}

func membersFromProto(in []*hostv1.Member) []directory.Member {
	var out []directory.Member
	for _, m := range in {
		out = append(out, directory.Member{ID: m.GetId(), Type: directory.Type(m.GetType()), Display: m.GetDisplay()})
	}
	return out
}

func outcomeFromProto(o *hostv1.Outcome) directory.Outcome {
	return directory.Outcome{
		ID: o.GetId(), Version: o.GetVersion(), Changed: o.GetChanged(), Adopted: o.GetAdopted(), Unknown: o.GetUnknown(),
		Created: time.UnixMicro(o.GetCreatedUnixMicros()).UTC(), Modified: time.UnixMicro(o.GetModifiedUnixMicros()).UTC(),
	}
}
