package samlidp

import (
	"errors"
	"net/http"
	"strings"

	"github.com/gatehouse-id/gatehouse/plugins/saml/samltest"
)

// slo reads what services say about logout: SAML Profiles §4.4.3.
func (i *Provider) slo(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Has("SAMLResponse") || r.Method == http.MethodPost && r.PostFormValue("SAMLResponse") != "" {
		sent, _, err := i.read(r, "SAMLResponse")
		if err == nil && sent.Element.Tag != "LogoutResponse" {
			err = errors.New("the message is no LogoutResponse")
		}
		if err != nil {
			refuse(w, err)
			return
		}
		show(w, http.StatusOK, saidPage, "You are signed out.")
		return
	}
	sent, service, err := i.read(r, "SAMLRequest")
	if err == nil && sent.Element.Tag != "LogoutRequest" {
		err = errors.New("the message is no LogoutRequest")
	}
	if err == nil && service.Logout == "" {
		err = errors.New("the service has no address of logout")
	}
	if err != nil {
		refuse(w, err)
		return
	}
	i.signOff(r, sent.Text("./NameID"))
	i.send(w, r, service.Logout, "SAMLResponse", samltest.LogoutResponse(i.EntityID(), service.Logout, sent.Value("ID"), samltest.Success), sent.RelayState)
}

// logout ends the browser's session, and tells a service.
func (i *Provider) logout(w http.ResponseWriter, r *http.Request) {
	s := i.of(r)
	service, known := i.service(r.URL.Query().Get("service"))
	if s == nil || !known || service.Logout == "" {
		refuse(w, errors.New("nobody is signed on, or there is no such service with an address of logout"))
		return
	}
	i.mu.Lock()
	index, format := s.indexes[service.EntityID], s.person.Format
	i.mu.Unlock()
	if format == "" {
		format = samltest.Unspecified
	}
	i.signOff(r, s.person.NameID)
	i.send(w, r, service.Logout, "SAMLRequest", samltest.LogoutRequest(i.EntityID(), service.Logout, s.person.NameID, format, index), "")
}

// send brings a message to a service by redirect, with a signature over the query.
func (i *Provider) send(w http.ResponseWriter, r *http.Request, to, name, message, relay string) {
	query, err := samltest.Query(name, message, relay, i.Key())
	if err != nil {
		http.Error(w, "the message cannot be made", http.StatusInternalServerError)
		return
	}
	glue := "?"
	if strings.Contains(to, "?") {
		glue = "&"
	}
	http.Redirect(w, r, to+glue+query, http.StatusSeeOther)
}
