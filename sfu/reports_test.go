package sfu

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/hiroba-rtc/hiroba/sfu/forward"
)

// reported is one stream of a publisher in one slot, and what a receiver is
// told of its time.
type reported struct {
	in   *incoming
	out  *outgoing
	wire *wire
	rate float64 // Hz, by the publisher's clock
	base uint32  // the publisher's timestamp at its time 0
	seq  uint16
	// told are the sender reports, the newest last, of which receivers look at
	// as many as libwebrtc does.
	told []*rtcp.SenderReport
}

// reportsSeen is how many sender reports libwebrtc draws its line through.
const reportsSeen = 20

func (r *reported) timestamp(at time.Duration) uint32 {
	return r.base + uint32(int64(at.Seconds()*r.rate))
}

// send has the publisher send what it captured at a moment.
func (r *reported) send(at time.Duration) {
	p := &rtp.Packet{
		Header:  rtp.Header{Version: 2, PayloadType: 96, SequenceNumber: r.seq, Timestamp: r.timestamp(at), SSRC: r.in.ssrc, Marker: true},
		Payload: []byte{0x10, 0x50, 0, 0},
	}
	r.seq++
	raw, err := p.Marshal()
	if err != nil {
		panic(err)
	}
	data := newPacket()
	r.in.receive(time.Now(), data, copy(data.buf[:], raw))
}

// plays is when a receiver takes a timestamp to have been captured, in
// seconds of the server's clock: by a line through the reports it was given.
func (r *reported) plays(timestamp uint32) float64 {
	newest := r.told[len(r.told)-1]
	seen := r.told[max(0, len(r.told)-reportsSeen):]
	ntp := func(s *rtcp.SenderReport) float64 { return forward.FromNTP(s.NTPTime).Sub(reportsBegin).Seconds() }
	rtp := func(timestamp uint32) float64 { return float64(int32(timestamp - newest.RTPTime)) }
	if len(seen) == 1 {
		return ntp(newest) + rtp(timestamp)/r.rate
	}
	var x, y, xx, xy float64
	for _, s := range seen {
		x, y = x+rtp(s.RTPTime), y+ntp(s)
	}
	x, y = x/float64(len(seen)), y/float64(len(seen))
	for _, s := range seen {
		dx := rtp(s.RTPTime) - x
		xx, xy = xx+dx*dx, xy+dx*(ntp(s)-y)
	}
	return y + xy/xx*(rtp(timestamp)-x)
}

var reportsBegin = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// What was captured at one moment plays at one moment: receivers are told of
// sound and picture of a publisher what that tells the server, whatever its
// clocks are like and however long its reports are under way.
func TestSoundAndPictureAreReportedInStep(t *testing.T) {
	const apart = time.Millisecond
	for _, tc := range []struct {
		name string
		// drift is how much faster the publisher's clock runs than ours, and sound
		// how much faster its sound card than its clock, in parts of a million.
		drift, sound float64
		jitter       time.Duration // of the ways of reports
		late         time.Duration // until the picture comes after the sound
	}{
		{"perfect clocks", 0, 0, 0, 0},
		{"reports that wait", 0, 0, 150 * time.Millisecond, 0},
		{"a clock that is fast", 200, 0, 20 * time.Millisecond, 0},
		{"a clock that is slow", -200, 0, 20 * time.Millisecond, 0},
		{"a sound card that is fast", 0, 100, 20 * time.Millisecond, 0},
		{"a sound card that is slow", 0, -100, 20 * time.Millisecond, 0},
		{"all of it", 200, -100, 150 * time.Millisecond, 0},
		{"a camera later on", 50, 20, 30 * time.Millisecond, 40 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			random := rand.New(rand.NewPCG(1, 2))
			m := newMetrics(prometheus.NewRegistry())
			w, clock := newWorker(0, nil, m), &peerClock{}
			const ahead = 3 * time.Hour // of our clock
			streams := [2]*reported{}
			for i, kind := range []Kind{Audio, Video} {
				r := &reported{wire: &wire{}, rate: 90000, base: random.Uint32(), seq: uint16(random.Uint32())}
				codecs, rate := vp8, uint32(90000)
				if kind == Audio {
					codecs, rate, r.rate = opusAs(96, 0), 48000, 48000*(1+tc.sound/1e6)
				}
				r.in = newIncoming(uint64(1+i), uint32(42+i), kind, newPayloadTypes(codecs), extensions{}, rate, m, []*worker{w}, clock, func(rtcp.Packet) {})
				s := newSource(uint64(100+i), kind)
				s.put(0, r.in)
				r.out = newOutgoing(m, r.wire, uint32(7+i), 0, kind, newPayloadTypes(codecs), extensions{})
				newDownlink(w, time.Now()).add(r.out)
				w.do(r.out.connected)
				w.do(func(now time.Time) { r.out.carry(now, load{source: s}) })
				w.serveAll()
				streams[i] = r
			}
			// By the publisher's clock: what happens at which time.
			var ways []way
			worst := 0.0
			for at := time.Duration(0); at < 5*time.Minute; at += 20 * time.Millisecond {
				ours := reportsBegin.Add(at - time.Duration(float64(at)*tc.drift/1e6))
				for i, r := range streams {
					if i == 1 && at < tc.late {
						continue
					}
					r.send(at)
					// Chromium reports its picture once a second, its sound every five.
					if every := []time.Duration{5, 1}[i] * time.Second; (at+every/2)%every == 0 {
						ways = append(ways, way{
							arrival: ours.Add(5*time.Millisecond + time.Duration(random.Float64()*float64(tc.jitter))), to: r.in,
							report: &rtcp.SenderReport{NTPTime: forward.ToNTP(reportsBegin.Add(ahead + at)), RTPTime: r.timestamp(at)},
						})
					}
				}
				w.serveAll()
				ways = come(ways, ours)
				if at%reportInterval != 700*time.Millisecond {
					continue
				}
				for _, r := range streams {
					if report := r.out.report(ours); report != nil {
						r.told = append(r.told, report.(*rtcp.SenderReport))
					}
				}
				if sound, picture := streams[0], streams[1]; len(sound.told) > 0 && len(picture.told) > 0 {
					heard, seen := sound.wire.newest(), picture.wire.newest()
					worst = max(worst, math.Abs(sound.plays(heard)-picture.plays(seen)))
				}
				for _, r := range streams {
					r.wire.packets = r.wire.packets[:0]
				}
			}
			if got := time.Duration(worst * float64(time.Second)); got > apart {
				t.Errorf("what belongs together is told to be %v apart", got)
			} else {
				t.Logf("at most %v apart", got)
			}
		})
	}
}

// way is a report that is under way.
type way struct {
	arrival time.Time
	to      *incoming
	report  *rtcp.SenderReport
}

// come gives the server what has come by now, and returns what has not.
func come(ways []way, now time.Time) (rest []way) {
	for _, w := range ways {
		if w.arrival.After(now) {
			rest = append(rest, w)
			continue
		}
		w.to.takeReport(w.report, w.arrival)
	}
	return rest
}

// newest is the timestamp sent last.
func (w *wire) newest() uint32 {
	if len(w.packets) == 0 {
		panic("nothing was sent")
	}
	return w.packets[len(w.packets)-1].Timestamp
}
