package sfu

import (
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/pion/rtcp"

	"github.com/hiroba-rtc/hiroba/sfu/reception"
)

// feedbacks are made of packets that come, and do not come, at random.
func feedbacks(f func(packet []byte)) {
	random := rand.New(rand.NewPCG(1, 2))
	var arrivals reception.Arrivals
	now, seq := time.Unix(1000, 0), uint16(65000)
	for range 20_000 {
		now = now.Add(time.Duration(random.IntN(4000)) * time.Microsecond)
		if random.IntN(500) == 0 {
			now = now.Add(200 * time.Millisecond)
		}
		seq++
		if random.IntN(10) > 0 && seq%1000 > 60 {
			arrivals.Receive(now, seq)
		}
		for arrivals.Due(now) {
			f(arrivals.Feedback(now, 1, 7, nil))
		}
	}
}

// What is read is what the rtcp package reads, however often the storage was
// used before.
func TestWideFeedback(t *testing.T) {
	var ours wideFeedback
	n := 0
	feedbacks(func(packet []byte) {
		var theirs rtcp.TransportLayerCC
		if err := theirs.Unmarshal(packet); err != nil {
			t.Fatal(err)
		}
		if !isWideFeedback(packet) || !ours.read(packet) {
			t.Fatalf("it is not read: %v", theirs)
		}
		if theirs.MediaSSRC != ours.MediaSSRC || theirs.BaseSequenceNumber != ours.BaseSequenceNumber || theirs.PacketStatusCount != ours.PacketStatusCount ||
			theirs.ReferenceTime != ours.ReferenceTime || theirs.FbPktCount != ours.FbPktCount || !reflect.DeepEqual(theirs.RecvDeltas, ours.RecvDeltas) {
			t.Fatalf("got\n%v\nwant\n%v", ours.TransportLayerCC, theirs)
		}
		if got, want := statuses(&ours.TransportLayerCC), statuses(&theirs); !reflect.DeepEqual(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
		n++
	})
	if n < 100 {
		t.Fatalf("%d were read", n)
	}
}

// statuses are those of each packet that feedback tells of.
func statuses(fb *rtcp.TransportLayerCC) (out []uint16) {
	for _, chunk := range fb.PacketChunks {
		switch chunk := chunk.(type) {
		case *rtcp.RunLengthChunk:
			for range chunk.RunLength {
				out = append(out, chunk.PacketStatusSymbol)
			}
		case *rtcp.StatusVectorChunk:
			out = append(out, chunk.SymbolList...)
		}
	}
	return out[:min(len(out), int(fb.PacketStatusCount))]
}

func TestReadingWideFeedbackAllocatesNothing(t *testing.T) {
	var packets [][]byte
	feedbacks(func(packet []byte) { packets = append(packets, packet) })
	var f wideFeedback
	read := func() {
		for _, packet := range packets {
			f.read(packet)
		}
	}
	read()
	if n := testing.AllocsPerRun(10, read); n > 0 {
		t.Errorf("%v allocations for %d packets", n, len(packets))
	}
}

// Nothing that a client sends is read beyond its end, and each packet that came
// has its time.
func FuzzWideFeedback(f *testing.F) {
	feedbacks(func(packet []byte) { f.Add(packet) })
	f.Fuzz(func(t *testing.T, packet []byte) {
		var fb wideFeedback
		if !isWideFeedback(packet) || !fb.read(packet) {
			return
		}
		came := 0
		for _, status := range statuses(&fb.TransportLayerCC) {
			if status != rtcp.TypeTCCPacketNotReceived {
				came++
			}
		}
		if came != len(fb.RecvDeltas) {
			t.Fatalf("%d packets came, at %d times", came, len(fb.RecvDeltas))
		}
	})
}
