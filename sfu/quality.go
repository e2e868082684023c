package sfu

import (
	"math"
	"time"
)

// Quality says how well media gets through, and what holds it up.
//
// Scores go from 0, nothing gets through, to 100, nothing is wrong. They are no
// MOS (ITU-T P.800.1), whose 1 to 5 are opinions on what is heard and seen: the
// server sees packets and decodes nothing. One more lost packet in a hundred
// costs so many points, whatever the codec makes of it.
type Quality struct {
	Score int
	// Cause is NoCause exactly when the quality is good.
	Cause Cause
}

// Cause is what holds media up.
type Cause int

// The causes.
const (
	NoCause Cause = iota
	// Uplink: the way from the publisher to the server.
	Uplink
	// Downlink: the way from the server to the receiver.
	Downlink
	// Server: this server is late.
	Server
)

// TrackQuality is the quality of one track.
type TrackQuality struct {
	Track string
	Quality
}

// PeerQuality is the quality of one peer: that of the worst of its parts.
type PeerQuality struct {
	Peer string
	Quality
	// Tracks are those of its tracks that are not good.
	Tracks []TrackQuality
}

const (
	// judgeInterval is how often quality is looked at.
	judgeInterval = 2 * time.Second
	// What falls below poorBelow is not good any more, and is good again from
	// goodFrom on. In between, changes of less than noticeable are not told.
	poorBelow, goodFrom, noticeable = 70, 80, 10
	// fallsIn and risesIn are how long a score takes for most of a step: worse is
	// told soon, better once it has lasted.
	fallsIn, risesIn = 3 * time.Second, 8 * time.Second
	// lossMemory is how long losses count, lossDoubt how many packets without a
	// loss are taken to have come before the first: one lost of three means
	// little.
	lossMemory, lossDoubt = 4 * time.Second, 20
)

// good is the quality of what nothing is known against.
var good = Quality{Score: 100}

// next is the quality to tell after q was told, by the scores of all that media
// goes through. It is q again unless the change is worth telling.
func (q Quality) next(uplink, downlink, server float64) Quality {
	scores := [...]float64{Uplink: uplink, Downlink: downlink, Server: server, NoCause: 100}
	worst := min(uplink, downlink, server)
	from := float64(poorBelow)
	if q.Cause != NoCause {
		from = goodFrom
	}
	if worst >= from {
		return good
	}
	now := Quality{Score: int(math.Round(worst)), Cause: Uplink}
	switch {
	case server < from:
		now.Cause = Server // that makes every way look bad
	case q.Cause != NoCause && scores[q.Cause] < worst+noticeable:
		now.Cause = q.Cause
	case downlink < uplink:
		now.Cause = Downlink
	}
	if now.Cause == q.Cause && math.Abs(worst-float64(q.Score)) < noticeable {
		return q
	}
	return now
}

// rating is a score that follows what is measured, without its spikes. The zero
// value is the best.
type rating struct {
	below float64 // the best
	at    time.Time
}

// score is that of now.
func (r *rating) score() float64 { return 100 - r.below }

// update takes what was measured since the last time.
func (r *rating) update(now time.Time, measured float64) float64 {
	passed := judgeInterval
	if !r.at.IsZero() {
		passed = now.Sub(r.at)
	}
	r.at = now
	within := risesIn
	if 100-measured > r.below {
		within = fallsIn
	}
	r.below += (100 - measured - r.below) * (1 - decay(passed, within))
	return r.score()
}

// decay is what is left of something after a time.
func decay(passed, within time.Duration) float64 { return math.Exp(-float64(passed) / float64(within)) }

// uplink is what is known of the way of one track to the server.
type uplink struct {
	expected, missing, late float64 // the older, the less they count
	at                      time.Time

	jitter time.Duration
	// rtt is that of the publisher's connection, 0 while unknown.
	rtt time.Duration
	// narrow: a size that is asked for does not come, a smaller one does.
	narrow bool
	// lost: nothing comes from the publisher at all.
	lost bool
}

// count takes what came since the last time.
func (u *uplink) count(now time.Time, came arrived) {
	left := decay(now.Sub(u.at), lossMemory)
	u.at = now
	u.expected = u.expected*left + float64(came.expected)
	u.missing = max(0, u.missing*left+float64(came.expected-came.received))
	u.late = u.late*left + float64(came.late)
	u.jitter = came.jitter
}

// measure is its score. What was repaired was late, which is half as bad.
func (u *uplink) measure() float64 {
	if u.lost {
		return 0
	}
	below := lossCurve.at((u.missing+u.late/2)/(u.expected+lossDoubt)) +
		jitterCurve.at(u.jitter.Seconds()) + rttCurve.at(u.rtt.Seconds())
	if u.narrow {
		below += narrowed
	}
	return max(0, 100-below)
}

// downlink's figures are what is known of the way to one client.
type downlinkFigures struct {
	lost       float64       // share of the packets
	queue, rtt time.Duration // see congestion.Stats
	outage     bool
	// short is how far below what the client shows its slots are, on average; see
	// shortOf.
	short float64
}

// measure is its score.
func (d *downlinkFigures) measure() float64 {
	if d.outage {
		return 0
	}
	way := lossCurve.at(d.lost) + queueCurve.at(d.queue.Seconds()) + rttCurve.at(max(0, d.rtt-d.queue).Seconds())
	return max(0, 100-max(way, d.short))
}

// shortOf is how many points it costs that a slot is sent at one rate where
// its client shows as much as comes at another.
func shortOf(sent, shown int64) float64 {
	switch {
	case sent >= shown:
		return 0
	case sent <= 0:
		return stopped
	}
	return lowered * (1 - math.Sqrt(float64(sent)/float64(shown)))
}

// serverFigures are what is known of a worker.
type serverFigures struct {
	dropped, forwarded float64
	behind             time.Duration // on average
}

// measure is its score.
func (s *serverFigures) measure() float64 {
	return max(0, 100-lossCurve.at(s.dropped/(s.dropped+s.forwarded+lossDoubt))-behindCurve.at(s.behind.Seconds()))
}

// What things cost, in points. Video bears five lost packets in a hundred when
// they are sent again, and a conversation a third of a second.
const (
	narrowed = 35
	stopped  = 80
	lowered  = 55
)

var (
	lossCurve   = curve{{0, 0}, {0.01, 3}, {0.03, 15}, {0.05, 25}, {0.10, 45}, {0.20, 70}, {0.40, 95}}
	jitterCurve = curve{{0.04, 0}, {0.10, 15}, {0.30, 45}}
	rttCurve    = curve{{0.3, 0}, {0.8, 35}, {2, 60}}
	queueCurve  = curve{{0.1, 0}, {0.3, 30}, {1, 70}}
	behindCurve = curve{{0.05, 0}, {0.15, 25}, {0.5, 80}}
)

// curve is points of a line, each with what is measured and what it costs.
type curve [][2]float64

// at is what x costs.
func (c curve) at(x float64) float64 {
	for i, to := range c {
		if x > to[0] {
			continue
		}
		if i == 0 {
			return to[1]
		}
		from := c[i-1]
		return from[1] + (to[1]-from[1])*(x-from[0])/(to[0]-from[0])
	}
	return c[len(c)-1][1]
}
