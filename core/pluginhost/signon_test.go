package pluginhost_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/core/pluginhost"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// signOns starts the plugin with an instance of a kind, of a connection.
func signOns(t testing.TB, kind string) (*hostUnderTest, *pluginhost.People) {
	t.Helper()
	h := newHost(t)
	h.start(t, h.bundled("signon"))
	return h, h.signOn(t, "signon", kind, "acme-okta/"+kind, false)
}

func (h *hostUnderTest) signOn(t testing.TB, plugin, kind, name string, dedicated bool) *pluginhost.People {
	t.Helper()
	got, err := h.Configure(t.Context(), pluginhost.Configure{
		Plugin: plugin, Kind: kind, Instance: name, Provider: "okta", Values: json.RawMessage(`{}`), Dedicated: dedicated,
	})
	if err != nil || got.Diagnostics.HasErrors() {
		t.Fatalf("configuring %s: %v %v", name, got.Diagnostics, err)
	}
	organization, _, _ := strings.Cut(name, "-")
	return h.People(name, organization)
}

// endpoints are those of every instance of the tests.
func endpoints() authn.Endpoints {
	const base = "https://app.example.com/sso/acme-okta/"
	return authn.Endpoints{EntityID: base + "metadata", CompleteURL: base + "acs", LogoutURL: base + "slo", ReceiveURL: base + "push"}
}

// same compares what the plugin was asked with what the host was.
func same[T any](t *testing.T, text []byte, want T) {
	t.Helper()
	var got T
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the plugin was asked (-want +got):\n%s", diff)
	}
}

func TestBegin(t *testing.T) {
	t.Parallel()
	_, p := signOns(t, "all")
	r := authn.BeginRequest{Endpoints: endpoints(), Relay: "r-1", LoginHint: "ada@acme.example", Fresh: true, MultiFactor: true, MaxAge: 90 * time.Second}
	got, err := p.Begin(t.Context(), r)
	if err != nil || got.URL != "https://idp.example/sso?state=r-1" || got.Fields != nil {
		t.Fatalf("it goes to %+v, %v", got, err)
	}
	same(t, got.State, r)
	got, err = p.Begin(t.Context(), authn.BeginRequest{Relay: "r-2", LoginHint: "form"})
	want := authn.Begun{URL: "https://idp.example/sso", Fields: []authn.Field{{Name: "SAMLRequest", Value: "a+b"}, {Name: "RelayState", Value: "r-2"}}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
}

// An age of less than a second is none that is left out.
func TestAgesAreRoundedUp(t *testing.T) {
	t.Parallel()
	_, p := signOns(t, "all")
	for age, want := range map[time.Duration]time.Duration{0: 0, 1: time.Second, time.Second: time.Second, 1001 * time.Millisecond: 2 * time.Second} {
		begun, err := p.Begin(t.Context(), authn.BeginRequest{MaxAge: age})
		if err != nil {
			t.Fatal(err)
		}
		same(t, begun.State, authn.BeginRequest{MaxAge: want})
		got, err := p.Complete(t.Context(), authn.CompleteRequest{MaxAge: age})
		if err != nil {
			t.Fatal(err)
		}
		same(t, got.Keep, authn.CompleteRequest{MaxAge: want})
	}
}

func TestComplete(t *testing.T) {
	t.Parallel()
	h, p := signOns(t, "all")
	got, err := p.Complete(t.Context(), authn.CompleteRequest{Incoming: authn.Incoming{RawQuery: "ada"}})
	if diff := cmp.Diff(ada(), got); err != nil || diff != "" {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
	r := authn.CompleteRequest{
		Endpoints: endpoints(), State: []byte{0, 255}, Unsolicited: true, Fresh: true, MaxAge: time.Hour, Begun: time.UnixMicro(1_800_000_000_000_001),
		Incoming: authn.Incoming{
			Method: "POST", RawQuery: "a=%2b&a=1", Form: []authn.Field{{Name: "SAMLResponse", Value: "x=="}, {Name: "SAMLResponse", Value: "y"}},
			Body: []byte{1}, ContentType: "text/plain", Authorization: "Bearer x",
		},
	}
	if got, err = p.Complete(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	same(t, got.Keep, r)
	h.events.mu.Lock()
	defer h.events.mu.Unlock()
	if h.events.calls < 2 {
		t.Error("the observer was not told")
	}
}

func TestCompleteDenies(t *testing.T) {
	t.Parallel()
	_, p := signOns(t, "all")
	complete := func(word string) error {
		got, err := p.Complete(t.Context(), authn.CompleteRequest{Incoming: authn.Incoming{RawQuery: word}})
		if diff := cmp.Diff(authn.Identity{}, got); diff != "" {
			t.Errorf("with the denial comes %+v", got)
		}
		return err
	}
	if diff := cmp.Diff(error(&authn.Denied{Reason: "audience", Detail: "it is for another"}), complete("deny")); diff != "" {
		t.Error(diff)
	}
	// What the IdP's message says may be in it, and must not turn it into a failure.
	denied := (*authn.Denied)(nil)
	if !errors.As(complete("deny-oddly"), &denied) || denied.Reason != "signature" || !strings.HasPrefix(denied.Detail, "for [2J\uFFFDéé") || len(denied.Detail) > 1024 {
		t.Errorf("an odd detail: %v", denied)
	}
}

func TestRefresh(t *testing.T) {
	t.Parallel()
	_, p := signOns(t, "all")
	session := authn.Session{Issuer: "https://idp.example", Subject: "bea-2", Keep: []byte("k")}
	got, err := p.Refresh(t.Context(), endpoints(), session)
	if err != nil || got.Subject != "bea-2" {
		t.Fatalf("%+v, %v", got, err)
	}
	same(t, got.Keep, endpoints())
	session.Keep = []byte("deny")
	if _, err := p.Refresh(t.Context(), endpoints(), session); !cmp.Equal(err, error(&authn.Denied{Reason: "audience", Detail: "it is for another"})) {
		t.Errorf("a session that is over: %v", err)
	}
	session.Keep = []byte("fail")
	if _, err := p.Refresh(t.Context(), endpoints(), session); !problem.Is(err, problem.Unavailable) {
		t.Errorf("one that it could not ask about: %v", err)
	}
}

func TestLogout(t *testing.T) {
	t.Parallel()
	_, p := signOns(t, "all")
	session := authn.Session{Issuer: "https://idp.example", Subject: "ada-1", Keep: []byte{0xff}}
	got, err := p.Logout(t.Context(), endpoints(), "r-1", session)
	if err != nil || got.URL != "https://idp.example/logout?state=r-1" {
		t.Fatalf("it goes to %+v, %v", got, err)
	}
	var saw [2]json.RawMessage
	if err := json.Unmarshal(got.State, &saw); err != nil {
		t.Fatal(err)
	}
	same(t, saw[0], endpoints())
	same(t, saw[1], session)
	session.Keep = []byte("nowhere")
	if got, err := p.Logout(t.Context(), endpoints(), "r-1", session); err != nil || !cmp.Equal(got, authn.Begun{}) {
		t.Errorf("an IdP that has no way to be told: %+v, %v", got, err)
	}
}

func TestMetadata(t *testing.T) {
	t.Parallel()
	_, p := signOns(t, "plain")
	got, err := p.Metadata(t.Context(), endpoints())
	want := authn.Metadata{ContentType: "application/json", Document: got.Document, Values: []authn.Field{{Name: "Redirect URI", Value: endpoints().CompleteURL}}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	same(t, got.Document, endpoints())
	if got, err := p.Metadata(t.Context(), authn.Endpoints{}); err != nil || !cmp.Equal(got, authn.Metadata{}) {
		t.Errorf("none: %+v, %v", got, err)
	}
}

func TestReceive(t *testing.T) {
	t.Parallel()
	_, p := signOns(t, "all")
	ended := func(subject string) []authn.Ended {
		return []authn.Ended{
			{Issuer: "https://idp.example", Subject: subject, SessionIndexes: []string{"s-1", "s-2"}}, {Email: "ada@acme.example", Keys: true},
		}
	}
	for name, c := range map[string]struct {
		request authn.ReceiveRequest
		want    authn.Received
		err     error
	}{
		"of a browser": {
			authn.ReceiveRequest{Endpoints: endpoints(), Browser: true, State: []byte("st"), Incoming: authn.Incoming{Method: "GET"}},
			authn.Received{Ended: ended("ada-1"), Begun: authn.Begun{URL: "https://idp.example/done?saw=st"}, Status: 204}, nil,
		},
		"of a server": {
			authn.ReceiveRequest{Incoming: authn.Incoming{Authorization: "Bearer x ", Body: []byte("token"), ContentType: "application/jwt"}},
			authn.Received{Ended: ended("Bearer x token"), Status: 202}, nil,
		},
		"an answer": {
			authn.ReceiveRequest{Browser: true, Incoming: authn.Incoming{RawQuery: "answer"}}, authn.Received{Confirmed: true, Status: 204}, nil,
		},
		"denied": {
			authn.ReceiveRequest{Incoming: authn.Incoming{RawQuery: "deny"}}, authn.Received{},
			&authn.Denied{Reason: "audience", Detail: "it is for another", Status: 401},
		},
		"denied with a status that is none": {
			authn.ReceiveRequest{Incoming: authn.Incoming{RawQuery: "deny-oddly"}}, authn.Received{},
			&authn.Denied{Reason: "signature", Detail: "for [2J\uFFFD" + strings.Repeat("é", (1024-len("for [2J\uFFFD"))/2)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := p.Receive(t.Context(), c.request)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if diff := cmp.Diff(c.err, err); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}
