package fetch

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	// mostFresh is after how long the other side is asked again in any case.
	mostFresh = 24 * time.Hour

	// mostSeconds is the largest number of seconds that counts. RFC 9111 1.2.2.
	mostSeconds = 1<<31 - 1
)

// life is how long an answer is good. RFC 9111 4.2.
type life struct {
	fresh    time.Duration // from when the origin made it
	age      time.Duration // at the time that it was received
	received time.Time
	ask      bool // before every use
}

func newLife(h http.Header, sent, received time.Time) life {
	said := parseDirectives(h)
	made, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		made = received
	}
	l := life{received: received, ask: said.has("no-cache")}
	switch seconds, given := said.seconds("max-age"); {
	case given:
		l.fresh = seconds
	case len(h.Values("Expires")) == 1:
		if end, err := http.ParseTime(h.Get("Expires")); err == nil {
			l.fresh = max(0, end.Sub(made))
		}
	}
	l.fresh = min(l.fresh, mostFresh)
	stated, _ := seconds(h.Get("Age"))
	l.age = min(max(0, received.Sub(made), stated+max(0, received.Sub(sent))), mostSeconds*time.Second)
	return l
}

// serves reports whether the answer can be used without asking. Nothing is used
// beyond its life, whatever the other side would let us.
func (l life) serves(now time.Time, asked directives) bool {
	if l.ask || asked.has("no-cache") || now.Before(l.received) {
		return false
	}
	age := l.age + now.Sub(l.received)
	if most, given := asked.seconds("max-age"); given && age >= most {
		return false
	}
	least, _ := asked.seconds("min-fresh")
	return l.fresh > age+least
}

func (l life) ageInSeconds(now time.Time) string {
	return strconv.FormatInt(int64((l.age+max(0, now.Sub(l.received)))/time.Second), 10)
}

// directives are those of Cache-Control, with lower-case names. One that comes
// twice has all its values.
type directives map[string][]string

// parseDirectives reads Cache-Control, or where there is none, what Pragma says
// in its place. RFC 9111 5.2, 5.4.
func parseDirectives(h http.Header) directives {
	d := directives{}
	lines := h.Values("Cache-Control")
	if len(lines) == 0 {
		lines = h.Values("Pragma")
	}
	for _, line := range lines {
		for _, part := range splitUnquoted(line) {
			name, value, _ := strings.Cut(part, "=")
			if name = strings.ToLower(strings.TrimSpace(name)); name != "" {
				d[name] = append(d[name], strings.Trim(strings.TrimSpace(value), `"`))
			}
		}
	}
	return d
}

// splitUnquoted splits at commas outside of quoted strings. RFC 9110 5.6.
func splitUnquoted(line string) []string {
	var parts []string
	quoted, escaped, start := false, false, 0
	for i := range len(line) {
		switch c := line[i]; {
		case escaped:
			escaped = false
		case c == '\\' && quoted:
			escaped = true
		case c == '"':
			quoted = !quoted
		case c == ',' && !quoted:
			parts = append(parts, line[start:i])
			start = i + 1
		}
	}
	return append(parts, line[start:])
}

func (d directives) has(name string) bool { return len(d[name]) > 0 }

// seconds is a directive with a time. One that is wrong, or contradicts itself,
// is no time at all: the answer is stale. RFC 9111 4.2.1.
func (d directives) seconds(name string) (time.Duration, bool) {
	values := d[name]
	if len(values) == 0 {
		return 0, false
	}
	for _, v := range values[1:] {
		if v != values[0] {
			return 0, true
		}
	}
	n, ok := seconds(values[0])
	if !ok {
		return 0, true
	}
	return n, true
}

// seconds reads a number of seconds. RFC 9111 1.2.2.
func seconds(text string) (time.Duration, bool) {
	text = strings.TrimSpace(text)
	if text == "" || strings.Trim(text, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n > mostSeconds {
		n = mostSeconds
	}
	return time.Duration(n) * time.Second, true
}
