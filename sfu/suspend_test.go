package sfu

import (
	"testing"
	"time"
)

// audienceOf is how many slots carry the one stream of a publisher.
func audienceOf(c *camera) (n int32) {
	c.peer.room.mu.Lock()
	defer c.peer.room.mu.Unlock()
	for _, streams := range c.peer.incoming {
		for _, in := range streams {
			for i := range in.audience {
				n += in.audience[i].Load()
			}
		}
	}
	return n
}

// While all receivers of a stream are suspended it costs its reception only;
// then each goes on with the next number, at a keyframe.
func TestSuspend(t *testing.T) {
	s := runSFU(t)
	ann := film(t, s, "tea", "ann")
	bob, cat := watch(t, s, "tea", "bob"), watch(t, s, "tea", "cat")
	bob.sees(t, 10)
	cat.sees(t, 10)
	told := bob.told.slots.Load()

	bob.peer.Suspend(true)
	settle(s)
	if n := audienceOf(ann); n != 1 {
		t.Fatalf("with one of two suspended, the stream has %d receivers", n)
	}
	cat.sees(t, 10)
	cat.peer.Suspend(true)
	cat.peer.Suspend(true) // once more changes nothing
	settle(s)
	if n := audienceOf(ann); n != 0 {
		t.Fatalf("with both suspended, the stream has %d receivers", n)
	}
	forwarded := counted(t, s, "hiroba_sfu_packets_forwarded_total", "")
	taken := counted(t, s, "hiroba_sfu_packets_received_total", "")
	asked, stopped := ann.asked.Load(), time.Now()
	until(t, "packets of the publisher", func() bool {
		return counted(t, s, "hiroba_sfu_packets_received_total", "") > taken+60
	})
	settle(s)
	if n := counted(t, s, "hiroba_sfu_packets_forwarded_total", ""); n != forwarded {
		t.Fatalf("%d packets were forwarded to nobody", n-forwarded)
	}
	if n := ann.asked.Load(); n != asked {
		t.Fatalf("%d keyframes were asked for by nobody", n-asked)
	}

	before := len(bob.seen())
	bob.peer.Suspend(false)
	away := time.Since(stopped)
	bob.sees(t, 20)
	if ann.asked.Load() == asked {
		t.Fatal("no keyframe was asked for")
	}
	if n := bob.told.slots.Load(); n != told {
		t.Fatalf("%d slots messages were sent", n-told)
	}
	packets := bob.seen()
	last, first := packets[before-1], packets[before]
	if first.Payload[1]&1 != 0 {
		t.Fatal("it went on without a keyframe")
	}
	if first.SequenceNumber != last.SequenceNumber+1 {
		t.Fatalf("after number %d came %d", last.SequenceNumber, first.SequenceNumber)
	}
	// The timestamps tell how long it was.
	if step := time.Duration(first.Timestamp-last.Timestamp) * time.Second / 90_000; step < away || step > away+soon {
		t.Fatalf("after %v away the timestamps say %v", away, step)
	}
	for i, p := range packets[before+1:] {
		if p.SequenceNumber != packets[before+i].SequenceNumber+1 || p.Timestamp != packets[before+i].Timestamp+900 {
			t.Fatalf("after the break, %v follows %v", p.Header, packets[before+i].Header)
		}
	}
}

// What changes meanwhile is told, and is there when it goes on.
func TestSlotsChangeWhileSuspended(t *testing.T) {
	s := runSFU(t)
	bob := watch(t, s, "tea", "bob")
	bob.peer.Suspend(true)
	told := bob.told.slots.Load()
	film(t, s, "tea", "ann")
	until(t, "a slots message", func() bool { return bob.told.slots.Load() > told })
	settle(s)
	if n := counted(t, s, "hiroba_sfu_packets_forwarded_total", ""); n != 0 {
		t.Fatalf("%d packets were forwarded", n)
	}
	bob.peer.Suspend(false)
	bob.sees(t, 10)
}
