package signaling

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// A leg that is beyond repair is replaced at the next offer; what the client
// publishes and shows is told to the new one.
func TestALostLegIsMadeAnew(t *testing.T) {
	h := newHouse(t)
	media := h.media
	v, refusal := h.Open(Caller{Addr: netip.IPv6Loopback()}, true)
	if refusal != nil {
		t.Fatal(refusal)
	}
	attachment, refusal := v.Attach(Hold{})
	if refusal != nil {
		t.Fatal(refusal)
	}
	seq := uint64(0)
	say := func(message *protocol.ClientMessage) *protocol.ServerMessage {
		t.Helper()
		seq++
		message.Seq, message.Id = seq, "x"
		v.Receive(t.Context(), message, 1)
		answers, err := attachment.Read(nil)
		if err != nil || len(answers) != 1 {
			t.Fatalf("%d answers, %v", len(answers), err)
		}
		return answers[0].Event.Message()
	}
	description := &protocol.Description{To: protocol.SFU, Type: protocol.Description_OFFER}
	offer := func() *protocol.ServerMessage {
		return say(&protocol.ClientMessage{Body: &protocol.ClientMessage_Description{Description: description}})
	}

	say(&protocol.ClientMessage{Body: &protocol.ClientMessage_Join{Join: &protocol.Join{
		Room: "tea", Offer: description,
		Tracks: []*protocol.TrackOffer{{Mid: "0", Kind: protocol.Kind_AUDIO}},
	}}})
	say(&protocol.ClientMessage{Body: &protocol.ClientMessage_View{
		View: &protocol.View{Shown: []*protocol.Shown{{Track: "a"}, {Track: "b"}}},
	}})
	// A bad offer alone does not cost the leg.
	media.fails = fmt.Errorf("%w: it is nonsense", ErrBadDescription)
	offer()
	media.fails = fmt.Errorf("%w: the ICE agent is closed; %w", ErrBadDescription, ErrLegLost)
	refusal = offer().GetError()
	if refusal.GetCode() != protocol.Error_BAD_DESCRIPTION || refusal.GetFatal() ||
		!strings.Contains(refusal.GetMessage(), "the ICE agent is closed") ||
		!strings.Contains(refusal.GetMessage(), "Make a new PeerConnection and offer again.") {
		t.Fatalf("the client was told %v", refusal)
	}
	media.fails = nil
	if got := offer().GetDescription().GetSdp(); got != "answer" {
		t.Fatalf("the next offer was answered %q", got)
	}
	want := []string{
		"open", "offer", "publish 1", "view 0", "view 2", "offer",
		"offer", "close", "open", "offer", "publish 1", "view 2",
	}
	if !slices.Equal(media.calls, want) {
		t.Fatalf("the media side was asked for %q, want %q", media.calls, want)
	}
}
