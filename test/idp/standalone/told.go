package standalone

import (
	"net/url"
	"strings"
)

// Told is what somebody has to know who wants to sign on.
type Told struct {
	URL           string            `json:"url"`
	Issuer        string            `json:"issuer"`
	MetadataURL   string            `json:"metadata_url"`
	CAFile        string            `json:"ca_file,omitempty"`
	People        []Person          `json:"people"`
	Faults        []string          `json:"faults"`
	Fetch         string            `json:"fetch"`         // HCL, for the server block
	Configuration string            `json:"configuration"` // HCL
	Environment   map[string]string `json:"environment"`   // of the host
	SignOn        SignOn            `json:"sign_on"`
}

// Person is somebody who can sign on.
type Person struct {
	UserName string   `json:"user_name"`
	Name     string   `json:"name"`
	Groups   []string `json:"groups"`
}

// SignOn are the addresses at which to begin.
type SignOn struct {
	OIDC string `json:"oidc"`
	SAML string `json:"saml"`
}

// Tell says all of it.
func (p *Provider) Tell() (Told, error) {
	begin := func(authenticator string) string {
		return p.options.Host + "/login?" + url.Values{"connection": {p.options.Connection}, "authenticator": {authenticator}}.Encode()
	}
	t := Told{
		URL: p.url + "/", Issuer: p.idp.Issuer(), MetadataURL: p.idp.MetadataURL(), CAFile: p.CAFile(), Faults: append([]string{}, p.options.Faults...),
		Environment: map[string]string{SecretVariable: p.kept.clientSecret}, SignOn: SignOn{OIDC: begin("oidc"), SAML: begin("saml." + samlLabel)},
	}
	for _, one := range p.options.People {
		name := strings.TrimSpace(one.GivenName + " " + one.FamilyName)
		t.People = append(t.People, Person{UserName: one.UserName, Name: name, Groups: append([]string{}, one.Groups...)})
	}
	var err error
	if t.Fetch, err = p.paste("fetch"); err != nil {
		return t, err
	}
	t.Configuration, err = p.paste("connection")
	return t, err
}
