package api_test

import (
	"context"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect"

	"github.com/hiroba-rtc/hiroba/signaling/api"
	"github.com/hiroba-rtc/hiroba/signaling/auth"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
	"github.com/hiroba-rtc/hiroba/signaling/protocol/protocolconnect"
)

func mustParse(addr string) netip.AddrPort { return netip.MustParseAddrPort(addr) }

// methods calls every method of the service about a room where Ann is.
var methods = []struct {
	name string
	call func(ctx context.Context, l *lab, c protocolconnect.RoomServiceClient, room string) error
}{
	{"CreateRoom", func(ctx context.Context, _ *lab, c protocolconnect.RoomServiceClient, room string) error {
		_, err := c.CreateRoom(ctx, connect.NewRequest(&protocol.CreateRoomRequest{Room: room}))
		return err
	}},
	{"ListRooms", func(ctx context.Context, _ *lab, c protocolconnect.RoomServiceClient, _ string) error {
		_, err := c.ListRooms(ctx, connect.NewRequest(&protocol.ListRoomsRequest{}))
		return err
	}},
	{"GetRoom", func(ctx context.Context, _ *lab, c protocolconnect.RoomServiceClient, room string) error {
		_, err := c.GetRoom(ctx, connect.NewRequest(&protocol.GetRoomRequest{Room: room}))
		return err
	}},
	{"UpdateRoom", func(ctx context.Context, _ *lab, c protocolconnect.RoomServiceClient, room string) error {
		locked := true
		_, err := c.UpdateRoom(ctx, connect.NewRequest(&protocol.UpdateRoomRequest{Room: room, Settings: &protocol.RoomChange{Locked: &locked}}))
		return err
	}},
	{"ListPeers", func(ctx context.Context, _ *lab, c protocolconnect.RoomServiceClient, room string) error {
		_, err := c.ListPeers(ctx, connect.NewRequest(&protocol.ListPeersRequest{Room: room}))
		return err
	}},
	{"GetPeer", func(ctx context.Context, l *lab, c protocolconnect.RoomServiceClient, room string) error {
		_, err := c.GetPeer(ctx, connect.NewRequest(&protocol.GetPeerRequest{Room: room, Peer: l.ann.ID()}))
		return err
	}},
	{"UpdatePeer", func(ctx context.Context, l *lab, c protocolconnect.RoomServiceClient, room string) error {
		name := "Anna"
		_, err := c.UpdatePeer(ctx, connect.NewRequest(&protocol.UpdatePeerRequest{Room: room, Peer: l.ann.ID(), Name: &name}))
		return err
	}},
	{"MuteTrack", func(ctx context.Context, l *lab, c protocolconnect.RoomServiceClient, room string) error {
		_, err := c.MuteTrack(ctx, connect.NewRequest(&protocol.MuteTrackRequest{Room: room, Peer: l.ann.ID(), Track: l.track}))
		return err
	}},
	{"SendMessage", func(ctx context.Context, _ *lab, c protocolconnect.RoomServiceClient, room string) error {
		_, err := c.SendMessage(ctx, connect.NewRequest(&protocol.SendMessageRequest{Room: room, Text: "hello"}))
		return err
	}},
	{"WatchRoom", func(ctx context.Context, _ *lab, c protocolconnect.RoomServiceClient, room string) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		stream, err := c.WatchRoom(ctx, connect.NewRequest(&protocol.WatchRoomRequest{Room: room}))
		if err != nil {
			return err
		}
		stream.Receive()
		err = stream.Err()
		cancel()
		_ = stream.Close()
		return err
	}},
	{"PublishData", func(ctx context.Context, _ *lab, c protocolconnect.RoomServiceClient, room string) error {
		stream := c.PublishData(ctx)
		_ = stream.Send(&protocol.PublishDataRequest{Room: room, Payload: []byte("21")}) // the answer tells what went wrong
		_, err := stream.CloseAndReceive()
		return err
	}},
	{"RemovePeer", func(ctx context.Context, l *lab, c protocolconnect.RoomServiceClient, room string) error {
		_, err := c.RemovePeer(ctx, connect.NewRequest(&protocol.RemovePeerRequest{Room: room, Peer: l.ann.ID()}))
		return err
	}},
	{"EndRoom", func(ctx context.Context, _ *lab, c protocolconnect.RoomServiceClient, room string) error {
		_, err := c.EndRoom(ctx, connect.NewRequest(&protocol.EndRoomRequest{Room: room}))
		return err
	}},
}

func TestEveryMethodNeedsAccess(t *testing.T) {
	for _, p := range []struct {
		name    string
		version int
		options []connect.ClientOption
	}{
		{"JSON over HTTP/1.1", 1, []connect.ClientOption{connect.WithProtoJSON()}},
		{"Connect over HTTP/2", 2, nil},
		{"gRPC", 2, []connect.ClientOption{connect.WithGRPC()}},
		{"gRPC-Web over HTTP/1.1", 1, []connect.ClientOption{connect.WithGRPCWeb()}},
	} {
		t.Run(p.name, func(t *testing.T) {
			l := newLab(t, nil)
			client := l.client(p.version)
			stale, err := l.signer.Token(auth.Access{Room: "*", Grants: auth.AllGrants}, time.Now().Add(-time.Hour), time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range methods {
				for _, tc := range []struct {
					name, token string
					room        string
					code        connect.Code // 0 is fine
					reason      protocol.Error_Code
				}{
					{"no token", "", "tea", connect.CodeUnauthenticated, protocol.Error_ACCESS_REQUIRED},
					{"no token at all", "nonsense", "tea", connect.CodeUnauthenticated, protocol.Error_ACCESS_DENIED},
					{"a token that has expired", stale, "tea", connect.CodeUnauthenticated, protocol.Error_ACCESS_EXPIRED},
					{"a token for another room", l.token("coffee", protocol.Grant_ADMIN), "tea", connect.CodePermissionDenied, protocol.Error_ACCESS_DENIED},
					{"a token without admin", l.token("*", protocol.Grant_PUBLISH, protocol.Grant_SUBSCRIBE), "tea", connect.CodePermissionDenied, protocol.Error_NOT_GRANTED},
					{"a room's bad name", l.token("*", protocol.Grant_ADMIN), "a/b", connect.CodeInvalidArgument, protocol.Error_BAD_ROOM_NAME},
					{"a token for the room", l.token("tea", protocol.Grant_ADMIN), "tea", 0, 0},
					{"a token for every room", l.token("*", protocol.Grant_ADMIN), "tea", 0, 0},
				} {
					t.Run(m.name+"/"+tc.name, func(t *testing.T) {
						err := m.call(t.Context(), l, l.over(client, tc.token, p.options...), tc.room)
						switch {
						case m.name == "ListRooms" && tc.name == "a room's bad name":
							tc.code = 0
						case m.name == "ListRooms" && tc.name == "a token for the room":
							tc.code, tc.reason = connect.CodePermissionDenied, protocol.Error_ACCESS_DENIED
						case m.name == "CreateRoom" && tc.code == 0:
							tc.code, tc.reason = connect.CodeAlreadyExists, protocol.Error_BAD_FIELD
						}
						if tc.code == 0 {
							if err != nil {
								t.Fatal(err)
							}
							return
						}
						if got := refusal(t, err, tc.code); got.GetCode() != tc.reason {
							t.Errorf("the reason is %v", got)
						}
					})
				}
			}
			if n := l.counted("GetRoom", "unauthenticated"); n != 3 {
				t.Errorf("%v refusals of GetRoom were counted, want 3", n)
			}
			if n := l.counted("GetRoom", "ok"); n != 2 {
				t.Errorf("%v good calls of GetRoom were counted, want 2", n)
			}
		})
	}
}

// A server for its own machine needs no token, one for all without keys
// refuses even who has one.
func TestAccessWithoutKeys(t *testing.T) {
	for _, tc := range []struct {
		name string
		open bool
		code connect.Code
		why  protocol.Error_Code
	}{
		{"on its own machine", true, 0, 0},
		{"on a network", false, connect.CodeUnauthenticated, protocol.Error_ACCESS_REQUIRED},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := newLab(t, func(c *api.Config) { c.Keys, c.Open = auth.Keys{}, tc.open })
			for _, token := range []string{"", l.token("*", protocol.Grant_ADMIN)} {
				for _, m := range methods {
					if m.name == "CreateRoom" {
						continue
					}
					err := m.call(t.Context(), l, l.as(token), "tea")
					if tc.code == 0 {
						if err != nil {
							t.Fatalf("%s: %v", m.name, err)
						}
						if m.name == "GetRoom" {
							break // the others change the room
						}
						continue
					}
					if got := refusal(t, err, tc.code); got.GetCode() != tc.why {
						t.Errorf("%s was refused with %v", m.name, got)
					}
				}
			}
		})
	}
}

// Who calls too often is told so, and nobody else is.
func TestCallsAreHeldToARate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, func(c *api.Config) { c.RequestsPerSecond = 5 })
		get := func(c protocolconnect.RoomServiceClient) error { return methods[2].call(t.Context(), l, c, "tea") }
		for i := range 20 {
			if err := get(l.admin()); err != nil {
				t.Fatalf("call %d: %v", i, err)
			}
		}
		reason := refusal(t, get(l.admin()), connect.CodeResourceExhausted)
		if reason.GetCode() != protocol.Error_TOO_MANY_MESSAGES || !reason.GetRetry() {
			t.Errorf("it was refused with %v", reason)
		}
		// Guessing tokens is held to it as well.
		refusal(t, get(l.as("guess")), connect.CodeResourceExhausted)
		l.network.callFrom("203.0.113.7:1")
		if err := get(l.over(l.client(1), l.token("tea", protocol.Grant_ADMIN))); err != nil {
			t.Errorf("somebody else was refused: %v", err)
		}
		time.Sleep(time.Second)
		if err := get(l.admin()); err != nil {
			t.Errorf("a second later: %v", err)
		}
	})
}
