package oidcidp

import "github.com/go-jose/go-jose/v4"

// Bend is one way to misbehave: what is nil or empty is as it should be.
type Bend struct {
	Name string // lower case letters and dashes
	Doc  string // what is wrong

	Discovery func(doc map[string]any)                    // the discovery document
	Keys      func(set *jose.JSONWebKeySet)               // what is published
	Response  func(values map[string][]string)            // the parameters that a browser brings back
	Tokens    func(answer map[string]any)                 // of the token endpoint
	UserInfo  func(claims map[string]any)                 // of the userinfo endpoint
	Header    func(header map[string]any)                 // of a token
	Claims    func(claims map[string]any)                 // of a token
	Signer    func(signed string) (sig []byte, err error) // instead of the newest key
	Token     func(raw string) string                     // after it was signed
	Status    map[string]int                              // answers by path instead of what is there, such as "/keys"
}

// Bend has the provider misbehave from now on. The zero Bend straightens it.
func (p *Provider) Bend(b Bend) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bend = b
}

// Bent is the name of how it misbehaves now; "" is not at all.
func (p *Provider) Bent() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.bend.Name
}

// set sets a value in what is sent; nil takes it away.
func set(name string, value any) func(map[string]any) {
	return func(m map[string]any) {
		if m[name] = value; value == nil {
			delete(m, name)
		}
	}
}

// all does several things.
func all(list ...func(map[string]any)) func(map[string]any) {
	return func(m map[string]any) {
		for _, f := range list {
			f(m)
		}
	}
}

// response sets a parameter that a browser brings back; none takes it away.
func response(name string, values ...string) func(map[string][]string) {
	return func(m map[string][]string) {
		if m[name] = values; len(values) == 0 {
			delete(m, name)
		}
	}
}
