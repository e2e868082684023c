package client

import (
	"context"
	"errors"
	"fmt"

	"github.com/pion/webrtc/v4"

	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// answersLost is how often a request may lose its answer before it is given
// up. Each time the client has missed more than the server keeps.
const answersLost = 3

// negotiation lets one offer at a time out to the SFU; the next is made when
// the answer to the last has been applied.
type negotiation struct {
	// turn holds a token while nobody offers. It is taken for good by close.
	turn chan struct{}
}

// change is one change of what is offered.
type change struct {
	// make changes the sections, when its turn has come.
	make func() error
	// say sends the offer and returns the answer; nil for a description alone.
	say func(ctx context.Context, sdp string) (answer string, err error)
	// undo takes the change back when it was refused; nil for what needs none.
	undo func()
	// restart looks for a new path (RFC 8445, section 9).
	restart bool
}

func (n *negotiation) init() {
	n.turn = make(chan struct{}, 1)
	n.turn <- struct{}{}
}

// close waits for the offer that is out, and lets out no more.
func (n *negotiation) close() { <-n.turn }

// negotiate carries out a change. Once its turn has come it is carried through:
// when ctx ends later, the caller alone does not wait for it.
func (r *Room) negotiate(ctx context.Context, c change) error {
	select {
	case <-r.negotiation.turn:
	case <-r.life.Done():
		return ErrClosed
	case <-ctx.Done():
		return fmt.Errorf("client: waiting for another offer to be answered: %w", ctx.Err())
	}
	done := make(chan error, 1)
	// The turn that it holds is what close waits for.
	go func() {
		err := r.exchange(c)
		r.negotiation.turn <- struct{}{}
		done <- err
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("client: waiting for the answer to an offer: %w", ctx.Err())
	}
}

// exchange makes an offer and applies its answer. The offer counts on this side
// only once there is an answer, so that a refused one leaves nothing to roll
// back but what c.make did.
func (r *Room) exchange(c change) (err error) {
	if r.life.Err() != nil {
		return ErrClosed
	}
	defer func() {
		if err != nil && c.undo != nil {
			c.undo()
		}
	}()
	if c.make != nil {
		if err := c.make(); err != nil {
			return err
		}
	}
	if c.restart {
		r.trickle.hold()
	}
	offer, err := r.pc.CreateOffer(&webrtc.OfferOptions{ICERestart: c.restart})
	if err != nil {
		return fmt.Errorf("client: making an offer: %w", err)
	}
	say := c.say
	if say == nil {
		say = r.describe
	}
	answer, err := say(r.life, offer.SDP)
	if err != nil {
		return err
	}
	if err := r.pc.SetLocalDescription(offer); err != nil {
		return fmt.Errorf("client: making an offer: %w", err)
	}
	if err := r.accept(answer); err != nil {
		return err
	}
	r.trickle.start()
	return nil
}

// describe sends an offer and returns the SFU's answer.
func (r *Room) describe(ctx context.Context, sdp string) (answer string, err error) {
	got, err := r.insist(ctx, func() *protocol.ClientMessage {
		return &protocol.ClientMessage{Body: &protocol.ClientMessage_Description{
			Description: &protocol.Description{To: protocol.SFU, Type: protocol.Description_OFFER, Sdp: sdp},
		}}
	})
	return got.GetDescription().GetSdp(), err
}

// insist asks for something that may be done twice, again if the answer is
// lost.
func (r *Room) insist(ctx context.Context, message func() *protocol.ClientMessage) (answer *protocol.ServerMessage, err error) {
	for range answersLost {
		answer, err = r.link.Request(ctx, message())
		if !errors.Is(err, ErrAnswerLost) {
			break
		}
	}
	return answer, err
}

// accept applies the SFU's answer.
func (r *Room) accept(sdp string) error {
	if offered := r.pc.LocalDescription(); offered != nil {
		r.prompt.agreed(offered.SDP, sdp)
	}
	err := r.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: sdp})
	if err != nil {
		return fmt.Errorf("client: the server's answer: %w", err)
	}
	return nil
}

// OpenSlots adds slots, to receive more tracks at once. They are as good as
// open when it returns; those that the server refuses are not there. When ctx
// ends first, they may be opened all the same.
func (r *Room) OpenSlots(ctx context.Context, audio, video int) error {
	if audio < 0 || video < 0 {
		return fmt.Errorf("client: %d audio and %d video slots cannot be opened", audio, video)
	}
	var added []*webrtc.RTPTransceiver
	return r.negotiate(ctx, change{
		make: func() (err error) {
			if err := r.roomForSlots(audio, video); err != nil {
				return err
			}
			added, err = r.addSlots(audio, video)
			return err
		},
		undo: func() {
			// The library cannot open them again; the sections stay, empty.
			for _, t := range added {
				_ = t.Stop()
			}
		},
	})
}

// roomForSlots spares the server, and the SDP, an offer that it would refuse.
func (r *Room) roomForSlots(audio, video int) error {
	open := map[webrtc.RTPCodecType]int{}
	for _, t := range r.pc.GetTransceivers() {
		if t.Direction() == webrtc.RTPTransceiverDirectionRecvonly {
			open[t.Kind()]++
		}
	}
	most := int(r.link.Welcome().GetLimits().GetSlots())
	if open[webrtc.RTPCodecTypeAudio]+audio > most || open[webrtc.RTPCodecTypeVideo]+video > most {
		return fmt.Errorf("client: %d audio and %d video slots are open; the server fills %d of each kind",
			open[webrtc.RTPCodecTypeAudio], open[webrtc.RTPCodecTypeVideo], most)
	}
	return nil
}
