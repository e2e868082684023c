package udp

import (
	"io"
	"net"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// CanWatch tells whether the system can have a Group read connections.
const CanWatch = true

// Watch is a connection over TCP that a Group reads along with its sockets, so
// that an idle one costs no goroutine and no buffer, and what comes over many at
// once wakes one goroutine once.
type Watch struct {
	group *Group
	raw   syscall.RawConn
	ready func(ending bool)
	place int32
	once  sync.Once
}

// Watch has Run call ready each time when there may be something to Read that
// was not there before, or the connection ended. Nobody else reads it.
func (g *Group) Watch(conn syscall.Conn, ready func(ending bool)) (*Watch, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	w := &Watch{group: g, raw: raw, ready: ready}
	if controlErr := raw.Control(func(fd uintptr) {
		w.place, _, err = g.system.add(place{watch: w}, int(fd))
	}); controlErr != nil {
		return nil, controlErr
	}
	return w, err
}

// Read reads what is there, and does not wait: it returns syscall.EAGAIN when
// nothing is. Less than a whole buffer means that there is no more now, but for
// the end.
func (w *Watch) Read(b []byte) (n int, err error) {
	if controlErr := w.raw.Control(func(fd uintptr) {
		for {
			r, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), unix.MSG_DONTWAIT, 0, 0)
			switch errno {
			case 0:
				n = int(r)
			case unix.EINTR:
				continue
			default:
				err = errno
			}
			return
		}
	}); controlErr != nil {
		return 0, net.ErrClosed
	}
	if n == 0 && err == nil {
		err = io.EOF
	}
	return n, err
}

// Close ends the watching, which may go on for one more call of ready. It comes
// before the connection is closed, and can be called again.
func (w *Watch) Close() {
	w.once.Do(func() {
		_ = w.raw.Control(func(fd uintptr) { _ = unix.EpollCtl(w.group.system.poll, unix.EPOLL_CTL_DEL, int(fd), nil) })
		w.group.system.remove(w.place)
	})
}
