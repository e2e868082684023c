package port

import (
	"io"
	"net"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// mostAtOnce is how many bytes one of the calls below moves at most, so that it
// is over soon.
const mostAtOnce = 64 << 10

// readQuickly and writeQuickly are Read and Write of a connection by system
// calls that do not wait, of which the scheduler is not told: the first one that
// it is told of after a pause wakes its monitor thread, which costs more than
// the call. The price is that a garbage collection cannot begin during the call.
func readQuickly(conn *net.TCPConn, b []byte) (n int, err error) {
	raw, err := conn.SyscallConn()
	if err != nil || len(b) == 0 {
		return 0, err
	}
	var errno unix.Errno
	err = raw.Read(func(fd uintptr) bool {
		n, errno = move(unix.SYS_RECVFROM, fd, b)
		return errno != unix.EAGAIN
	})
	switch {
	case err != nil:
		return 0, err
	case errno != 0:
		return 0, &net.OpError{Op: "read", Net: "tcp", Source: conn.LocalAddr(), Addr: conn.RemoteAddr(), Err: os.NewSyscallError("recvfrom", errno)}
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}

func writeQuickly(conn *net.TCPConn, b []byte) (written int, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	var errno unix.Errno
	err = raw.Write(func(fd uintptr) bool {
		for written < len(b) {
			var n int
			if n, errno = move(unix.SYS_SENDTO, fd, b[written:]); errno != 0 {
				return errno != unix.EAGAIN
			}
			written += n
		}
		return true
	})
	if err == nil && errno != 0 {
		err = &net.OpError{Op: "write", Net: "tcp", Source: conn.LocalAddr(), Addr: conn.RemoteAddr(), Err: os.NewSyscallError("sendto", errno)}
	}
	return written, err
}

// sendOnce writes what can be at once, while somebody else may wait to write. What
// becomes of it nobody hears.
func sendOnce(conn *net.TCPConn, b []byte) {
	if raw, err := conn.SyscallConn(); err == nil && len(b) > 0 {
		_ = raw.Control(func(fd uintptr) { _, _ = move(unix.SYS_SENDTO, fd, b) })
	}
}

// move sends or receives what can be at once.
func move(call, fd uintptr, b []byte) (int, unix.Errno) {
	b = b[:min(len(b), mostAtOnce)]
	for {
		n, _, errno := unix.RawSyscall6(call, fd, uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
		switch errno {
		case 0:
			return int(n), 0
		case unix.EINTR:
		default:
			return 0, errno
		}
	}
}
