package sfu

import (
	"errors"
	"fmt"
	"testing"

	"github.com/pion/webrtc/v4"
)

// again makes the client's next offer and takes the answer.
func (g *stranger) again(options *webrtc.OfferOptions) {
	g.t.Helper()
	offer, err := g.pc.CreateOffer(options)
	if err != nil {
		g.t.Fatal(err)
	}
	if err := g.pc.SetLocalDescription(offer); err != nil {
		g.t.Fatal(err)
	}
	answer, err := g.peer.Offer(g.t.Context(), offer.SDP)
	if err != nil {
		g.t.Fatal(err)
	}
	if err := g.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		g.t.Fatal(err)
	}
}

// Candidates are bounded, and a call that changes networks all day does not
// run out of them.
func TestAnICERestartBeginsCandidatesAnew(t *testing.T) {
	s := runSFU(t)
	g := arrive(t, s, "tea", "ann", webrtc.NetworkTypeUDP4, withSlots(1), nil)
	name := func(n int) error {
		return g.peer.AddCandidate(Candidate{Candidate: fmt.Sprintf("candidate:1 1 udp 1 127.0.0.2 %d typ host", n), SDPMid: "0"})
	}
	g.again(nil) // not a restart
	for range 2 {
		for n := range maxCandidates {
			if err := name(n + 1); err != nil {
				t.Fatalf("candidate %d: %v", n+1, err)
			}
		}
		if err := name(1); !errors.Is(err, ErrBadCandidate) {
			t.Fatalf("one more came to %v", err)
		}
		g.again(nil)
		if err := name(1); !errors.Is(err, ErrBadCandidate) {
			t.Fatalf("one more after an offer without a restart came to %v", err)
		}
		g.again(&webrtc.OfferOptions{ICERestart: true})
	}
}
