package ice

import (
	"encoding/binary"

	"github.com/pion/stun/v4"
)

const (
	// maxAcks is how many acknowledgements a message carries.
	maxAcks = 4
	// maxAnswer is how long an answer becomes by what it carries, in bytes: it
	// passes wherever DTLS does.
	maxAnswer = 1200
)

// Embedded is what a check or its answer carries of the DTLS handshake
// (draft-hancke-webrtc-sped), so that the handshake begins with the check and
// takes no round trip after it. A client whose checks carry nothing gets
// nothing in its answers.
type Embedded struct {
	// Data is one datagram of DTLS; nil for none.
	Data []byte
	// Acks are the CRC-32s of datagrams of DTLS that arrived, however they came;
	// four at most.
	Acks []uint32
}

// embedded is the Embedded of a check, as it was read.
type embedded struct {
	there      bool // the client speaks it
	bad        bool // some of it was not what it should be, and is left out
	data, acks []byte
}

// read takes an attribute of a check, and reports whether it is one of these.
// Of two, the first one counts.
func (e *embedded) read(kind stun.AttrType, value []byte) bool {
	switch kind {
	case stun.AttrDtlsInStun:
		switch {
		case len(value) == 0 || e.data != nil:
		case value[0] < 20 || value[0] > 63: // RFC 7983
			e.bad = true
		default:
			e.data = value
		}
	case stun.AttrDtlsInStunAck:
		switch {
		case len(value) > 4*maxAcks || len(value)%4 != 0:
			e.bad = true
		case e.acks == nil:
			e.acks = value
		}
	default:
		return false
	}
	e.there = true
	return true
}

// value is what was read, with storage for it. It is good for as long as the
// check is.
func (e *embedded) value(storage *[maxAcks]uint32) Embedded {
	acks := storage[:0]
	for rest := e.acks; len(rest) > 0; rest = rest[4:] {
		acks = append(acks, binary.BigEndian.Uint32(rest))
	}
	return Embedded{Data: e.data, Acks: acks}
}

// add writes it into an answer.
func (e Embedded) add(m *stun.Message) {
	if e.Data != nil {
		m.Add(stun.AttrDtlsInStun, e.Data)
	}
	// Also without any: it says that we speak it.
	var acks [4 * maxAcks]byte
	written := acks[:0]
	for _, ack := range e.Acks[:min(len(e.Acks), maxAcks)] {
		written = binary.BigEndian.AppendUint32(written, ack)
	}
	m.Add(stun.AttrDtlsInStunAck, written)
}

// room is how much Data an answer to that address has room for: header,
// XOR-MAPPED-ADDRESS, MESSAGE-INTEGRITY and FINGERPRINT, a full list of
// acknowledgements and the header of Data itself go off, and what pads it.
const room = (maxAnswer - 20 - 24 - 24 - 8 - (4 + 4*maxAcks) - 4) &^ 3
