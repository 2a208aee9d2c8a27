package samlidp_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/plugins/saml"
	"github.com/gatehouse-id/gatehouse/plugins/saml/samltest"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/plugintest"
	"github.com/gatehouse-id/gatehouse/test/idp/samlidp"
)

const (
	home = "https://idp.example.com"
	name = "acme/saml"
)

// world is the IdP, a service that signs people on with it, and a browser.
type world struct {
	*plugintest.Harness
	idp     *samlidp.Provider
	t       *testing.T
	cookies []*http.Cookie
}

func newWorld(t *testing.T, binding string) *world {
	t.Helper()
	w := &world{Harness: plugintest.New(t, saml.Plugin()), t: t}
	var err error
	w.idp, err = samlidp.New(samlidp.Options{URL: home, People: []samlidp.Person{
		{NameID: "ada@example.com", Email: "ada@example.com", GivenName: "Ada", FamilyName: "<Lovelace>", Groups: []string{"Data"}, MultiFactor: true},
		{NameID: "bob@example.com", Email: "bob@example.com"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	w.HandleFetch(w.idp)
	block := map[string]any{
		"metadata_url": home + "/metadata", "metadata_refresh": "1h", "new_certificates": "overlap", "sign_requests": true, "require_encryption": false,
		"allow_sha1": false, "allow_cbc": false, "clock_skew": "3m", "max_size": 2 << 20, "logout": true, "binding": binding,
	}
	if ds, err := w.Configure(t.Context(), "saml", name, block); err != nil || ds.HasErrors() {
		t.Fatal(ds, err)
	}
	w.register(false)
	return w
}

// register has the IdP know the service, by its metadata.
func (w *world) register(encrypted bool) {
	w.t.Helper()
	e := w.Endpoints(name)
	m, err := w.Metadata(w.t.Context(), name, e)
	if err != nil {
		w.t.Fatal(err)
	}
	s := samlidp.Service{EntityID: e.EntityID, ACS: e.CompleteURL, Logout: e.LogoutURL}
	var said struct {
		Keys []struct {
			Use  string `xml:"use,attr"`
			Cert string `xml:"KeyInfo>X509Data>X509Certificate"`
		} `xml:"SPSSODescriptor>KeyDescriptor"`
	}
	if err := xml.Unmarshal(m.Document, &said); err != nil {
		w.t.Fatal(err)
	}
	for _, k := range said.Keys {
		one, err := samltest.ParseCertificate(k.Cert)
		if err != nil {
			w.t.Fatal(err)
		}
		if k.Use == "signing" {
			s.Certificates = append(s.Certificates, one)
		} else if encrypted {
			s.EncryptTo = one.PublicKey.(*rsa.PublicKey)
		}
	}
	w.idp.Add(s)
}

// browse sends the browser to the IdP.
func (w *world) browse(method, to string, form url.Values) *httptest.ResponseRecorder {
	w.t.Helper()
	r := httptest.NewRequestWithContext(w.t.Context(), method, to, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for _, c := range w.cookies {
		r.AddCookie(c)
	}
	got := httptest.NewRecorder()
	w.idp.ServeHTTP(got, r)
	w.cookies = append(w.cookies, got.Result().Cookies()...)
	return got
}

var hidden = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)

// fields are those of the form on a page.
func fields(page string) url.Values {
	out := url.Values{}
	for _, m := range hidden.FindAllStringSubmatch(page, -1) {
		out.Set(html.UnescapeString(m[1]), html.UnescapeString(m[2]))
	}
	return out
}

func values(list []authn.Field) url.Values {
	out := url.Values{}
	for _, f := range list {
		out.Set(f.Name, f.Value)
	}
	return out
}

// begin brings the browser to the IdP's page.
func (w *world) begin() (authn.BeginRequest, authn.Begun, string) {
	w.t.Helper()
	r := authn.BeginRequest{Endpoints: w.Endpoints(name), Relay: rand.Text()}
	begun, err := w.Begin(w.t.Context(), name, r)
	if err != nil {
		w.t.Fatal(err)
	}
	method := http.MethodGet
	if len(begun.Fields) > 0 {
		method = http.MethodPost
	}
	got := w.browse(method, begun.URL, values(begun.Fields))
	if got.Code != http.StatusOK {
		w.t.Fatalf("the IdP says %d: %s", got.Code, got.Body)
	}
	return r, begun, got.Body.String()
}

// signOn goes the whole way.
func (w *world) signOn(person, mischief string) (authn.Identity, error) {
	w.t.Helper()
	r, begun, page := w.begin()
	if strings.Contains(page, "Who are you?") {
		f := fields(page)
		f.Set("person", person)
		f.Set("mischief", mischief)
		page = w.browse(http.MethodPost, home+"/choose", f).Body.String()
	}
	f := fields(page)
	if !strings.Contains(page, html.EscapeString(r.Endpoints.CompleteURL)) || f.Get("RelayState") != r.Relay {
		w.t.Errorf("the browser goes on with %s", page)
	}
	return w.Complete(w.t.Context(), name, authn.CompleteRequest{Endpoints: r.Endpoints, State: begun.State, Begun: time.Now(), Incoming: authn.Incoming{
		Method: http.MethodPost, Form: []authn.Field{{Name: "SAMLResponse", Value: f.Get("SAMLResponse")}, {Name: "RelayState", Value: r.Relay}},
	}})
}

func TestSignOn(t *testing.T) {
	t.Parallel()
	for _, binding := range []string{"redirect", "post"} {
		w := newWorld(t, binding)
		if _, _, page := w.begin(); !strings.Contains(page, "&lt;Lovelace&gt;") || strings.Contains(page, "<Lovelace>") {
			t.Errorf("the page is %s", page)
		}
		i, err := w.signOn("ada@example.com", "")
		if err != nil || i.Subject != "ada@example.com" || i.Authentication.MultiFactor != authn.MultiFactorYes || len(i.Groups) != 1 {
			t.Errorf("%s: %+v, %v", binding, i, err)
		}
		if i, err := w.signOn("bob@example.com", ""); err != nil || i.Subject != "ada@example.com" {
			t.Errorf("%s, again, without a page: %+v, %v", binding, i, err)
		}
		w.cookies = nil
		w.register(true)
		i, err = w.signOn("bob@example.com", "")
		if err != nil || i.Subject != "bob@example.com" || i.Authentication.MultiFactor == authn.MultiFactorYes {
			t.Errorf("%s, encrypted: %+v, %v", binding, i, err)
		}
	}
}

func TestMischief(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "redirect")
	for _, what := range samlidp.Mischief() {
		w.cookies = nil
		i, err := w.signOn("ada@example.com", what)
		switch what {
		case "a minute ahead", "no groups", "a second factor", "many groups", "the same ID":
			if err != nil {
				t.Errorf("%s: %v", what, err)
			}
			if what == "no groups" && i.GroupsState != authn.GroupsAbsent || what == "many groups" && len(i.Groups) != 20_000 {
				t.Errorf("%s: %d groups, %s", what, len(i.Groups), i.GroupsState)
			}
		case "an old sign-on": // nobody asked for a fresh one
			if err != nil || time.Since(i.Authentication.Time) < time.Hour {
				t.Errorf("%s: at %s, %v", what, i.Authentication.Time, err)
			}
		default:
			if denied := (*authn.Denied)(nil); !errors.As(err, &denied) {
				t.Errorf("%s: it signed %q on, %v", what, i.Subject, err)
			}
		}
	}
}

func TestKeysOfTheIdP(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "redirect")
	if _, err := w.signOn("ada@example.com", ""); err != nil {
		t.Error(err)
	}
	if err := w.idp.StageKey(); err != nil {
		t.Fatal(err)
	}
	w.Restart(t.Context()) // it is asked for metadata again when it is due, or a signature is not known
	w.HandleFetch(w.idp)
	w.idp.UseKey()
	w.cookies = nil
	if _, err := w.signOn("ada@example.com", ""); err == nil {
		t.Error("a key that nobody has seen beside the older is trusted")
	}
}

func TestLogout(t *testing.T) {
	t.Parallel()
	for _, binding := range []string{"redirect", "post"} {
		w := newWorld(t, binding)
		e := w.Endpoints(name)
		i, err := w.signOn("ada@example.com", "")
		if err != nil {
			t.Fatal(err)
		}
		begun, err := w.Logout(t.Context(), name, e, "relay", authn.Session{Issuer: i.Issuer, Subject: i.Subject, Keep: i.Keep})
		if err != nil {
			t.Fatal(err)
		}
		got := w.browse(http.MethodGet, begun.URL, nil)
		back, err := got.Result().Location()
		if err != nil || !strings.HasPrefix(back.String(), e.LogoutURL+"?") {
			t.Fatalf("the IdP answers %d %s", got.Code, got.Body)
		}
		r := authn.ReceiveRequest{Endpoints: e, Browser: true, State: begun.State, Incoming: authn.Incoming{Method: http.MethodGet, RawQuery: back.RawQuery}}
		if received, err := w.Receive(t.Context(), name, r); err != nil || !received.Confirmed {
			t.Errorf("%+v, %v", received, err)
		}
		if _, _, page := w.begin(); !strings.Contains(page, "Who are you?") {
			t.Error("the session at the IdP goes on")
		}
		// The other way round.
		w.cookies = nil
		if i, err = w.signOn("ada@example.com", ""); err != nil {
			t.Fatal(err)
		}
		got = w.browse(http.MethodGet, home+"/logout?service="+url.QueryEscape(e.EntityID), nil)
		to, err := got.Result().Location()
		if err != nil {
			t.Fatalf("the IdP says %d: %s", got.Code, got.Body)
		}
		received, err := w.Receive(t.Context(), name, authn.ReceiveRequest{Endpoints: e, Browser: true, Incoming: authn.Incoming{Method: http.MethodGet, RawQuery: to.RawQuery}})
		if err != nil || len(received.Ended) != 1 || received.Ended[0].Subject != i.Subject || received.Ended[0].SessionIndexes[0] != i.SessionIndex {
			t.Fatalf("%+v, %v", received, err)
		}
		if got := w.browse(http.MethodGet, received.Begun.URL, nil); got.Code != http.StatusOK || !strings.Contains(got.Body.String(), "signed out") {
			t.Errorf("the IdP says %d: %s", got.Code, got.Body)
		}
	}
}

// What is not by a service that it knows, it refuses, and shows as text.
func TestTheIdPRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "redirect")
	request := `<samlp:AuthnRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_x" Destination="` + home + `/sso"><saml:Issuer>%s</saml:Issuer></samlp:AuthnRequest>`
	for _, issuer := range []string{"https://other.example/&lt;script&gt;", w.Endpoints(name).EntityID} {
		query, err := samltest.Query("SAMLRequest", strings.Replace(request, "%s", issuer, 1), "r", samltest.Key{})
		if err != nil {
			t.Fatal(err)
		}
		got := w.browse(http.MethodGet, home+"/sso?"+query, nil)
		if got.Code != http.StatusForbidden || strings.Contains(got.Body.String(), "<script>") {
			t.Errorf("%d: %s", got.Code, got.Body)
		}
	}
	for _, path := range []string{"/sso", "/sso?SAMLRequest=x", "/slo", "/slo?SAMLResponse=x", "/start", "/logout"} {
		if got := w.browse(http.MethodGet, home+path, nil); got.Code != http.StatusForbidden {
			t.Errorf("%s: %d", path, got.Code)
		}
	}
	if got := w.browse(http.MethodPost, home+"/sso", url.Values{"SAMLRequest": {base64.StdEncoding.EncodeToString([]byte("<a/>"))}}); got.Code != http.StatusForbidden {
		t.Errorf("%d", got.Code)
	}
}
