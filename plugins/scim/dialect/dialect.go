// Package dialect lists how IdPs depart from SCIM, and which of it a connection
// puts up with. A departure is a Quirk; a dialect is a set of them, by name, so
// that a new IdP is a new list. Whether a quirk is there is seen by each request
// itself: one tenant sends several shapes (Entra's "provision on demand" does
// not honour the flag that its schedule honours).
package dialect

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"
)

// Set is a set of quirks. The empty one is strict: nothing but the RFC.
type Set uint64

// Strict puts up with nothing.
const Strict Set = 0

// Of is the set of these quirks.
func Of(quirks ...Quirk) Set {
	var s Set
	for _, q := range quirks {
		s |= 1 << q
	}
	return s
}

// Has reports whether the quirk is in the set.
func (s Set) Has(q Quirk) bool { return s&(1<<q) != 0 }

// Names lists the quirks by name.
func (s Set) Names() []string {
	names := make([]string, 0, bits.OnesCount64(uint64(s)))
	for q := range quirkCount {
		if s.Has(q) {
			names = append(names, q.String())
		}
	}
	return names
}

// Parse is the set of quirks with these names, as a configuration lists them.
func Parse(names []string) (Set, error) {
	var s Set
	for _, name := range names {
		q, ok := find(name)
		if !ok {
			return 0, fmt.Errorf("there is no quirk %q; the quirks are %s", name, strings.Join(All().Names(), ", "))
		}
		s |= Of(q)
	}
	return s, nil
}

func find(name string) (Quirk, bool) {
	for q := range quirkCount {
		if q.String() == name {
			return q, true
		}
	}
	return 0, false
}

// All is the set of every quirk.
func All() Set { return 1<<quirkCount - 1 }

// Providers lists the IdPs that have a dialect of their own, and generic.
func Providers() []string {
	names := make([]string, 0, len(dialects))
	for name := range dialects {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// For is the dialect of a provider, by the name that a connection has for it.
// One that has no dialect of its own speaks generic: all of them.
func For(provider string) Set {
	if quirks, ok := dialects[provider]; ok {
		return harmless | Of(quirks()...)
	}
	return All()
}

// dialects has a file for each IdP.
var dialects = map[string]func() []Quirk{
	"okta": okta, "entra": entra, "onelogin": oneLogin, "ping": ping, "jumpcloud": jumpCloud, "generic": generic,
}
