package turn

import (
	"encoding/binary"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/stun/v4"

	"github.com/hiroba-rtc/hiroba/internal/udp"
)

func TestCorners(t *testing.T) {
	parse := func(texts ...string) (out []netip.AddrPort) {
		for _, text := range texts {
			out = append(out, netip.MustParseAddrPort(text))
		}
		return out
	}
	square := parse("198.51.100.1:1", "198.51.100.2:1", "198.51.100.1:2", "198.51.100.2:2")
	public := []netip.Addr{netip.MustParseAddr("203.0.113.1")}
	for _, tc := range []struct {
		name      string
		sockets   []netip.AddrPort
		advertise []netip.Addr
		want      bool
	}{
		{"two addresses, two ports", square, nil, true},
		{"behind a NAT", square, public, false},
		{"two addresses, one port", square[:2], nil, false},
		{"one address, two ports", parse("198.51.100.1:1", "198.51.100.1:2"), nil, false},
		{"a corner is missing", square[:3], nil, false},
		{"a bridge beside it", parse("198.51.100.1:1", "172.17.0.1:1", "198.51.100.1:2", "172.17.0.1:2"), nil, false},
		{"two private networks", parse("10.0.0.1:1", "172.17.0.1:1", "10.0.0.1:2", "172.17.0.1:2"), nil, false},
		{"two families", parse("198.51.100.1:1", "[2001:db8::1]:1", "198.51.100.1:2", "[2001:db8::1]:2"), nil, false},
		{"loopback", parse("127.0.0.1:1", "127.0.0.2:1", "127.0.0.1:2", "127.0.0.2:2"), public, true},
	} {
		c, ok := cornerOf(tc.sockets, 0, tc.advertise)
		if ok != tc.want || ok && c != (corner{address: 1, port: 2, both: 3}) {
			t.Errorf("%s: %+v, %v", tc.name, c, ok)
		}
	}
	c := corner{address: 1, port: 2, both: 3}
	for change, want := range map[uint32]int{0: 0, changePort: 2, changeAddress: 1, changeAddress | changePort: 3, 1: 0} {
		if got := c.from(0, change); got != want {
			t.Errorf("to change %b is answered from %d; %d was expected", change, got, want)
		}
	}
}

// squareLab is a server at two loopback addresses on two ports.
func squareLab(t *testing.T) []netip.AddrPort {
	t.Helper()
	var at []netip.AddrPort
	newLab(t, func(c *Config) {
		for _, socket := range c.UDP { // the lab's own are not needed
			_ = socket.Close()
		}
		c.UDP, c.Self = nil, nil
		ports := [2]uint16{}
		for _, addr := range []string{"127.0.0.1", "127.0.0.2"} {
			for i := range ports {
				conn, err := udp.Listen(netip.AddrPortFrom(netip.MustParseAddr(addr), ports[i]))
				if err != nil {
					t.Skipf("this machine has no %s, or it is taken: %v", addr, err)
				}
				ports[i] = conn.Addr().Port()
				at = append(at, conn.Addr())
				c.UDP = append(c.UDP, socket{conn, conn.NewReader()})
			}
		}
	})
	return at
}

// A client that asks for it is answered from the other address, the other port,
// or both; and told where they are.
func TestAnswersFromElsewhere(t *testing.T) {
	at := squareLab(t)
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for change, from := range map[uint32]netip.AddrPort{0: at[0], changePort: at[1], changeAddress: at[2], changeAddress | changePort: at[3]} {
		request := stun.MustBuild(stun.TransactionID, stun.BindingRequest,
			stun.RawAttribute{Type: stun.AttrChangeRequest, Value: binary.BigEndian.AppendUint32(nil, change)})
		if _, err := conn.WriteToUDPAddrPort(request.Raw, at[0]); err != nil {
			t.Fatal(err)
		}
		answer, source := hear(t, conn)
		var other stun.OtherAddress
		var origin stun.ResponseOrigin
		var mapped stun.XORMappedAddress
		if err := answer.Parse(&other, &origin, &mapped); err != nil {
			t.Fatalf("change %d: %v in %v", change, err, answer)
		}
		told := netip.AddrPortFrom(netip.MustParseAddr(other.IP.String()), uint16(other.Port))
		if source != from || told != at[3] || origin.Port != int(from.Port()) || mapped.Port != conn.LocalAddr().(*net.UDPAddr).Port {
			t.Errorf("change %d: from %v, saying %v, other %v, mapped %v; from %v was expected", change, source, origin, told, mapped, from)
		}
		if len(answer.Raw) > int(amplification*float64(len(request.Raw))) {
			t.Errorf("an answer of %d bytes to %d", len(answer.Raw), len(request.Raw))
		}
	}
	// Without asking it is told as well, and no larger than may be.
	request := stun.MustBuild(stun.TransactionID, stun.BindingRequest)
	if _, err := conn.WriteToUDPAddrPort(request.Raw, at[3]); err != nil {
		t.Fatal(err)
	}
	if answer, source := hear(t, conn); source != at[3] || !answer.Contains(stun.AttrOtherAddress) || answer.Contains(stun.AttrResponseOrigin) {
		t.Errorf("the answer is %v from %v", answer, source)
	}
}

// A server with one address says that it cannot (RFC 5780, section 6.1).
func TestOneAddressCannotAnswerFromElsewhere(t *testing.T) {
	l := newLab(t, nil)
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, tc := range []struct {
		value []byte
		want  stun.ErrorCode
	}{{[]byte{0, 0, 0, 6}, stun.CodeUnknownAttribute}, {[]byte{6}, stun.CodeUnknownAttribute}} {
		request := stun.MustBuild(stun.TransactionID, stun.BindingRequest, stun.RawAttribute{Type: stun.AttrChangeRequest, Value: tc.value})
		if _, err := conn.WriteToUDPAddrPort(request.Raw, l.at(loopback)); err != nil {
			t.Fatal(err)
		}
		answer, _ := hear(t, conn)
		var code stun.ErrorCodeAttribute
		if err := code.GetFrom(answer); err != nil || code.Code != tc.want {
			t.Errorf("%x is answered %v, %v", tc.value, answer, err)
		}
	}
}

func hear(t *testing.T, conn *net.UDPConn) (*stun.Message, netip.AddrPort) {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 1500)
	n, from, err := conn.ReadFromUDPAddrPort(buf)
	if err != nil {
		t.Fatal(err)
	}
	m := &stun.Message{Raw: buf[:n]}
	if err := m.Decode(); err != nil {
		t.Fatal(err)
	}
	return m, from
}
