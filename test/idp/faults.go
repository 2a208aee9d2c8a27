package idp

import (
	"fmt"
	"strings"

	"github.com/gatehouse-id/gatehouse/test/idp/oidcidp"
	"github.com/gatehouse-id/gatehouse/test/idp/samlidp"
)

// Fault is one way to misbehave. Its name begins with the protocol that it is of, as in
// "oidc:wrong-nonce" and "saml:another-audience".
type Fault struct {
	Name   string `json:"name"`
	Doc    string `json:"doc"`    // what is wrong, as a sentence
	Counts bool   `json:"counts"` // it is unusual, and signs people on all the same
}

// Protocol is "oidc" or "saml".
func (f Fault) Protocol() string {
	protocol, _, _ := strings.Cut(f.Name, ":")
	return protocol
}

// What names of faults begin with.
const (
	openID = "oidc"
	saml2  = "saml"
)

func protocols() []string { return []string{openID, saml2} }

// Faults are the ways to misbehave, as any Provider has them.
func Faults() ([]Fault, error) {
	p, err := New(Options{URL: "http://127.0.0.1", People: People()})
	if err != nil {
		return nil, err
	}
	return p.Faults()
}

// Faults are the ways to misbehave.
func (p *Provider) Faults() ([]Fault, error) {
	bends, err := p.OIDC.Faults()
	if err != nil {
		return nil, err
	}
	var list []Fault
	for _, b := range bends {
		list = append(list, Fault{Name: openID + ":" + b.Name, Doc: b.Doc})
	}
	for _, m := range samlidp.Faults() {
		list = append(list, Fault{Name: samlName(m.Name), Doc: m.Doc, Counts: m.Counts})
	}
	return list, nil
}

// Misbehave has the provider do these things wrong from now on, one for each protocol
// at most, and all else as it should.
func (p *Provider) Misbehave(names ...string) error {
	bends, err := p.OIDC.Faults()
	if err != nil {
		return err
	}
	var bend oidcidp.Bend
	mischief, said := "", map[string]string{}
	for _, name := range names {
		protocol, found := Fault{Name: name}.Protocol(), false
		if before := said[protocol]; before != "" {
			return fmt.Errorf("%s and %s are both of one protocol, which has one fault at a time", before, name)
		}
		said[protocol] = name
		for _, b := range bends {
			if openID+":"+b.Name == name {
				bend, found = b, true
			}
		}
		for _, m := range samlidp.Faults() {
			if samlName(m.Name) == name {
				mischief, found = m.Name, true
			}
		}
		if !found {
			return fmt.Errorf("there is no fault %q", name)
		}
	}
	p.OIDC.Bend(bend)
	p.SAML.Misbehave(mischief)
	return nil
}

// misbehaves is what it does wrong now, by the protocol; what is nothing is no name.
func (p *Provider) misbehaves() map[string]string {
	return map[string]string{openID: openID + ":" + p.OIDC.Bent(), saml2: samlName(p.SAML.Misbehaves())}
}

func samlName(mischief string) string {
	return saml2 + ":" + strings.ReplaceAll(strings.ToLower(mischief), " ", "-")
}
