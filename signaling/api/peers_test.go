package api_test

import (
	"net/netip"
	"slices"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"github.com/hiroba-rtc/hiroba/signaling/protocol"
	"github.com/hiroba-rtc/hiroba/signaling/room"
)

func TestPeersAreToldOf(t *testing.T) {
	l := newLab(t, nil)
	bob := l.enter("tea", room.Identity{Name: "Bob", Role: "guest"})
	list, err := l.admin().ListPeers(t.Context(), connect.NewRequest(&protocol.ListPeersRequest{Room: "tea"}))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range list.Msg.GetPeers() {
		names = append(names, p.GetName())
		one, err := l.admin().GetPeer(t.Context(), connect.NewRequest(&protocol.GetPeerRequest{Room: "tea", Peer: p.GetId()}))
		if err != nil || !proto.Equal(one.Msg, p) {
			t.Errorf("in a list, a peer is %v, alone it is %v, %v", p, one, err)
		}
		for _, track := range p.GetTracks() {
			if track.GetMid() != "" {
				t.Error("the publisher's mid is told")
			}
		}
		if p.GetId() == bob.ID() && (p.GetRole() != "guest" || p.GetJoinedMs() == 0 || len(p.GetGrants()) != 3) {
			t.Errorf("Bob is %v", p)
		}
	}
	if slices.Sort(names); !slices.Equal(names, []string{"Ann", "Bob"}) || len(list.Msg.GetWaiting()) != 0 {
		t.Errorf("there are %v", list.Msg)
	}
}

func TestAPeerIsChanged(t *testing.T) {
	for _, tc := range []struct {
		name    string
		request *protocol.UpdatePeerRequest
		want    *protocol.Peer
	}{
		{"nothing", &protocol.UpdatePeerRequest{}, &protocol.Peer{Name: "Ann", User: "ann", Grants: []protocol.Grant{1, 2, 3}}},
		{"name, role and metadata", &protocol.UpdatePeerRequest{Name: proto.String("Anna"), Role: proto.String("host"), Metadata: proto.String("{}")},
			&protocol.Peer{Name: "Anna", Role: "host", Metadata: "{}", User: "ann", Grants: []protocol.Grant{1, 2, 3}}},
		{"a name taken away", &protocol.UpdatePeerRequest{Name: proto.String("")}, &protocol.Peer{User: "ann", Grants: []protocol.Grant{1, 2, 3}}},
		{"grants", &protocol.UpdatePeerRequest{ChangeGrants: true, Grants: []protocol.Grant{protocol.Grant_ADMIN, protocol.Grant_SUBSCRIBE, protocol.Grant_ADMIN}},
			&protocol.Peer{Name: "Ann", User: "ann", Grants: []protocol.Grant{protocol.Grant_SUBSCRIBE, protocol.Grant_ADMIN}}},
		{"no grants", &protocol.UpdatePeerRequest{ChangeGrants: true}, &protocol.Peer{Name: "Ann", User: "ann"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := newLab(t, nil)
			tc.request.Room, tc.request.Peer = "tea", l.ann.ID()
			got, err := l.admin().UpdatePeer(t.Context(), connect.NewRequest(tc.request))
			if err != nil {
				t.Fatal(err)
			}
			publishes := slices.Contains(tc.want.GetGrants(), protocol.Grant_PUBLISH)
			if (len(got.Msg.GetTracks()) == 1) != publishes {
				t.Errorf("the tracks are %v", got.Msg.GetTracks())
			}
			tc.want.Id, tc.want.JoinedMs, tc.want.Tracks = l.ann.ID(), got.Msg.GetJoinedMs(), got.Msg.GetTracks()
			if !proto.Equal(got.Msg, tc.want) {
				t.Errorf("got %v, want %v", got.Msg, tc.want)
			}
		})
	}
}

func TestTheDoorIsKept(t *testing.T) {
	l := newLab(t, nil)
	c, ctx := l.admin(), t.Context()
	if _, err := c.UpdateRoom(ctx, connect.NewRequest(&protocol.UpdateRoomRequest{Room: "tea", Settings: &protocol.RoomChange{Lobby: proto.Bool(true)}})); err != nil {
		t.Fatal(err)
	}
	bob := newMember(room.Identity{Name: "Bob", User: "bob", Metadata: "m"})
	if wait, err := l.rooms.Knock("tea", bob.Peer); err != nil || !wait {
		t.Fatalf("Bob waits: %v, %v", wait, err)
	}
	list, err := c.ListPeers(ctx, connect.NewRequest(&protocol.ListPeersRequest{Room: "tea"}))
	if err != nil || len(list.Msg.GetPeers()) != 1 || len(list.Msg.GetWaiting()) != 1 || list.Msg.GetWaiting()[0].GetName() != "Bob" {
		t.Fatalf("there are %v, %v", list, err)
	}
	got, err := c.UpdatePeer(ctx, connect.NewRequest(&protocol.UpdatePeerRequest{Room: "tea", Peer: bob.ID(), Admit: true}))
	if err != nil || !bob.let {
		t.Fatalf("Bob was let in: %v, %v", bob.let, err)
	}
	if want := (&protocol.Peer{Id: bob.ID(), Name: "Bob", User: "bob", Metadata: "m"}); !proto.Equal(got.Msg, want) {
		t.Errorf("got %v, want %v", got.Msg, want)
	}
	if _, err := l.rooms.Enter("tea", bob.Peer, nil, nil, ""); err != nil {
		t.Error(err)
	}
	bob.room = l.rooms.Find("tea")
	bob.room.Leave(bob.Peer, protocol.PeerLeft_LEFT)
}

func TestAPeerIsRemoved(t *testing.T) {
	l := newLab(t, nil)
	ann := room.Identity{Name: "Ann again", User: "ann", Addr: netip.MustParseAddr("203.0.113.5")}
	for _, ban := range []uint32{0, 60} {
		_, err := l.admin().RemovePeer(t.Context(), connect.NewRequest(&protocol.RemovePeerRequest{Room: "tea", Peer: l.ann.ID(), BanSeconds: ban}))
		if err != nil || l.ann.removed.GetCode() != protocol.Error_REMOVED {
			t.Fatalf("Ann was told %v; %v", l.ann.removed, err)
		}
		back := newMember(ann)
		_, refusal := l.rooms.Knock("tea", back.Peer)
		if (refusal.GetCode() == protocol.Error_BANNED) != (ban > 0) {
			t.Errorf("banned for %d seconds, Ann was told %v on coming back", ban, refusal)
		}
	}
}

func TestATrackIsSilenced(t *testing.T) {
	l := newLab(t, nil)
	bob := l.enter("tea", room.Identity{Name: "Bob"})
	mute := func(stop bool) (*protocol.Track, error) {
		got, err := l.admin().MuteTrack(t.Context(), connect.NewRequest(&protocol.MuteTrackRequest{Room: "tea", Peer: l.ann.ID(), Track: l.track, Stop: stop}))
		if err != nil {
			return nil, err
		}
		return got.Msg, nil
	}
	want := &protocol.Track{Id: l.track, Kind: protocol.Kind_AUDIO, Source: "microphone", Muted: true}
	for _, name := range []string{"muted", "muted again"} {
		if got, err := mute(false); err != nil || !proto.Equal(got, want) {
			t.Fatalf("%s, it is %v, %v", name, got, err)
		}
	}
	if got, err := mute(true); err != nil || !proto.Equal(got, want) {
		t.Fatalf("stopped, it was %v, %v", got, err)
	}
	for name, m := range map[string]*member{"Ann": l.ann, "Bob": bob} {
		if !m.heard(func(m *protocol.ServerMessage) bool { return m.GetTrackUpdated().GetTrack().GetMuted() }) ||
			!m.heard(func(m *protocol.ServerMessage) bool { return m.GetTrackRemoved().GetTrack() == l.track }) {
			t.Errorf("%s was not told", name)
		}
	}
	_, err := mute(true)
	refusal(t, err, connect.CodeNotFound)
}

func TestTheServerSaysSomething(t *testing.T) {
	l := newLab(t, nil)
	bob := l.enter("tea", room.Identity{Name: "Bob"})
	for _, request := range []*protocol.SendMessageRequest{
		{Room: "tea", Topic: "news", Text: "to all"},
		{Room: "tea", Topic: "news", Text: "to Bob", To: []string{bob.ID(), bob.ID()}},
	} {
		if _, err := l.admin().SendMessage(t.Context(), connect.NewRequest(request)); err != nil {
			t.Fatal(err)
		}
	}
	for _, tc := range []struct {
		m    *member
		want []string
	}{{l.ann, []string{"to all"}}, {bob, []string{"to all", "to Bob"}}} {
		var got []string
		for _, m := range tc.m.told {
			if said := m.GetMessage(); said != nil {
				if said.GetFrom() != "" || said.GetTopic() != "news" || said.GetSentMs() == 0 {
					t.Errorf("it was said as %v", said)
				}
				got = append(got, said.GetText())
			}
		}
		if !slices.Equal(got, tc.want) {
			t.Errorf("%s heard %q", tc.m.ID(), got)
		}
	}
}
