package port

import (
	"errors"
	"net"
	"syscall"
)

// tcpUserTimeout is TCP_USER_TIMEOUT of <linux/tcp.h>, which package syscall
// does not have for every architecture.
const tcpUserTimeout = 18

// dropVanished has the system give up a connection when what was sent on it is
// not acknowledged for vanishedAfter (RFC 5482), or when its other end takes
// nothing for so long. Without it Linux sends again for a quarter of an hour.
// On an idle connection the keep-alives count, which Go turns on. Listeners do
// not take this setting: Go's are of Multipath TCP.
func dropVanished(conn *net.TCPConn) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		failed = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout, int(vanishedAfter.Milliseconds()))
	})
	return errors.Join(err, failed)
}
