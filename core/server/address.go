package server

import (
	"cmp"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// origin is where a request came from, as far as it is known.
type origin struct {
	peer    netip.Addr // the other end of the connection
	client  netip.Addr // behind trusted proxies; the zero value where they do not tell
	proto   string     // "http" or "https"
	host    string
	trusted bool // the peer is a trusted proxy
	relayed bool // somebody says that he passes the request on
}

// local reports whether the request was made on this machine, and not passed on
// by a proxy that runs there.
func (o origin) local() bool { return o.peer.IsLoopback() && !o.relayed }

// originOf reads the peer, and believes what it says of the client only if it
// is a trusted proxy.
func (g *Generation) originOf(r *http.Request) origin {
	o := origin{proto: "http", host: r.Host}
	if r.TLS != nil {
		o.proto = "https"
	}
	if peer, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		o.peer = peer.Addr().Unmap()
	}
	o.client = o.peer
	forwardedFor, forwarded := r.Header["X-Forwarded-For"], r.Header["Forwarded"]
	o.relayed = len(forwardedFor) > 0 || len(forwarded) > 0 || len(r.Header["X-Forwarded-Host"]) > 0
	o.trusted = g.trusts(o.peer)
	if !o.trusted {
		return o
	}
	if len(forwardedFor) > 0 {
		o.client = g.lastUntrusted(forwardedFor, o.peer)
	}
	if len(forwarded) > 0 {
		client := g.lastUntrusted(forwardedNodes(forwarded), o.peer)
		if len(forwardedFor) > 0 && client != o.client {
			client = netip.Addr{} // one of the two was sent by the client
		}
		o.client = client
	}
	if v := last(r.Header["X-Forwarded-Proto"]); v == "http" || v == "https" {
		o.proto = v
	}
	if v := last(r.Header["X-Forwarded-Host"]); v != "" {
		o.host = v
	}
	return o
}

// Source is the address that a request came from, behind trusted proxies; the
// zero value where they do not tell.
func (g *Generation) Source(r *http.Request) netip.Addr { return g.originOf(r).client }

// Host is the configured host that a request is for, in lower case and without a port.
// What came by another name is for the public one: a proxy in front may have its own
// name for this process.
func (g *Generation) Host(r *http.Request) string {
	_, name, _ := g.Proxy.For(g.originOf(r).host)
	return cmp.Or(name, g.Home)
}

func (g *Generation) trusts(a netip.Addr) bool {
	for _, p := range g.TrustedProxies {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// lastUntrusted counts from the right: each proxy appends the address that it
// was called from, and what stands left of the first stranger is that
// stranger's own claim.
func (g *Generation) lastUntrusted(values []string, peer netip.Addr) netip.Addr {
	list := strings.Split(strings.Join(values, ","), ",")
	for _, l := range slices.Backward(list) {
		a, ok := parseNode(strings.TrimSpace(l))
		if !ok {
			return netip.Addr{}
		}
		peer = a
		if !g.trusts(a) {
			return a
		}
	}
	return peer
}

func parseNode(text string) (netip.Addr, bool) {
	text = strings.Trim(text, `"`)
	if a, err := netip.ParseAddr(strings.Trim(text, "[]")); err == nil {
		return a.Unmap(), true
	}
	if ap, err := netip.ParseAddrPort(text); err == nil {
		return ap.Addr().Unmap(), true
	}
	return netip.Addr{}, false
}

// forwardedNodes takes the for= parameters out of Forwarded (RFC 7239 §4).
func forwardedNodes(values []string) []string {
	var nodes []string
	for element := range strings.SplitSeq(strings.Join(values, ","), ",") {
		node := "unknown"
		for parameter := range strings.SplitSeq(element, ";") {
			if name, value, ok := strings.Cut(strings.TrimSpace(parameter), "="); ok && strings.EqualFold(name, "for") {
				node = value
			}
		}
		nodes = append(nodes, node)
	}
	return nodes
}

func last(values []string) string {
	if len(values) == 0 {
		return ""
	}
	v := values[len(values)-1]
	return strings.TrimSpace(v[strings.LastIndexByte(v, ',')+1:])
}
