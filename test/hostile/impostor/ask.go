//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	hostv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/host/v1"
)

// ask asks the host's directory, with the request's own handle where it is not to
// be another, and says what became of it.
func (i *impostor) ask(ctx context.Context, handle, what string, with url.Values) error {
	if other := with.Get("handle"); other != "" {
		handle = other
	}
	if with.Has("kept") {
		i.mu.Lock()
		handle = i.kept
		i.mu.Unlock()
	}
	id := with.Get("id")
	person := func(id string) *hostv1.Resource {
		return &hostv1.Resource{Type: "User", Id: id, Attributes: []byte(fmt.Sprintf(`{"userName":%q}`, "eve-"+id))}
	}
	members := func(group string, ids ...string) *hostv1.Change {
		return &hostv1.Change{Change: &hostv1.Change_Members{Members: &hostv1.ChangeMembers{Group: group, Add: ids}}}
	}
	one := func(changes ...*hostv1.Change) []*hostv1.ApplyRequest {
		return []*hostv1.ApplyRequest{{Changes: changes}}
	}
	create := func(r *hostv1.Resource) *hostv1.Change {
		return &hostv1.Change{Change: &hostv1.Change_Create{Create: &hostv1.Create{Resource: r}}}
	}
	switch what {
	case "find":
		return i.find(ctx, handle, id)
	case "members":
		_, err := i.directory.Members(ctx, &hostv1.MembersRequest{Handle: handle, Group: id, Limit: 10})
		return err
	case "create":
		return i.apply(ctx, handle, one(create(person(id))))
	case "create-group":
		group := &hostv1.Resource{Type: "Group", Id: id, Attributes: []byte(`{"displayName":"Eve's"}`)}
		return i.apply(ctx, handle, one(create(group)))
	case "replace":
		return i.apply(ctx, handle, one(&hostv1.Change{Change: &hostv1.Change_Replace{Replace: &hostv1.Replace{Resource: person(id)}}}))
	case "delete":
		return i.apply(ctx, handle, one(&hostv1.Change{Change: &hostv1.Change_Delete{Delete: &hostv1.Delete{Type: with.Get("type"), Id: id}}}))
	case "join":
		return i.apply(ctx, handle, one(members(with.Get("group"), id)))
	}
	return i.tooMuch(ctx, handle, what, id)
}

// tooMuch asks for more than there can be. Changes that would be right stand
// before it: none of them may be made.
func (i *impostor) tooMuch(ctx context.Context, handle, what, group string) error {
	right := &hostv1.Change{Change: &hostv1.Change_Create{Create: &hostv1.Create{Resource: &hostv1.Resource{Type: "User", Id: "smuggled", Attributes: []byte(`{"userName":"smuggled"}`)}}}}
	large := func(n int) *hostv1.Change {
		text := []byte(fmt.Sprintf(`{"userName":"large-%d","title":%q}`, n, strings.Repeat("x", 1<<20-1024)))
		return &hostv1.Change{Change: &hostv1.Change_Create{Create: &hostv1.Create{Resource: &hostv1.Resource{Type: "User", Id: fmt.Sprint("large-", n), Attributes: text}}}}
	}
	var messages []*hostv1.ApplyRequest
	switch what {
	case "one-large-message":
		messages = append(messages, &hostv1.ApplyRequest{Changes: []*hostv1.Change{right, large(1), large(2), large(3)}})
	case "large-messages":
		messages = append(messages, &hostv1.ApplyRequest{Changes: []*hostv1.Change{right}})
		for n := range 40 {
			messages = append(messages, &hostv1.ApplyRequest{Changes: []*hostv1.Change{large(n)}})
		}
	case "thousand-changes":
		all := &hostv1.ApplyRequest{Changes: []*hostv1.Change{right}}
		for n := range 1000 {
			all.Changes = append(all.Changes, &hostv1.Change{Change: &hostv1.Change_Delete{Delete: &hostv1.Delete{Type: "User", Id: fmt.Sprint("nobody-", n)}}})
		}
		messages = append(messages, all)
	case "million-members":
		part := func(n int) *hostv1.ChangeMembers {
			m := &hostv1.ChangeMembers{More: n < 99}
			for k := range 10000 {
				m.Add = append(m.Add, fmt.Sprintf("m-%d-%d", n, k))
			}
			return m
		}
		for n := range 100 {
			m := part(n)
			if n == 0 {
				m.Group = group
			}
			messages = append(messages, &hostv1.ApplyRequest{Changes: []*hostv1.Change{{Change: &hostv1.Change_Members{Members: m}}}})
		}
	case "cut-short":
		messages = append(messages, &hostv1.ApplyRequest{Changes: []*hostv1.Change{
			right, {Change: &hostv1.Change_Members{Members: &hostv1.ChangeMembers{Group: group, Add: []string{"smuggled"}, More: true}}},
		}})
	case "two-handles":
		messages = append(messages, &hostv1.ApplyRequest{Changes: []*hostv1.Change{right}}, &hostv1.ApplyRequest{Handle: handle, Changes: []*hostv1.Change{right}})
	case "unfinished":
		return i.unfinished(ctx, handle, large(0))
	default:
		return fmt.Errorf("%s is unknown", what)
	}
	return i.apply(ctx, handle, messages)
}

// unfinished begins more than the host holds, and ends none of it.
func (i *impostor) unfinished(ctx context.Context, handle string, change *hostv1.Change) error {
	for range 100 {
		stream, err := i.directory.Apply(ctx)
		if err != nil {
			return err
		}
		if err := stream.Send(&hostv1.ApplyRequest{Handle: handle, Changes: []*hostv1.Change{change}}); err != nil {
			return err
		}
	}
	_, err := i.directory.Members(ctx, &hostv1.MembersRequest{Handle: handle, Group: "nobody", Limit: 1})
	return err
}

func (i *impostor) apply(ctx context.Context, handle string, messages []*hostv1.ApplyRequest) error {
	stream, err := i.directory.Apply(ctx)
	if err != nil {
		return err
	}
	messages[0].Handle = handle
	for _, m := range messages {
		if stream.Send(m) != nil {
			break // why is what the answer says
		}
	}
	_, err = stream.CloseAndRecv()
	return err
}

// find looks for a user; one that is not there is an error here.
func (i *impostor) find(ctx context.Context, handle, id string) error {
	stream, err := i.directory.Find(ctx, &hostv1.FindRequest{Handle: handle, Type: "User", Id: id, Limit: 10, Attributes: true})
	if err != nil {
		return err
	}
	found := 0
	for {
		page, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		found += len(page.GetResources())
	}
	if found == 0 {
		return errors.New("nobody was found")
	}
	return nil
}
