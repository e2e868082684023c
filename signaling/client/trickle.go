package client

import (
	"sync"

	"github.com/pion/webrtc/v4"

	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// trickle sends the client's candidates to the SFU (RFC 8838), once the SFU
// has the offer that they belong to.
type trickle struct {
	link *Link

	mu      sync.Mutex // guards all below
	started bool
	held    []*protocol.Candidate
}

func newTrickle(link *Link) *trickle { return &trickle{link: link} }

// found takes a candidate; nil says that there are no more.
func (t *trickle) found(c *webrtc.ICECandidate) {
	out := &protocol.Candidate{To: protocol.SFU}
	if c != nil {
		init := c.ToJSON()
		out.Candidate = init.Candidate
		if init.SDPMid != nil {
			out.SdpMid = *init.SDPMid
		}
		if init.SDPMLineIndex != nil {
			out.SdpMLineIndex = uint32(*init.SDPMLineIndex)
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.started {
		t.held = append(t.held, out)
		return
	}
	t.send(out)
}

// hold keeps what is found from now on for an offer that looks for a new path;
// what was kept for one that was refused is of no use any more.
func (t *trickle) hold() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.started, t.held = false, nil
}

// start sends what was held and everything from now on.
func (t *trickle) start() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.started = true
	for _, c := range t.held {
		t.send(c)
	}
	t.held = nil
}

func (t *trickle) send(c *protocol.Candidate) {
	// A link that cannot send has ended, and says so itself.
	_ = t.link.Send(&protocol.ClientMessage{Body: &protocol.ClientMessage_Candidate{Candidate: c}})
}
