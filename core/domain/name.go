package domain

import (
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// challengeLabel stands before a domain where its challenge is published: a label
// of our own, so that no record that is there for something else is in the way.
const challengeLabel = "_gatehouse-challenge"

// ChallengeName is where the challenge of a domain is looked for.
func ChallengeName(name string) string { return challengeLabel + "." + name }

// maxName leaves room for the label before it in the 253 characters of a name
// (RFC 1035 §2.3.4).
const maxName = 253 - len(challengeLabel) - 1

// hostName is letters, digits and hyphens in two labels or more.
var hostName = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// Normalize brings a domain into the one form in which domains are kept and
// compared: lower case, labels beyond ASCII as A-labels (RFC 5891), no dot at the
// end. What cannot be the domain of one organization is refused with the reason, as a
// Problem (Invalid).
func Normalize(text string) (string, error) {
	text = strings.TrimSpace(text)
	refuse := func(why, hint string) (string, error) {
		return "", problem.New(problem.Invalid, "%s %s", quoted(text), why).WithHint("%s", hint)
	}
	const form = `a domain is what stands behind the @ of e-mail addresses, such as acme.example`
	if len(text) > 4*maxName { // in UTF-8 it may be longer than in A-labels
		return refuse("is too long for a domain", form)
	}
	name, err := idna.Lookup.ToASCII(text)
	name = strings.TrimSuffix(name, ".")
	switch _, notAddress := netip.ParseAddr(strings.Trim(text, "[]")); {
	case strings.Contains(text, "@"):
		return refuse("is an e-mail address", "give what stands behind the @")
	case notAddress == nil:
		return refuse("is an address, and no domain", form)
	case err == nil && name != "" && !strings.Contains(name, "."):
		return refuse("is one word, and no domain", form)
	case err != nil || !utf8.ValidString(text) || !hostName.MatchString(name):
		return refuse("is no domain", form)
	case len(name) > maxName:
		return refuse("is too long for a domain", "at most "+strconv.Itoa(maxName)+" characters, so that its challenge has a name")
	}
	last := name[strings.LastIndexByte(name, '.')+1:]
	if strings.Trim(last, "0123456789") == "" { // nobody has such a one, and some take it for an address
		return refuse("is no domain", form)
	}
	if suffix, _ := publicsuffix.PublicSuffix(name); suffix == name {
		return refuse("is a public suffix: others have their domains below it", "give the organization's own domain below it")
	}
	if why, ok := shared[name]; ok {
		return refuse("is not one organization's: "+why, "give a domain of the organization's own")
	}
	return name, nil
}

// Of is the domain of an e-mail address in the form of Normalize; "" is that it
// has none that could be compared. Nothing but the case is made equal here: what
// an application is told about an address holds for that address, not for one that
// looks like it.
func Of(address string) string {
	_, name, _ := strings.Cut(address, "@")
	name = strings.ToLower(name)
	if strings.ContainsFunc(name, func(r rune) bool { return r >= 0x80 }) {
		ascii, err := idna.Registration.ToASCII(name)
		if err != nil {
			return ""
		}
		name = ascii
	}
	if len(name) > 253 || !hostName.MatchString(name) {
		return ""
	}
	return name
}

// quoted shows somebody's own word in one line of ASCII, cut where nobody would
// read on.
func quoted(s string) string {
	const shown = 80
	cut := ""
	if len(s) > shown {
		s, cut = strings.ToValidUTF8(s[:shown], ""), "…"
	}
	return strconv.QuoteToASCII(s) + cut
}
