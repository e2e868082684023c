package udp

import (
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// readyAtOnce is how many sockets one look at a Group brings at most.
const readyAtOnce = 64

// groupSystem is an epoll(7) instance, for which in turn Go's own poller waits:
// the goroutine of an idle Group holds no thread.
type groupSystem struct {
	file   *os.File
	raw    syscall.RawConn
	poll   int
	reader Reader
	intake intake
	events [readyAtOnce]unix.EpollEvent
	ready  int

	mu     sync.Mutex // guards the fields below
	places []place    // as the events name them
	free   []int32
	age    []int32 // of each place, so that a late event finds nobody else's socket
	closed bool
}

// place is whose an event is; neither: it is free.
type place struct {
	member *Member
	watch  *Watch
}

// memberSystem is a socket by its number.
type memberSystem struct {
	place int32

	mu           sync.RWMutex // held while fd is used, so that its number is not somebody else's
	fd           int          // -1 once closed
	segmentation segmentation
}

func (g *Group) open() error {
	s := &g.system
	var err error
	if s.poll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return os.NewSyscallError("epoll_create1", err)
	}
	if err := unix.SetNonblock(s.poll, true); err != nil { // else Go would not wait for it
		_ = unix.Close(s.poll)
		return os.NewSyscallError("fcntl", err)
	}
	s.file = os.NewFile(uintptr(s.poll), "epoll")
	if s.raw, err = s.file.SyscallConn(); err != nil {
		_ = s.file.Close()
		return err
	}
	s.reader.counters = &g.counters
	s.intake.prepare(&s.reader)
	return nil
}

func (g *Group) bind(m *Member, addr netip.AddrPort) error {
	family := unix.AF_INET
	if addr.Addr().Is6() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	if family == unix.AF_INET6 {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1)
	}
	// The system caps what it gives; a smaller buffer is no reason not to run.
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, memberBuffer)
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, memberBuffer)
	coalesce(fd)
	if err := unix.Bind(fd, sockaddr(addr)); err != nil {
		_ = unix.Close(fd)
		return os.NewSyscallError("bind", err)
	}
	bound, err := unix.Getsockname(fd)
	if err != nil {
		_ = unix.Close(fd)
		return os.NewSyscallError("getsockname", err)
	}
	port := addr.Port()
	switch a := bound.(type) {
	case *unix.SockaddrInet4:
		port = uint16(a.Port)
	case *unix.SockaddrInet6:
		port = uint16(a.Port)
	}
	m.local = netip.AddrPortFrom(addr.Addr(), port)
	m.system.fd = fd
	if _, err := unix.GetsockoptInt(fd, unix.IPPROTO_UDP, unix.UDP_SEGMENT); err != nil {
		m.system.segmentation.never()
	}
	if m.system.place, _, err = g.system.add(place{member: m}, fd); err != nil {
		_ = unix.Close(fd)
		return err
	}
	return nil
}

func sockaddr(addr netip.AddrPort) unix.Sockaddr {
	if addr.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(addr.Port()), Addr: addr.Addr().As4()}
	}
	a := &unix.SockaddrInet6{Port: int(addr.Port()), Addr: addr.Addr().As16()}
	if zone := addr.Addr().Zone(); zone != "" {
		var number zoneNumber
		a.ZoneId = number.of(zone)
	}
	return a
}

// add gives a place, and waits for what comes to a socket.
func (s *groupSystem) add(to place, fd int) (at, age int32, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return 0, 0, net.ErrClosed
	}
	if n := len(s.free); n > 0 {
		at, s.free = s.free[n-1], s.free[:n-1]
	} else {
		at = int32(len(s.places))
		s.places, s.age = append(s.places, place{}), append(s.age, 0)
	}
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLET, Fd: at, Pad: s.age[at]}
	if err := unix.EpollCtl(s.poll, unix.EPOLL_CTL_ADD, fd, &event); err != nil {
		s.free = append(s.free, at)
		return 0, 0, os.NewSyscallError("epoll_ctl", err)
	}
	s.places[at] = to
	return at, s.age[at], nil
}

// remove gives a place back. Closing its socket ends the wait.
func (s *groupSystem) remove(at int32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.places[at] = place{}
	s.age[at]++
	s.free = append(s.free, at)
}

// at is whose an event is; nobody's if it was closed meanwhile.
func (s *groupSystem) at(event *unix.EpollEvent) place {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.age[event.Fd] != event.Pad {
		return place{}
	}
	return s.places[event.Fd]
}

// run does its work inside of what Go calls until it waits: so nothing that
// comes meanwhile is missed, and nothing has to be asked for twice. Sockets tell
// once of what comes (EPOLLET), so each is read until it has no more.
func (g *Group) run(handle func(owner any, datagrams []Datagram), drained func()) {
	s := &g.system
	_ = s.raw.Read(func(uintptr) bool {
		for {
			s.look()
			for i := range s.ready {
				to := s.at(&s.events[i])
				if to.watch != nil {
					to.watch.ready(s.events[i].Events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0)
				}
				for m := to.member; m != nil && m.receive(); {
					handle(m.owner, s.reader.datagrams)
					if s.intake.used < readBatch {
						break
					}
				}
			}
			if s.ready > 0 {
				drained()
			}
			if s.ready < readyAtOnce {
				return false
			}
		}
	})
}

// look asks which sockets have got something.
func (s *groupSystem) look() {
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(s.poll), uintptr(unsafe.Pointer(&s.events[0])), readyAtOnce, 0, 0, 0)
		if errno == unix.EINTR {
			continue
		}
		s.ready = int(n)
		if errno != 0 {
			s.ready = 0
		}
		return
	}
}

// receive reads what is there, up to a bound, and reports whether it is
// anything. Errors are about what was sent before, or the socket is closed.
func (m *Member) receive() bool {
	in, r := &m.group.system.intake, &m.group.system.reader
	m.system.mu.RLock()
	defer m.system.mu.RUnlock()
	for failures := 0; m.system.fd >= 0 && failures < readFailures; failures++ {
		in.ready()
		r.datagrams = r.datagrams[:0]
		in.used, in.errno = recvmmsg(uintptr(m.system.fd), in.messages[:])
		if in.errno == unix.EAGAIN {
			in.used = 0
			return false
		}
		if in.errno != 0 { // about what was sent; each is told once
			in.used = 0
			continue
		}
		in.take()
		r.count()
		return true
	}
	return false
}

func (m *Member) close() error {
	m.system.mu.Lock()
	defer m.system.mu.Unlock()
	if m.system.fd < 0 {
		return nil
	}
	err := unix.Close(m.system.fd)
	m.system.fd = -1
	m.group.system.remove(m.system.place)
	return err
}

func (m *Member) writeWhole(payload []byte, to netip.AddrPort) error {
	level, option, whole, usual := unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_DO, unix.IP_PMTUDISC_WANT
	if m.local.Addr().Is6() {
		level, option, whole, usual = unix.IPPROTO_IPV6, unix.IPV6_DONTFRAG, 1, 0
	}
	m.system.mu.Lock() // others of this socket may be taken apart
	defer m.system.mu.Unlock()
	if m.system.fd < 0 {
		return net.ErrClosed
	}
	if err := unix.SetsockoptInt(m.system.fd, level, option, whole); err != nil {
		return err
	}
	err := unix.Sendto(m.system.fd, payload, unix.MSG_DONTWAIT, sockaddr(to))
	_ = unix.SetsockoptInt(m.system.fd, level, option, usual)
	return err
}

func (g *Group) close() error {
	s := &g.system
	s.mu.Lock()
	s.closed = true
	var open []*Member
	for _, p := range s.places {
		if p.member != nil {
			open = append(open, p.member)
		}
	}
	s.mu.Unlock()
	for _, m := range open {
		_ = m.close()
	}
	return s.file.Close()
}
