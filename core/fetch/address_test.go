package fetch_test

import (
	"net/netip"
	"testing"

	"pgregory.net/rapid"

	"github.com/gatehouse-id/gatehouse/core/fetch"
)

func TestAddressesThatAreRefused(t *testing.T) {
	t.Parallel()
	for name, list := range map[string][]string{
		"this network":   {"0.0.0.0", "0.1.2.3", "::"},
		"loopback":       {"127.0.0.1", "127.255.255.254", "::1"},
		"private":        {"10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1"},
		"carrier":        {"100.64.0.1", "100.127.255.255"},
		"link-local":     {"169.254.1.1", "fe80::1", "fe80::1%eth0", "febf::1"},
		"unique local":   {"fc00::1", "fd12:3456::1"},
		"site-local":     {"fec0::1"},
		"multicast":      {"224.0.0.1", "239.255.255.255", "ff02::1", "ff0e::1"},
		"broadcast":      {"255.255.255.255"},
		"reserved":       {"240.0.0.1", "192.0.0.8", "4000::1", "5f00::1", "100::1"},
		"benchmark":      {"198.18.0.1", "198.19.255.255", "2001:2::1"},
		"documentation":  {"192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "3fff::1"},
		"cloud metadata": {"169.254.169.254", "168.63.129.16", "100.100.100.200", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254"},
		"mapped":         {"::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:0:0"},
		"compatible":     {"::127.0.0.1", "::10.0.0.1", "::8.8.8.8"},
		"translated":     {"64:ff9b::127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::8.8.8.8", "::ffff:0:10.0.0.1"},
		"6to4":           {"2002:7f00:1::1", "2002:a00:1::1", "2002:808:808::1", "192.88.99.1"},
		"Teredo":         {"2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001::1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, text := range list {
				if fetch.Permits(netip.MustParseAddr(text)) {
					t.Errorf("%s may be reached", text)
				}
			}
		})
	}
	if fetch.Permits(netip.Addr{}) {
		t.Error("no address may be reached")
	}
}

func TestAddressesThatAreReached(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "172.15.255.255", "172.32.0.0",
		"192.0.1.1", "192.167.255.255", "198.17.255.255", "198.20.0.0", "223.255.255.255", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8",
		"2606:4700:4700::1111", "2a00:1450:4001::1", "2001:200::1",
	} {
		if !fetch.Permits(netip.MustParseAddr(text)) {
			t.Errorf("%s is refused", text)
		}
	}
}

func TestAnOperatorAllowsNetworks(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		allow, address string
		want           bool
	}{
		"within":                 {"10.1.0.0/16", "10.1.2.3", true},
		"beside":                 {"10.1.0.0/16", "10.2.0.1", false},
		"as IPv6 writes it":      {"10.1.0.0/16", "::ffff:10.1.2.3", true},
		"as NAT64 writes it":     {"10.1.0.0/16", "64:ff9b::10.1.2.3", true},
		"IPv6":                   {"fd00:1::/32", "fd00:1::5", true},
		"with a zone":            {"fe80::/10", "fe80::1%eth0", false},
		"loopback":               {"127.0.0.0/8", "127.0.0.1", true},
		"loopback is not IPv6's": {"127.0.0.0/8", "::1", false},
		"all of IPv4":            {"0.0.0.0/0", "169.254.169.254", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := fetch.Permits(netip.MustParseAddr(c.address), netip.MustParsePrefix(c.allow)); got != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

// An IPv4 address is refused or reached in whatever way it is written.
func TestWaysOfWritingDoNotMatter(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		four := [4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "address"))
		want := fetch.Permits(netip.AddrFrom4(four))
		mapped := netip.AddrFrom16([16]byte{10: 0xff, 11: 0xff, 12: four[0], 13: four[1], 14: four[2], 15: four[3]})
		translated := netip.AddrFrom16([16]byte{1: 0x64, 2: 0xff, 3: 0x9b, 12: four[0], 13: four[1], 14: four[2], 15: four[3]})
		for _, a := range []netip.Addr{mapped, translated} {
			if fetch.Permits(a) != want {
				t.Fatalf("%v: %v, but %v for IPv4", a, !want, want)
			}
		}
	})
}
