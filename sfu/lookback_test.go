package sfu

import (
	"testing"
	"time"
)

func TestLookBack(t *testing.T) {
	const rate = 48000
	// Each letter is a packet of 20 ms, the newest last: S speech, . quiet.
	for _, tc := range []struct {
		name, packets string
		want          int // how many to send
	}{
		{"nothing came", "", 0},
		{"nobody speaks", "........................", 0},
		{"a syllable, and 60 ms before", "..............SSSSS", 8},
		{"all of it is speech: 400 ms and no more", "SSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSS", 20},
		{"a pause between two syllables", ".........SSS....SSS", 13},
		{"a knock before is another matter", ".....S.........SSS", 6},
		{"speech that has just paused", "........SSSSS...", 11},
		{"speech that is over", "....SSSSS.........", 0},
		{"not as much as the lead", ".SSS", 4},
		{"no lead at all", "SSS", 3},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, first := range []uint32{0, 1<<32 - 960*7} {
				var packets []recentPacket
				now := voicesStart
				for i, c := range tc.packets {
					now = now.Add(20 * time.Millisecond)
					p := recentPacket{timestamp: first + uint32(i)*960, level: 70, arrived: now}
					if c == 'S' {
						p.level = 30
					}
					packets = append(packets, p)
				}
				l := lookBack{rate: rate, speech: speakingLevel}
				if got := len(packets) - l.from(now, packets); got != tc.want {
					t.Errorf("%d packets are sent, want %d", got, tc.want)
				}
			}
		})
	}
}

// What a stranger does with its timestamps, or the network with its packets:
// no more than 400 ms are sent.
func TestLookBackIsBounded(t *testing.T) {
	l := lookBack{rate: 48000, speech: speakingLevel}
	stuck := func(timestamp func(i int) uint32, apart time.Duration) int {
		var packets []recentPacket
		now := voicesStart
		for i := range 100 {
			now = now.Add(apart)
			packets = append(packets, recentPacket{timestamp: timestamp(i), level: 10, arrived: now})
		}
		return len(packets) - l.from(now, packets)
	}
	for _, tc := range []struct {
		name      string
		timestamp func(i int) uint32
		apart     time.Duration
		want      int
	}{
		{"all arrived at once", func(i int) uint32 { return uint32(i) * 960 }, 0, 20},
		{"time stands still", func(int) uint32 { return 7 }, 20 * time.Millisecond, 20},
		{"time runs back", func(i int) uint32 { return uint32(-i) * 960 }, 20 * time.Millisecond, 1},
		{"time jumps", func(i int) uint32 { return uint32(i) * 1 << 30 }, 20 * time.Millisecond, 1},
	} {
		if got := stuck(tc.timestamp, tc.apart); got != tc.want {
			t.Errorf("%s: %d packets are sent, want %d", tc.name, got, tc.want)
		}
	}
}
