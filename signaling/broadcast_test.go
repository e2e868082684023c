package signaling

import (
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/hiroba-rtc/hiroba/signaling/protocol"
	"github.com/hiroba-rtc/hiroba/signaling/session"
)

// BenchmarkBroadcast says something to a room of 1,000 sessions, all of which
// read and encode it: one after the other, and each by a goroutine of its own
// as with a transport. It reports deliveries per second of CPU time, which is
// what one core does.
func BenchmarkBroadcast(b *testing.B) {
	const readers = 1000
	for _, tc := range []struct {
		name   string
		format protocol.Format
		apart  bool // each reader has a goroutine
	}{
		{"JSON", protocol.JSON, false},
		{"protobuf", protocol.Binary, false},
		{"JSON/goroutines", protocol.JSON, true},
		{"protobuf/goroutines", protocol.Binary, true},
	} {
		b.Run(tc.name, func(b *testing.B) {
			h := newHouse(b)
			speaker := h.comeIn("tea", here(""))
			var listeners []*guest
			for range readers {
				listeners = append(listeners, h.comeIn("tea", here("")))
			}
			for _, l := range listeners {
				l.hear()
			}
			heard := newRounds(readers)
			var all sync.WaitGroup
			if tc.apart {
				for _, l := range listeners {
					all.Go(func() { readOn(l.a, tc.format, heard) })
				}
			}
			message := &protocol.Message{Topic: "chat", Text: strings.Repeat("x", 100)}
			var batch []session.Entry
			var buffer []byte
			b.ReportAllocs()
			began := cpuTime()
			b.ResetTimer()
			for i := range b.N {
				if err := speaker.v.room.Say(speaker.v.peer, message); err != nil {
					b.Fatal(err)
				}
				for n := 0; !tc.apart && n < readers; n++ {
					batch, _ = listeners[n].a.Read(batch[:0])
					for _, e := range batch {
						buffer = e.Event.Append(buffer[:0], tc.format, e.Seq, e.Re)
					}
					heard.add(len(batch))
				}
				if i >= roundsUnderWay {
					<-heard.over
				}
			}
			for range min(b.N, roundsUnderWay) {
				<-heard.over
			}
			b.StopTimer()
			b.ReportMetric(float64(b.N*readers)/(cpuTime()-began).Seconds(), "deliveries/cpu-s")
			h.shut()
			all.Wait()
		})
	}
}

// readOn reads and encodes as a transport does, until the session ends.
func readOn(a *Attachment, format protocol.Format, heard *rounds) {
	var batch []session.Entry
	var buffer []byte
	for range a.Ready() {
		for {
			var err error
			if batch, err = a.Read(batch[:0]); err != nil {
				return
			}
			if len(batch) == 0 {
				break
			}
			for _, e := range batch {
				buffer = e.Event.Append(buffer[:0], format, e.Seq, e.Re)
			}
			heard.add(len(batch))
		}
	}
}

// roundsUnderWay is how many messages may be on their way to everybody: fewer
// than an outbox holds.
const roundsUnderWay = 100

// rounds counts deliveries, and says when there was one more for each reader.
type rounds struct {
	readers int64
	heard   atomic.Int64
	over    chan struct{}
}

func newRounds(readers int) *rounds {
	return &rounds{readers: int64(readers), over: make(chan struct{}, 2*roundsUnderWay)}
}

func (r *rounds) add(n int) {
	now := r.heard.Add(int64(n))
	for range now/r.readers - (now-int64(n))/r.readers {
		r.over <- struct{}{}
	}
}

// cpuTime is what this process has used so far, the kernel's part included.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
