package client

import (
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// bytesPerToken is how much of a message the server counts as one.
const bytesPerToken = 4 << 10

// price is how many messages the server counts a message as.
func price(message *protocol.ClientMessage) float64 {
	// JSON is longer than what is measured here.
	return float64(1 + proto.Size(message)*5/4/bytesPerToken)
}

// pace keeps what is sent a little below what the server takes: so many
// messages a second on average, and twice as many in a burst. It is not safe
// for concurrent use.
type pace struct {
	rate, burst float64 // 0 is no bound
	most        float64 // that the server counts one message as
	tokens      float64
	last        time.Time
}

// newPace makes the pace for a server that takes perSecond messages.
func newPace(now time.Time, perSecond float64) *pace {
	burst := 1.6 * perSecond
	return &pace{rate: 0.9 * perSecond, burst: burst, most: 2 * perSecond, tokens: burst, last: now}
}

// wait takes what a message costs and says how long to wait before it is sent.
func (p *pace) wait(now time.Time, cost float64) time.Duration {
	if p.rate == 0 {
		return 0
	}
	p.tokens = min(p.burst, p.tokens+now.Sub(p.last).Seconds()*p.rate)
	p.last = now
	p.tokens -= min(cost, p.most)
	if p.tokens >= 0 {
		return 0
	}
	return time.Duration(-p.tokens / p.rate * float64(time.Second))
}
