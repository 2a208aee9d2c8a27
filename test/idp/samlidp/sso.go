package samlidp

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"net/http"

	"github.com/gatehouse-id/gatehouse/plugins/saml/samltest"
)

// mfaContext is what says that a second factor was used: https://refeds.org/profile/mfa.
const mfaContext = "https://refeds.org/profile/mfa"

// asked is a request that is being answered.
type asked struct {
	Service string // the entityID
	ID      string // "" answers nothing
	Relay   string
	Force   bool // they have to sign on anew
}

// read reads a message of a service, by either binding, and checks its signature
// where the service has certificates.
func (i *Provider) read(r *http.Request, name string) (samltest.Sent, Service, error) {
	var sent samltest.Sent
	var err error
	if r.Method == http.MethodPost {
		sent, err = samltest.ReadPOST(r.PostFormValue(name), r.PostFormValue("RelayState"))
	} else {
		sent, err = samltest.ReadRedirect(r.URL.RawQuery, name)
	}
	if err != nil {
		return sent, Service{}, errors.New("the message cannot be read")
	}
	service, known := i.service(sent.Text("./Issuer"))
	if !known {
		return sent, service, errors.New("the message is from a service that is not known here: " + sent.Text("./Issuer"))
	}
	if len(service.Certificates) == 0 {
		return sent, service, nil
	}
	for _, c := range service.Certificates {
		if sent.Signature != nil && c.CheckSignature(x509.SHA256WithRSA, []byte(sent.Signed), sent.Signature) == nil || sent.Signature == nil && samltest.Verify(sent.XML, c) == nil {
			return sent, service, nil
		}
	}
	return sent, service, errors.New("the message is not signed by the service")
}

// sso is where people are sent to sign on: SAML Profiles §4.1.4.1.
func (i *Provider) sso(w http.ResponseWriter, r *http.Request) {
	sent, service, err := i.read(r, "SAMLRequest")
	if err == nil && sent.Element.Tag != "AuthnRequest" {
		err = errors.New("the message is no AuthnRequest")
	}
	if err == nil && sent.Value("Destination") != i.options.URL+"/sso" {
		err = errors.New("the message is for another address")
	}
	if err != nil {
		refuse(w, err)
		return
	}
	a := asked{Service: service.EntityID, ID: sent.Value("ID"), Relay: sent.RelayState, Force: sent.Value("ForceAuthn") == "true"}
	if s := i.of(r); s != nil && !a.Force {
		i.answer(w, s, service, a)
		return
	}
	i.page(w, a)
}

// start begins at the IdP, as a portal does. What it answers, nobody asked for.
func (i *Provider) start(w http.ResponseWriter, r *http.Request) {
	service, known := i.service(r.URL.Query().Get("service"))
	if !known {
		refuse(w, errors.New("there is no such service"))
		return
	}
	a := asked{Service: service.EntityID, Relay: r.URL.Query().Get("RelayState")}
	if s := i.of(r); s != nil {
		i.answer(w, s, service, a)
		return
	}
	i.page(w, a)
}

// choose is the answer to the page: who it is.
func (i *Provider) choose(w http.ResponseWriter, r *http.Request) {
	person, known := i.person(r.PostFormValue("person"))
	service, found := i.service(r.PostFormValue("service"))
	if !known || !found {
		refuse(w, errors.New("there is no such person or service"))
		return
	}
	i.Misbehave(r.PostFormValue("mischief"))
	i.answer(w, i.signOn(w, person), service, asked{Service: service.EntityID, ID: r.PostFormValue("id"), Relay: r.PostFormValue("relay")})
}

// answer has the browser bring a Response to the service.
func (i *Provider) answer(w http.ResponseWriter, s *session, service Service, a asked) {
	i.mu.Lock()
	index := "_s" + rand.Text()
	s.indexes[service.EntityID] = index
	m := samltest.Message{
		Issuer: i.EntityID(), Recipient: service.ACS, Audience: service.EntityID, InResponseTo: a.ID,
		NameID: s.person.NameID, Format: s.person.Format, SessionIndex: index, Attributes: s.person.attributes(),
		Now: i.options.Clock(), AuthnInstant: s.at, Key: i.key, Shape: i.options.Shape,
	}
	edit := i.edit
	i.mu.Unlock()
	if s.person.MultiFactor {
		m.Context = mfaContext
	}
	if service.EncryptTo != nil {
		m.Encryption = &samltest.Encryption{To: service.EncryptTo}
	}
	if edit != nil {
		edit(&m)
	}
	text, err := m.XML()
	if err != nil {
		http.Error(w, "the response cannot be made", http.StatusInternalServerError)
		return
	}
	forward(w, service.ACS, "SAMLResponse", base64.StdEncoding.EncodeToString([]byte(text)), a.Relay)
}

func (p Person) attributes() (list []samltest.Attribute) {
	for _, a := range []struct{ name, value string }{{"email", p.Email}, {"firstName", p.GivenName}, {"lastName", p.FamilyName}} {
		if a.value != "" {
			list = append(list, samltest.Attribute{Name: a.name, Values: []string{a.value}})
		}
	}
	return append(list, samltest.Attribute{Name: "groups", Values: p.Groups})
}
