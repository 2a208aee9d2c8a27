package saml

import (
	"bytes"
	"context"
	"encoding/json"
	"time"

	"github.com/beevik/etree"
	crewjam "github.com/crewjam/saml"

	"github.com/gatehouse-id/gatehouse/plugins/saml/internal/assertion"
	"github.com/gatehouse-id/gatehouse/plugins/saml/internal/binding"
	"github.com/gatehouse-id/gatehouse/plugins/saml/internal/idp"
	"github.com/gatehouse-id/gatehouse/plugins/saml/internal/wellformed"
	"github.com/gatehouse-id/gatehouse/plugins/saml/internal/xmldsig"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
)

// logoutSize bounds a message of logout, in bytes.
const logoutSize = 128 << 10

// Logout sends a browser to the IdP with a LogoutRequest: SAML Core §3.7.1, Profiles
// §4.4. It is always signed, as §4.4.4.1 wants it.
func (s *service) Logout(ctx context.Context, e authn.Endpoints, relay string, kept authn.Session) (authn.Begun, error) {
	was, readable := readKept(kept.Keep)
	if !s.settings.Logout || !readable {
		return authn.Begun{}, nil
	}
	p, err := s.provider(ctx)
	if err != nil {
		return authn.Begun{}, unavailable(err)
	}
	to, found := idp.Find(p.SLO, "")
	if !found {
		return authn.Begun{}, nil
	}
	now, id := s.clock().UTC(), newID()
	until := now.Add(5 * time.Minute)
	request := crewjam.LogoutRequest{
		ID: id, Version: "2.0", IssueInstant: now, NotOnOrAfter: &until, Destination: to.URL, Issuer: &crewjam.Issuer{Value: e.EntityID},
		NameID: &crewjam.NameID{
			Value: was.NameID.Value, Format: was.NameID.Format, NameQualifier: was.NameID.NameQualifier, SPNameQualifier: was.NameID.SPNameQualifier,
		},
	}
	if was.SessionIndex != "" {
		request.SessionIndex = &crewjam.SessionIndex{Value: was.SessionIndex}
	}
	begun, err := s.send(ctx, request.Element(), binding.Request, to.Binding, to.URL, relay, true)
	begun.State = state{ID: id, Logout: true}.bytes()
	return begun, err
}

// readKept reads what was kept with a session, unless an older plugin has kept it.
func readKept(text []byte) (s session, readable bool) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	err := d.Decode(&s)
	return s, err == nil && s.NameID.Value != ""
}

// Receive reads a message of logout that a browser brought: a LogoutRequest of the
// IdP, or its LogoutResponse to ours.
func (s *service) Receive(ctx context.Context, r authn.ReceiveRequest) (got authn.Received, err error) {
	defer func() {
		if recover() != nil { // a message that makes a parser panic is refused like any other
			got, err = authn.Received{}, authn.Deny("unreadable", "reading the message failed; this is a mistake in the plugin")
		}
	}()
	if !r.Browser {
		return authn.Received{}, authn.Deny("binding", "messages of logout come by a browser")
	}
	m, err := binding.Read(r.Incoming, logoutSize)
	if err != nil {
		return authn.Received{}, err
	}
	p, err := s.provider(ctx)
	if err != nil {
		return authn.Received{}, err
	}
	x := assertion.LogoutExpected{
		Issuer: p.EntityID, Prefixes: s.settings.defaults.LogoutIssuers, Destination: r.Endpoints.LogoutURL, Now: s.clock(), Skew: s.settings.skew,
	}
	if m.Request {
		return s.ended(ctx, r, p, m, x)
	}
	return s.answered(r, p, m, x)
}

// open verifies a message of logout. Signed says whether there was a signature; one
// that is wrong is an error.
func (s *service) open(p idp.Provider, m binding.Message, name string) (e *etree.Element, signed bool, err error) {
	limits := wellformed.Messages()
	limits.Bytes, limits.Elements = logoutSize, 1000
	if e, err = wellformed.Parse(m.XML, limits); err != nil {
		return nil, false, err
	}
	if err := assertion.OpenLogout(e, name); err != nil {
		return nil, false, err
	}
	policy := xmldsig.Policy{Keys: p.Certificates, SHA1: s.settings.AllowSHA1}
	if m.Signature != nil { // over the query as it came, so over all of the message
		_, err := xmldsig.VerifyOctets([]byte(m.Signed), m.Signature, m.SigAlg, policy)
		return e, true, err
	}
	if !xmldsig.Signed(e) {
		return e, false, nil
	}
	verified, err := xmldsig.Verify(e, policy)
	return verified.Element, true, err
}

// ended reads a request: SAML Profiles §4.4.3.3. An unsigned one would let anybody end
// anybody's sessions (GO-2026-4764).
func (s *service) ended(ctx context.Context, r authn.ReceiveRequest, p idp.Provider, m binding.Message, x assertion.LogoutExpected) (authn.Received, error) {
	e, signed, err := s.open(p, m, "LogoutRequest")
	if err != nil {
		return authn.Received{}, err
	}
	if !signed {
		return authn.Received{}, authn.Deny("unsigned", "the request to end sessions is not signed")
	}
	request, err := assertion.ReadLogoutRequest(e, x)
	if err != nil {
		return authn.Received{}, err
	}
	first, err := s.host.Take(ctx, "logout", request.Issuer+" "+digestOf(request.ID), request.Counts)
	if err != nil {
		return authn.Received{}, err
	}
	if !first {
		return authn.Received{}, authn.Deny("replay", "the request has counted before")
	}
	subject := subjectOf(assertion.Assertion{Issuer: p.EntityID, Audience: r.Endpoints.EntityID, NameID: request.NameID})
	got := authn.Received{Ended: []authn.Ended{{Issuer: p.EntityID, Subject: subject, SessionIndexes: request.SessionIndexes}}}
	to, found := idp.Find(p.SLO, "")
	if !found {
		return got, nil
	}
	address := to.URL
	if to.Response != "" {
		address = to.Response
	}
	response := crewjam.LogoutResponse{
		ID: newID(), InResponseTo: request.ID, Version: "2.0", IssueInstant: s.clock().UTC(), Destination: address,
		Issuer: &crewjam.Issuer{Value: r.Endpoints.EntityID}, Status: crewjam.Status{StatusCode: crewjam.StatusCode{Value: crewjam.StatusSuccess}},
	}
	got.Begun, err = s.send(ctx, response.Element(), binding.Response, to.Binding, address, m.RelayState, true)
	return got, err
}

// answered reads a response to our request. One without a signature, as some IdPs
// send it, confirms nothing: the session here is over in any case.
func (s *service) answered(r authn.ReceiveRequest, p idp.Provider, m binding.Message, x assertion.LogoutExpected) (authn.Received, error) {
	asked, err := readState(r.State, true)
	if err != nil {
		return authn.Received{}, err
	}
	x.InResponseTo = asked.ID
	e, signed, err := s.open(p, m, "LogoutResponse")
	if err != nil {
		return authn.Received{}, err
	}
	over, err := assertion.CheckLogoutResponse(e, x)
	return authn.Received{Confirmed: err == nil && over && signed}, err
}
