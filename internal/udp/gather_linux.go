package udp

import (
	"errors"
	"net"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// gatherSystem has the structures of sendmmsg(2). They point at each other and
// at the datagrams.
type gatherSystem struct {
	messages [gatherMost]message
	names    [gatherMost]unix.RawSockaddrInet6
	pieces   [gatherMost]unix.Iovec
	controls [gatherMost]segmentControl
	counts   [gatherMost]uint8 // datagrams in each message
	zone     zoneNumber
}

// flush sends the datagrams of one member.
func (g *Gather) flush(m *Member, first int32) {
	m.system.mu.RLock()
	defer m.system.mu.RUnlock()
	segment := !m.system.segmentation.paused() || m.system.segmentation.allowed(time.Now())
	n := g.load(first, segment)
	var waited bool
	for at := 0; at < n; {
		sent, err := m.send(g.system.messages[at:min(n, at+sendAtOnce)])
		m.group.sendCalls.Add(1)
		for i := range sent {
			count := uint64(g.system.counts[at+i])
			m.group.sentDatagrams.Add(count)
			if count > 1 {
				m.group.segmentedSends.Add(1)
				m.group.segments.Add(count)
				m.system.segmentation.worked()
			}
		}
		at += sent
		if sent > 0 {
			continue
		}
		switch count := g.system.counts[at]; {
		case errors.Is(err, net.ErrClosed):
			g.drop(m, at, n, DropClosed)
			return
		case isFull(err):
			if waited || !m.wait(fullWait) {
				g.drop(m, at, n, DropFull)
				return
			}
			waited = true
		case count > 1 && mayBeSegmentation(err):
			g.sendSingly(m, at, err)
			at++
		default:
			g.drop(m, at, at+1, dropOf(err))
			at++
		}
	}
}

// load describes the datagrams of a member from the first on to the system, and
// returns how many messages they are. Those in a row that go to one address and
// have one size are one message, of which the last may be shorter.
func (g *Gather) load(first int32, segment bool) int {
	s := &g.system
	n, pieces := 0, 0
	var size, bytes int
	var full bool
	for index, before := first, int32(-1); index >= 0; before, index = index, g.pending[index].next {
		d := &g.pending[index]
		piece := &s.pieces[pieces]
		piece.Base = unsafe.SliceData(d.payload)
		piece.SetLen(len(d.payload))
		pieces++
		if segment && before >= 0 && !full && len(d.payload) > 0 && len(d.payload) <= size && g.pending[before].to == d.to &&
			s.counts[n-1] < maxSegments && bytes+len(d.payload) <= MaxDatagram {
			h := &s.messages[n-1].header
			h.SetIovlen(int(h.Iovlen) + 1)
			c := &s.controls[n-1]
			c.header.Level, c.header.Type = unix.IPPROTO_UDP, unix.UDP_SEGMENT
			c.header.SetLen(unix.CmsgLen(2))
			c.size = uint16(size)
			h.Control = (*byte)(unsafe.Pointer(c))
			h.SetControllen(int(unsafe.Sizeof(*c)))
			s.counts[n-1]++
			bytes += len(d.payload)
			full = len(d.payload) < size
			continue
		}
		size, bytes, full = len(d.payload), len(d.payload), len(d.payload) == 0
		h := &s.messages[n].header
		*h = unix.Msghdr{Name: (*byte)(unsafe.Pointer(&s.names[n])), Iov: piece}
		h.Namelen = nameOf(&s.names[n], d.to, &s.zone)
		h.SetIovlen(1)
		s.counts[n] = 1
		n++
	}
	return n
}

// sendSingly sends the datagrams of a message whose segmentation may have been
// refused, one by one. Only if one of them gets through was it that.
func (g *Gather) sendSingly(m *Member, at int, refusal error) {
	s := &g.system
	h := &s.messages[at].header
	pieces := unsafe.Slice(h.Iov, h.Iovlen)
	single := []message{{header: *h}}
	single[0].header.Control = nil
	single[0].header.SetControllen(0)
	single[0].header.SetIovlen(1)
	var through bool
	for i := range pieces {
		single[0].header.Iov = &pieces[i]
		_, err := m.send(single)
		m.group.sendCalls.Add(1)
		if err != nil {
			m.group.drops[dropOf(err)].Add(1)
			continue
		}
		m.group.sentDatagrams.Add(1)
		through = true
	}
	if through {
		m.system.segmentation.refused(time.Now(), refusal)
		m.group.refusals.Add(1)
	}
}

func (g *Gather) drop(m *Member, from, to int, cause Drop) {
	for _, count := range g.system.counts[from:to] {
		m.group.drops[cause].Add(uint64(count))
	}
}

// send is for who holds the mutex.
func (m *Member) send(messages []message) (int, error) {
	if m.system.fd < 0 {
		return 0, net.ErrClosed
	}
	n, errno := sendmmsg(uintptr(m.system.fd), messages)
	if errno != 0 {
		return 0, errno
	}
	return n, nil
}

// wait waits for room in the socket's buffer, and reports whether there is.
func (m *Member) wait(timeout time.Duration) bool {
	polled := []unix.PollFd{{Fd: int32(m.system.fd), Events: unix.POLLOUT}}
	limit := unix.NsecToTimespec(int64(timeout))
	n, _ := unix.Ppoll(polled, &limit, nil)
	return n > 0
}
