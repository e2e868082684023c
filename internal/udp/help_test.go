package udp

import (
	"net/netip"
	"testing"
	"time"
)

// open is a socket on loopback that gives up reading after some seconds.
func open(t testing.TB) *Socket {
	t.Helper()
	s, err := Listen(netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	if err := s.SetReadDeadline(time.Now().Add(60 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return s
}
