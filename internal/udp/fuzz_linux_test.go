package udp

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"
)

// fakeKernel takes as many messages as its script says, or refuses them, and
// takes apart what it takes by the rules of udp(7).
type fakeKernel struct {
	t      *testing.T
	script []byte
	got    map[uint16][][]byte // by port
}

var refusals = [...]unix.Errno{unix.EIO, unix.EINVAL, unix.EMSGSIZE, unix.EPERM, unix.ENETUNREACH, unix.ECONNREFUSED, unix.ENOBUFS, unix.EAGAIN, unix.ENOSYS}

func (k *fakeKernel) sendmmsg(_ uintptr, messages []message) (int, unix.Errno) {
	take := len(messages)
	if len(k.script) > 0 {
		step := int(k.script[0])
		k.script = k.script[1:]
		if step < 128 {
			return 0, refusals[step%len(refusals)]
		}
		take = min(take, step-128) // also none, without an error
	}
	for i := range messages[:take] {
		k.take(&messages[i].header)
	}
	return take, 0
}

func (k *fakeKernel) take(h *unix.Msghdr) {
	if h.Namelen != unix.SizeofSockaddrInet4 {
		k.t.Fatalf("an IPv4 address of %d bytes", h.Namelen)
	}
	port := binary.BigEndian.Uint16(unsafeBytes(h.Name, 4)[2:])
	var payload []byte
	for _, piece := range unsafePieces(h) {
		payload = append(payload, unsafeBytes(piece.Base, int(piece.Len))...)
	}
	if len(payload) > MaxDatagram {
		k.t.Fatalf("a send of %d bytes", len(payload))
	}
	if h.Controllen == 0 {
		k.got[port] = append(k.got[port], payload)
		return
	}
	control, err := unix.ParseSocketControlMessage(unsafeBytes(h.Control, int(h.Controllen)))
	if err != nil || len(control) != 1 || control[0].Header.Level != unix.SOL_UDP || control[0].Header.Type != unix.UDP_SEGMENT {
		k.t.Fatalf("control messages %v (%v), want one of the segments' size", control, err)
	}
	size := int(binary.NativeEndian.Uint16(control[0].Data))
	if size == 0 || (len(payload)+size-1)/size > maxSegments {
		k.t.Fatalf("%d bytes in segments of %d", len(payload), size)
	}
	for len(payload) > 0 {
		n := min(size, len(payload))
		k.got[port] = append(k.got[port], payload[:n])
		payload = payload[n:]
	}
}

// Whatever the system refuses, and however few datagrams it takes at a time,
// each is sent exactly once and in its order, or counted as dropped.
func FuzzFlush(f *testing.F) {
	f.Add([]byte{}, []byte{1, 2, 3, 4, 5, 6, 7, 8})
	f.Add([]byte{0, 255, 1, 130, 7, 7, 3, 128, 8}, bytes.Repeat([]byte{0x13, 0x13, 0x14, 0x25}, 80))
	f.Add(bytes.Repeat([]byte{0, 129}, 40), bytes.Repeat([]byte{0x13}, 200))
	f.Add(bytes.Repeat([]byte{2}, 100), bytes.Repeat([]byte{0xf3, 0xf3, 0x01}, 60))
	f.Fuzz(func(t *testing.T, script, added []byte) {
		if len(added) > 2000 {
			return
		}
		s, err := Listen(netip.MustParseAddrPort("127.0.0.1:0"))
		if err != nil {
			t.Skip(err)
		}
		defer s.Close()
		s.segmentation.until.Store(0)
		kernel := &fakeKernel{t: t, script: script, got: map[uint16][][]byte{}}
		s.system.sendmmsg = kernel.sendmmsg

		// A byte says to which of 16 addresses, and how much.
		batch, want := s.NewBatch(), map[uint16][][]byte{}
		for number, what := range added {
			payload := make([]byte, []int{0, 1, 2, 400, 401, 1200, 1201, 30000}[what&7])
			if what == 255 {
				batch.Flush()
				continue
			}
			if len(payload) >= 2 {
				binary.BigEndian.PutUint16(payload, uint16(number))
			}
			port := uint16(what>>4) + 1000
			batch.put(payload, netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port))
			want[port] = append(want[port], payload)
		}
		batch.Flush()

		var sent, all int
		for port, due := range want {
			all += len(due)
			for _, got := range kernel.got[port] {
				for len(due) > 0 && !bytes.Equal(due[0], got) {
					due = due[1:]
				}
				if len(due) == 0 {
					t.Fatalf("port %d: a datagram of %d bytes came twice, or too late, or changed", port, len(got))
				}
				due = due[1:]
				sent++
			}
		}
		if stats := s.Stats(); stats.Sent != uint64(sent) || stats.Sent+s.Failed() != uint64(all) {
			t.Fatalf("Stats() = %+v, want %d of %d sent and the others dropped", stats, sent, all)
		}
	})
}

// Whatever the system says it received, the Reader hands on what is there or
// counts it, and never more than that.
func FuzzRead(f *testing.F) {
	f.Add([]byte{1, 2, 0, 1, 4, 176, 0, 100, 3})
	f.Add(bytes.Repeat([]byte{32, 255, 255, 0, 0, 0, 1, 3}, 20))
	f.Fuzz(func(t *testing.T, script []byte) {
		s, err := Listen(netip.MustParseAddrPort("127.0.0.1:0"))
		if err != nil {
			t.Skip(err)
		}
		defer s.Close()
		messages, bytesIn := 0, 0
		next := func() int {
			if len(script) == 0 {
				return 0
			}
			b := int(script[0])
			script = script[1:]
			return b
		}
		s.system.recvmmsg = func(_ uintptr, m []message) (int, unix.Errno) {
			if len(script) == 0 {
				return 0, unix.EBADF
			}
			n := next() % (len(m) + 1)
			for i := range m[:n] {
				messages++
				h, length := &m[i].header, next()<<8|next()
				m[i].length = uint32(length)
				h.Flags = 0
				name := unsafeBytes(h.Name, unix.SizeofSockaddrInet6)
				clear(name)
				binary.NativeEndian.PutUint16(name, []uint16{unix.AF_INET, unix.AF_INET6, unix.AF_UNIX, unix.AF_INET}[next()&3])
				h.Namelen = uint32([]int{unix.SizeofSockaddrInet4, unix.SizeofSockaddrInet6, unix.SizeofSockaddrInet6, 0}[next()&3])
				if next()&7 == 7 {
					h.Flags = unix.MSG_TRUNC
				}
				control := unsafeBytes(h.Control, unix.CmsgSpace(4))
				for j := range control {
					control[j] = byte(next())
				}
				h.SetControllen(next() % (len(control) + 1))
				bytesIn += length
			}
			return n, 0
		}
		reader, got, size := s.NewReader(), 0, 0
		for {
			datagrams, err := reader.Read()
			for _, d := range datagrams {
				got, size = got+1, size+len(d.Bytes)
			}
			if err != nil {
				break
			}
		}
		stats := s.Stats()
		if stats.Received != uint64(got) || size > bytesIn || uint64(messages) > stats.Received+stats.Dropped[DropTruncated] {
			t.Fatalf("Stats() = %+v for %d messages of %d bytes, of which %d datagrams of %d bytes came out", stats, messages, bytesIn, got, size)
		}
	})
}
