package oidc

import (
	"context"
	"crypto/subtle"
	"net/url"
	"strings"

	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// addressMost is how long an address may be that a browser opens. Servers take 8 KiB
// mostly (RFC 9110 §4.1 asks for 8000 bytes); what is longer is posted.
const addressMost = 4 << 10

// Logout sends a browser to the end_session_endpoint (RP-Initiated Logout 1.0 §2), with
// the ID token as a hint at whose session ends.
func (c *client) Logout(ctx context.Context, e authn.Endpoints, relay string, s authn.Session) (authn.Begun, error) {
	if !c.LogsOut {
		return authn.Begun{}, nil
	}
	d, err := c.discovered(ctx)
	if err != nil || d.EndSession == "" {
		return authn.Begun{}, err
	}
	fields := []authn.Field{
		{Name: "client_id", Value: c.ClientID}, {Name: "post_logout_redirect_uri", Value: e.LogoutURL}, {Name: "state", Value: relay},
	}
	if k, ok := readKept(s.Keep); ok && k.ID != "" {
		fields = append(fields, authn.Field{Name: "id_token_hint", Value: k.ID})
	}
	to, err := url.Parse(d.EndSession)
	if err != nil {
		return authn.Begun{}, problem.Wrap(err, problem.BadUpstream, "the end_session_endpoint is no address")
	}
	query := to.Query()
	for _, f := range fields {
		query.Set(f.Name, f.Value)
	}
	out := authn.Begun{State: []byte(relay)}
	if whole := query.Encode(); len(whole) <= addressMost {
		to.RawQuery = whole
	} else { // §2: the endpoint takes POST too
		out.Fields = fields
	}
	out.URL = to.String()
	return out, nil
}

// receiveBrowser reads what a browser brings: the answer to our Logout (RP-Initiated
// Logout §3), or the word of the provider that a session has ended (Front-Channel
// Logout 1.0 §2).
func (c *client) receiveBrowser(r authn.ReceiveRequest) (authn.Received, error) {
	var none authn.Received
	p, err := parameters(r.Incoming)
	if err != nil {
		return none, err
	}
	if r.State != nil {
		if subtle.ConstantTimeCompare(r.State, []byte(p["state"])) != 1 {
			return none, authn.Deny("state", "it answers another sign-out")
		}
		return authn.Received{Confirmed: true}, nil
	}
	issuer, session := p["iss"], p["sid"]
	switch {
	case !c.FrontLogout:
		return none, authn.Deny("not_configured", "frontchannel_logout is off")
	case issuer == "" || session == "" || len(session) > longMost || !printing(session):
		return none, authn.Deny("logout_form", "a message of logout names its issuer and a session: frontchannel_logout_session_required has to be on at the provider")
	case !c.issuer.Answers(issuer):
		return none, authn.Deny("issuer", "expected %s, received %.200q", c.issuer, printable(issuer))
	}
	if !c.issuer.Many() {
		issuer = c.Issuer
	}
	return authn.Received{Ended: []authn.Ended{{Issuer: issuer, SessionIndexes: []string{session}}}}, nil
}

func printing(text string) bool { return !strings.ContainsFunc(text, unprintable) }
