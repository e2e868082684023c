package forward

// opusTicks is how long an Opus packet plays, in ticks of its 48 kHz clock
// (RFC 6716, 3.1 and 3.2); 0 for what is no Opus packet.
func opusTicks(payload []byte) uint32 {
	if len(payload) == 0 {
		return 0
	}
	configuration := payload[0] >> 3
	frame := uint32(0)
	switch {
	case configuration < 12: // SILK
		frame = [...]uint32{480, 960, 1920, 2880}[configuration&3]
	case configuration < 16: // hybrid
		frame = [...]uint32{480, 960}[configuration&1]
	default: // CELT
		frame = [...]uint32{120, 240, 480, 960}[configuration&3]
	}
	frames := uint32(0)
	switch payload[0] & 3 {
	case 0:
		frames = 1
	case 1, 2:
		frames = 2
	case 3:
		if len(payload) > 1 {
			frames = uint32(payload[1] & 0x3f)
		}
	}
	const longest = 5760 // 120 ms
	if frame*frames > longest {
		return 0
	}
	return frame * frames
}

// opusPause says that a packet has nothing but the start or the upkeep of a
// pause in it (DTX): it codes no sound (RFC 7587, 3.1.3).
func opusPause(payload []byte) bool { return len(payload) <= 2 }
