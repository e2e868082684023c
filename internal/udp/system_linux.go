package udp

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// system is what this Linux can do with the socket, found out at start, and
// the system calls, which tests replace.
type system struct {
	sendmmsg, recvmmsg func(fd uintptr, messages []message) (int, unix.Errno) // nil: refused
}

// message is struct mmsghdr.
type message struct {
	header unix.Msghdr
	length uint32 // of what was sent or received
}

// probe finds out what there is. What a container's system call filter takes
// away is as good as not there.
func (s *Socket) probe() {
	s.segmentation.never()
	_ = s.raw.Control(func(fd uintptr) {
		if _, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, fd, 0, 0, unix.MSG_DONTWAIT, 0, 0); errno == 0 {
			s.system.sendmmsg = sendmmsg
			// Kernels that do not know the option would ignore it with a run, and
			// send the run as one datagram.
			if _, err := unix.GetsockoptInt(int(fd), unix.IPPROTO_UDP, unix.UDP_SEGMENT); err == nil {
				s.segmentation.until.Store(0)
			}
		}
		if _, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, fd, 0, 0, unix.MSG_DONTWAIT, 0, 0); errno == 0 {
			s.system.recvmmsg = recvmmsg
		}
	})
}

// buffers asks for the sizes of both buffers. Linux tells twice what it gave,
// for its bookkeeping.
func (s *Socket) buffers() (read, write int) {
	_ = s.raw.Control(func(fd uintptr) {
		read, _ = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF)
		write, _ = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF)
	})
	return read / 2, write / 2
}

// mark sets the traffic class.
func (s *Socket) mark(class int) (err error) {
	controlErr := s.raw.Control(func(fd uintptr) {
		if s.local.Addr().Is4() {
			err = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_TOS, class)
		} else {
			err = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_TCLASS, class)
		}
	})
	if controlErr != nil {
		return controlErr
	}
	return err
}

// sendmmsg and recvmmsg do not wait, and do not tell the scheduler: the first
// system call that it is told of after a pause wakes its monitor thread, which
// costs more than the call itself (20 to 25 µs of the 40 that reading a lone
// datagram took). The price is that a garbage collection cannot begin during
// the call, so what one call does is bounded.
func sendmmsg(fd uintptr, messages []message) (int, unix.Errno) {
	return batchCall(unix.SYS_SENDMMSG, fd, messages)
}

func recvmmsg(fd uintptr, messages []message) (int, unix.Errno) {
	return batchCall(unix.SYS_RECVMMSG, fd, messages)
}

func batchCall(number, fd uintptr, messages []message) (int, unix.Errno) {
	for {
		n, _, errno := unix.RawSyscall6(number, fd, uintptr(unsafe.Pointer(&messages[0])), uintptr(len(messages)), unix.MSG_DONTWAIT, 0, 0)
		switch errno {
		case 0:
			return int(n), 0
		case unix.EINTR:
		default:
			return 0, errno
		}
	}
}
