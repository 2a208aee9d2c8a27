package policy

import (
	"fmt"
	"strings"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Limits of the patterns of groups. Each is held against each group of a user, so
// that together they bound what a user costs.
const (
	maxPatterns           = 20  // of a mapping
	maxConnectionPatterns = 100 // different ones, of all mappings of a connection
	maxPatternBytes       = 256
	maxPatternStars       = 4
)

// pattern is one of groups' names, in which "*" is any characters, or none. OPA has
// glob.match for it, which costs a thousand times as much.
type pattern struct {
	fact       string
	has        traits // of the parts: a name without them does not match
	start, end string
	middle     []string // between two "*" each
	least      int      // bytes of a name that matches
}

func newPattern(text, fact string) pattern {
	parts := strings.Split(text, "*")
	last := len(parts) - 1
	p := pattern{fact: fact, start: parts[0], end: parts[last], middle: parts[1:last], least: len(text) - last}
	for _, part := range parts {
		p.has.add(part)
	}
	return p
}

// traits are the bytes and the pairs of bytes of a text, as bits that several share.
type traits struct{ bytes, pairs uint64 }

func (t *traits) add(text string) {
	for i := range len(text) {
		t.bytes |= 1 << (text[i] & 63)
		if i > 0 {
			t.pairs |= 1 << ((text[i-1]*31 + text[i]) & 63)
		}
	}
}

// miss reports whether a text of others lacks one of these.
func (t traits) miss(others traits) bool { return t.bytes&^others.bytes|t.pairs&^others.pairs != 0 }

// matching adds the facts of the patterns that match a name.
func matching(patterns []pattern, name string, facts []string) []string {
	if len(patterns) == 0 {
		return facts
	}
	var has traits
	has.add(name)
	for i := range patterns {
		if p := &patterns[i]; !p.has.miss(has) && p.matches(name) {
			facts = append(facts, p.fact)
		}
	}
	return facts
}

// matches looks for each part behind the one before, at the first place: where that
// leaves no room for the rest, no later one does.
func (p *pattern) matches(name string) bool {
	if len(name) < p.least || !strings.HasPrefix(name, p.start) || !strings.HasSuffix(name, p.end) {
		return false
	}
	name = name[len(p.start) : len(name)-len(p.end)]
	for _, part := range p.middle {
		i := strings.Index(name, part)
		if i < 0 {
			return false
		}
		name = name[i+len(part):]
	}
	return true
}

// checkPattern says what is wrong with a pattern.
func checkPattern(text string) error {
	switch stars := strings.Count(text, "*"); {
	case strings.Contains(text, "**"):
		return fmt.Errorf(`"**" says no more than "*"`)
	case stars == 0:
		return fmt.Errorf(`there is no "*" in it: a name that stands as it is belongs into groups`)
	case stars > maxPatternStars:
		return fmt.Errorf(`it has more than %d "*"`, maxPatternStars)
	case len(text) > maxPatternBytes:
		return fmt.Errorf("it has more than %d bytes", maxPatternBytes)
	}
	return nil
}

// fold is a text without the difference of upper and lower case, by the full case
// folding of Unicode (C + F of CaseFolding.txt): the sharp s is "ss". Of texts in
// NFC it gives one in NFC.
func fold(s string) string {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return norm.NFC.String(cases.Fold().String(s))
		}
	}
	return strings.ToLower(s)
}
