package plugin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"

	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	authnv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/authn/v1"
)

var callbackForm = regexp.MustCompile(`^[a-z]{0,32}$`)

func checkPerson(k authn.PersonKind) error {
	errs := []error{checkKind(k.Name, k.Doc, k.New == nil, k.Schema)}
	switch {
	case !callbackForm.MatchString(k.Callback):
		errs = append(errs, errors.New("its callback is not up to 32 lower case letters"))
	case k.Callback == "metadata" || k.Callback == "slo" || k.Callback == "receive":
		errs = append(errs, fmt.Errorf("its callback is the host's own address %q", k.Callback))
	}
	return errors.Join(errs...)
}

// checkPeople checks that an instance can do what its kind says.
func (s *server) checkPeople(k authn.PersonKind, made authn.People) error {
	_, refreshes := made.(authn.Refresher)
	_, starts := made.(authn.LogoutStarter)
	_, receives := made.(authn.Receiver)
	switch {
	case k.Refreshes && !refreshes:
		return problem.New(problem.Internal, "plugin %q made an instance of %q that does not refresh, and says that it does", s.plugin.Name, k.Name)
	case k.LogsOut && (!starts || !receives):
		return problem.New(problem.Internal, "plugin %q made an instance of %q that does not log out, and says that it does", s.plugin.Name, k.Name)
	case k.Receives && !receives:
		return problem.New(problem.Internal, "plugin %q made an instance of %q that receives nothing, and says that it does", s.plugin.Name, k.Name)
	}
	return nil
}

// Begin sends a browser to an IdP.
func (s *server) Begin(ctx context.Context, r *authnv1.BeginRequest) (resp *authnv1.BeginResponse, err error) {
	ctx, end := s.begin(ctx, r.GetCall(), "Begin")
	defer end(&err)
	people, err := instanceOf[authn.People](ctx, s, r.GetCall())
	if err != nil {
		return nil, err
	}
	begun, err := people.Begin(ctx, authn.BeginRequest{
		Endpoints: endpointsFromProto(r.GetEndpoints()), Relay: r.GetRelay(), LoginHint: r.GetLoginHint(),
		Fresh: r.GetFresh(), MultiFactor: r.GetMultiFactor(), MaxAge: seconds(r.GetMaxAgeSeconds()),
	})
	if err != nil {
		return nil, err
	}
	return &authnv1.BeginResponse{Forward: forwardToProto(begun), State: begun.State}, nil
}

// Complete reads what a browser came back with.
func (s *server) Complete(ctx context.Context, r *authnv1.CompleteRequest) (resp *authnv1.CompleteResponse, err error) {
	ctx, end := s.begin(ctx, r.GetCall(), "Complete")
	defer end(&err)
	people, err := instanceOf[authn.People](ctx, s, r.GetCall())
	if err != nil {
		return nil, err
	}
	identity, err := people.Complete(ctx, authn.CompleteRequest{
		Endpoints: endpointsFromProto(r.GetEndpoints()), Incoming: incomingFromProto(r.GetIncoming()), State: r.GetState(),
		Unsolicited: r.GetUnsolicited(), Fresh: r.GetFresh(), MaxAge: seconds(r.GetMaxAgeSeconds()), Begun: micros(r.GetBegunUnixMicros()),
	})
	if denied := (*authn.Denied)(nil); errors.As(err, &denied) {
		return &authnv1.CompleteResponse{Result: &authnv1.CompleteResponse_Denial{Denial: denialToProto(denied)}}, nil
	} else if err != nil {
		return nil, err
	}
	return &authnv1.CompleteResponse{Result: &authnv1.CompleteResponse_Identity{Identity: identityToProto(identity)}}, nil
}

// Refresh asks an IdP about a session again.
func (s *server) Refresh(ctx context.Context, r *authnv1.RefreshRequest) (resp *authnv1.RefreshResponse, err error) {
	ctx, end := s.begin(ctx, r.GetCall(), "Refresh")
	defer end(&err)
	refresher, err := instanceOf[authn.Refresher](ctx, s, r.GetCall())
	if err != nil {
		return nil, err
	}
	session := authn.Session{Issuer: r.GetIssuer(), Subject: r.GetSubject(), Keep: r.GetKeep()}
	identity, err := refresher.Refresh(ctx, endpointsFromProto(r.GetEndpoints()), session)
	if denied := (*authn.Denied)(nil); errors.As(err, &denied) {
		return &authnv1.RefreshResponse{Result: &authnv1.RefreshResponse_Over{Over: denialToProto(denied)}}, nil
	} else if err != nil {
		return nil, err
	}
	return &authnv1.RefreshResponse{Result: &authnv1.RefreshResponse_Identity{Identity: identityToProto(identity)}}, nil
}

// Logout sends a browser to an IdP, to end the session there.
func (s *server) Logout(ctx context.Context, r *authnv1.LogoutRequest) (resp *authnv1.LogoutResponse, err error) {
	ctx, end := s.begin(ctx, r.GetCall(), "Logout")
	defer end(&err)
	starter, err := instanceOf[authn.LogoutStarter](ctx, s, r.GetCall())
	if err != nil {
		return nil, err
	}
	session := authn.Session{Issuer: r.GetIssuer(), Subject: r.GetSubject(), Keep: r.GetKeep()}
	begun, err := starter.Logout(ctx, endpointsFromProto(r.GetEndpoints()), r.GetRelay(), session)
	if err != nil {
		return nil, err
	}
	return &authnv1.LogoutResponse{Forward: forwardToProto(begun), State: begun.State}, nil
}

// Metadata is what an administrator of an IdP has to be given.
func (s *server) Metadata(ctx context.Context, r *authnv1.MetadataRequest) (resp *authnv1.MetadataResponse, err error) {
	ctx, end := s.begin(ctx, r.GetCall(), "Metadata")
	defer end(&err)
	people, err := instanceOf[authn.People](ctx, s, r.GetCall())
	if err != nil {
		return nil, err
	}
	m, err := people.Metadata(ctx, endpointsFromProto(r.GetEndpoints()))
	if err != nil {
		return nil, err
	}
	return &authnv1.MetadataResponse{ContentType: m.ContentType, Document: m.Document, Values: fieldsToProto(m.Values)}, nil
}

// Receive reads what an IdP sends of its own accord.
func (s *server) Receive(ctx context.Context, r *authnv1.ReceiveRequest) (resp *authnv1.ReceiveResponse, err error) {
	ctx, end := s.begin(ctx, r.GetCall(), "Receive")
	defer end(&err)
	receiver, err := instanceOf[authn.Receiver](ctx, s, r.GetCall())
	if err != nil {
		return nil, err
	}
	got, err := receiver.Receive(ctx, authn.ReceiveRequest{
		Endpoints: endpointsFromProto(r.GetEndpoints()), Incoming: incomingFromProto(r.GetIncoming()), Browser: r.GetBrowser(), State: r.GetState(),
	})
	if denied := (*authn.Denied)(nil); errors.As(err, &denied) {
		return &authnv1.ReceiveResponse{Denial: denialToProto(denied), Status: uint32(cmp.Or(denied.Status, http.StatusBadRequest))}, nil
	} else if err != nil {
		return nil, err
	}
	resp = &authnv1.ReceiveResponse{
		Forward: forwardToProto(got.Begun), Confirmed: got.Confirmed, Status: uint32(cmp.Or(got.Status, http.StatusNoContent)),
	}
	for _, e := range got.Ended {
		resp.Ended = append(resp.Ended, &authnv1.Ended{Issuer: e.Issuer, Subject: e.Subject, SessionIndexes: e.SessionIndexes, Email: e.Email, Keys: e.Keys})
	}
	return resp, nil
}
