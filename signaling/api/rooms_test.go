package api_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"github.com/hiroba-rtc/hiroba/signaling/protocol"
	"github.com/hiroba-rtc/hiroba/signaling/room"
)

func TestARoomIsMadeChangedAndEnded(t *testing.T) {
	l := newLab(t, nil)
	c, ctx := l.admin(), t.Context()
	made, err := c.CreateRoom(ctx, connect.NewRequest(&protocol.CreateRoomRequest{
		Room: "広場", Settings: &protocol.RoomChange{Metadata: proto.String("a square"), MaxPeers: proto.Uint32(3)},
	}))
	if err != nil {
		t.Fatal(err)
	}
	if m := made.Msg; m.GetName() != "広場" || m.GetSettings().GetMetadata() != "a square" || m.GetSettings().GetMaxPeers() != 3 ||
		m.GetPeers() != 0 || m.GetCreatedMs() == 0 || m.GetSettings().GetEmptySeconds() != 60 {
		t.Errorf("it is made as %v", m)
	}
	bob := l.enter("広場", room.Identity{Name: "Bob"})
	changed, err := c.UpdateRoom(ctx, connect.NewRequest(&protocol.UpdateRoomRequest{
		Room: "広場", Settings: &protocol.RoomChange{Locked: proto.Bool(true)},
	}))
	if err != nil {
		t.Fatal(err)
	}
	if m := changed.Msg; !m.GetSettings().GetLocked() || m.GetSettings().GetMetadata() != "a square" || m.GetPeers() != 1 {
		t.Errorf("it was changed to %v", m)
	}
	if !bob.heard(func(m *protocol.ServerMessage) bool { return m.GetRoomUpdated().GetSettings().GetLocked() }) {
		t.Error("Bob was not told")
	}
	if _, err := c.EndRoom(ctx, connect.NewRequest(&protocol.EndRoomRequest{Room: "広場"})); err != nil {
		t.Fatal(err)
	}
	if bob.removed.GetCode() != protocol.Error_ROOM_ENDED {
		t.Errorf("Bob was told %v", bob.removed)
	}
	bob.room.Leave(bob.Peer, protocol.PeerLeft_LEFT)
	_, err = c.GetRoom(ctx, connect.NewRequest(&protocol.GetRoomRequest{Room: "広場"}))
	refusal(t, err, connect.CodeNotFound)
}

func TestRoomsArePaged(t *testing.T) {
	l := newLab(t, nil)
	var want []string
	for i := range 249 {
		name := fmt.Sprintf("room-%03d", i)
		if _, _, err := l.rooms.Create(name, nil); err != nil {
			t.Fatal(err)
		}
		want = append(want, name)
	}
	want = append(want, "tea")
	for _, tc := range []struct {
		size  uint32
		pages int
	}{{0, 3}, {100, 3}, {249, 2}, {250, 1}, {1000, 1}, {1, 250}} {
		t.Run(fmt.Sprint(tc.size), func(t *testing.T) {
			var got []string
			pages, token := 0, ""
			for {
				page, err := l.admin().ListRooms(t.Context(), connect.NewRequest(&protocol.ListRoomsRequest{PageSize: tc.size, PageToken: token}))
				if err != nil {
					t.Fatal(err)
				}
				pages++
				for _, r := range page.Msg.GetRooms() {
					got = append(got, r.GetName())
				}
				if token = page.Msg.GetNextPageToken(); token == "" {
					break
				}
			}
			if pages != tc.pages || !slices.Equal(got, want) {
				t.Errorf("%d rooms came on %d pages", len(got), pages)
			}
		})
	}
}

func TestBadRequests(t *testing.T) {
	l := newLab(t, nil)
	c, ctx := l.admin(), t.Context()
	long := strings.Repeat("x", 5000)
	change := func(change *protocol.RoomChange) func() error {
		return func() error {
			_, err := c.UpdateRoom(ctx, connect.NewRequest(&protocol.UpdateRoomRequest{Room: "tea", Settings: change}))
			return err
		}
	}
	update := func(request *protocol.UpdatePeerRequest) func() error {
		return func() error {
			request.Room = "tea"
			if request.Peer == "" {
				request.Peer = l.ann.ID()
			}
			_, err := c.UpdatePeer(ctx, connect.NewRequest(request))
			return err
		}
	}
	say := func(request *protocol.SendMessageRequest) func() error {
		return func() error {
			if request.Room == "" {
				request.Room = "tea"
			}
			_, err := c.SendMessage(ctx, connect.NewRequest(request))
			return err
		}
	}
	for _, tc := range []struct {
		name   string
		call   func() error
		code   connect.Code
		reason protocol.Error_Code
	}{
		{"no room's name", func() error {
			_, err := c.CreateRoom(ctx, connect.NewRequest(&protocol.CreateRoomRequest{}))
			return err
		}, connect.CodeInvalidArgument, protocol.Error_BAD_ROOM_NAME},
		{"every room", func() error {
			_, err := c.EndRoom(ctx, connect.NewRequest(&protocol.EndRoomRequest{Room: "*"}))
			return err
		}, connect.CodeInvalidArgument, protocol.Error_BAD_ROOM_NAME},
		{"a new room for too many", func() error {
			_, err := c.CreateRoom(ctx, connect.NewRequest(&protocol.CreateRoomRequest{Room: "x", Settings: &protocol.RoomChange{MaxPeers: proto.Uint32(1e6)}}))
			return err
		}, connect.CodeInvalidArgument, protocol.Error_BAD_FIELD},
		{"a room there is, with bad settings", func() error {
			_, err := c.CreateRoom(ctx, connect.NewRequest(&protocol.CreateRoomRequest{Room: "tea", Settings: &protocol.RoomChange{Metadata: &long}}))
			return err
		}, connect.CodeInvalidArgument, protocol.Error_BAD_FIELD},
		{"a page of too many rooms", func() error {
			_, err := c.ListRooms(ctx, connect.NewRequest(&protocol.ListRoomsRequest{PageSize: 1001}))
			return err
		}, connect.CodeInvalidArgument, protocol.Error_BAD_FIELD},
		{"a room that is not there", func() error {
			_, err := c.ListPeers(ctx, connect.NewRequest(&protocol.ListPeersRequest{Room: "coffee"}))
			return err
		}, connect.CodeNotFound, protocol.Error_NO_SUCH_ROOM},
		{"too much metadata of a room", change(&protocol.RoomChange{Metadata: &long}), connect.CodeInvalidArgument, protocol.Error_BAD_FIELD},
		{"an unknown topology", change(&protocol.RoomChange{Topology: protocol.TopologyPolicy(99).Enum()}), connect.CodeInvalidArgument, protocol.Error_BAD_FIELD},
		{"a peer that is not there", func() error {
			_, err := c.GetPeer(ctx, connect.NewRequest(&protocol.GetPeerRequest{Room: "tea", Peer: "nobody"}))
			return err
		}, connect.CodeNotFound, protocol.Error_NO_SUCH_PEER},
		{"changing a peer that is not there", update(&protocol.UpdatePeerRequest{Peer: "nobody"}), connect.CodeNotFound, protocol.Error_NO_SUCH_PEER},
		{"a peer's name over two lines", update(&protocol.UpdatePeerRequest{Name: proto.String("a\nb")}), connect.CodeInvalidArgument, protocol.Error_BAD_FIELD},
		{"too much metadata of a peer", update(&protocol.UpdatePeerRequest{Metadata: &long}), connect.CodeInvalidArgument, protocol.Error_BAD_FIELD},
		{"a peer's role that is too long", update(&protocol.UpdatePeerRequest{Role: &long}), connect.CodeInvalidArgument, protocol.Error_BAD_FIELD},
		{"grants, but not to be changed", update(&protocol.UpdatePeerRequest{Grants: []protocol.Grant{protocol.Grant_ADMIN}}), connect.CodeInvalidArgument, protocol.Error_BAD_FIELD},
		{"an unknown grant", update(&protocol.UpdatePeerRequest{ChangeGrants: true, Grants: []protocol.Grant{99}}), connect.CodeInvalidArgument, protocol.Error_BAD_FIELD},
		{"no grant as one", update(&protocol.UpdatePeerRequest{ChangeGrants: true, Grants: []protocol.Grant{0}}), connect.CodeInvalidArgument, protocol.Error_BAD_FIELD},
		{"letting in who does not wait", update(&protocol.UpdatePeerRequest{Admit: true}), connect.CodeNotFound, protocol.Error_NO_SUCH_PEER},
		{"letting in and changing at once", update(&protocol.UpdatePeerRequest{Admit: true, Name: proto.String("x")}), connect.CodeInvalidArgument, protocol.Error_BAD_FIELD},
		{"removing who is not there", func() error {
			_, err := c.RemovePeer(ctx, connect.NewRequest(&protocol.RemovePeerRequest{Room: "tea", Peer: "nobody"}))
			return err
		}, connect.CodeNotFound, protocol.Error_NO_SUCH_PEER},
		{"a ban for ever", func() error {
			_, err := c.RemovePeer(ctx, connect.NewRequest(&protocol.RemovePeerRequest{Room: "tea", Peer: l.ann.ID(), BanSeconds: 1 << 31}))
			return err
		}, connect.CodeInvalidArgument, protocol.Error_BAD_FIELD},
		{"muting a track that is not there", func() error {
			_, err := c.MuteTrack(ctx, connect.NewRequest(&protocol.MuteTrackRequest{Room: "tea", Peer: l.ann.ID(), Track: "none"}))
			return err
		}, connect.CodeNotFound, protocol.Error_NO_SUCH_TRACK},
		{"stopping a track that is not there", func() error {
			_, err := c.MuteTrack(ctx, connect.NewRequest(&protocol.MuteTrackRequest{Room: "tea", Peer: l.ann.ID(), Track: "none", Stop: true}))
			return err
		}, connect.CodeNotFound, protocol.Error_NO_SUCH_TRACK},
		{"a message to a room that is not there", say(&protocol.SendMessageRequest{Room: "coffee"}), connect.CodeNotFound, protocol.Error_NO_SUCH_ROOM},
		{"a message to nobody", say(&protocol.SendMessageRequest{To: []string{l.ann.ID(), "nobody"}}), connect.CodeNotFound, protocol.Error_NO_SUCH_PEER},
		{"a message to too many", say(&protocol.SendMessageRequest{To: make([]string, 1001)}), connect.CodeInvalidArgument, protocol.Error_BAD_FIELD},
		{"a message under a long topic", say(&protocol.SendMessageRequest{Topic: long}), connect.CodeInvalidArgument, protocol.Error_BAD_FIELD},
		{"a long message", say(&protocol.SendMessageRequest{Text: long}), connect.CodeInvalidArgument, protocol.Error_MESSAGE_TOO_LARGE},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := refusal(t, tc.call(), tc.code); got.GetCode() != tc.reason {
				t.Errorf("it was refused with %v", got)
			}
		})
	}
	ann, err := c.GetPeer(ctx, connect.NewRequest(&protocol.GetPeerRequest{Room: "tea", Peer: l.ann.ID()}))
	if err != nil || ann.Msg.GetName() != "Ann" || ann.Msg.GetMetadata() != "" || len(ann.Msg.GetTracks()) != 1 || ann.Msg.GetTracks()[0].GetMuted() {
		t.Errorf("Ann has been changed: %v, %v", ann, err)
	}
	if l.ann.heard(func(m *protocol.ServerMessage) bool { return m.GetMessage() != nil }) {
		t.Error("a message went out")
	}
}
