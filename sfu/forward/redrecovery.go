package forward

// redWindow is over how many numbers back it is known what is there. Redundancy
// reaches back a third of a second: 17 packets of the usual 20 ms, 137 of the
// shortest ones, of which nobody sends redundancy.
const redWindow = 64

// REDRecovery finds what was lost of one source in the redundancy of what came
// after, for receivers that are sent plain Opus: a lost packet is sent with
// its own number and time, as if it were late. It is not safe for concurrent
// use.
//
// RED does not say which packet a block was. Its time does: blocks are the
// frames of the packets before, in order, so one belongs to the number that is
// missing between the packets that are known before and after it in time; of
// several, to the one which is as many packets away as the frames would
// play.
type REDRecovery struct {
	numbers Unwrapper
	first   int64 // the number of the first packet; 0 before it
	packets [redWindow]redPacket
}

// redPacket is a packet that is there, received or recovered.
type redPacket struct {
	number    int64 // extended; 0 for none
	timestamp uint32
	ticks     uint32 // how long it plays; 0 if unknown
}

// REDLoss is a lost packet that was found.
type REDLoss struct {
	Seq       uint16
	Timestamp uint32
	// Payload is plain Opus; it points into the packet that it was found in.
	Payload []byte
}

// REDLosses has what one packet gives back.
type REDLosses struct {
	losses [REDBlocksMost]REDLoss
	count  int
}

// List is in the order of sending. It is valid until the next Take.
func (l *REDLosses) List() []REDLoss { return l.losses[:l.count] }

// Take notes a packet of the source: opus is its payload, or the primary one
// of RED. It reports false if that must not be sent, because it was received or
// recovered before, or may have been, so late is it.
func (r *REDRecovery) Take(seq uint16, timestamp uint32, opus []byte) bool {
	_, fresh := r.take(seq, timestamp, opus)
	return fresh
}

// TakeRED is Take for a packet with redundancy: it puts into losses which
// earlier packets are found in it that are not there yet, and counts on these to
// be sent. Nothing is recovered from before the first packet.
func (r *REDRecovery) TakeRED(seq uint16, timestamp uint32, red *RED, losses *REDLosses) bool {
	losses.count = 0
	// One that was recovered itself may still hold others.
	number, fresh := r.take(seq, timestamp, red.Primary)
	after := redPacket{number: number, timestamp: timestamp}
	blocks := red.Blocks()
	for i := len(blocks) - 1; i >= 0; i-- {
		var missing bool
		block := redPacket{timestamp: timestamp - uint32(blocks[i].Offset), ticks: opusTicks(blocks[i].Payload)}
		after, missing = r.place(after, block, opusPause(blocks[i].Payload))
		if !missing {
			continue
		}
		r.packets[after.number%redWindow] = after
		losses.losses[losses.count] = REDLoss{Seq: uint16(after.number), Timestamp: after.timestamp, Payload: blocks[i].Payload}
		losses.count++
	}
	for i, j := 0, losses.count-1; i < j; i, j = i+1, j-1 {
		losses.losses[i], losses.losses[j] = losses.losses[j], losses.losses[i]
	}
	return fresh
}

func (r *REDRecovery) take(seq uint16, timestamp uint32, opus []byte) (number int64, fresh bool) {
	number = r.numbers.Unwrap(seq)
	if r.first == 0 {
		r.first = number
	}
	p := &r.packets[number%redWindow]
	if p.number >= number || number <= r.numbers.newest-redWindow {
		return number, false
	}
	*p = redPacket{number: number, timestamp: timestamp, ticks: opusTicks(opus)}
	return number, true
}

// place finds the number of a block, which is somewhere before the packet
// after. It returns the packet from which to go on looking for the block
// before this one, and whether that is this one, missing until now.
func (r *REDRecovery) place(after, block redPacket, pause bool) (next redPacket, missing bool) {
	floor := max(r.first, r.numbers.newest-redWindow+1)
	before := redPacket{number: floor - 1}
	for n := after.number - 1; n >= floor; n-- {
		p := r.packets[n%redWindow]
		if p.number != n {
			continue
		}
		if p.timestamp == block.timestamp {
			return p, false
		}
		if int32(p.timestamp-block.timestamp) < 0 {
			before = p
			break
		}
		after = p
	}
	room := after.number - before.number - 1 // numbers it can have
	if room <= 0 {
		return after, false
	}
	away := int64(1)
	passed := after.timestamp - block.timestamp
	switch {
	case pause: // nothing was sent in the time that follows
	case before.ticks != 0 && before.timestamp+before.ticks == block.timestamp && passed != block.ticks:
		away = room
	case block.ticks != 0 && passed%block.ticks == 0:
		away = int64(passed / block.ticks)
	}
	block.number = after.number - min(away, room)
	return block, true
}
