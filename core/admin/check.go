package admin

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/gatehouse-id/gatehouse/core/config"
	"github.com/gatehouse-id/gatehouse/core/throttle"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// Limits of what a request may hold.
const (
	maxList = 100 // entries
	maxText = 200 // characters
	maxID   = 256 // bytes: of somebody else's making
)

func tooLong(what string) error {
	return problem.New(problem.Invalid, "%s has more than %d entries", what, maxList)
}

// quoted shows a caller's own word, cut where nobody would read on.
func quoted(s string) string {
	const shown = 80
	if len(s) > shown {
		s = s[:shown] + "…"
	}
	return strconv.Quote(s)
}

// checkText refuses what would be unreadable in a list or a log.
func checkText(what, text string) error {
	if len([]rune(text)) > maxText {
		return problem.New(problem.Invalid, "%s has more than %d characters", what, maxText)
	}
	if strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return problem.New(problem.Invalid, "%s has characters that cannot be printed", what).WithHint("write it in one line")
	}
	return nil
}

// checkID refuses what cannot be the id of a foreign credential.
func checkID(id string) error {
	if id == "" || len(id) > maxID || strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return problem.New(problem.Invalid, "%s is no id of a credential", quoted(id)).
			WithHint("1 to %d visible ASCII characters, as its authenticator names it", maxID)
	}
	return nil
}

// checkKnown refuses a name that the configuration in force does not declare.
func checkKnown(what, name string, known []string) error {
	if slices.Contains(known, name) {
		return nil
	}
	return problem.New(problem.Invalid, "there is no %s %s in the configuration", what, quoted(name)).WithHint("%s", didYouMean(name, known))
}

// didYouMean names what was probably meant, or else what there is.
func didYouMean(given string, known []string) string {
	const readable = 12
	best := config.Nearest(given, known)
	switch {
	case best != "":
		return fmt.Sprintf("did you mean %q?", best)
	case len(known) == 0:
		return "the configuration declares none"
	case len(known) > readable:
		return "look into the configuration for what it declares"
	}
	return "there is: " + strings.Join(slices.Sorted(slices.Values(known)), ", ")
}

// parseNetworks reads networks in CIDR form.
func parseNetworks(texts []string) ([]netip.Prefix, error) {
	if len(texts) > maxList {
		return nil, tooLong("networks")
	}
	var list []netip.Prefix
	for _, text := range texts {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, problem.New(problem.Invalid, "%s is no network", quoted(text)).WithHint("in CIDR form, such as 192.0.2.0/24 or 2001:db8::/32")
		}
		if p != p.Masked() {
			return nil, problem.New(problem.Invalid, "%s is an address within a network", quoted(text)).
				WithHint("write %s for the network, or %s for the address", p.Masked(), netip.PrefixFrom(p.Addr(), p.Addr().BitLen()))
		}
		if p.Addr().Is4In6() {
			return nil, problem.New(problem.Invalid, "%s is an IPv4 network in IPv6 form, which no address is compared in", quoted(text)).
				WithHint("write it in IPv4 form")
		}
		list = append(list, p)
	}
	return list, nil
}

// parseRate reads a rate; "" is none.
func parseRate(text string) (throttle.Rate, error) {
	if text == "" {
		return 0, nil
	}
	r, err := throttle.ParseRate(text)
	if err != nil {
		return 0, problem.New(problem.Invalid, "%s is no rate", quoted(text)).WithHint("%s", throttle.RateRule)
	}
	return r, nil
}

// checkEnd refuses an end that has passed. Zero is no end.
func checkEnd(what string, end, now time.Time) error {
	if !end.IsZero() && !end.After(now) {
		return problem.New(problem.Invalid, "%s has passed: it is %s now", what, now.UTC().Format(time.RFC3339))
	}
	return nil
}
