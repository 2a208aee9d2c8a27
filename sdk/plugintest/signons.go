package plugintest

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/hostsvc"
	authnv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/authn/v1"
)

// Endpoints are the addresses of an instance, below BaseURL, as the host makes
// them of the connection's name.
func (h *Harness) Endpoints(name string) authn.Endpoints {
	connection, _, _ := strings.Cut(name, "/")
	base := BaseURL + "/sso/" + connection + "/"
	return authn.Endpoints{EntityID: base + "metadata", CompleteURL: base + "callback", LogoutURL: base + "logout", ReceiveURL: base + "receive"}
}

// Begin has an instance say where to send a browser. An error of the plugin is a
// *problem.Problem.
func (h *Harness) Begin(ctx context.Context, name string, r authn.BeginRequest) (authn.Begun, error) {
	ctx, call, end := h.call(ctx, name)
	defer end()
	got, err := h.people().Begin(ctx, &authnv1.BeginRequest{
		Call: call, Endpoints: endpointsToProto(r.Endpoints), Relay: r.Relay, LoginHint: r.LoginHint,
		Fresh: r.Fresh, MultiFactor: r.MultiFactor, MaxAgeSeconds: int64((r.MaxAge + time.Second - 1) / time.Second),
	})
	if err != nil {
		return authn.Begun{}, received(err)
	}
	return begunFromProto(got.GetForward(), got.GetState()), nil
}

// Complete has an instance read what a browser came back with. The error is a
// *authn.Denied where that signs nobody on, else a *problem.Problem.
func (h *Harness) Complete(ctx context.Context, name string, r authn.CompleteRequest) (authn.Identity, error) {
	ctx, call, end := h.call(ctx, name)
	defer end()
	request := completeToProto(r)
	request.Call = call
	got, err := h.people().Complete(ctx, request)
	if err != nil {
		return authn.Identity{}, received(err)
	}
	if o := got.GetIdentity().GetOnce(); o != nil {
		if err := h.host.checkGranted(hostsvc.OnceService); err != nil {
			return authn.Identity{}, err
		}
		first, err := h.host.take(name, o.GetKind(), o.GetId(), o.GetUntilUnix())
		if err != nil {
			return authn.Identity{}, err
		}
		if !first {
			return authn.Identity{}, authn.Deny("replay", "the answer has counted before")
		}
	}
	return identityOrDenial(got.GetIdentity(), got.GetDenial())
}

// Refresh has an instance ask about a session again. The error is a *authn.Denied
// where that is over.
func (h *Harness) Refresh(ctx context.Context, name string, e authn.Endpoints, s authn.Session) (authn.Identity, error) {
	ctx, call, end := h.call(ctx, name)
	defer end()
	got, err := h.people().Refresh(ctx, &authnv1.RefreshRequest{
		Call: call, Endpoints: endpointsToProto(e), Keep: s.Keep, Issuer: s.Issuer, Subject: s.Subject,
	})
	if err != nil {
		return authn.Identity{}, received(err)
	}
	return identityOrDenial(got.GetIdentity(), got.GetOver())
}

// Logout has an instance say where to send the browser of a session that has
// ended. A zero Begun is an IdP that has no way to be told.
func (h *Harness) Logout(ctx context.Context, name string, e authn.Endpoints, relay string, s authn.Session) (authn.Begun, error) {
	ctx, call, end := h.call(ctx, name)
	defer end()
	got, err := h.people().Logout(ctx, &authnv1.LogoutRequest{
		Call: call, Endpoints: endpointsToProto(e), Relay: relay, Keep: s.Keep, Issuer: s.Issuer, Subject: s.Subject,
	})
	if err != nil {
		return authn.Begun{}, received(err)
	}
	return begunFromProto(got.GetForward(), got.GetState()), nil
}

// Metadata has an instance say what an administrator of the IdP must be given.
func (h *Harness) Metadata(ctx context.Context, name string, e authn.Endpoints) (authn.Metadata, error) {
	ctx, call, end := h.call(ctx, name)
	defer end()
	got, err := h.people().Metadata(ctx, &authnv1.MetadataRequest{Call: call, Endpoints: endpointsToProto(e)})
	if err != nil {
		return authn.Metadata{}, received(err)
	}
	return authn.Metadata{ContentType: got.GetContentType(), Document: got.GetDocument(), Values: fieldsFromProto(got.GetValues())}, nil
}

// Receive has an instance read what an IdP sent. The error is a *authn.Denied
// where that counts for nothing.
func (h *Harness) Receive(ctx context.Context, name string, r authn.ReceiveRequest) (authn.Received, error) {
	ctx, call, end := h.call(ctx, name)
	defer end()
	got, err := h.people().Receive(ctx, &authnv1.ReceiveRequest{
		Call: call, Endpoints: endpointsToProto(r.Endpoints), Incoming: incomingToProto(r.Incoming), Browser: r.Browser, State: r.State,
	})
	if err != nil {
		return authn.Received{}, received(err)
	}
	return receivedFromProto(got)
}

func (h *Harness) people() authnv1.PersonAuthenticatorServiceClient {
	return authnv1.NewPersonAuthenticatorServiceClient(h.now.conn)
}

// identityOrDenial is what a plugin said of a person.
func identityOrDenial(i *authnv1.Identity, d *authnv1.Denial) (authn.Identity, error) {
	switch {
	case i != nil:
		return identityFromProto(i), nil
	case d != nil:
		return authn.Identity{}, &authn.Denied{Reason: d.GetReason(), Detail: d.GetDetail()}
	}
	return authn.Identity{}, errors.New("the plugin neither says who it is nor denies it")
}
