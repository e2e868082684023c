package client

import (
	"testing"
	"time"
)

// One stream leaves, whatever the numbers of the sources that it comes from.
func TestLine(t *testing.T) {
	type packet struct {
		after time.Duration // since the one before
		fresh bool          // of another source
		seq   uint16
		stamp uint32
		// as it leaves
		wantSeq   uint16
		wantStamp uint32
	}
	for _, tc := range []struct {
		name    string
		packets []packet
	}{
		{"the first source keeps its numbers", []packet{
			{0, true, 7, 1000, 7, 1000}, {time.Second, false, 8, 4000, 8, 4000},
		}},
		{"another goes on where it ended, as much later as the clock is", []packet{
			{0, true, 7, 1000, 7, 1000}, {time.Second, true, 60000, 5, 8, 91000}, {0, false, 60001, 3005, 9, 94000},
		}},
		{"at once, it is one tick later", []packet{
			{0, true, 7, 1000, 7, 1000}, {0, true, 7, 1000, 8, 1001},
		}},
		{"packets of one source that come out of order stay so", []packet{
			{0, true, 10, 1000, 10, 1000}, {0, false, 12, 1200, 12, 1200}, {0, false, 11, 1100, 11, 1100},
			{0, true, 500, 0, 13, 1201}, {0, false, 499, 0, 12, 1201},
		}},
		{"around the end of the numbers", []packet{
			{0, true, 65535, 1<<32 - 1, 65535, 1<<32 - 1}, {time.Second, true, 9, 9, 0, 89999}, {0, false, 10, 9, 1, 89999},
		}},
		{"and back to the first source", []packet{
			{0, true, 7, 1000, 7, 1000}, {time.Second, true, 100, 0, 8, 91000}, {time.Second, true, 8, 1100, 9, 181000},
		}},
		{"after a day", []packet{
			{0, true, 7, 0, 7, 0}, {24 * time.Hour, true, 0, 0, 8, uint32(uint64(24*3600*90000) % (1 << 32))},
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l, now := line{rate: 90000}, time.Unix(0, 0)
			for i, p := range tc.packets {
				now = now.Add(p.after)
				if p.fresh {
					l.follow()
				}
				if seq, stamp := l.next(now, p.seq, p.stamp); seq != p.wantSeq || stamp != p.wantStamp {
					t.Errorf("packet %d leaves as %d at %d, not as %d at %d", i, seq, stamp, p.wantSeq, p.wantStamp)
				}
			}
		})
	}
}
