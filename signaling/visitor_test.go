package signaling

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hiroba-rtc/hiroba/signaling/auth"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
	"github.com/hiroba-rtc/hiroba/signaling/room"
	"github.com/hiroba-rtc/hiroba/signaling/session"
)

// script is a media side whose legs fail when a test wants it, which a real
// one cannot be made to do. It notes what is asked of it.
type script struct {
	fails error // of the next offer
	calls []string
}

func (s *script) Open(string, string, Listener) (Leg, error) {
	s.calls = append(s.calls, "open")
	return s, nil
}

func (s *script) Offer(context.Context, string) (string, error) {
	s.calls = append(s.calls, "offer")
	return "answer", s.fails
}

func (s *script) Publish(tracks []*protocol.Track) {
	s.calls = append(s.calls, fmt.Sprintf("publish %d", len(tracks)))
}

func (s *script) View(view *protocol.View) {
	s.calls = append(s.calls, fmt.Sprintf("view %d", len(view.GetShown())))
}

func (s *script) Candidate(*protocol.Candidate) error { return nil }
func (s *script) Mute(string, bool)                   {}
func (s *script) Allow(Rights)                        {}
func (s *script) Suspend(bool)                        {}
func (s *script) Tell()                               {}
func (s *script) Close()                              { s.calls = append(s.calls, "close") }

// A leg that is beyond repair is replaced at the next offer; what the client
// publishes and shows is told to the new one.
func TestALostLegIsMadeAnew(t *testing.T) {
	media := &script{}
	service := NewService(Config{
		Limits: Limits{
			Outbox:   session.Bounds{Messages: 100, Bytes: 1 << 20},
			Sessions: 1, SessionsPerAddress: 1, SessionsPerUser: 1, JoinsPerMinute: 10, RequestsPerSecond: 10,
			MessageBytes: 1 << 16, DescriptionBytes: 1 << 18, MessagesPerSecond: 50, Slots: 8,
		},
		Anonymous: auth.DefaultGrants,
		Heartbeat: time.Minute,
		Detached:  time.Minute,
		Rooms: room.NewRooms(room.Config{
			Limits:   room.Limits{Rooms: 1, PeersPerRoom: 1, TracksPerPeer: 8},
			Defaults: &protocol.RoomSettings{MaxPeers: 1},
		}),
		Media:      media,
		Logger:     slog.New(slog.NewTextHandler(t.Output(), nil)),
		Registerer: prometheus.NewRegistry(),
	})
	v, refusal := service.Open(Caller{Addr: netip.IPv6Loopback()}, true)
	if refusal != nil {
		t.Fatal(refusal)
	}
	defer v.Close(nil)
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
