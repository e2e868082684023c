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
	places []*Member  // as the events name them; nil: free
	free   []int32
	age    []int32 // of each place, so that a late event finds nobody else's socket
	closed bool
}

// memberSystem is a socket by its number.
type memberSystem struct {
	place int32
	age   int32

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
	if err := g.system.add(m); err != nil {
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

// add gives a member a place, and waits for what comes to it.
func (s *groupSystem) add(m *Member) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return net.ErrClosed
	}
	if n := len(s.free); n > 0 {
		m.system.place, s.free = s.free[n-1], s.free[:n-1]
	} else {
		m.system.place = int32(len(s.places))
		s.places, s.age = append(s.places, nil), append(s.age, 0)
	}
	place := m.system.place
	m.system.age = s.age[place]
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET, Fd: place, Pad: m.system.age}
	if err := unix.EpollCtl(s.poll, unix.EPOLL_CTL_ADD, m.system.fd, &event); err != nil {
		s.free = append(s.free, place)
		return os.NewSyscallError("epoll_ctl", err)
	}
	s.places[place] = m
	return nil
}

// remove gives the place of a member back. Closing its socket ended the wait.
func (s *groupSystem) remove(m *Member) {
	s.mu.Lock()
	defer s.mu.Unlock()
	place := m.system.place
	s.places[place] = nil
	s.age[place]++
	s.free = append(s.free, place)
}

// at is the member that an event tells of, or nil if it was closed meanwhile.
func (s *groupSystem) at(event *unix.EpollEvent) *Member {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.age[event.Fd] != event.Pad {
		return nil
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
				if m := s.at(&s.events[i]); m != nil {
					for m.receive() {
						handle(m.owner, s.reader.datagrams)
						if s.intake.used < readBatch {
							break
						}
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
	m.group.system.remove(m)
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
	for _, m := range s.places {
		if m != nil {
			open = append(open, m)
		}
	}
	s.mu.Unlock()
	for _, m := range open {
		_ = m.close()
	}
	return s.file.Close()
}
