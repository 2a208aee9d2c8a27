package saml_test

import (
	"encoding/base64"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/gatehouse-id/gatehouse/plugins/saml/samltest"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/plugintest"
)

func (r *room) receive(in authn.Incoming, state []byte) (authn.Received, error) {
	r.t.Helper()
	return r.Receive(r.t.Context(), name, authn.ReceiveRequest{Endpoints: r.Endpoints(name), Incoming: in, Browser: true, State: state})
}

// query is a message in the redirect binding, signed with a key if that has one.
func query(t testing.TB, what, message, relay string, k samltest.Key) authn.Incoming {
	t.Helper()
	q, err := samltest.Query(what, message, relay, k)
	if err != nil {
		t.Fatal(err)
	}
	return authn.Incoming{Method: "GET", RawQuery: q}
}

// form is a message in the POST binding, signed with a key if that has one.
func form(t testing.TB, what, message, relay string, k samltest.Key) authn.Incoming {
	t.Helper()
	if k.Private != nil {
		var err error
		if message, err = samltest.Sign(message, k, samltest.Signing{}); err != nil {
			t.Fatal(err)
		}
	}
	return authn.Incoming{Method: "POST", Form: []authn.Field{{Name: what, Value: base64.StdEncoding.EncodeToString([]byte(message))}, {Name: "RelayState", Value: relay}}}
}

// loggedOut is a session that was ended here, and what the IdP is told.
func (r *room) loggedOut() (authn.Begun, samltest.Sent) {
	r.t.Helper()
	i := r.signsOn("a session", func(m *samltest.Message) { m.SessionIndex = "_s9" })
	begun, err := r.Logout(r.t.Context(), name, r.Endpoints(name), "relay-1", authn.Session{Issuer: i.Issuer, Subject: i.Subject, Keep: i.Keep})
	if err != nil {
		r.t.Fatal(err)
	}
	return begun, asked(r.t, begun)
}

func TestLogoutIsSent(t *testing.T) {
	t.Parallel()
	for name, block := range map[string]doc{"redirect": config(nil), "post": byHand(doc{"binding": "post"}), "requests are not signed": config(doc{"sign_requests": false})} {
		r := newRoom(t, "generic", block)
		begun, s := r.loggedOut()
		if s.Element.Tag != "LogoutRequest" || s.Text("./NameID") != ada || s.Text("./SessionIndex") != "_s9" || s.Value("Destination") != slo || s.RelayState != "relay-1" {
			t.Errorf("%s: the IdP is told %s", name, s.XML)
		}
		if !strings.HasPrefix(begun.URL, slo) || !verified(r.published("signing")[0], s) {
			t.Errorf("%s: it is sent to %s, or not signed", name, begun.URL)
		}
	}
	for name, block := range map[string]doc{"switched off": config(doc{"logout": false}), "no address": byHand(doc{"slo_url": nil})} {
		r := newRoom(t, "generic", block)
		i := r.signsOn(name, nil)
		begun, err := r.Logout(t.Context(), "acme/saml", r.Endpoints("acme/saml"), "r", authn.Session{Issuer: i.Issuer, Subject: i.Subject, Keep: i.Keep})
		if err != nil || begun.URL != "" {
			t.Errorf("%s: %+v, %v", name, begun, err)
		}
	}
}

func TestLogoutIsAnswered(t *testing.T) {
	t.Parallel()
	r := newRoom(t, "generic", config(nil))
	at := r.Endpoints(name).LogoutURL
	one, stranger, none := keys()[0], keys()[2], samltest.Key{}
	answer := func(change func(text string) string) (text string, state []byte) {
		begun, s := r.loggedOut()
		text = samltest.LogoutResponse(idpID, at, s.Value("ID"), samltest.Success)
		if change != nil {
			text = change(text)
		}
		return text, begun.State
	}
	for name, c := range map[string]struct {
		by        func(t testing.TB, what, message, relay string, k samltest.Key) authn.Incoming
		key       samltest.Key
		change    func(string) string
		confirmed bool
		reason    string
	}{
		"signed, by redirect":      {query, one, nil, true, ""},
		"signed, by post":          {form, one, nil, true, ""},
		"not signed":               {query, none, nil, false, ""},
		"as Entra sends it":        {query, none, func(s string) string { return strings.Replace(s, ` Destination="`+at+`"`, "", 1) }, false, ""},
		"by somebody, by redirect": {query, stranger, nil, false, "signature"},
		"by somebody, by post":     {form, stranger, nil, false, "signature"},
		"to another request":       {query, one, func(s string) string { return strings.Replace(s, ` InResponseTo="_`, ` InResponseTo="_x`, 1) }, false, "in_response_to"},
		"to no request":            {query, one, func(s string) string { return strings.Replace(s, ` InResponseTo="`, ` x="`, 1) }, false, "in_response_to"},
		"of another":               {query, one, func(s string) string { return strings.Replace(s, idpID, "https://other.example/", 1) }, false, "issuer"},
		"of nobody":                {query, one, func(s string) string { return strings.Replace(s, "<saml:Issuer>"+idpID+"</saml:Issuer>", "", 1) }, false, "issuer"},
		"for another":              {query, one, func(s string) string { return strings.Replace(s, at, at+".evil", 1) }, false, "destination"},
		"partly": {query, one, func(s string) string {
			return strings.Replace(s, `Success"/>`, `Success"><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:PartialLogout"/></samlp:StatusCode>`, 1)
		}, false, ""},
		"not at all":                 {query, one, func(s string) string { return strings.Replace(s, "status:Success", "status:Responder", 1) }, false, ""},
		"P5, a comment":              {form, none, func(string) string { return "<!-- -->" }, false, "comment|xml"},
		"P6, a comment, by redirect": {query, none, func(string) string { return "<!-- -->" }, false, "comment|xml"},
		"a document type":            {query, one, func(s string) string { return "<!DOCTYPE x>" + s }, false, "doctype"},
		"a request where it answers": {query, one, func(s string) string { return strings.ReplaceAll(s, "LogoutResponse", "LogoutRequest") }, false, "not_a_logout"},
		"an assertion within": {query, one, func(s string) string {
			return strings.Replace(s, "</samlp:LogoutResponse>", "<saml:Assertion/></samlp:LogoutResponse>", 1)
		}, false, "assertions"},
		"P8, of nobody, signed by post": {form, one, func(s string) string {
			return strings.Replace(s, "<saml:Issuer>"+idpID+"</saml:Issuer>", "<saml:Issuer></saml:Issuer>", 1)
		}, false, "issuer"},
	} {
		text, state := answer(c.change)
		got, err := r.receive(c.by(t, "SAMLResponse", text, "relay-1", c.key), state)
		if c.reason != "" {
			wantDenied(t, name, c.reason, err)
		} else if err != nil || got.Confirmed != c.confirmed || len(got.Ended) > 0 {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	text, _ := answer(nil)
	_, err := r.receive(query(t, "SAMLResponse", text, "", one), nil)
	wantDenied(t, "that answers nothing of ours", "state", err)
	_, begun := r.asks(nil)
	_, err = r.receive(query(t, "SAMLResponse", text, "", one), begun.State)
	wantDenied(t, "that answers a sign-on", "state", err)
}

func TestTheIdPEndsSessions(t *testing.T) {
	t.Parallel()
	at := plugintest.BaseURL + "/sso/acme/logout"
	one, stranger, none := keys()[0], keys()[2], samltest.Key{}
	request := func() string { return samltest.LogoutRequest(idpID, at, ada, samltest.Unspecified, "_s1", "_s2") }
	both := map[string]func(t testing.TB, what, message, relay string, k samltest.Key) authn.Incoming{"redirect": query, "post": form}
	for by, bring := range both {
		r := newRoom(t, "generic", config(nil))
		message := request()
		in := bring(t, "SAMLRequest", message, "their relay/=&", one)
		got, err := r.receive(in, nil)
		want := []authn.Ended{{Issuer: idpID, Subject: ada, SessionIndexes: []string{"_s1", "_s2"}}}
		if err != nil || !reflect.DeepEqual(got.Ended, want) {
			t.Errorf("%s: %+v, %v", by, got, err)
			continue
		}
		u, _ := url.Parse(got.Begun.URL)
		s, err := samltest.ReadRedirect(u.RawQuery, "SAMLResponse")
		if err != nil || s.Element.Tag != "LogoutResponse" || !strings.Contains(message, `ID="`+s.Value("InResponseTo")+`"`) || s.RelayState != "their relay/=&" || !verified(r.published("signing")[0], s) {
			t.Errorf("%s: the answer is %s, %v", by, s.XML, err)
		}
		_, err = r.receive(in, nil)
		wantDenied(t, by+", twice", "replay", err)
		for name, c := range map[string]struct {
			key    samltest.Key
			change func(string) string
			reason string
		}{
			"not signed (GO-2026-4764)": {none, nil, "unsigned"},
			"by somebody":               {stranger, nil, "signature"},
			"of another":                {one, func(s string) string { return strings.Replace(s, idpID, "https://other.example/", 1) }, "issuer"},
			"for another":               {one, func(s string) string { return strings.Replace(s, at, at+"/", 1) }, "destination"},
			"for nowhere":               {one, func(s string) string { return strings.Replace(s, ` Destination="`+at+`"`, "", 1) }, "destination"},
			"about nobody":              {one, func(s string) string { return strings.Replace(s, "saml:NameID", "saml:BaseID", 2) }, "name_id"},
			"that is over": {one, func(s string) string {
				return strings.Replace(s, ` NotOnOrAfter="2`, ` NotOnOrAfter="2001-01-01T00:00:00Z" x="2`, 1)
			}, "expired"},
			"of yesterday": {one, func(s string) string {
				return strings.Replace(s, ` IssueInstant="2`, ` IssueInstant="2020-01-01T00:00:00Z" x="2`, 1)
			}, "issue_instant"},
			"of an empty session": {one, func(s string) string { return strings.Replace(s, ">_s1<", "><", 1) }, "session_index"},
			"of version 1":        {one, func(s string) string { return strings.Replace(s, `Version="2.0"`, `Version="1.0"`, 1) }, "version"},
		} {
			text := request()
			if c.change != nil {
				text = c.change(text)
			}
			_, err := r.receive(bring(t, "SAMLRequest", text, "", c.key), nil)
			wantDenied(t, by+", "+name, c.reason, err)
		}
	}
}

// A signature of the redirect binding is over the octets of the query: CVE-2025-27773
// and those like it read them twice.
func TestSignaturesOfQueries(t *testing.T) {
	t.Parallel()
	r := newRoom(t, "generic", config(nil))
	one := keys()[0]
	at := r.Endpoints(name).LogoutURL
	good := func() string {
		return query(t, "SAMLRequest", samltest.LogoutRequest(idpID, at, ada, samltest.Unspecified), "relay", one).RawQuery
	}
	other := query(t, "SAMLResponse", samltest.LogoutResponse(idpID, at, "_x", samltest.Success), "", samltest.Key{}).RawQuery
	unsigned := query(t, "SAMLRequest", samltest.LogoutRequest(idpID, at, "admin", samltest.Unspecified), "", samltest.Key{}).RawQuery
	for name, c := range map[string]struct {
		bend   func(q string) string
		reason string
	}{
		"a request and a response": {func(q string) string { return q + "&" + other }, "binding"},
		"a request twice":          {func(q string) string { return unsigned + "&" + q }, "binding"},
		"a request twice, last":    {func(q string) string { return q + "&" + unsigned }, "binding"},
		"the relay twice":          {func(q string) string { return q + "&RelayState=x" }, "binding"},
		"a name that is encoded":   {func(q string) string { return strings.Replace(q, "SAMLRequest=", "SAML%52equest=", 1) }, "binding"},
		"lower case escapes": {func(q string) string {
			return strings.NewReplacer("%2B", "%2b", "%2F", "%2f", "%3D", "%3d", "%3A", "%3a").Replace(q)
		}, "signature"},
		"no relay":          {func(q string) string { return strings.Replace(q, "&RelayState=relay", "", 1) }, "signature"},
		"another relay":     {func(q string) string { return strings.Replace(q, "=relay&", "=other&", 1) }, "signature"},
		"another algorithm": {func(q string) string { return strings.Replace(q, "rsa-sha256", "rsa-sha512", 1) }, "signature"},
		"SHA-1": {func(q string) string {
			return strings.Replace(q, "2001%2F04%2Fxmldsig-more%23rsa-sha256", "2000%2F09%2Fxmldsig%23rsa-sha1", 1)
		}, "sha1"},
		"HMAC":                          {func(q string) string { return strings.Replace(q, "rsa-sha256", "hmac-sha256", 1) }, "signature_method"},
		"no algorithm":                  {func(q string) string { return before(q, "&SigAlg=") + from(q, "&Signature=") }, "signature"},
		"no signature":                  {func(q string) string { return before(q, "&Signature=") }, "signature"},
		"an empty signature":            {func(q string) string { return before(q, "&Signature=") + "&Signature=" }, "signature"},
		"neither":                       {func(q string) string { return before(q, "&SigAlg=") }, "unsigned"},
		"another encoding":              {func(q string) string { return q + "&SAMLEncoding=urn:x" }, "encoding"},
		"much":                          {func(q string) string { return q + "&x=" + strings.Repeat("a", 100_000) }, "too_large"},
		"another's message, one's sign": {func(q string) string { return unsigned + from(q, "&RelayState=") }, "signature"},
	} {
		_, err := r.receive(authn.Incoming{Method: "GET", RawQuery: c.bend(good())}, nil)
		wantDenied(t, name, c.reason, err)
	}
	if _, err := r.receive(authn.Incoming{Method: "GET", RawQuery: "utm=1&" + good() + "&x=%zz"}, nil); err != nil {
		t.Errorf("with parameters of others: %v", err)
	}
	bomb, err := samltest.Query("SAMLRequest", strings.Repeat(" ", 20<<20), "", one)
	if err != nil {
		t.Fatal(err)
	}
	_, err = r.receive(authn.Incoming{Method: "GET", RawQuery: bomb}, nil)
	wantDenied(t, "what grows", "too_large", err)
	in := form(t, "SAMLRequest", samltest.LogoutRequest(idpID, at, ada, samltest.Unspecified), "", samltest.Key{})
	in.Form = append(in.Form, authn.Field{Name: "Signature", Value: "AAAA"}, authn.Field{Name: "SigAlg", Value: "x"})
	_, err = r.receive(in, nil)
	wantDenied(t, "a signature of the other binding", "binding", err)
	in = form(t, "SAMLRequest", samltest.LogoutRequest(idpID, at, ada, samltest.Unspecified), "", one)
	in.RawQuery = good()
	_, err = r.receive(in, nil)
	wantDenied(t, "both bindings", "binding", err)
}

// from is the part of a text that begins with a mark, and before the part until it.
func from(text, mark string) string {
	_, after, _ := strings.Cut(text, mark)
	return mark + after
}

func before(text, mark string) string { return strings.TrimSuffix(text, from(text, mark)) }
