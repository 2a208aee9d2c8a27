package config

import (
	"math"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/gatehouse-id/gatehouse/core/throttle"
	"github.com/gatehouse-id/gatehouse/sdk/schema"
)

// The methods of this file read attributes of the host's blocks, and report
// what has the right type and yet means nothing. An attribute that is absent,
// already reported or not known before a variable is set gives the zero value.

func (b *block) text(name string) string { s, _ := b.attrs[name].value.(string); return s }

func (b *block) texts(name string) []string { s, _ := b.attrs[name].value.([]string); return s }

func (b *block) table(name string) map[string]string {
	m, _ := b.attrs[name].value.(map[string]string)
	return m
}

func (b *block) flag(name string) bool { f, _ := b.attrs[name].value.(bool); return f }

// place is where an attribute, or a part of its list or map, stands.
func (b *block) place(name, part string) hcl.Range {
	a := b.attrs[name]
	return partOr(a.parts, part, a.at)
}

// invalid reports a value of an attribute, or of the part of its list or map.
func (b *block) invalid(name, part, summary, format string, args ...any) {
	path := b.sub(name)
	if part != "" {
		path = append(path, part)
	}
	b.fail(b.place(name, part), path, CodeValue, summary, format, args...)
}

// name puts a value into a message, unless it came from env() or file().
func (b *block) name(attribute, value string) string {
	if b.attrs[attribute].concealed {
		return "the given name"
	}
	return strconv.Quote(value)
}

func (b *block) oneOf(name string, choices ...string) string {
	s, ok := b.attrs[name].value.(string)
	if ok && !slices.Contains(choices, s) {
		b.invalid(name, "", "Not one of the choices", "Expected one of: %s.%s", strings.Join(choices, ", "), b.meant(name, s, choices))
	}
	return s
}

// meant is the question that follows a wrong word.
func (b *block) meant(attribute, given string, known []string) string {
	if k := Nearest(given, known); k != "" && !b.attrs[attribute].concealed {
		return ` Did you mean "` + k + `"?`
	}
	return ""
}

func (b *block) duration(name string) time.Duration {
	s, ok := b.attrs[name].value.(string)
	d, err := time.ParseDuration(s)
	if ok && (err != nil || d <= 0) {
		b.invalid(name, "", "Not a duration", "%s It is above zero.", durationRule)
	}
	return d
}

// count reads a whole number from 0 to a million.
func (b *block) count(name string) int { return b.whole(name, 0, 1_000_000) }

// whole reads a whole number within bounds.
func (b *block) whole(name string, least, most int) int {
	f, ok := b.attrs[name].value.(float64)
	if ok && (f < float64(least) || f > float64(most) || f != math.Trunc(f)) {
		b.invalid(name, "", "Not a count", "Expected a whole number from %d to %d.", least, most)
		return 0
	}
	return int(f)
}

// rate reads a rate, such as "100/s"; without one it is 0.
func (b *block) rate(name string) throttle.Rate {
	s, ok := b.attrs[name].value.(string)
	r, err := throttle.ParseRate(s)
	if ok && err != nil {
		b.invalid(name, "", "Not a rate", throttle.RateRule)
	}
	return r
}

var sizeForm = regexp.MustCompile(`^([0-9]{1,12})(B|KiB|MiB|GiB)$`)

// size reads a number of bytes, such as "16KiB".
func (b *block) size(name string) int64 {
	s, ok := b.attrs[name].value.(string)
	if !ok {
		return 0
	}
	m := sizeForm.FindStringSubmatch(s)
	if m == nil || strings.Trim(m[1], "0") == "" {
		b.invalid(name, "", "Not a size", `A size is a whole number above zero with a unit: "512B", "16KiB", "16MiB" or "1GiB".`)
		return 0
	}
	n, _ := strconv.ParseInt(m[1], 10, 64) // twelve digits fit
	shift := map[string]int{"B": 0, "KiB": 10, "MiB": 20, "GiB": 30}[m[2]]
	if n > 1<<40>>shift {
		b.invalid(name, "", "Size too large", "A size is at most 1024GiB.")
		return 0
	}
	return n << shift
}

// networks reads a list of address ranges.
func (b *block) networks(name string) []netip.Prefix {
	var out []netip.Prefix
	for i, s := range b.texts(name) {
		p, err := netip.ParsePrefix(s)
		switch {
		case err != nil:
			b.invalid(name, strconv.Itoa(i), "Not a network", `A network is an address and the length of its prefix, such as "10.0.0.0/8", "192.0.2.7/32" or "2001:db8::/32".`)
		case p != p.Masked():
			b.invalid(name, strconv.Itoa(i), "Not a network", "The address has bits beyond its prefix: write %q for the network, or a longer prefix.", p.Masked().String())
		default:
			out = append(out, p)
		}
	}
	return out
}

// origin reads a URL that is a scheme, a host and perhaps a port.
func (b *block) origin(name string) *url.URL {
	s, ok := b.attrs[name].value.(string)
	if !ok {
		return nil
	}
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" || !validPort(u.Host, u.Port()):
		b.invalid(name, "", "Not a URL", `Expected a scheme and a host, such as "https://app.example.com" or "http://127.0.0.1:9000".`)
	case u.User != nil:
		b.invalid(name, "", "URL with a user", "This URL has no user and no password.")
	case u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.ForceQuery || strings.Contains(s, "#"):
		b.invalid(name, "", "URL with a path", "This URL ends after the host and the port: it has no path, no query and no fragment.")
	default:
		u.Path = ""
		return u
	}
	return nil
}

func validPort(host, port string) bool {
	if port == "" {
		return !strings.HasSuffix(host, ":")
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0
}

// AddressRule is what ValidAddress takes, in words.
const AddressRule = `an IP address and a port, such as "127.0.0.1:8080", "[::1]:8080" or ":8443" for all addresses`

// ValidAddress reports whether s is an address to listen on; the port may be 0,
// any free one.
func ValidAddress(s string) bool {
	host, port, err := net.SplitHostPort(s)
	_, portErr := strconv.ParseUint(port, 10, 16)
	return err == nil && portErr == nil && (host == "" || host == "localhost" || net.ParseIP(host) != nil)
}

// address reads an address to listen on.
func (b *block) address(name string) string {
	s, ok := b.attrs[name].value.(string)
	if ok && !ValidAddress(s) {
		b.invalid(name, "", "Not an address", "Expected %s.", AddressRule)
	}
	return s
}

// peer reads the address of a server to ask.
func (b *block) peer(name string) string {
	s, ok := b.attrs[name].value.(string)
	if a, err := netip.ParseAddrPort(s); ok && (err != nil || a.Port() == 0) {
		b.invalid(name, "", "Not the address of a server", "Expected an IP address and a port, such as \"192.0.2.53:53\" or \"[2001:db8::53]:53\".")
	}
	return s
}

// filled checks a text that must not be blank.
func (b *block) filled(name string) string {
	s, ok := b.attrs[name].value.(string)
	if ok && (strings.TrimSpace(s) == "" || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })) {
		b.invalid(name, "", "Empty or unprintable text", "The value of %q is one line of text that is not empty.", name)
	}
	return s
}

// unique reports what stands twice in a list.
func (b *block) unique(name string) {
	seen := map[string]bool{}
	for i, s := range b.texts(name) {
		if seen[s] {
			b.fail(b.place(name, strconv.Itoa(i)), b.sub(name, strconv.Itoa(i)), CodeDuplicate, "Stands twice", "This is in the list already.")
		}
		seen[s] = true
	}
}

// one gives the nested block that may stand once, or one of defaults.
func (b *block) one(kind string, s schema.Schema) *block {
	if c := b.blocks[kind]; len(c) > 0 {
		return c[0]
	}
	c := &block{d: b.d, parent: b, path: b.sub(kind), at: b.at, attrs: map[string]attr{}}
	for _, a := range s.Attributes {
		if a.Default != nil {
			c.attrs[a.Name] = attr{value: a.Default, at: b.at}
		}
	}
	return c
}
