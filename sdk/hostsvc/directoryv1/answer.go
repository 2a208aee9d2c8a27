package directoryv1

import (
	"github.com/gatehouse-id/gatehouse/sdk/directory"
	hostv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/host/v1"
)

func resourceToProto(r directory.Resource) *hostv1.Resource {
	return &hostv1.Resource{
		Type: string(r.Type), Id: r.ID, ExternalId: r.ExternalID, Version: r.Version,
		CreatedUnixMicros: r.Created.UnixMicro(), ModifiedUnixMicros: r.Modified.UnixMicro(),
		Attributes: r.Attributes, Members: membersToProto(r.Members), Groups: membersToProto(r.Groups), More: r.More,
	}
}

func membersToProto(in []directory.Member) []*hostv1.Member {
	var out []*hostv1.Member
	for _, m := range in {
		out = append(out, &hostv1.Member{Id: m.ID, Type: string(m.Type), Display: m.Display})
	}
	return out
}

func outcomesToProto(in []directory.Outcome) *hostv1.ApplyResponse {
	out := &hostv1.ApplyResponse{}
	for _, o := range in {
		out.Outcomes = append(out.Outcomes, &hostv1.Outcome{
			Id: o.ID, Version: o.Version, CreatedUnixMicros: o.Created.UnixMicro(), ModifiedUnixMicros: o.Modified.UnixMicro(),
			Changed: o.Changed, Adopted: o.Adopted, Unknown: o.Unknown,
		})
	}
	return out
}
