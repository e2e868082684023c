package port

import (
	"net"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"
)

// What leaves asks routers for what the configuration says (RFC 8837).
func TestWhatLeavesIsMarked(t *testing.T) {
	p, err := Listen(Config{Host: netip.MustParseAddr("127.0.0.1"), DSCP: 46})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	to, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	raw, err := to.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if e := raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_RECVTOS, 1) }); e != nil || err != nil {
		t.Fatal(e, err)
	}
	for _, u := range p.UDP() {
		if u.Addr().Addr() != netip.MustParseAddr("127.0.0.1") {
			continue
		}
		if _, err := u.ICE().WriteToAddrPort([]byte("marked"), to.LocalAddr().(*net.UDPAddr).AddrPort()); err != nil {
			t.Fatal(err)
		}
		told := make([]byte, 64)
		_, n, _, _, err := to.ReadMsgUDP(make([]byte, 64), told)
		if err != nil {
			t.Fatal(err)
		}
		messages, err := unix.ParseSocketControlMessage(told[:n])
		if err != nil || len(messages) != 1 || messages[0].Data[0] != 46<<2 {
			t.Errorf("the datagram says %v (%v); 46 << 2 was expected", messages, err)
		}
		return
	}
	t.Error("there is no socket on loopback")
}
