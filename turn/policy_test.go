package turn

import (
	"net/netip"
	"testing"
)

// plain judges an address by what it is alone.
func plain(addr netip.Addr) string { return special(addr, plain) }

func TestSpecialAddresses(t *testing.T) {
	cases := map[string]string{ // address → why it is denied; nothing: allowed
		"0.0.0.0":              "unspecified",
		"0.1.2.3":              "unspecified",
		"127.0.0.1":            "loopback",
		"127.255.255.254":      "loopback",
		"10.0.0.1":             "private",
		"172.15.255.255":       "",
		"172.16.0.1":           "private",
		"172.31.255.255":       "private",
		"172.32.0.1":           "",
		"192.168.1.1":          "private",
		"100.63.255.255":       "",
		"100.64.0.1":           "carrier-grade NAT",
		"100.100.100.200":      "carrier-grade NAT", // Alibaba's metadata
		"169.254.1.1":          "link-local",
		"169.254.169.254":      "link-local",           // metadata of most clouds
		"192.0.0.192":          "protocol assignments", // Oracle's metadata
		"168.63.129.16":        "metadata",
		"168.63.129.17":        "",
		"192.0.2.1":            "documentation",
		"198.51.100.1":         "documentation",
		"203.0.113.1":          "documentation",
		"198.18.0.1":           "benchmarking",
		"198.19.255.255":       "benchmarking",
		"192.88.99.1":          "6to4 relay",
		"224.0.0.251":          "multicast",
		"239.255.255.255":      "multicast",
		"240.0.0.1":            "reserved",
		"255.255.255.255":      "reserved",
		"1.1.1.1":              "",
		"8.8.8.8":              "",
		"223.255.255.254":      "",
		"::":                   "unspecified",
		"::1":                  "loopback",
		"::ffff:127.0.0.1":     "loopback",
		"::ffff:10.1.2.3":      "private",
		"::ffff:8.8.8.8":       "",
		"::127.0.0.1":          "loopback",
		"::8.8.8.8":            "",
		"::ffff:0:127.0.0.1":   "loopback",
		"::ffff:0:8.8.8.8":     "",
		"64:ff9b::7f00:1":      "loopback",
		"64:ff9b::a9fe:a9fe":   "link-local",
		"64:ff9b::808:808":     "",
		"64:ff9b:1::808:808":   "local NAT64",
		"2002:7f00:1::1":       "loopback",
		"2002:a00:1::1":        "private",
		"2002:808:808::1":      "",
		"2001::1":              "unspecified", // Teredo, and the server is 0.0.0.0
		"2001:0:808:808::1":    "reserved",    // Teredo, and the client is 255.255.255.254
		"2001:2::1":            "protocol assignments",
		"2001:20::1":           "protocol assignments",
		"2001:1ff:ffff::1":     "protocol assignments",
		"2001:200::1":          "",
		"2001:db8::1":          "documentation",
		"3fff::1":              "documentation",
		"fc00::1":              "private",
		"fd00:ec2::254":        "private", // AWS's metadata
		"fe80::1":              "link-local",
		"fe80::1%eth0":         "link-local",
		"fec0::1":              "not global unicast",
		"ff02::fb":             "multicast",
		"100::1":               "not global unicast",
		"5f00::1":              "not global unicast",
		"4000::1":              "not global unicast",
		"2606:4700:4700::64":   "",
		"2a00:1450:4001::200e": "",
		// Teredo by 65.54.227.120 for the client 192.0.2.45 and for 1.1.1.1.
		"2001:0:4136:e378:8000:63bf:3fff:fdd2": "documentation",
		"2001:0:4136:e378:8000:63bf:fefe:fefe": "",
		"2001:0:7f00:1:8000:63bf:fefe:fefe":    "loopback",
	}
	for text, want := range cases {
		if got := plain(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s is %q, want %q", text, got, want)
		}
	}
	if plain(netip.Addr{}) == "" {
		t.Error("no address at all is allowed")
	}
}

func TestPolicy(t *testing.T) {
	p := newPolicy(
		[]netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:8080"), netip.MustParseAddrPort("[fd00::2]:8080")},
		[]netip.Addr{netip.MustParseAddr("9.9.9.9"), netip.MustParseAddr("::1")},
		Rules{Allow: []netip.Prefix{netip.MustParsePrefix("192.168.7.0/24")}},
	)
	peers := map[string]string{
		"127.0.0.1:8080":          "",
		"[::ffff:127.0.0.1]:8080": "", // the very same socket
		"127.0.0.1:8081":          "another port of this server",
		"[fd00::2]:8080":          "",
		"[fd00::2]:22":            "another port of this server",
		"[fd00::3]:8080":          "private",
		"9.9.9.9:8080":            "another port of this server",
		"9.9.9.9:53":              "another port of this server",
		"[::1]:8080":              "another port of this server",
		"127.0.0.2:8080":          "loopback",
		"[64:ff9b::7f00:1]:8080":  "another port of this server", // the SFU is not there
		"192.168.7.1:5000":        "",
		"192.168.8.1:5000":        "private",
		"[::ffff:192.168.7.1]:1":  "",
		"8.8.8.8:53":              "",
		"8.8.8.8:0":               "port 0",
	}
	for text, want := range peers {
		if got := p.peer(netip.MustParseAddrPort(text)); got != want {
			t.Errorf("peer %s is denied for %q, want %q", text, got, want)
		}
	}
	permissions := map[string]bool{
		"127.0.0.1":        true, // the SFU is there; other ports are denied later
		"::ffff:127.0.0.1": true,
		"9.9.9.9":          true, // other relays of this server are there
		"fd00::2":          true,
		"fd00::3":          false,
		"127.0.0.2":        false,
		"169.254.169.254":  false,
		"10.0.0.1":         false,
		"192.168.7.1":      true,
		"8.8.8.8":          true,
	}
	for text, want := range permissions {
		if got := p.permission(netip.MustParseAddr(text)) == ""; got != want {
			t.Errorf("a permission for %s is given: %v, want %v", text, got, want)
		}
	}
}

func BenchmarkPolicy(b *testing.B) {
	p := newPolicy([]netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:8080")}, nil, Rules{})
	for name, text := range map[string]string{"self": "127.0.0.1:8080", "global": "8.8.8.8:53", "global6": "[2606:4700::1]:53"} {
		addr := netip.MustParseAddrPort(text)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p.peer(addr)
			}
		})
	}
}
