package forward

const (
	// REDBlocksMost is how many earlier frames of a RED payload are looked at,
	// the newest ones of more. Browsers send one or two.
	REDBlocksMost = 8

	redHeader      = 4         // bytes before the blocks for each earlier frame
	redLastHeader  = 1         // and for the primary one
	redOffsetMost  = 1<<14 - 1 // ticks
	redLengthMost  = 1<<10 - 1 // bytes
	redFollows     = 0x80
	redPayloadType = 0x7f
)

// RED is a payload of the format audio/red (RFC 2198), as browsers send it for
// Opus: the primary frame, which is what the packet would have carried
// without, and redundant ones, which are those of the packets before.
type RED struct {
	// Primary is the Opus payload that the packet's timestamp belongs to.
	Primary []byte

	blocks [REDBlocksMost]REDBlock
	count  int
}

// REDBlock is an earlier frame in a RED payload.
type REDBlock struct {
	// Offset is how much earlier it is than the packet, in ticks; at least 1.
	Offset uint16
	// Payload is the Opus payload; not empty.
	Payload []byte
}

// Blocks are the earlier frames, the oldest first. They are valid until the
// next Unpack.
func (r *RED) Blocks() []REDBlock { return r.blocks[:r.count] }

// Unpack reads a RED payload, whose blocks should be of the payload type opus.
// It reports false for what is not in the format, or has no primary frame of
// Opus. Redundant blocks that are of another format, empty, or not in the
// order of time are left out. What was read points into payload.
func (r *RED) Unpack(payload []byte, opus uint8) bool {
	*r = RED{}
	headers, bodies := 0, 0
	at := 0
	for ; at < len(payload) && payload[at]&redFollows != 0; at += redHeader {
		if len(payload)-at < redHeader {
			return false
		}
		headers++
		bodies += redLength(payload[at:])
	}
	if at == len(payload) || payload[at]&redPayloadType != opus {
		return false
	}
	body := at + redLastHeader
	if bodies >= len(payload)-body { // the primary frame has at least a byte
		return false
	}
	r.Primary = payload[body+bodies:]
	for i := range headers {
		header := payload[i*redHeader:]
		length := redLength(header)
		block := REDBlock{Offset: uint16(header[1])<<6 | uint16(header[2])>>2, Payload: payload[body : body+length]}
		body += length
		if i < headers-REDBlocksMost || header[0]&redPayloadType != opus || length == 0 || block.Offset == 0 {
			continue
		}
		if r.count > 0 && block.Offset >= r.blocks[r.count-1].Offset {
			continue
		}
		r.blocks[r.count] = block
		r.count++
	}
	return true
}

func redLength(header []byte) int { return int(header[2]&3)<<8 | int(header[3]) }

// Pack writes the payload into a buffer of its own, with opus as the payload type of its
// blocks, and returns its length. Left out are the oldest blocks if there is no
// room for all, and those that are earlier than the packet by more than reach:
// a receiver that a source is new to would put them into the time of the
// source before. Without room even for the primary frame, which has to go
// without RED then, Pack returns 0.
func (r *RED) Pack(into []byte, opus uint8, reach uint32) int {
	room := len(into) - redLastHeader - len(r.Primary)
	if room < 0 || len(r.Primary) == 0 {
		return 0
	}
	first := r.count
	for first > 0 {
		block := &r.blocks[first-1]
		room -= redHeader + len(block.Payload)
		if room < 0 || uint32(block.Offset) > reach {
			break
		}
		first--
	}
	at := 0
	for _, block := range r.blocks[first:r.count] {
		length := len(block.Payload)
		into[at] = redFollows | opus&redPayloadType
		into[at+1] = byte(block.Offset >> 6)
		into[at+2] = byte(block.Offset<<2) | byte(length>>8)
		into[at+3] = byte(length)
		at += redHeader
	}
	into[at] = opus & redPayloadType
	at += redLastHeader
	for _, block := range r.blocks[first:r.count] {
		at += copy(into[at:], block.Payload)
	}
	return at + copy(into[at:], r.Primary)
}
