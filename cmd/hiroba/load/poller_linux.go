package load

import (
	"fmt"
	"net/netip"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// readBatch is how many datagrams one system call reads.
	readBatch = 16
	// readBytes is the largest datagram that is read.
	readBytes = 2048
	// socketBuffer is asked for, so that nothing is lost here while the loop is
	// busy.
	socketBuffer = 4 << 20
)

// poller waits for many sockets at once, by an epoll of its own (epoll(7)), which
// the runtime waits for as for a file: a loop that waits holds no thread. A timer
// is among what is waited for, because the runtime's are only good to a
// millisecond.
type poller struct {
	loop  *loop
	epoll *os.File
	raw   syscall.RawConn
	fd    int
	timer int
	armed time.Time

	events [128]unix.EpollEvent
	ready  int
	poll   func(fd uintptr) bool // made once, because a closure is an allocation

	sockets  map[int32]*socket // guarded by loop.mu
	messages [readBatch]message
	pieces   [readBatch]unix.Iovec
	controls [readBatch]stampControl
	storage  [readBatch][readBytes]byte
}

// message is struct mmsghdr.
type message struct {
	header unix.Msghdr
	length uint32
}

// stampControl is room for the control message that says when a datagram came.
type stampControl struct {
	header unix.Cmsghdr
	at     unix.Timespec
}

// socket is that of one client, connected to the server.
type socket struct {
	poller *poller
	fd     int
	owner  *client
}

func newPoller(l *loop) (*poller, error) {
	p := &poller{loop: l, timer: -1, sockets: map[int32]*socket{}}
	var err error
	if p.fd, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, fmt.Errorf("making an epoll: %w", err)
	}
	if err = unix.SetNonblock(p.fd, true); err == nil {
		p.timer, err = unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	}
	if err == nil {
		err = unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, p.timer, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(p.timer)})
	}
	p.epoll = os.NewFile(uintptr(p.fd), "epoll")
	if err == nil {
		p.raw, err = p.epoll.SyscallConn()
	}
	if err != nil {
		p.close()
		return nil, fmt.Errorf("preparing an epoll: %w", err)
	}
	p.poll = func(fd uintptr) bool {
		n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, fd, uintptr(unsafe.Pointer(&p.events[0])), uintptr(len(p.events)), 0, 0, 0)
		p.ready = 0
		if errno == 0 {
			p.ready = int(n)
		}
		return p.ready > 0
	}
	for i := range p.messages {
		p.pieces[i].Base = &p.storage[i][0]
		p.pieces[i].SetLen(readBytes)
		m := &p.messages[i].header
		m.Iov = &p.pieces[i]
		m.SetIovlen(1)
		m.Control = (*byte)(unsafe.Pointer(&p.controls[i]))
	}
	return p, nil
}

// close frees the poller; its sockets are closed before.
func (p *poller) close() {
	_ = p.epoll.Close()
	if p.timer >= 0 {
		_ = unix.Close(p.timer)
	}
}

// arm has wait return at a time, if not before. The caller holds loop.mu.
func (p *poller) arm(at time.Time) {
	if at.Equal(p.armed) {
		return
	}
	p.armed = at
	in := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(max(time.Until(at), 1)))}
	_ = unix.TimerfdSettime(p.timer, 0, &in, nil)
}

// wait waits for something to do.
func (p *poller) wait() {
	if p.raw.Read(p.poll) != nil {
		p.ready = 0
	}
}

// deliver gives all that came to the clients that it is for. The caller holds
// loop.mu.
func (p *poller) deliver() {
	for _, event := range p.events[:p.ready] {
		if event.Fd == int32(p.timer) {
			var expired [8]byte
			_, _ = unix.Read(p.timer, expired[:])
			p.armed = time.Time{}
			continue
		}
		if s := p.sockets[event.Fd]; s != nil {
			p.read(s)
		}
	}
}

// read takes what is there, but for what is more than a batch: that makes the
// socket ready again.
func (p *poller) read(s *socket) {
	for i := range p.messages {
		p.messages[i].header.SetControllen(int(unsafe.Sizeof(p.controls[i])))
	}
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&p.messages[0])), readBatch, unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return // nothing there after all, or the server is gone, which others tell
	}
	for i := range int(n) {
		m := &p.messages[i]
		if m.length == 0 || m.header.Flags&unix.MSG_TRUNC != 0 {
			continue
		}
		at := int64(0)
		if c := &p.controls[i]; int(m.header.Controllen) >= unix.CmsgLen(int(unsafe.Sizeof(c.at))) &&
			c.header.Level == unix.SOL_SOCKET && c.header.Type == unix.SCM_TIMESTAMPNS {
			at = c.at.Nano()
		} else {
			at = time.Now().UnixNano()
		}
		s.owner.receive(p.storage[i][:m.length], at)
	}
}

// open makes a socket that is connected to an address. The caller holds loop.mu.
func (p *poller) open(to netip.AddrPort, owner *client) (*socket, error) {
	family, addr := unix.AF_INET, unix.Sockaddr(&unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()})
	if to.Addr().Is6() {
		family, addr = unix.AF_INET6, &unix.SockaddrInet6{Port: int(to.Port()), Addr: to.Addr().As16()}
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("making a UDP socket: %w", err)
	}
	// Who may, goes beyond the system's limit; without either, it is as it is.
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, socketBuffer) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, socketBuffer)
	}
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
	if err = unix.Connect(fd, addr); err == nil {
		err = unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)})
	}
	if err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("connecting a UDP socket to %v: %w", to, err)
	}
	s := &socket{poller: p, fd: fd, owner: owner}
	p.sockets[int32(fd)] = s
	return s, nil
}

// send sends a datagram. What does not fit is lost, as on any network. The caller
// holds loop.mu.
func (s *socket) send(datagram []byte) {
	if s.fd >= 0 && len(datagram) > 0 {
		_, _, _ = unix.RawSyscall6(unix.SYS_SENDTO, uintptr(s.fd), uintptr(unsafe.Pointer(&datagram[0])), uintptr(len(datagram)), unix.MSG_DONTWAIT, 0, 0)
	}
}

// dropped is how many datagrams found no room in the socket's buffer.
func (s *socket) dropped() uint64 {
	const drops = 8 // SK_MEMINFO_DROPS
	var info [9]uint32
	size := uint32(unsafe.Sizeof(info))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(s.fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&info[0])), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 || size < uint32(unsafe.Sizeof(info)) {
		return 0
	}
	return uint64(info[drops])
}

// close closes the socket. The caller holds loop.mu.
func (s *socket) close() {
	delete(s.poller.sockets, int32(s.fd))
	_ = unix.Close(s.fd)
	s.fd = -1
}
