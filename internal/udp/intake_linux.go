package udp

import (
	"encoding/binary"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// intake has the structures of recvmmsg(2). They are made once, and point at
// each other.
type intake struct {
	reader   *Reader
	messages [readBatch]message
	names    [readBatch]unix.RawSockaddrInet6
	pieces   [readBatch]unix.Iovec
	controls [readBatch]coalesceControl
	used     int // by the last call: only these need to be made ready again
	zone     zoneName

	errno unix.Errno
	call  func(fd uintptr) bool // made once, because a closure is an allocation
}

// coalesceControl is room for the control message that gives the size of the
// datagrams in a message.
type coalesceControl struct {
	header unix.Cmsghdr
	size   int32
}

func (in *intake) init(r *Reader) {
	in.reader = r
	if r.socket.system.recvmmsg == nil {
		r.storage = make([]byte, readBytes)
		return
	}
	in.prepare(r)
	_ = r.socket.raw.Control(func(fd uintptr) { coalesce(int(fd)) })
	in.call = func(fd uintptr) bool {
		in.used, in.errno = r.socket.system.recvmmsg(fd, in.messages[:])
		return in.errno != unix.EAGAIN
	}
}

// coalesce has a socket put datagrams together. Without it, each comes alone;
// that is all.
func coalesce(fd int) { _ = unix.SetsockoptInt(fd, unix.IPPROTO_UDP, unix.UDP_GRO, 1) }

// prepare makes the structures.
func (in *intake) prepare(r *Reader) {
	in.reader = r
	r.storage = make([]byte, readBatch*readStride)
	for i := range in.messages {
		in.pieces[i].Base = &r.buffer(i)[0]
		in.pieces[i].SetLen(readBytes)
		m := &in.messages[i].header
		m.Name = (*byte)(unsafe.Pointer(&in.names[i]))
		m.Iov = &in.pieces[i]
		m.SetIovlen(1)
		m.Control = (*byte)(unsafe.Pointer(&in.controls[i]))
	}
	in.used = readBatch
}

// read waits for messages and takes them apart.
func (in *intake) read() error {
	r := in.reader
	if r.socket.system.recvmmsg == nil {
		return r.readPlain()
	}
	in.ready()
	if err := r.socket.raw.Read(in.call); err != nil {
		return err
	}
	if in.errno != 0 {
		return in.errno
	}
	in.take()
	return nil
}

// ready makes the structures ready for the next call.
func (in *intake) ready() {
	for i := range in.used {
		m := &in.messages[i].header
		m.Namelen = unix.SizeofSockaddrInet6
		m.SetControllen(int(unsafe.Sizeof(in.controls[i])))
	}
	in.used = 0
}

// take takes apart what a call brought.
func (in *intake) take() {
	r := in.reader
	r.calls++
	for i := range in.used {
		m := &in.messages[i]
		from, ok := in.from(i)
		if !ok || m.header.Flags&(unix.MSG_TRUNC|unix.MSG_CTRUNC) != 0 || m.length > readBytes {
			r.truncated++
			continue
		}
		r.deal(r.buffer(i)[:m.length], in.segment(i), from)
	}
}

// segment is the size of the datagrams in a message, 0 for a single one.
func (in *intake) segment(i int) int {
	c := &in.controls[i]
	if int(in.messages[i].header.Controllen) < unix.CmsgLen(4) ||
		c.header.Level != unix.IPPROTO_UDP || c.header.Type != unix.UDP_GRO {
		return 0
	}
	return int(c.size)
}

// from is where a message came from.
func (in *intake) from(i int) (netip.AddrPort, bool) {
	name := &in.names[i]
	switch length := in.messages[i].header.Namelen; {
	case name.Family == unix.AF_INET && length >= unix.SizeofSockaddrInet4:
		v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(name))
		return netip.AddrPortFrom(netip.AddrFrom4(v4.Addr), portOf(&v4.Port)), true
	case name.Family == unix.AF_INET6 && length >= unix.SizeofSockaddrInet6:
		addr := netip.AddrFrom16(name.Addr).Unmap()
		if name.Scope_id != 0 {
			addr = addr.WithZone(in.zone.of(name.Scope_id))
		}
		return netip.AddrPortFrom(addr, portOf(&name.Port)), true
	}
	return netip.AddrPort{}, false
}

func portOf(field *uint16) uint16 {
	return binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(field))[:])
}
