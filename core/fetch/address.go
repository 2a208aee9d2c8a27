package fetch

import (
	"context"
	"fmt"
	"net/netip"
	"syscall"
)

// addressRefused says that a connection would have led to where it may not.
type addressRefused struct{ address netip.Addr }

// Error implements error.
func (e *addressRefused) Error() string { return fmt.Sprintf("%s is not a public address", e.address) }

// guard says which addresses may be connected to.
type guard struct{ allow []netip.Prefix }

var (
	// global is what IPv6 has of unicast addresses for everybody (RFC 4291 2.4).
	// Loopback, link-local, unique local, multicast, IPv4-compatible and the
	// private translation prefix 64:ff9b:1::/48 are outside.
	global = netip.MustParsePrefix("2000::/3")

	// translated are IPv4 addresses as a NAT64 writes them (RFC 6052 2.1).
	translated = netip.MustParsePrefix("64:ff9b::/96")

	// special are those of the special-purpose registries (RFC 6890) that are not
	// for everybody, and what is meant for one machine in a cloud. Tunnels to IPv4
	// addresses (6to4, Teredo) are refused whole: nothing public is behind them.
	special = prefixes(
		"0.0.0.0/8",        // this network
		"10.0.0.0/8",       // private
		"100.64.0.0/10",    // shared by carriers; metadata of Alibaba Cloud
		"127.0.0.0/8",      // loopback
		"168.63.129.16/32", // the platform of Azure
		"169.254.0.0/16",   // link-local; metadata of most clouds
		"172.16.0.0/12",    // private
		"192.0.0.0/24",     // protocol assignments; metadata of Oracle Cloud
		"192.0.2.0/24",     // documentation
		"192.88.99.0/24",   // 6to4 relays
		"192.168.0.0/16",   // private
		"198.18.0.0/15",    // benchmarks
		"198.51.100.0/24",  // documentation
		"203.0.113.0/24",   // documentation
		"224.0.0.0/4",      // multicast
		"240.0.0.0/4",      // reserved, and broadcast
		"2001::/23",        // protocol assignments; Teredo, ORCHID, benchmarks
		"2001:db8::/32",    // documentation
		"2002::/16",        // 6to4
		"3fff::/20",        // documentation
	)
)

func prefixes(texts ...string) []netip.Prefix {
	list := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		list[i] = netip.MustParsePrefix(text)
	}
	return list
}

// permits reports whether an address may be connected to: it is public, or the
// operator allows it. An IPv4 address counts as itself in every way of writing.
func (g guard) permits(a netip.Addr) bool {
	a = a.Unmap()
	switch {
	case !a.IsValid() || a.Zone() != "":
		return false
	case within(g.allow, a):
		return true
	case translated.Contains(a):
		b := a.As16()
		return g.permits(netip.AddrFrom4([4]byte(b[12:])))
	case a.Is6() && !global.Contains(a):
		return false
	}
	return !within(special, a)
}

func within(list []netip.Prefix, a netip.Addr) bool {
	for _, p := range list {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// control is asked by the dialer with each address that it is about to connect
// to. What a name meant before, or means a moment later, makes no difference.
func (g guard) control(_ context.Context, _, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("the dialer has no address: %w", err)
	}
	if !g.permits(to.Addr()) {
		return &addressRefused{to.Addr()}
	}
	return nil
}
