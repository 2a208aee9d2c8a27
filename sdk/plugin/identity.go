package plugin

import (
	"strings"
	"time"
	"unicode"

	"github.com/gatehouse-id/gatehouse/sdk/authn"
	authnv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/authn/v1"
)

func endpointsFromProto(e *authnv1.Endpoints) authn.Endpoints {
	return authn.Endpoints{EntityID: e.GetEntityId(), CompleteURL: e.GetCompleteUrl(), LogoutURL: e.GetLogoutUrl(), ReceiveURL: e.GetReceiveUrl()}
}

func incomingFromProto(in *authnv1.Incoming) authn.Incoming {
	out := authn.Incoming{
		Method: in.GetMethod(), RawQuery: in.GetRawQuery(), Body: in.GetBody(), ContentType: in.GetContentType(), Authorization: in.GetAuthorization(),
	}
	for _, f := range in.GetForm() {
		out.Form = append(out.Form, authn.Field{Name: f.GetName(), Value: f.GetValue()})
	}
	return out
}

// forwardToProto is nil where there is nowhere to go.
func forwardToProto(b authn.Begun) *authnv1.Forward {
	if b.URL == "" {
		return nil
	}
	return &authnv1.Forward{Url: b.URL, Fields: fieldsToProto(b.Fields)}
}

func fieldsToProto(fields []authn.Field) []*authnv1.Field {
	var out []*authnv1.Field
	for _, f := range fields {
		out = append(out, &authnv1.Field{Name: printable(f.Name), Value: printable(f.Value)})
	}
	return out
}

func denialToProto(d *authn.Denied) *authnv1.Denial {
	return &authnv1.Denial{Reason: printable(d.Reason), Detail: detail(d.Detail)}
}

// detailLimit is how many bytes of a denial's detail the host takes.
const detailLimit = 1 << 10

// detail makes of a denial's detail what the host takes. It says what was
// received, so whoever sent that would otherwise decide whether a message is
// denied or an error of the plugin.
func detail(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, printable(text))
	if len(text) > detailLimit {
		text = strings.ToValidUTF8(text[:detailLimit], "")
	}
	return text
}

// identityToProto leaves texts as they are: one that is not UTF-8 fails to be
// sent, rather than be another one.
func identityToProto(i authn.Identity) *authnv1.Identity {
	out := &authnv1.Identity{
		Issuer: i.Issuer, Subject: i.Subject, Transient: i.Transient,
		Email: i.Email, EmailVerified: i.EmailVerified, UserName: i.UserName,
		DisplayName: i.DisplayName, GivenName: i.GivenName, FamilyName: i.FamilyName,
		GroupsState: authnv1.GroupsState(i.GroupsState), Groups: i.Groups,
		Authentication: &authnv1.Authentication{
			TimeUnix: unix(i.Authentication.Time), Context: i.Authentication.Context, Methods: i.Authentication.Methods,
			MultiFactor: authnv1.MultiFactor(i.Authentication.MultiFactor),
		},
		SessionIndex: i.SessionIndex, SessionEndsUnix: unix(i.SessionEnds),
		Keep: i.Keep, Refreshable: i.Refreshable, Weaknesses: i.Weaknesses,
	}
	if i.Once != (authn.Once{}) {
		out.Once = &authnv1.Once{Kind: i.Once.Kind, Id: i.Once.ID, UntilUnix: roundedUp(i.Once.Until)}
	}
	for _, a := range i.Attributes {
		out.Attributes = append(out.Attributes, &authnv1.Attribute{Name: a.Name, Values: a.Values})
	}
	return out
}

// roundedUp is a time in seconds that is not before it: what counts once is not
// forgotten too early.
func roundedUp(t time.Time) int64 { return unix(t.Add(time.Second - time.Nanosecond)) }

func unix(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

func micros(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.UnixMicro(n)
}

func seconds(n int64) time.Duration {
	const most = 366 * 24 * 60 * 60 // a year is no age of a sign-on
	return time.Duration(max(0, min(n, most))) * time.Second
}
