package client_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pion/webrtc/v4"

	"github.com/hiroba-rtc/hiroba/signaling/client"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// What cannot be a server is said so before anything is tried.
func ExampleDial() {
	_, err := client.Dial(context.Background(), client.Options{URL: "localhost:8080"})
	fmt.Println(err)
	// Output: client: "localhost:8080" is no URL of a server: it begins with neither http:// nor https://
}

func ExampleJoin() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // a minute at the door, too
	defer cancel()
	room, err := client.Join(ctx, client.Config{
		Options: client.Options{
			URL:   "https://calls.example",
			Token: func(context.Context) (string, error) { return "a fresh access token", nil },
			Handle: func(m *protocol.ServerMessage) {
				if said := m.GetMessage(); said != nil {
					fmt.Println(said.GetFrom(), "says", said.GetText())
				}
			},
		},
		Room: "tea", Name: "Ann", AudioSlots: 4, VideoSlots: 4,
		OnTrack: func(mid string, stream *webrtc.TrackRemote) {
			for {
				packet, _, err := stream.ReadRTP()
				if err != nil {
					return
				}
				_ = packet // decode it, show it
			}
		},
	})
	var refused *protocol.Error
	if errors.As(err, &refused) {
		fmt.Println("the server says:", refused.GetMessage())
	}
	if err != nil {
		return
	}
	defer room.Leave(context.Background()) //nolint:errcheck // the server finds out by itself
	<-room.Done()
}

func ExampleRoom_Slots() {
	var room *client.Room // joined
	names := map[string]string{}
	for _, peer := range room.Peers() {
		names[peer.GetId()] = peer.GetName()
	}
	for _, slot := range room.Slots() {
		if slot.GetTrack() != "" && slot.GetWhy() == protocol.Slot_WHY_UNSPECIFIED {
			fmt.Println("in section", slot.GetMid(), "comes", names[slot.GetPeer()])
		}
	}
}

func ExampleRoom_Publish() {
	var room *client.Room // joined
	track, err := webrtc.NewTrackLocalStaticSample(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8}, "video", "camera")
	if err != nil {
		return
	}
	keyframe := make(chan struct{}, 1) // for the encoder
	published, err := room.Publish(context.Background(), client.LocalTrack{
		Track: track, Source: "camera",
		OnKeyframe: func() {
			select {
			case keyframe <- struct{}{}:
			default: // it is about to make one
			}
		},
	})
	if err != nil {
		return
	}
	defer room.Unpublish(context.Background(), published.GetId()) //nolint:errcheck // only the end of the example
}

func ExampleRoom_Moderate() {
	var room *client.Room // joined, with the grant ADMIN
	// In Handle: knock := message.GetKnock()
	knock := &protocol.Knock{Peer: "4yjtuwxkeo7e", Name: "Bob"}
	_ = room.Moderate(context.Background(), &protocol.Moderate{Action: &protocol.Moderate_Admit{Admit: knock.GetPeer()}})
}
