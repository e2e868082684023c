package reception

import (
	"encoding/binary"
	"math"
	"slices"
)

// What a status says of a packet
// (draft-holmer-rmcat-transport-wide-cc-extensions-01, 3.1.1). It is also how
// many bytes the time of its arrival takes.
const (
	missing    = 0
	smallDelta = 1
	largeDelta = 2
)

const (
	// maxFeedback is how many bytes a packet may have: with SRTCP's and what is
	// below, it fits everywhere.
	maxFeedback = 1000
	// feedbackHeader is what goes before the statuses.
	feedbackHeader = 20

	oneBitStatuses = 14 // in a status vector chunk
	twoBitStatuses = 7  // in a status vector chunk, or more in any other
	maxRun         = 1<<13 - 1
)

// feedback is one packet of transport-wide feedback while it is made.
type feedback struct {
	statuses  [mostTimes]uint8
	deltas    [maxFeedback]byte // as they are sent
	numbers   int               // of statuses
	bytes     int               // of deltas
	reference ticks             // of the first delta
}

// read takes what a knows of the numbers from start on, up to the last one that
// came and has room.
func (f *feedback) read(a *Arrivals) {
	last, first := ticks(0), true
	for i := range int(a.newest-a.start) + 1 {
		t := *a.time(a.start + uint16(i))
		if t == 0 {
			continue
		}
		if first {
			// In units of 64 ms, and so on the wire in 24 of the 32 bits.
			f.reference = t &^ 0xff
			last, first = f.reference, false
		}
		delta := int32(t - last)
		status := uint8(largeDelta)
		if delta >= 0 && delta <= math.MaxUint8 {
			status = smallDelta
		}
		chunks := (i + twoBitStatuses) / twoBitStatuses
		if int32(int16(delta)) != delta || feedbackHeader+2*chunks+f.bytes+int(status) > maxFeedback {
			return
		}
		if status == smallDelta {
			f.deltas[f.bytes] = byte(delta)
		} else {
			binary.BigEndian.PutUint16(f.deltas[f.bytes:], uint16(delta))
		}
		f.bytes += int(status)
		f.statuses[i] = status
		f.numbers, last = i+1, t
	}
}

// append writes the packet (3.1).
func (f *feedback) append(dst []byte, senderSSRC, mediaSSRC uint32, base uint16, count uint8) []byte {
	begin := len(dst)
	dst = append(dst, 2<<6|15, 205, 0, 0) // FMT and PT; the length follows
	dst = binary.BigEndian.AppendUint32(dst, senderSSRC)
	dst = binary.BigEndian.AppendUint32(dst, mediaSSRC)
	dst = binary.BigEndian.AppendUint16(dst, base)
	dst = binary.BigEndian.AppendUint16(dst, uint16(f.numbers))
	dst = binary.BigEndian.AppendUint32(dst, uint32(f.reference)|uint32(count))
	for rest := f.statuses[:f.numbers]; len(rest) > 0; {
		chunk, covered := firstChunk(rest)
		dst = binary.BigEndian.AppendUint16(dst, chunk)
		rest = rest[covered:]
	}
	dst = append(dst, f.deltas[:f.bytes]...)
	if over := (len(dst) - begin) % 4; over != 0 {
		// RFC 3550, 6.4.1: the last byte counts the padding, itself included.
		dst[begin] |= 1 << 5
		dst = append(dst, 0, 0, 0)[:len(dst)+4-over]
		dst[len(dst)-1] = byte(4 - over)
	}
	binary.BigEndian.PutUint16(dst[begin+2:], uint16((len(dst)-begin)/4-1))
	return dst
}

// firstChunk is the chunk that says most of the first statuses, and how many it
// covers (3.1.2 to 3.1.4). What a status vector has too many is 0.
func firstChunk(statuses []uint8) (chunk uint16, covered int) {
	symbol, width, bits := uint16(2), oneBitStatuses, 1
	if slices.Contains(statuses[:min(oneBitStatuses, len(statuses))], largeDelta) {
		symbol, width, bits = 3, twoBitStatuses, 2
	}
	run := 1
	for run < min(len(statuses), maxRun) && statuses[run] == statuses[0] {
		run++
	}
	if run >= width || run == len(statuses) {
		return uint16(statuses[0])<<13 | uint16(run), run
	}
	chunk, covered = symbol<<14, min(width, len(statuses))
	for i, status := range statuses[:covered] {
		chunk |= uint16(status) << (14 - bits*(i+1))
	}
	return chunk, covered
}
