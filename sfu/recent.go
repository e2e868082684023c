package sfu

import (
	"time"
)

// recent gives the packets from the newest keyframe on, in order, to who has
// nothing yet: if it is fresh and none of them is missing. The caller releases
// them.
func (in *incoming) recent(now time.Time) (packets []*packet) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.openedAt.IsZero() || now.Sub(in.openedAt) > freshFor {
		return nil
	}
	for seq := in.opening; ; seq++ {
		p, ok := in.cache.Get(seq)
		if !ok {
			for _, p := range packets {
				p.release()
			}
			return nil
		}
		p.retain()
		packets = append(packets, p)
		if seq == in.newest {
			return packets
		}
	}
}

// spoken gives the latest packets of sound from the syllable on that is being
// spoken. The caller releases them.
func (in *incoming) spoken(now time.Time, look lookBack) []*packet {
	in.mu.Lock()
	defer in.mu.Unlock()
	if !in.started {
		return nil
	}
	var packets []*packet
	var heard []recentPacket
	for back := lookBackPackets - 1; back >= 0; back-- {
		p, ok := in.cache.Get(in.newest - uint16(back))
		if !ok {
			continue
		}
		level := uint8(silence)
		if len(p.level) == 1 {
			level = p.level[0] & 0x7f
		}
		packets = append(packets, p)
		heard = append(heard, recentPacket{timestamp: p.header.Timestamp, level: level, arrived: p.arrived})
	}
	packets = packets[look.from(now, heard):]
	for _, p := range packets {
		p.retain()
	}
	return packets
}

// lookBackPackets is how many packets lookBackMost takes, of those of 10 ms.
const lookBackPackets = int(lookBackMost / (10 * time.Millisecond))

// cached finds a packet by its sequence number; the caller releases it.
func (in *incoming) cached(seq uint16) *packet {
	in.mu.Lock()
	defer in.mu.Unlock()
	p, ok := in.cache.Get(seq)
	if !ok {
		return nil
	}
	p.retain()
	return p
}
