package turn

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// sendBuffer is asked for, in bytes, for the connection of a client. A fixed one
// is enough for media, and bounds what a client that reads slowly can hold.
const sendBuffer = 256 << 10

// unsent returns what tells how many bytes of a connection the system has still
// to send, and how many there may be for a write that does not have to wait: a
// quarter of its buffer, as the system counts more than the bytes.
func unsent(conn net.Conn) (ask func() (int, bool), most int) {
	for {
		over, ok := conn.(interface{ NetConn() net.Conn })
		if !ok {
			break
		}
		conn = over.NetConn()
	}
	tcp, ok := conn.(syscall.Conn)
	if !ok {
		return nil, 0
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil, 0
	}
	var n int
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF, sendBuffer)
		n, err = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF)
	})
	if err != nil {
		return nil, 0
	}
	most = n / 4
	call := func(fd uintptr) { n, err = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ) }
	return func() (int, bool) {
		if raw.Control(call) != nil || err != nil {
			return 0, false
		}
		return n, true
	}, most
}
