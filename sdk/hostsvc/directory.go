package hostsvc

import (
	"context"

	"google.golang.org/grpc"

	"github.com/gatehouse-id/gatehouse/sdk/directory"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	hostv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/host/v1"
)

// Find asks the directory for resources of the connection that the call belongs
// to. It needs the service "directory" in the plugin's description and, if the
// plugin is not one of Gatehouse's own, in the operator's grant.
//
// An error is a *problem.Problem: Invalid for a query that is none, such as one
// with a cursor of another; TooLarge for one beyond the directory's limits;
// Unavailable where the directory cannot answer now, which is never to be taken
// for an empty page. An id that nobody has is a page without resources.
func (h Host) Find(ctx context.Context, q directory.Query) (directory.Page, error) {
	handle, err := h.handle(ctx)
	if err != nil {
		return directory.Page{}, err
	}
	request, err := queryToProto(q)
	if err != nil {
		return directory.Page{}, err
	}
	request.Handle = handle
	parts, err := h.asker.ask(ctx, &hostv1.AskRequest{Question: &hostv1.AskRequest_Find{Find: request}})
	if err != nil {
		return directory.Page{}, err
	}
	var page directory.Page
	for _, one := range parts {
		part := one.GetFind()
		for _, r := range part.GetResources() {
			page.Resources = append(page.Resources, resourceFromProto(r))
		}
		page.Total, page.Next, page.Previous = int(part.GetTotal()), part.GetNext(), part.GetPrevious()
	}
	return page, nil
}

// Members asks for members of a group in the order of their ids: those after an
// id ("" begins), at most so many (1 to directory.PageLimit). more says that
// there are others behind them. A group that is not there is NotFound.
func (h Host) Members(ctx context.Context, group, after string, limit int) (members []directory.Member, more bool, err error) {
	handle, err := h.handle(ctx)
	if err != nil {
		return nil, false, err
	}
	if limit < 1 || limit > directory.PageLimit {
		return nil, false, problem.New(problem.TooLarge, "%d members were asked for, 1 to %d can be", limit, directory.PageLimit)
	}
	if err := checkTexts(group, after); err != nil {
		return nil, false, err
	}
	parts, err := h.asker.ask(ctx, &hostv1.AskRequest{Question: &hostv1.AskRequest_Members{
		Members: &hostv1.MembersRequest{Handle: handle, Group: group, After: after, Limit: uint32(limit)},
	}})
	if err != nil {
		return nil, false, err
	}
	got := parts[0].GetMembers()
	return membersFromProto(got.GetMembers()), got.GetMore(), nil
}

// outcomesLimit bounds the answer to Apply, in bytes. It may name everybody whom
// the changes named.
const outcomesLimit = 40 << 20

// Apply changes the directory: all changes in one transaction with what follows
// from them, or none. The outcomes are in the order of the changes. The errors
// are told of at directory.Change.
//
// After an error of the code Unavailable or DeadlineExceeded the changes may have
// been made all the same: the IdP's repetition has to do no harm.
func (h Host) Apply(ctx context.Context, changes []directory.Change) ([]directory.Outcome, error) {
	handle, err := h.handle(ctx)
	if err != nil {
		return nil, err
	}
	if len(changes) == 0 {
		return nil, nil
	}
	messages, err := applyToProto(changes)
	if err != nil {
		return nil, err
	}
	messages[0].Handle = handle
	got, err := h.apply(ctx, messages)
	if err != nil {
		return nil, err
	}
	if len(got.GetOutcomes()) != len(changes) {
		return nil, problem.New(problem.Internal, "the host answered %d changes with %d outcomes", len(changes), len(got.GetOutcomes()))
	}
	var out []directory.Outcome
	for _, o := range got.GetOutcomes() {
		out = append(out, outcomeFromProto(o))
	}
	return out, nil
}

// apply sends changes over the stream where they are one message, else by a call.
func (h Host) apply(ctx context.Context, messages []*hostv1.ApplyRequest) (*hostv1.ApplyResponse, error) {
	if len(messages) == 1 {
		parts, err := h.asker.ask(ctx, &hostv1.AskRequest{Question: &hostv1.AskRequest_Apply{Apply: messages[0]}})
		if err != nil {
			return nil, err
		}
		return parts[0].GetApply(), nil
	}
	ctx, cancel := context.WithCancel(ctx) // ends the stream, whatever becomes of it
	defer cancel()
	stream, err := hostv1.NewDirectoryServiceClient(h.conn).Apply(ctx, grpc.MaxCallRecvMsgSize(outcomesLimit))
	if err != nil {
		return nil, received(err)
	}
	for _, m := range messages {
		if err := stream.Send(m); err != nil {
			break // why is what the answer says
		}
	}
	got, err := stream.CloseAndRecv()
	return got, received(err)
}
