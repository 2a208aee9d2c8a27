package plugintest

import (
	"strings"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/authn"
	authnv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/authn/v1"
)

func endpointsToProto(e authn.Endpoints) *authnv1.Endpoints {
	return &authnv1.Endpoints{EntityId: e.EntityID, CompleteUrl: e.CompleteURL, LogoutUrl: e.LogoutURL, ReceiveUrl: e.ReceiveURL}
}

func completeToProto(r authn.CompleteRequest) *authnv1.CompleteRequest {
	out := &authnv1.CompleteRequest{
		Endpoints: endpointsToProto(r.Endpoints), Incoming: incomingToProto(r.Incoming), State: r.State, Unsolicited: r.Unsolicited,
		Fresh: r.Fresh, MaxAgeSeconds: int64((r.MaxAge + time.Second - 1) / time.Second),
	}
	if !r.Begun.IsZero() {
		out.BegunUnixMicros = r.Begun.UnixMicro()
	}
	return out
}

// incomingToProto makes texts UTF-8, as the host does.
func incomingToProto(in authn.Incoming) *authnv1.Incoming {
	text := func(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
	out := &authnv1.Incoming{
		Method: in.Method, RawQuery: text(in.RawQuery), Body: in.Body, ContentType: text(in.ContentType), Authorization: text(in.Authorization),
	}
	for _, f := range in.Form {
		out.Form = append(out.Form, &authnv1.Field{Name: text(f.Name), Value: text(f.Value)})
	}
	return out
}

func fieldsFromProto(in []*authnv1.Field) []authn.Field {
	var out []authn.Field
	for _, f := range in {
		out = append(out, authn.Field{Name: f.GetName(), Value: f.GetValue()})
	}
	return out
}

func begunFromProto(f *authnv1.Forward, state []byte) authn.Begun {
	if f == nil {
		return authn.Begun{}
	}
	return authn.Begun{URL: f.GetUrl(), Fields: fieldsFromProto(f.GetFields()), State: state}
}

func identityFromProto(i *authnv1.Identity) authn.Identity {
	out := authn.Identity{
		Issuer: i.GetIssuer(), Subject: i.GetSubject(), Transient: i.GetTransient(),
		Email: i.GetEmail(), EmailVerified: i.GetEmailVerified(), UserName: i.GetUserName(),
		DisplayName: i.GetDisplayName(), GivenName: i.GetGivenName(), FamilyName: i.GetFamilyName(),
		GroupsState: authn.GroupsState(i.GetGroupsState()), Groups: i.GetGroups(),
		Authentication: authn.Authentication{
			Time: instant(i.GetAuthentication().GetTimeUnix()), Context: i.GetAuthentication().GetContext(),
			Methods: i.GetAuthentication().GetMethods(), MultiFactor: authn.MultiFactor(i.GetAuthentication().GetMultiFactor()),
		},
		SessionIndex: i.GetSessionIndex(), SessionEnds: instant(i.GetSessionEndsUnix()),
		Keep: i.GetKeep(), Refreshable: i.GetRefreshable(), Weaknesses: i.GetWeaknesses(),
	}
	for _, a := range i.GetAttributes() {
		out.Attributes = append(out.Attributes, authn.Attribute{Name: a.GetName(), Values: a.GetValues()})
	}
	return out
}

func instant(unix int64) time.Time {
	if unix == 0 {
		return time.Time{}
	}
	return time.Unix(unix, 0)
}

func receivedFromProto(r *authnv1.ReceiveResponse) (authn.Received, error) {
	if d := r.GetDenial(); d != nil {
		return authn.Received{}, &authn.Denied{Reason: d.GetReason(), Detail: d.GetDetail(), Status: int(r.GetStatus())}
	}
	out := authn.Received{Begun: begunFromProto(r.GetForward(), nil), Status: int(r.GetStatus()), Confirmed: r.GetConfirmed()}
	for _, e := range r.GetEnded() {
		out.Ended = append(out.Ended, authn.Ended{
			Issuer: e.GetIssuer(), Subject: e.GetSubject(), SessionIndexes: e.GetSessionIndexes(), Email: e.GetEmail(), Keys: e.GetKeys(),
		})
	}
	return out, nil
}
