package client

import (
	"testing"

	"github.com/pion/webrtc/v4"

	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// The answer that names tracks and news of them reach the client by two ways:
// what counts is the server's order, not the one in which they are seen.
func TestNewsThatOvertakeTheirNames(t *testing.T) {
	removed := func(seq uint64) *protocol.ServerMessage {
		return &protocol.ServerMessage{Seq: seq, Body: &protocol.ServerMessage_TrackRemoved{
			TrackRemoved: &protocol.TrackRemoved{Peer: "me", Track: "a"},
		}}
	}
	muted := func(seq uint64) *protocol.ServerMessage {
		return &protocol.ServerMessage{Seq: seq, Body: &protocol.ServerMessage_TrackUpdated{
			TrackUpdated: &protocol.TrackUpdated{Peer: "me", Track: &protocol.Track{Id: "a", Muted: true}},
		}}
	}
	snapshot := func(seq uint64, tracks ...*protocol.Track) *protocol.ServerMessage {
		return &protocol.ServerMessage{Seq: seq, Body: &protocol.ServerMessage_Joined{
			Joined: &protocol.Joined{Snapshot: true, Tracks: tracks},
		}}
	}
	for _, tc := range []struct {
		name  string
		news  *protocol.ServerMessage
		first bool // they are seen before the names, which have the number 5
		gone  bool
		muted bool
	}{
		{"removed, seen before", removed(6), true, true, false},
		{"removed, seen after", removed(6), false, true, false},
		{"muted, seen before", muted(6), true, false, true},
		{"muted, seen after", muted(6), false, false, true},
		{"older than the names", muted(4), true, false, false},
		{"a snapshot without it", snapshot(6), true, true, false},
		{"a snapshot with it", snapshot(6, &protocol.Track{Id: "a", Muted: true}), true, false, true},
		{"of somebody else", &protocol.ServerMessage{Seq: 6, Body: &protocol.ServerMessage_TrackRemoved{
			TrackRemoved: &protocol.TrackRemoved{Peer: "another", Track: "a"},
		}}, true, false, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8}, "t", "s")
			if err != nil {
				t.Fatal(err)
			}
			var ps publications
			ps.add(&publication{section: &section{transceiver: &webrtc.RTPTransceiver{}, outlets: []*outlet{newOutlet(track)}}})
			_, named := ps.offers()
			if tc.first {
				ps.apply("me", tc.news)
			}
			if err := ps.name(named, []*protocol.Track{{Id: "a"}}, 5); err != nil {
				t.Fatal(err)
			}
			if !tc.first {
				ps.apply("me", tc.news)
			}
			got := ps.tracks()
			if gone := len(got) == 0; gone != tc.gone || len(ps.ended()) == 1 != tc.gone {
				t.Errorf("it is gone: %v, want %v", gone, tc.gone)
			}
			if !tc.gone && got[0].GetMuted() != tc.muted {
				t.Errorf("it is muted: %v, want %v", got[0].GetMuted(), tc.muted)
			}
		})
	}
}

// A snapshot takes the place of all that was known before.
func TestASnapshotReplacesTheRoster(t *testing.T) {
	var r roster
	r.reset(&protocol.Joined{
		Self:  &protocol.Peer{Id: "me"},
		Peers: []*protocol.Peer{{Id: "b", JoinedMs: 2, Tracks: []*protocol.Track{{Id: "t"}}}, {Id: "a", JoinedMs: 1}},
	})
	before := r.everybody()
	if len(before) != 2 || before[0].GetId() != "a" || before[1].GetId() != "b" {
		t.Fatalf("there are %v", before)
	}
	r.apply(&protocol.ServerMessage{Body: &protocol.ServerMessage_PeerUpdated{
		PeerUpdated: &protocol.PeerUpdated{Peer: &protocol.Peer{Id: "b", JoinedMs: 2, Away: true}},
	}})
	if b := r.everybody()[1]; !b.GetAway() || len(b.GetTracks()) != 1 {
		t.Errorf("after an update there is %v", b)
	}
	if before[1].GetAway() {
		t.Error("a peer that was given away has changed")
	}
	r.apply(&protocol.ServerMessage{Body: &protocol.ServerMessage_Joined{Joined: &protocol.Joined{
		Snapshot: true, Self: &protocol.Peer{Id: "me"}, Peers: []*protocol.Peer{{Id: "c"}},
	}}})
	if now := r.everybody(); len(now) != 1 || now[0].GetId() != "c" {
		t.Errorf("after a snapshot there are %v", now)
	}
}
