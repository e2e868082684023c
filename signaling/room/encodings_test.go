package room_test

import (
	"testing"

	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

func camera(encodings ...*protocol.Encoding) *protocol.TrackOffer {
	return &protocol.TrackOffer{Mid: "0", Kind: protocol.Kind_VIDEO, Source: "camera", Encodings: encodings}
}

func TestEncodings(t *testing.T) {
	rid := func(rids ...string) (out []*protocol.Encoding) {
		for _, r := range rids {
			out = append(out, &protocol.Encoding{Rid: r})
		}
		return out
	}
	for _, tc := range []struct {
		name      string
		encodings []*protocol.Encoding
		refused   bool
	}{
		{"none", nil, false},
		{"one without a rid", []*protocol.Encoding{{Width: 1280, Height: 720}}, false},
		{"simulcast", rid("q", "h", "f"), false},
		{"four", rid("1", "2", "3", "0123456789abcdEF"), false},
		{"the largest picture", []*protocol.Encoding{{Width: 16384, Height: 16384}}, false},
		{"five", rid("1", "2", "3", "4", "5"), true},
		{"a rid too long", rid("0123456789abcdEFG"), true},
		{"a rid that ends its line", rid("q\r\na=x"), true},
		{"a rid of other letters", rid("広"), true},
		{"a rid twice", rid("q", "q"), true},
		{"one of several without a rid", rid("", "q"), true},
		{"too wide", []*protocol.Encoding{{Width: 16385}}, true},
		{"too high", []*protocol.Encoding{{Height: 1 << 31}}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tracks, err := newRooms().Tracks(nil, []*protocol.TrackOffer{camera(tc.encodings...)})
			switch {
			case tc.refused && (err.GetCode() != protocol.Error_BAD_FIELD || err.GetMessage() == ""):
				t.Errorf("it was taken, or refused by %v", err)
			case !tc.refused && (err != nil || len(tracks[0].GetEncodings()) != len(tc.encodings)):
				t.Errorf("there are %v, %v", tracks, err)
			}
		})
	}
}

// What a publisher sends at once is between it and the server.
func TestEncodingsAreNotTold(t *testing.T) {
	rooms := newRooms()
	ann, bob := enter(t, rooms, "tea", camera(&protocol.Encoding{Rid: "f", Width: 640, Height: 360})), enter(t, rooms, "tea")
	if peers := bob.told[0].GetJoined().GetPeers(); len(peers) != 1 || peers[0].GetTracks()[0].GetEncodings() != nil {
		t.Errorf("Bob was told %v", peers)
	}
	bob.news()
	ann.news()
	larger := camera(&protocol.Encoding{Rid: "f", Width: 1280, Height: 720})
	if _, err := ann.room.Publish(ann.Peer, []*protocol.TrackOffer{larger}); err != nil {
		t.Fatal(err)
	}
	if got := ann.publishes[0].GetEncodings(); len(got) != 1 || got[0].GetWidth() != 1280 {
		t.Errorf("the media side knows of %v", got)
	}
	if news := bob.news(); len(news) != 0 {
		t.Errorf("Bob was told %v, though nothing of it is his business", news)
	}
}
