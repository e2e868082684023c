package sfu

import (
	"strings"
	"testing"

	"github.com/pion/webrtc/v4"
	"google.golang.org/protobuf/proto"

	"github.com/hiroba-rtc/hiroba/internal/dataframe"
)

// Two clients exchange frames, whether or not each has put its SCTP's INIT into
// its offer; who has is answered with one of ours, the same each time.
func TestDataWithoutAHandshakeOfSCTP(t *testing.T) {
	for _, tc := range []struct {
		name     string
		ann, bob bool
	}{{"both with", true, true}, {"one with", true, false}, {"none with", false, false}} {
		t.Run(tc.name, func(t *testing.T) {
			s := runSFU(t)
			heard := make(chan string, 2)
			enter := func(id string, snap bool) *webrtc.DataChannel {
				var settings webrtc.SettingEngine
				settings.SetIncludeLoopbackCandidate(true)
				settings.SetInterfaceFilter(func(name string) bool { return name == "lo" })
				settings.EnableSctpSnap(snap)
				pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(settings)).NewPeerConnection(webrtc.Configuration{})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = pc.GracefulClose() })
				channel, err := pc.CreateDataChannel(labelReliable, nil)
				if err != nil {
					t.Fatal(err)
				}
				open := make(chan struct{})
				channel.OnOpen(func() { close(open) })
				channel.OnMessage(func(m webrtc.DataChannelMessage) {
					frame := &dataframe.DataFrame{}
					if err := proto.Unmarshal(m.Data, frame); err != nil {
						t.Error(err)
					}
					heard <- frame.GetFrom() + " to " + id + ": " + frame.GetTopic()
				})
				peer, err := s.Join("tea", id, &told{})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(peer.Close)
				tokens := map[string]bool{}
				for range 2 {
					offer, err := pc.CreateOffer(nil)
					if err != nil {
						t.Fatal(err)
					}
					if err := pc.SetLocalDescription(offer); err != nil {
						t.Fatal(err)
					}
					answer, err := peer.Offer(t.Context(), offer.SDP)
					if err != nil {
						t.Fatal(err)
					}
					if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
						t.Fatal(err)
					}
					_, token, _ := strings.Cut(answer, "a=sctp-init:")
					token, _, _ = strings.Cut(token, "\r\n")
					tokens[token] = true
				}
				if len(tokens) != 1 || tokens[""] == snap {
					t.Errorf("%s was answered %v", id, tokens)
				}
				<-open
				return channel
			}
			channels := []*webrtc.DataChannel{enter("ann", tc.ann), enter("bob", tc.bob)}
			until(t, "both channels at the server", func() bool { return channelsOf(s, "tea") == 2 })
			want := map[string]bool{"bob to ann: hello": true, "ann to bob: hello": true}
			frame, err := proto.Marshal(&dataframe.DataFrame{Topic: "hello"})
			if err != nil {
				t.Fatal(err)
			}
			for _, channel := range channels {
				if err := channel.Send(frame); err != nil {
					t.Fatal(err)
				}
			}
			for range channels {
				if got := <-heard; !want[got] {
					t.Errorf("heard %q", got)
				}
			}
		})
	}
}

// channelsOf is how many DataChannels the peers of a room have.
func channelsOf(s *SFU, room string) (n int) {
	s.mu.Lock()
	r := s.rooms[room]
	s.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.peers {
		p.data.mu.Lock()
		n += len(p.data.channels)
		p.data.mu.Unlock()
	}
	return n
}
