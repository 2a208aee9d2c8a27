package fetch

import (
	"net/http"
	"net/netip"
)

// What the tests look at from outside.
const (
	PerPlugin    = perPlugin
	PerHost      = perHost
	MaxRedirects = maxRedirects
	KeptOfOne    = keptOfOne
	KeptLimit    = keptLimit
	Partitions   = partitionLimit
	MostFresh    = mostFresh
)

// Permits is the guard's answer.
func Permits(a netip.Addr, allow ...netip.Prefix) bool { return guard{allow}.permits(a) }

// CheckURL reads a URL as a request's.
func CheckURL(text string, plain bool) (host string, err error) {
	u, err := parseURL(text, plain)
	if err != nil {
		return "", err
	}
	return u.Hostname(), nil
}

// Directives are the values of one directive of Cache-Control.
func Directives(line, name string) []string {
	return parseDirectives(http.Header{"Cache-Control": {line}})[name]
}

// Kept tells how many partitions there are, and the bytes in them.
func (c *Client) Kept() (partitions, bytes int) {
	c.parts.mu.Lock()
	defer c.parts.mu.Unlock()
	return len(c.parts.scopes), c.parts.size
}

// UnderWay tells whether a slot is taken.
func (c *Client) UnderWay() bool {
	c.slots.mu.Lock()
	defer c.slots.mu.Unlock()
	return len(c.slots.plugins)+len(c.slots.hosts) > 0
}
