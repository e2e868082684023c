package sfu

import (
	"testing"
	"time"

	"github.com/hiroba-rtc/hiroba/sfu/congestion"
)

// A size for which there is no room is not sent any more while its smaller
// successor's keyframe is waited for; one for which there is almost room is.
func TestWhatDoesNotFitDoesNotWaitForItsSuccessor(t *testing.T) {
	layers := []congestion.Layer{{Spatial: 0, Bitrate: 500_000}, {Spatial: 1, Bitrate: 1_700_000}}
	for _, tc := range []struct {
		name string
		room int64
		more int // packets of the larger size that follow
	}{{"a third of the room", 600_000, 0}, {"nearly enough", 1_600_000, 1}} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(0, vp8)
			small, large := r.stream(r.in.metrics, 2, "h"), r.stream(r.in.metrics, 3, "f")
			r.source.put(0, small)
			r.source.put(1, large)
			push := func(in *incoming, seq uint16, key bool) {
				p := newPacket()
				in.receive(time.Now(), p, copy(p.buf[:], rawPacket(seq, key)))
				r.w.serveAll()
			}
			choose := func(target int, room int64) {
				r.w.do(func(now time.Time) { r.out.choose(now, layers, target, room) })
				r.w.serveAll()
			}
			push(small, 1, true)
			push(large, 1, true)
			r.connected()
			r.w.do(func(now time.Time) {
				r.out.load.source = r.source
				r.out.mapped = r.out.types.mapFrom(large.types)
			})
			choose(1, 2_000_000)
			sent := len(r.wire.packets)
			if sent == 0 {
				t.Fatal("the large size is not sent")
			}
			choose(0, tc.room)
			push(large, 2, false)
			if more := len(r.wire.packets) - sent; more != tc.more {
				t.Errorf("%d packets of the large size are sent, want %d", more, tc.more)
			}
			push(small, 2, false)
			push(small, 3, true)
			push(large, 3, false)
			if more := len(r.wire.packets) - sent; more != tc.more+1 {
				t.Fatalf("%d packets are sent with the small size's keyframe, want %d", more, tc.more+1)
			}
			last, before := r.wire.packets[len(r.wire.packets)-1], r.wire.packets[sent+tc.more-1]
			if last.SequenceNumber != before.SequenceNumber+1 {
				t.Errorf("the small size begins with number %d after %d", last.SequenceNumber, before.SequenceNumber)
			}
		})
	}
}
