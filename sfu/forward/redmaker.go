package forward

const (
	// REDBytesMost is how large a RED payload is made at most, so that it fits
	// into a packet with all that is around it.
	REDBytesMost = 1200
	// redEarlier is how many earlier frames are put into one.
	redEarlier = 2
	// redKept is how many frames are kept: enough for a packet that comes
	// later than some others to find those before it, and to leave the newest
	// ones in their places.
	redKept = 8
)

// REDMaker makes RED payloads of the plain Opus packets of one source: each
// has the two frames before in it, so that who loses a packet finds its sound
// in the next or the one after. It does not depend on who receives them;
// what does, RED.Pack changes. It is not safe for concurrent use.
type REDMaker struct {
	frames [redKept]redFrame
}

// redFrame is one frame that later payloads may carry.
type redFrame struct {
	seq       uint16
	timestamp uint32
	length    int // 0 for none
	payload   [redLengthMost]byte
}

// Make writes the RED payload of a packet into a buffer and returns its length;
// 0 for a frame that is empty or too large, which has to go as plain Opus. opus
// is the payload type of the blocks.
//
// Only the packets directly before are put in: after a loss, or when the source
// jumps in number or time, there are none until it has gone on.
func (m *REDMaker) Make(into []byte, opus uint8, seq uint16, timestamp uint32, payload []byte) int {
	red := RED{Primary: payload}
	newer := uint32(0)
	for red.count < redEarlier {
		before := seq - uint16(red.count) - 1
		f := &m.frames[before%redKept]
		offset := timestamp - f.timestamp
		if f.length == 0 || f.seq != before || offset <= newer || offset > redOffsetMost {
			break
		}
		// Newest first here.
		red.blocks[red.count] = REDBlock{Offset: uint16(offset), Payload: f.payload[:f.length]}
		red.count++
		newer = offset
	}
	for red.count > 0 && opusPause(red.blocks[red.count-1].Payload) {
		red.count-- // a pause is nothing to miss, but for the speech before it
	}
	for i, j := 0, red.count-1; i < j; i, j = i+1, j-1 {
		red.blocks[i], red.blocks[j] = red.blocks[j], red.blocks[i]
	}
	length := red.Pack(into[:min(len(into), REDBytesMost)], opus, redOffsetMost)
	m.keep(seq, timestamp, payload)
	return length
}

// keep remembers a packet for those that follow.
func (m *REDMaker) keep(seq uint16, timestamp uint32, payload []byte) {
	f := &m.frames[seq%redKept]
	f.seq, f.timestamp, f.length = seq, timestamp, 0
	if len(payload) <= len(f.payload) {
		f.length = copy(f.payload[:], payload)
	}
}
