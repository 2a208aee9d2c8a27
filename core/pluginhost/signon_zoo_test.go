package pluginhost_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/diag"
	"github.com/gatehouse-id/gatehouse/sdk/hostsvc"
	"github.com/gatehouse-id/gatehouse/sdk/instance"
	"github.com/gatehouse-id/gatehouse/sdk/plugin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// serveSignOn is a plugin that signs people on as each request says.
func serveSignOn(folder string) {
	plugin.Serve(plugin.Plugin{
		Name: "signon", Version: "1", HostServices: []string{hostsvc.OnceService, hostsvc.StateService, hostsvc.KeysService},
		People: []authn.PersonKind{
			{
				Name: "all", Doc: "It does everything.", Unsolicited: true, Refreshes: true, LogsOut: true, Receives: true,
				New: func(_ context.Context, c instance.Config) (authn.People, diag.Diagnostics) {
					return &signOn{config: c, folder: folder}, nil
				},
			},
			{
				Name: "plain", Doc: "It signs on, and that is all.",
				New: func(_ context.Context, c instance.Config) (authn.People, diag.Diagnostics) {
					return struct{ authn.People }{&signOn{config: c, folder: folder}}, nil
				},
			},
			boaster(folder, authn.PersonKind{Name: "boasts-of-refreshing", Refreshes: true}),
			boaster(folder, authn.PersonKind{Name: "boasts-of-logging-out", LogsOut: true}),
			boaster(folder, authn.PersonKind{Name: "boasts-of-receiving", Receives: true}),
		},
		Programs: []authn.ProgramKind{wellBehaved("program")},
	})
}

// boaster is a kind that says what its instances do not do.
func boaster(folder string, k authn.PersonKind) authn.PersonKind {
	k.Doc = "It says what it does not do."
	k.New = func(_ context.Context, c instance.Config) (authn.People, diag.Diagnostics) {
		return struct{ authn.People }{&signOn{config: c, folder: folder}}, nil
	}
	return k
}

// signOn does what a word of each request says, and shows what it was asked.
type signOn struct {
	config instance.Config
	folder string
	kept   atomic.Pointer[context.Context] // of a call that is over
}

// did is what a word has it do beside an answer.
func (s *signOn) did(ctx context.Context, word string) error {
	switch word {
	case "die":
		leave(s.folder, fmt.Sprintf("deaths-%d", time.Now().UnixNano()), "")
		os.Exit(9)
	case "die-once":
		if _, err := os.Stat(filepath.Join(s.folder, "died-1")); err != nil {
			leave(s.folder, "died-1", "")
			os.Exit(9)
		}
	case "panic":
		panic("secret-in-panic")
	case "hang":
		leave(s.folder, "hanging-1", "")
		<-ctx.Done()
		leave(s.folder, "cancelled-1", "")
		return ctx.Err()
	case "fail":
		return errors.New("words of the plugin")
	case "throttled":
		return problem.New(problem.Throttled, "the IdP is busy").WithRetryAfter(time.Minute)
	case "deny":
		d := authn.Deny("audience", "it is for %s", "another")
		d.Status = 401
		return fmt.Errorf("looking at it: %w", d)
	case "deny-oddly":
		return &authn.Denied{Reason: "signature", Detail: "for \x1b[2J\xff" + strings.Repeat("é", 2000), Status: 418}
	}
	return nil
}

// shown is a request as JSON, which the test reads again.
func shown(r any) []byte {
	text, err := json.Marshal(r)
	if err != nil {
		panic(err)
	}
	return text
}

func (s *signOn) Begin(ctx context.Context, r authn.BeginRequest) (authn.Begun, error) {
	if r.LoginHint == "form" {
		return authn.Begun{URL: "https://idp.example/sso", Fields: []authn.Field{{Name: "SAMLRequest", Value: "a+b"}, {Name: "RelayState", Value: r.Relay}}}, nil
	}
	return authn.Begun{URL: "https://idp.example/sso?state=" + r.Relay, State: shown(r)}, s.did(ctx, r.LoginHint)
}

// ada is the person whom everybody is taken for.
func ada() authn.Identity {
	return authn.Identity{
		Issuer: "https://idp.example", Subject: "ada-1", Transient: true,
		Email: "ada@acme.example", EmailVerified: true, UserName: "ada", DisplayName: "Ada Lovelace", GivenName: "Ada", FamilyName: "Lovelace",
		Attributes:  []authn.Attribute{{Name: "department", Values: []string{"Analytics", ""}}, {Name: "none"}},
		GroupsState: authn.GroupsPresent, Groups: []string{"Data", "Admins"},
		Authentication: authn.Authentication{
			Time: time.Unix(1_800_000_000, 0), Context: "urn:mfa", Methods: []string{"pwd", "otp"}, MultiFactor: authn.MultiFactorYes,
		},
		SessionIndex: "s-1", SessionEnds: time.Unix(1_900_000_000, 0), Keep: []byte{0, 1, 2}, Refreshable: true, Weaknesses: []string{"rsa-sha1"},
	}
}

// Complete shows the request in Keep, or what a host service answered.
func (s *signOn) Complete(ctx context.Context, r authn.CompleteRequest) (authn.Identity, error) {
	out := ada()
	switch r.Incoming.RawQuery {
	case "ada":
		return out, nil
	case "once":
		out.Once = authn.Once{Kind: "answer", ID: string(r.Incoming.Body), Until: time.Now().Add(time.Minute)}
		return out, nil
	case "latin-1":
		out.FamilyName = "Lovelac\xe9"
		return out, nil
	}
	if asked, ok := strings.CutPrefix(r.Incoming.RawQuery, "ask "); ok {
		answer, err := s.ask(ctx, strings.Fields(asked), r.Incoming.Body)
		out.Keep = []byte(answer)
		return out, err
	}
	out.Keep = shown(r)
	return out, s.did(ctx, r.Incoming.RawQuery)
}

func (s *signOn) Refresh(ctx context.Context, e authn.Endpoints, session authn.Session) (authn.Identity, error) {
	out := ada()
	out.Issuer, out.Subject, out.Keep = session.Issuer, session.Subject, shown(e)
	return out, s.did(ctx, string(session.Keep))
}

func (s *signOn) Logout(ctx context.Context, e authn.Endpoints, relay string, session authn.Session) (authn.Begun, error) {
	if string(session.Keep) == "nowhere" {
		return authn.Begun{}, nil
	}
	return authn.Begun{URL: "https://idp.example/logout?state=" + relay, State: shown([]any{e, session})}, s.did(ctx, string(session.Keep))
}

func (s *signOn) Metadata(ctx context.Context, e authn.Endpoints) (authn.Metadata, error) {
	if e == (authn.Endpoints{}) {
		return authn.Metadata{}, nil
	}
	return authn.Metadata{
		ContentType: "application/json", Document: shown(e), Values: []authn.Field{{Name: "Redirect URI", Value: e.CompleteURL}},
	}, s.did(ctx, e.EntityID)
}

func (s *signOn) Receive(ctx context.Context, r authn.ReceiveRequest) (authn.Received, error) {
	if r.Incoming.RawQuery == "answer" {
		return authn.Received{Confirmed: true}, nil
	}
	out := authn.Received{Ended: []authn.Ended{
		{Issuer: "https://idp.example", Subject: "ada-1", SessionIndexes: []string{"s-1", "s-2"}}, {Email: "ada@acme.example", Keys: true},
	}}
	if r.Browser {
		out.Begun = authn.Begun{URL: "https://idp.example/done?saw=" + string(r.State)}
	} else {
		out.Status = 202
		out.Ended[0].Subject = r.Incoming.Authorization + string(r.Incoming.Body)
	}
	return out, s.did(ctx, r.Incoming.RawQuery)
}
