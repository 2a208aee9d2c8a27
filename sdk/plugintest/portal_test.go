package plugintest_test

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/diag"
	"github.com/gatehouse-id/gatehouse/sdk/hostsvc"
	"github.com/gatehouse-id/gatehouse/sdk/instance"
	"github.com/gatehouse-id/gatehouse/sdk/plugin"
	"github.com/gatehouse-id/gatehouse/sdk/plugintest"
	"github.com/gatehouse-id/gatehouse/sdk/schema"
)

// portalArgument makes the test binary the portal's plugin.
const portalArgument = "serve-portal"

// portal is an authenticator of people with a protocol of its own: texts that are
// authenticated with a shared secret. Its word in the query is "proof".
type portal struct {
	host   hostsvc.Host
	logger func(string)
	Secret string `json:"secret"`
}

// statement is what the IdP says, in an answer or a push.
type statement struct {
	Subject, State, ID, Ends string
	Expires                  int64
}

func portalPlugin(change func(*portal) authn.People) plugin.Plugin {
	return plugin.Plugin{
		Name: "portal", Version: "1", HostServices: []string{hostsvc.OnceService, hostsvc.StateService, hostsvc.KeysService},
		People: []authn.PersonKind{{
			Name: "portal", Doc: "Signs on with the portal.", Unsolicited: true, Refreshes: true, LogsOut: true, Receives: true,
			Schema: schema.Schema{Attributes: []schema.Attribute{{Name: "secret", Type: schema.String, Required: true, Sensitive: true, Doc: "Shared with it."}}},
			New: func(_ context.Context, c instance.Config) (authn.People, diag.Diagnostics) {
				p := &portal{host: c.Host, logger: func(text string) { c.Logger.Info(text) }}
				ds := c.Decode(p)
				if !c.IsUnknown("secret") && len(p.Secret) < 12 {
					ds.Errorf(diag.Path{"secret"}, "Too short", "It has 12 characters or more.")
				}
				return change(p), ds
			},
		}},
	}
}

func (p *portal) mac(text string) string {
	h := hmac.New(sha256.New, []byte(p.Secret))
	h.Write([]byte(text))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

// say is what the IdP makes of a statement.
func (p *portal) say(s statement) string {
	text, _ := json.Marshal(s)
	body := base64.RawURLEncoding.EncodeToString(text)
	return body + "." + p.mac(body)
}

func (p *portal) hear(ctx context.Context, proof string) (s statement, err error) {
	body, mac, _ := strings.Cut(proof, ".")
	if !hmac.Equal([]byte(mac), []byte(p.mac(body))) {
		return s, authn.Deny("proof", "it is not the portal's")
	}
	text, err := base64.RawURLEncoding.DecodeString(body)
	if err != nil || json.Unmarshal(text, &s) != nil {
		return s, authn.Deny("form", "it cannot be read")
	}
	if s.Expires < time.Now().Unix() {
		return s, authn.Deny("expired", "it was good until %d", s.Expires)
	}
	first, err := p.host.Take(ctx, "proof", s.ID, time.Unix(s.Expires+60, 0))
	if err == nil && !first {
		err = authn.Deny("replay", "it has been used")
	}
	return s, err
}

func (p *portal) Begin(_ context.Context, r authn.BeginRequest) (authn.Begun, error) {
	return authn.Begun{URL: "https://portal.example/?" + url.Values{"state": {r.Relay}}.Encode(), State: []byte(r.Relay)}, nil
}

func (p *portal) Complete(ctx context.Context, r authn.CompleteRequest) (authn.Identity, error) {
	query, err := url.ParseQuery(r.Incoming.RawQuery)
	if err != nil || len(query["proof"]) != 1 {
		return authn.Identity{}, authn.Deny("form", "there is no proof, or there are several")
	}
	s, err := p.hear(ctx, query.Get("proof"))
	if err == nil && (s.State != string(r.State) || s.Subject == "" || (s.State == "") != r.Unsolicited) {
		err = authn.Deny("state", "it answers something else")
	}
	if err != nil {
		return authn.Identity{}, err
	}
	return p.identity(s.Subject), nil
}

func (p *portal) identity(subject string) authn.Identity {
	return authn.Identity{Issuer: "https://portal.example", Subject: subject, GroupsState: authn.GroupsAbsent, Keep: []byte("1"), Refreshable: true}
}

func (p *portal) Refresh(_ context.Context, _ authn.Endpoints, s authn.Session) (authn.Identity, error) {
	if string(s.Keep) != "1" {
		return authn.Identity{}, authn.Deny("over", "the portal knows no such session")
	}
	return p.identity(s.Subject), nil
}

func (p *portal) Logout(_ context.Context, _ authn.Endpoints, relay string, s authn.Session) (authn.Begun, error) {
	if len(s.Keep) != 1 {
		return authn.Begun{}, nil
	}
	return authn.Begun{URL: "https://portal.example/logout", Fields: []authn.Field{{Name: "state", Value: relay}}, State: []byte(s.Subject)}, nil
}

func (p *portal) Metadata(ctx context.Context, e authn.Endpoints) (authn.Metadata, error) {
	keys, err := p.host.Keys(ctx, hostsvc.KeySign)
	if err != nil {
		return authn.Metadata{}, err
	}
	document, err := json.Marshal(map[string]any{"redirect": e.CompleteURL, "certificate": keys[len(keys)-1].Certificate.Raw, "published": len(keys)})
	return authn.Metadata{ContentType: "application/json", Document: document, Values: []authn.Field{{Name: "Redirect", Value: e.CompleteURL}}}, err
}

func (p *portal) Receive(ctx context.Context, r authn.ReceiveRequest) (authn.Received, error) {
	if r.Browser {
		s, err := p.hear(ctx, r.Incoming.RawQuery)
		return authn.Received{Confirmed: s.Ends == string(r.State)}, err
	}
	s, err := p.hear(ctx, string(r.Incoming.Body))
	return authn.Received{Ended: []authn.Ended{{Issuer: "https://portal.example", Subject: s.Ends}}}, err
}

func soundPortal(p *portal) authn.People { return p }

// idp is the portal itself.
var idp = &portal{Secret: "canary of a secret"}

func portalAnswer(change func(*statement)) plugintest.Answer {
	return func(_ testing.TB, r authn.BeginRequest, _ authn.Begun) authn.Incoming {
		s := statement{Subject: "ada", State: r.Relay, ID: rand.Text(), Expires: time.Now().Add(time.Minute).Unix()}
		change(&s)
		return authn.Incoming{Method: "GET", RawQuery: url.Values{"state": {r.Relay}, "proof": {idp.say(s)}}.Encode()}
	}
}

func portalFixture() plugintest.PeopleFixture {
	return plugintest.PeopleFixture{
		Kind: "portal", Config: map[string]any{"secret": idp.Secret},
		BadConfigs: map[string]plugintest.BadConfig{"a short secret": {Values: map[string]any{"secret": "canary"}, Path: diag.Path{"secret"}}},
		Answer:     portalAnswer(func(*statement) {}),
		Denied: map[string]plugintest.DeniedAnswer{
			"an old one":   {Answer: portalAnswer(func(s *statement) { s.Expires -= 3600 }), Reason: "expired"},
			"about nobody": {Answer: portalAnswer(func(s *statement) { s.Subject = "" })},
			"of another": {Reason: "proof", Answer: func(t testing.TB, r authn.BeginRequest, b authn.Begun) authn.Incoming {
				in := portalAnswer(func(*statement) {})(t, r, b)
				in.RawQuery = strings.Replace(in.RawQuery, "proof=", "proof=A", 1)
				return in
			}},
		},
	}
}
