package dtls

import (
	"bytes"
	"hash/crc32"
	"slices"
	"time"
)

const (
	// maxPending is how many datagrams of a flight are kept, maxArrived how many
	// are acknowledged.
	maxPending = 4
	maxArrived = 4
	// betweenFlights is more than passes between the datagrams of one flight,
	// and less than before it is sent again.
	betweenFlights = flightInterval / 3

	// Record types (RFC 6347, 4.1).
	recordChangeCipherSpec  = 20
	recordAlert             = 21
	recordHandshake         = 22
	recordApplicationData   = 23
	shortestHandshakeRecord = 13
)

// flight is what a handshake last sent, and what of the other end's arrived: so
// that it can be said in answers to checks, too (draft-hancke-webrtc-sped), and
// again on another path. It is the zero value before the handshake.
type flight struct {
	pending [][]byte // of the present flight, oldest first, without what was acknowledged; never written to
	turn    int      // of pending, which is said next
	sentAt  time.Time
	heard   bool // something arrived since
	arrived []uint32
	over    bool // the other end is known to have finished
}

// handshakes says whether a datagram is the handshake's.
func handshakes(datagram []byte) bool {
	return len(datagram) >= shortestHandshakeRecord && (datagram[0] == recordHandshake || datagram[0] == recordChangeCipherSpec)
}

// sent notes a datagram of the handshake. The first one after something came, or
// after a while, begins another flight, or the same anew.
func (f *flight) sent(now time.Time, datagram []byte) {
	if f.over {
		return
	}
	if f.heard || now.Sub(f.sentAt) > betweenFlights {
		f.pending, f.turn = nil, 0
	}
	f.heard, f.sentAt = false, now
	if len(f.pending) == maxPending {
		f.pending = f.pending[1:]
	}
	f.pending = append(f.pending, bytes.Clone(datagram))
}

// received notes a datagram of the handshake, and reports false for one that
// came before.
func (f *flight) received(datagram []byte) (fresh bool) {
	if f.over {
		return true
	}
	sum := crc32.ChecksumIEEE(datagram)
	if slices.Contains(f.arrived, sum) {
		return false
	}
	if len(f.arrived) == maxArrived {
		f.arrived = slices.Clone(f.arrived[1:])
	}
	// Never written to where somebody may read it.
	f.arrived = append(slices.Clip(f.arrived), sum)
	f.heard = true
	return true
}

// acknowledged forgets what the other end has.
func (f *flight) acknowledged(sums []uint32) {
	if len(sums) == 0 || len(f.pending) == 0 {
		return
	}
	f.pending = slices.DeleteFunc(slices.Clone(f.pending), func(datagram []byte) bool {
		return slices.Contains(sums, crc32.ChecksumIEEE(datagram))
	})
}

// next is a datagram that the other end may lack, of at most so many bytes; nil
// for none. They take turns.
func (f *flight) next(room int) []byte {
	for range f.pending {
		datagram := f.pending[f.turn%len(f.pending)]
		f.turn++
		if len(datagram) <= room {
			return datagram
		}
	}
	return nil
}

// finish forgets everything: the other end has finished.
func (f *flight) finish() { *f = flight{over: true} }
