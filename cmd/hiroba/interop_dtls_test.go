package main

import (
	"bytes"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/pion/webrtc/v4"

	"github.com/hiroba-rtc/hiroba/signaling/client"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// roles are what a description says about who begins with DTLS (RFC 8842,
// 5.2), each once.
func roles(sdp string) (out []string) {
	for line := range strings.SplitSeq(sdp, "\r\n") {
		if role, ok := strings.CutPrefix(line, "a=setup:"); ok && !slices.Contains(out, role) {
			out = append(out, role)
		}
	}
	return out
}

// A client may begin with DTLS, wait for it, or leave that to the server.
func TestEitherSideBeginsDTLS(t *testing.T) {
	abreast(t)
	_, url := runServer(t, nil)
	face := newSource(t, webrtc.MimeTypeVP8, []byte("ann looks"))
	enter(t, url, "tea", nil).publish(face)
	for offered, answered := range map[string]string{"actpass": "active", "active": "passive", "passive": "active"} {
		t.Run(offered, func(t *testing.T) {
			link, err := client.Dial(bounded(t), client.Options{URL: url})
			if err != nil {
				t.Fatal(err)
			}
			defer link.Close() //nolint:errcheck // it says that it was closed
			pc, err := loopbackAPI(t).NewPeerConnection(webrtc.Configuration{})
			if err != nil {
				t.Fatal(err)
			}
			var received atomic.Int64
			enough := make(chan struct{})
			pc.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
				for {
					packet, _, err := track.ReadRTP()
					if err != nil {
						return
					}
					if bytes.HasSuffix(packet.Payload, face.body) && received.Add(1) == 20 {
						close(enough)
					}
				}
			})
			defer pc.GracefulClose() //nolint:errcheck // of a client that is done
			if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{
				Direction: webrtc.RTPTransceiverDirectionRecvonly,
			}); err != nil {
				t.Fatal(err)
			}
			for n, say := range []func(*protocol.Description) (string, error){
				func(offer *protocol.Description) (string, error) {
					answer, err := link.Request(bounded(t), &protocol.ClientMessage{Body: &protocol.ClientMessage_Join{
						Join: &protocol.Join{Room: "tea", Offer: offer},
					}})
					return answer.GetJoined().GetAnswer().GetSdp(), err
				},
				func(offer *protocol.Description) (string, error) { // the roles stay
					answer, err := link.Request(bounded(t), &protocol.ClientMessage{Body: &protocol.ClientMessage_Description{Description: offer}})
					return answer.GetDescription().GetSdp(), err
				},
			} {
				offer, err := pc.CreateOffer(nil)
				if err != nil {
					t.Fatal(err)
				}
				gathered := webrtc.GatheringCompletePromise(pc)
				if err := pc.SetLocalDescription(offer); err != nil {
					t.Fatal(err)
				}
				<-gathered
				answer, err := say(&protocol.Description{
					To: protocol.SFU, Type: protocol.Description_OFFER,
					Sdp: strings.ReplaceAll(pc.LocalDescription().SDP, "a=setup:actpass", "a=setup:"+offered),
				})
				if err != nil {
					t.Fatal(err)
				}
				if got := roles(answer); !slices.Equal(got, []string{answered}) {
					t.Fatalf("offer %d says %s, and its answer %q", n+1, offered, got)
				}
				if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
					t.Fatal(err)
				}
			}
			select {
			case <-enough:
			case <-bounded(t).Done():
				t.Fatalf("only %d packets came; the connection is %v", received.Load(), pc.ConnectionState())
			}
		})
	}
}
