package plugintest

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

// shortest is the length from which on a text counts as a secret; shorter ones
// appear by chance.
const shortest = 8

// secrets collects all that must not be shown, lets the plugin see it in good
// and bad calls, and looks for it in all that the plugin says.
func (s *suite) secrets() {
	hidden := map[string]string{} // text -> what it is
	hide := func(what, text string) {
		if len(text) >= shortest {
			hidden[text] = what
			hidden[base64.StdEncoding.EncodeToString([]byte(text))] = what + ", in base64"
			hidden[hex.EncodeToString([]byte(text))] = what + ", in hexadecimal"
		}
	}
	var said strings.Builder
	say := func(values ...any) { fmt.Fprintln(&said, values...) }

	s.configured()
	for _, k := range s.h.Keys(s.name()) {
		hide("a key", string(k.Key))
	}
	sensitive := s.sensitiveValues(s.f.Config)
	for name, value := range sensitive {
		hide("the value of "+name, value)
	}
	for name, bad := range s.f.BadConfigs {
		for attribute, value := range s.sensitiveValues(bad.Values) {
			hide("the value of "+attribute+" in "+name, value)
		}
		ds, err := s.h.Configure(s.Context(), s.f.Kind, s.name(), bad.Values)
		say(ds, err)
	}
	requests := []authn.VerifyRequest{{ID: clientID, Secret: "canary-of-no-form", Records: []authn.Record{{ID: "K1", Verifier: []byte("canary-verifier")}}}}
	for _, g := range s.issued(2) {
		hide("a secret", g.Secret.Reveal())
		cut := g.VerifyRequest
		cut.Secret = secret.Text(g.Secret.Reveal()[:len(g.Secret.Reveal())-1])
		hide("most of a secret", cut.Secret.Reveal())
		for _, r := range g.Records {
			hide("a verifier", string(r.Verifier))
		}
		requests = append(requests, g.VerifyRequest, cut)
	}
	for _, b := range s.bad() {
		hide("a refused secret", b.Request.Secret.Reveal())
		requests = append(requests, b.Request)
	}
	hide("a text that is no secret", "canary-of-no-form")
	hide("a verifier of no form", "canary-verifier")
	for _, r := range requests {
		if _, err := s.h.Verify(s.Context(), s.name(), r); err != nil {
			say(err)
		}
	}
	for _, e := range s.h.Audited() {
		say(e)
	}
	s.h.now.stop() // the end of a binary is also the end of its log
	say(s.h.Logs())
	for text, what := range hidden {
		if strings.Contains(said.String(), text) {
			s.Errorf("%s is shown in a log, an error, a diagnostic or an audit event", what)
		}
	}
}

// sensitiveValues are the strings of a block's attributes that the schema marks.
func (s *suite) sensitiveValues(values any) map[string]string {
	out := map[string]string{}
	object, err := asObject(values)
	if err != nil {
		s.Fatal(err)
	}
	for _, a := range s.kind.Schema.Attributes {
		var text string
		if a.Sensitive && json.Unmarshal(object[a.Name], &text) == nil {
			out[a.Name] = text
		}
	}
	return out
}
