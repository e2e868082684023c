package port_test

import (
	"net"
	"syscall"
	"testing"
)

// A connection whose machine has vanished is given up after half a minute,
// whichever protocol it carries.
func TestVanishedMachinesAreGivenUp(t *testing.T) {
	p, _ := open(t)
	for name, tc := range map[string]struct {
		to    net.Listener
		first []byte
	}{
		"HTTP":    {p.HTTP(), []byte("GET / HTTP/1.1\r\n\r\n")},
		"ICE-TCP": {p.ICETCP(), append([]byte{0, byte(len(check))}, check...)},
		"TURN":    {p.TURNTCP(), binding},
	} {
		t.Run(name, func(t *testing.T) {
			send(t, dial(t, p), tc.first)
			conn := accept(t, tc.to)
			defer conn.Close()
			raw, err := conn.(syscall.Conn).SyscallConn()
			if err != nil {
				t.Fatal(err)
			}
			var timeout int
			var failed error
			if err := raw.Control(func(fd uintptr) {
				timeout, failed = syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, 18) // TCP_USER_TIMEOUT
			}); err != nil || failed != nil {
				t.Fatal(err, failed)
			}
			if timeout != 30_000 {
				t.Errorf("it is given up after %d ms", timeout)
			}
		})
	}
}
