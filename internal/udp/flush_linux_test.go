package udp

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func (b *Batch) put(payload []byte, to netip.AddrPort) {
	b.Add(copy(b.Room(len(payload)), payload), to)
}

// arrived reads n datagrams of 100 bytes, which begin with their numbers.
func arrived(t *testing.T, r *Reader, n int) {
	t.Helper()
	for number := 0; number < n; {
		datagrams, err := r.Read()
		if err != nil {
			t.Fatalf("%d of %d datagrams came: %v", number, n, err)
		}
		for _, d := range datagrams {
			if len(d.Bytes) != 100 || int(d.Bytes[0]) != number {
				t.Fatalf("got %d bytes that begin with %v where datagram %d of 100 was due", len(d.Bytes), d.Bytes[:1], number)
			}
			number++
		}
	}
}

func sendHundreds(batch *Batch, n int, to ...netip.AddrPort) {
	for number := range n {
		for _, addr := range to {
			payload := make([]byte, 100)
			payload[0] = byte(number)
			batch.put(payload, addr)
		}
	}
	batch.Flush()
}

// refuse has the system refuse what is to be segmented, and do the rest.
func refuse(s *Socket, errno unix.Errno, to func(m *message) bool) {
	send := s.system.sendmmsg
	s.system.sendmmsg = func(fd uintptr, messages []message) (int, unix.Errno) {
		for i := range messages {
			if m := &messages[i]; m.header.Controllen > 0 && to(m) {
				if i == 0 {
					return 0, errno
				}
				return send(fd, messages[:i])
			}
		}
		return send(fd, messages)
	}
}

func anywhere(*message) bool { return true }

func needSegmentation(t *testing.T, s *Socket) {
	if !s.maySegment() {
		t.Skip("this system does not segment")
	}
}

func TestRunsAreSegmentedAndCoalesced(t *testing.T) {
	a, b := open(t), open(t)
	needSegmentation(t, a)
	reader := b.NewReader()
	sendHundreds(a.NewBatch(), 10, b.Addr())
	arrived(t, reader, 10)
	if got := a.Stats(); got.SendCalls != 1 || got.SegmentedSends != 1 || got.Segments != 10 || got.Sent != 10 {
		t.Fatalf("the sender's Stats() = %+v, want ten segments of one send in one call", got)
	}
	if got := b.Stats(); got.ReceiveCalls != 1 || got.Coalesced != 10 || got.Received != 10 {
		t.Fatalf("the receiver's Stats() = %+v, want ten coalesced datagrams in one call", got)
	}
}

// A way out that cannot segment at all loses nothing, and is not asked again
// for a while.
func TestWithoutChecksumOffloadAllGoesOneByOne(t *testing.T) {
	a, b, c := open(t), open(t), open(t)
	needSegmentation(t, a)
	refuse(a, unix.EIO, anywhere)
	batch, readers := a.NewBatch(), []*Reader{b.NewReader(), c.NewReader()}
	for range 3 {
		sendHundreds(batch, 10, b.Addr(), c.Addr())
		for _, r := range readers {
			arrived(t, r, 10)
		}
	}
	// Both runs of the first batch met it.
	if got := a.Stats(); got.Refusals != 2 || got.Segments != 0 || got.Sent != 60 || a.Failed() != 0 {
		t.Fatalf("Stats() = %+v, want two refusals and all 60 sent", got)
	}
}

// One narrow path is that path's matter.
func TestARefusalByOneAddressLeavesTheOthersSegmented(t *testing.T) {
	a, b, c := open(t), open(t), open(t)
	needSegmentation(t, a)
	refuse(a, unix.EINVAL, func(m *message) bool {
		name := unsafeBytes(m.header.Name, 4)
		return binary.BigEndian.Uint16(name[2:]) == b.Addr().Port()
	})
	batch, readers := a.NewBatch(), []*Reader{b.NewReader(), c.NewReader()}
	const rounds = 2 * segmentationStrikes
	for range rounds {
		sendHundreds(batch, 10, b.Addr(), c.Addr())
		for _, r := range readers {
			arrived(t, r, 10)
		}
	}
	if got := a.Stats(); got.Refusals != rounds || got.SegmentedSends != rounds || a.Failed() != 0 {
		t.Fatalf("Stats() = %+v, want %d refusals and as many segmented sends", got, rounds)
	}
}

func TestSegmentsThatNeverFitAreGivenUp(t *testing.T) {
	a, b := open(t), open(t)
	needSegmentation(t, a)
	refuse(a, unix.EMSGSIZE, anywhere)
	batch, reader := a.NewBatch(), b.NewReader()
	for range 2 * segmentationStrikes {
		sendHundreds(batch, 10, b.Addr())
		arrived(t, reader, 10)
	}
	if got := a.Stats(); got.Refusals != segmentationStrikes || a.Failed() != 0 {
		t.Fatalf("Stats() = %+v, want %d refusals and no more", got, segmentationStrikes)
	}
}

func TestSegmentationIsTriedAgain(t *testing.T) {
	var s segmentation
	now := time.Unix(1000, 0)
	s.refused(now, unix.EIO)
	if !s.paused() || s.allowed(now.Add(segmentationPause-1)) {
		t.Fatal("it is allowed before the pause is over")
	}
	if !s.allowed(now.Add(segmentationPause)) {
		t.Fatal("it is not tried again after the pause")
	}
	s.worked()
	if s.paused() {
		t.Fatal("it is paused although it works")
	}
	s.never()
	s.worked()
	s.refused(now, unix.EIO)
	if s.allowed(now.Add(1000 * segmentationPause)) {
		t.Fatal("it is allowed where the system has none")
	}
}

// A buffer that stays full costs some milliseconds, and the datagrams.
func TestAFullBufferDoesNotHoldAFlushUp(t *testing.T) {
	a, b := open(t), open(t)
	calls := 0
	a.system.sendmmsg = func(uintptr, []message) (int, unix.Errno) { calls++; return 0, unix.EAGAIN }
	sendHundreds(a.NewBatch(), 10, b.Addr())
	if got := a.Stats(); got.Dropped[DropFull] != 10 || got.Sent != 0 || calls != 2 {
		t.Fatalf("Stats() = %+v after %d tries, want 10 dropped after 2", got, calls)
	}
}

func TestAFullBufferIsWaitedFor(t *testing.T) {
	a, b := open(t), open(t)
	send, full := a.system.sendmmsg, true
	a.system.sendmmsg = func(fd uintptr, messages []message) (int, unix.Errno) {
		if full {
			full = false
			return 0, unix.EAGAIN
		}
		return send(fd, messages)
	}
	reader := b.NewReader()
	sendHundreds(a.NewBatch(), 10, b.Addr())
	arrived(t, reader, 10)
}

func TestCausesOfDropsAreToldApart(t *testing.T) {
	for errno, want := range map[unix.Errno]Drop{
		unix.ENOBUFS: DropFull, unix.EPERM: DropForbidden, unix.ENETUNREACH: DropUnreachable, unix.ECONNREFUSED: DropUnreachable,
		unix.EMSGSIZE: DropTooLarge, unix.EINVAL: DropAddress, unix.EIO: DropOther,
	} {
		a := open(t)
		a.system.sendmmsg = func(uintptr, []message) (int, unix.Errno) { return 0, errno }
		sendHundreds(a.NewBatch(), 3, netip.MustParseAddrPort("127.0.0.1:4000"))
		if got := a.Stats(); got.Dropped[want] != 3 || a.Failed() != 3 || got.Refusals != 0 {
			t.Errorf("%v: Stats() = %+v, want 3 dropped as %v", errno, got, want)
		}
	}
}

// Where the system has none of these calls, the same arrives.
func TestPlainSystem(t *testing.T) {
	a, b := open(t), open(t)
	for _, s := range []*Socket{a, b} {
		s.system = system{}
		s.segmentation.never()
	}
	batch, reader := a.NewBatch(), b.NewReader()
	batch.put([]byte("x"), netip.MustParseAddrPort("192.0.2.1:4000")) // not from loopback
	sendHundreds(batch, 10, b.Addr())
	arrived(t, reader, 10)
	if got := a.Stats(); got.Sent != 10 || a.Failed() != 1 {
		t.Fatalf("Stats() = %+v, want 10 sent and 1 dropped", got)
	}
}

func TestMarkIsSet(t *testing.T) {
	for _, local := range []string{"127.0.0.1:0", "[::1]:0"} {
		s, err := Listen(netip.MustParseAddrPort(local))
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if err := s.Mark(46, ECT1); err != nil {
			t.Fatal(err)
		}
		var got int
		_ = s.raw.Control(func(fd uintptr) {
			if s.Addr().Addr().Is4() {
				got, err = unix.GetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_TOS)
			} else {
				got, err = unix.GetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_TCLASS)
			}
		})
		if err != nil || got != 46<<2|1 {
			t.Fatalf("%v has traffic class %#x (%v), want %#x", local, got, err, 46<<2|1)
		}
	}
}

func TestBuffersTellWhatWasGiven(t *testing.T) {
	s := open(t)
	if err := s.conn.SetReadBuffer(100_000); err != nil {
		t.Fatal(err)
	}
	if read, write := s.Buffers(); read != 100_000 || write <= 0 {
		t.Fatalf("Buffers() = %d, %d; want the 100000 that were given for reading", read, write)
	}
}

func TestNothingIsAllocatedPerDatagram(t *testing.T) {
	a, b := open(t), open(t)
	batch, reader := a.NewBatch(), b.NewReader()
	payload := make([]byte, 1200)
	round := func() {
		for range 20 {
			batch.put(payload, b.Addr())
		}
		batch.Flush()
		for n := 0; n < 20; {
			datagrams, err := reader.Read()
			if err != nil {
				t.Fatal(err)
			}
			n += len(datagrams)
		}
	}
	if got := testing.AllocsPerRun(100, round); got > 0 {
		t.Fatalf("%v allocations for 20 datagrams, want none", got)
	}
}
