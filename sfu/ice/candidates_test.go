package ice

import (
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	pion "github.com/pion/ice/v4"
)

// listenerAt is a listener's address; nobody accepts from it.
type listenerAt struct {
	net.Listener
	addr net.TCPAddr
}

func (l listenerAt) Addr() net.Addr { return &l.addr }

func TestCandidates(t *testing.T) {
	v4 := netip.MustParseAddrPort("10.0.0.1:7000")
	v6 := netip.MustParseAddrPort("[2001:db8::1]:7000")
	loopback := netip.MustParseAddrPort("127.0.0.1:7000")
	all := []netip.AddrPort{loopback, v4, v6}
	listen := func(addr string) net.Listener {
		return listenerAt{addr: *net.TCPAddrFromAddrPort(netip.MustParseAddrPort(addr))}
	}
	for _, tc := range []struct {
		name      string
		sockets   []netip.AddrPort
		listener  net.Listener
		advertise []string
		want      []string // the best first
	}{
		{"nothing", nil, nil, nil, nil},
		{"UDP alone", all, nil, nil, []string{"udp 10.0.0.1", "udp 2001:db8::1", "udp 127.0.0.1"}},
		{"two sockets on one address", []netip.AddrPort{v4, v4}, nil, nil, []string{"udp 10.0.0.1"}},
		{"advertised", all, nil, []string{"192.0.2.1", "2001:db8::2"},
			[]string{"udp 10.0.0.1", "udp 2001:db8::1", "udp 192.0.2.1", "udp 2001:db8::2", "udp 127.0.0.1"}},
		{"advertised, for loopback alone", []netip.AddrPort{loopback}, nil, []string{"192.0.2.1"}, []string{"udp 127.0.0.1"}},
		{"TCP at one address", []netip.AddrPort{v4}, listen("10.0.0.1:7000"), []string{"192.0.2.1"},
			[]string{"udp 10.0.0.1", "udp 192.0.2.1", "tcp 10.0.0.1", "tcp 192.0.2.1"}},
		{"TCP on loopback", []netip.AddrPort{v4}, listen("127.0.0.1:7000"), []string{"192.0.2.1"},
			[]string{"udp 10.0.0.1", "udp 192.0.2.1", "tcp 127.0.0.1"}},
		{"TCP everywhere", all, listen("[::]:7000"), nil,
			[]string{"udp 10.0.0.1", "udp 2001:db8::1", "udp 127.0.0.1", "tcp 10.0.0.1", "tcp 2001:db8::1", "tcp 127.0.0.1"}},
		{"TCP on all of IPv4", all, listen("0.0.0.0:7000"), nil,
			[]string{"udp 10.0.0.1", "udp 2001:db8::1", "udp 127.0.0.1", "tcp 10.0.0.1", "tcp 127.0.0.1"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var advertise []netip.Addr
			for _, addr := range tc.advertise {
				advertise = append(advertise, netip.MustParseAddr(addr))
			}
			var read []pion.Candidate
			foundations := map[string]bool{}
			for _, value := range candidates(tc.sockets, tc.listener, advertise) {
				c, err := pion.UnmarshalCandidate("candidate:" + value)
				if err != nil {
					t.Fatalf("%s: %v", value, err)
				}
				if c.Type() != pion.CandidateTypeHost || c.Component() != 1 || c.Port() != 7000 || foundations[c.Foundation()] {
					t.Errorf("%s", value)
				}
				if passive := c.TCPType() == pion.TCPTypePassive; passive != c.NetworkType().IsTCP() {
					t.Errorf("%s", value)
				}
				foundations[c.Foundation()] = true
				read = append(read, c)
			}
			slices.SortFunc(read, func(a, b pion.Candidate) int {
				if a.Priority() == b.Priority() {
					t.Errorf("%v and %v have one priority", a, b)
				}
				return int(int64(b.Priority()) - int64(a.Priority()))
			})
			var got []string
			for _, c := range read {
				got = append(got, c.NetworkType().NetworkShort()+" "+c.Address())
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("got %q", got)
			}
		})
	}
	if value := candidates([]netip.AddrPort{v4}, nil, nil)[0]; !strings.Contains(value, " 1 udp 2130706431 10.0.0.1 7000 typ host") {
		t.Errorf("got %q", value) // 2^24 * 126 + 2^8 * 65535 + 255
	}
}
