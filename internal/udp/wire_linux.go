package udp

import (
	"encoding/binary"
	"net/netip"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// sendAtOnce is how many runs one system call sends: enough that its own cost
// does not count, and few enough that it is over in a fraction of a
// millisecond, see sendmmsg.
const sendAtOnce = 32

// wire turns the runs of a Batch into the structures of sendmmsg(2). They are
// made once, and point at each other.
type wire struct {
	batch    *Batch
	messages [ringDatagrams]message
	names    [ringDatagrams]unix.RawSockaddrInet6
	pieces   [ringDatagrams]unix.Iovec
	controls [ringDatagrams]segmentControl
	zone     zoneNumber

	// The system call that is under way. The functions are made once, because
	// each closure is an allocation.
	from       int
	sent       int
	errno      unix.Errno
	call, poll func(fd uintptr)
	polled     [1]unix.PollFd
	timeout    time.Duration
}

// segmentControl is the control message that gives the size of a run's
// segments, as long as CMSG_SPACE wants it.
type segmentControl struct {
	header unix.Cmsghdr
	size   uint16
}

func (w *wire) init(b *Batch) {
	w.batch = b
	for i := range w.messages {
		c := &w.controls[i].header
		c.Level, c.Type = unix.IPPROTO_UDP, unix.UDP_SEGMENT
		c.SetLen(unix.CmsgLen(2))
		w.messages[i].header.Name = (*byte)(unsafe.Pointer(&w.names[i]))
	}
	w.call = func(fd uintptr) {
		w.sent, w.errno = b.socket.system.sendmmsg(fd, w.messages[w.from:min(len(b.runs), w.from+sendAtOnce)])
	}
	w.poll = func(fd uintptr) {
		w.polled[0] = unix.PollFd{Fd: int32(fd), Events: unix.POLLOUT}
		timeout := unix.NsecToTimespec(int64(w.timeout))
		w.sent, _ = unix.Ppoll(w.polled[:], &timeout, nil)
	}
}

// load describes the runs to the system.
func (w *wire) load(runs []run) {
	if w.batch.socket.system.sendmmsg == nil {
		return
	}
	pieces := 0
	for i := range runs {
		r := &runs[i]
		m := &w.messages[i].header
		m.Namelen = w.name(&w.names[i], r.to)

		first, end := pieces, int32(-1)
		for index, n := r.first, r.count; n > 0; n-- {
			d := w.batch.datagrams[index]
			if d.start == end { // right behind the one before: the same piece
				p := &w.pieces[pieces-1]
				p.SetLen(int(p.Len) + int(d.size))
			} else {
				p := &w.pieces[pieces]
				p.Base = &w.batch.ring[min(d.start, ringBytes-1)] // an empty one may begin at the end
				p.SetLen(int(d.size))
				pieces++
			}
			end = d.start + d.size
			index = d.next
		}
		m.Iov = &w.pieces[first]
		m.SetIovlen(pieces - first)

		if r.count == 1 {
			m.Control = nil
			m.SetControllen(0)
			continue
		}
		c := &w.controls[i]
		c.size = uint16(r.size)
		m.Control = (*byte)(unsafe.Pointer(c))
		m.SetControllen(int(unsafe.Sizeof(*c)))
	}
}

// name writes an address the way the system has it, and returns its length.
func (w *wire) name(name *unix.RawSockaddrInet6, to netip.AddrPort) uint32 {
	return nameOf(name, to, &w.zone)
}

func nameOf(name *unix.RawSockaddrInet6, to netip.AddrPort, number *zoneNumber) uint32 {
	if to.Addr().Is4() {
		v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(name))
		v4.Family = unix.AF_INET
		v4.Addr = to.Addr().As4()
		putPort(&v4.Port, to.Port())
		return unix.SizeofSockaddrInet4
	}
	*name = unix.RawSockaddrInet6{Family: unix.AF_INET6, Addr: to.Addr().As16()}
	putPort(&name.Port, to.Port())
	if zone := to.Addr().Zone(); zone != "" {
		name.Scope_id = number.of(zone)
	}
	return unix.SizeofSockaddrInet6
}

func putPort(field *uint16, port uint16) {
	binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(field))[:], port)
}

// send gives the runs from that place on to the system, and returns how many
// it took. An error is about the first of them, which it did not take.
func (w *wire) send(from int) (int, error) {
	if w.batch.socket.system.sendmmsg == nil {
		return w.batch.sendPlain(from)
	}
	w.from = from
	// Control, because Write lets one writer in at a time.
	if err := w.batch.socket.raw.Control(w.call); err != nil {
		return 0, err
	}
	if w.errno != 0 {
		return 0, w.errno
	}
	return w.sent, nil
}

// wait waits for room in the socket's buffer, and reports whether there is.
func (w *wire) wait(timeout time.Duration) bool {
	w.timeout, w.sent = timeout, 0
	return w.batch.socket.raw.Control(w.poll) == nil && w.sent > 0
}
