package load

import "encoding/binary"

// stampBytes is the size of a stamp.
const stampBytes = 24

// stampMagic begins each stamp.
const stampMagic = 0x48b1f00d

// stamp is what the last bytes of a payload say: what it is, and when it left.
type stamp struct {
	stream uint32 // its place in the registry
	seq    uint32 // of RTP, or a message's number
	time   uint32 // of RTP
	sent   int64  // Unix nanoseconds
}

// write writes the stamp at the end of a payload.
func (s *stamp) write(payload []byte) {
	at := payload[len(payload)-stampBytes:]
	binary.BigEndian.PutUint32(at, stampMagic)
	binary.BigEndian.PutUint32(at[4:], s.stream)
	binary.BigEndian.PutUint32(at[8:], s.seq)
	binary.BigEndian.PutUint32(at[12:], s.time)
	binary.BigEndian.PutUint64(at[16:], uint64(s.sent))
}

// readStamp reads the stamp at the end of a payload; false if there is none.
func readStamp(payload []byte) (s stamp, ok bool) {
	if len(payload) < stampBytes {
		return s, false
	}
	at := payload[len(payload)-stampBytes:]
	return stamp{
		stream: binary.BigEndian.Uint32(at[4:]),
		seq:    binary.BigEndian.Uint32(at[8:]),
		time:   binary.BigEndian.Uint32(at[12:]),
		sent:   int64(binary.BigEndian.Uint64(at[16:])),
	}, binary.BigEndian.Uint32(at) == stampMagic
}
