package api_test

import (
	"context"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"github.com/hiroba-rtc/hiroba/signaling/auth"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
	"github.com/hiroba-rtc/hiroba/signaling/protocol/protocolconnect"
	"github.com/hiroba-rtc/hiroba/signaling/room"
)

// publish sends frames in one stream.
func publish(ctx context.Context, c protocolconnect.RoomServiceClient, frames ...*protocol.PublishDataRequest) (uint64, error) {
	stream := c.PublishData(ctx)
	for _, f := range frames {
		if stream.Send(f) != nil {
			break // the answer tells why
		}
	}
	answer, err := stream.CloseAndReceive()
	if err != nil {
		return 0, err
	}
	return answer.Msg.GetFrames(), nil
}

func TestDataIsPublished(t *testing.T) {
	first := &protocol.PublishDataRequest{Room: "tea", Topic: "price", Payload: []byte("1")}
	for _, tc := range []struct {
		name   string
		access auth.Access
		frames []*protocol.PublishDataRequest
		want   []frame
	}{
		{"by the server", auth.Access{Room: "*", Grants: auth.AllGrants}, []*protocol.PublishDataRequest{
			first, {To: []string{"a", "b"}, Payload: []byte("2"), Lossy: true}, {Room: "tea", From: "server"},
		}, []frame{
			{"tea", "server", nil, "price", "1", false}, {"tea", "server", []string{"a", "b"}, "", "2", true}, {"tea", "server", nil, "", "", false},
		}},
		{"by the server, in somebody's name", auth.Access{Room: "tea", Grants: auth.GrantsOf(protocol.Grant_ADMIN), User: "backend"}, []*protocol.PublishDataRequest{
			{Room: "tea", From: "the stock exchange"}, {},
		}, []frame{{"tea", "the stock exchange", nil, "", "", false}, {"tea", "the stock exchange", nil, "", "", false}}},
		{"by a sensor", auth.Access{Room: "tea", Grants: auth.GrantsOf(protocol.Grant_DATA), User: "thermometer"}, []*protocol.PublishDataRequest{
			first, {From: "thermometer"},
		}, []frame{{"tea", "thermometer", nil, "price", "1", false}, {"tea", "thermometer", nil, "", "", false}}},
		{"into a room that is not there", auth.Access{Room: "*", Grants: auth.AllGrants}, []*protocol.PublishDataRequest{{Room: "coffee"}},
			[]frame{{"coffee", "server", nil, "", "", false}}},
		{"nothing", auth.Access{Room: "*", Grants: auth.AllGrants}, nil, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := newLab(t, nil)
			taken, err := publish(t.Context(), l.as(l.sign(tc.access, time.Hour)), tc.frames...)
			if err != nil {
				t.Fatal(err)
			}
			if int(taken) != len(tc.want) || !reflect.DeepEqual(l.frames, tc.want) {
				t.Errorf("%d were taken: %v, want %v", taken, l.frames, tc.want)
			}
		})
	}
}

func TestDataIsRefused(t *testing.T) {
	sensor := auth.Access{Room: "tea", Grants: auth.GrantsOf(protocol.Grant_DATA), User: "thermometer"}
	server := auth.Access{Room: "*", Grants: auth.GrantsOf(protocol.Grant_ADMIN)}
	change := func(change *protocol.RoomChange) func(*lab) {
		return func(l *lab) {
			if err := l.ann.room.Change(nil, change); err != nil {
				l.t.Fatal(err)
			}
		}
	}
	nothing := func(*lab) {}
	for _, tc := range []struct {
		name   string
		before func(*lab)
		access auth.Access
		frame  *protocol.PublishDataRequest // the first one
		then   *protocol.PublishDataRequest // after a good one
		code   connect.Code
		reason protocol.Error_Code
	}{
		{"into no room", nothing, server, &protocol.PublishDataRequest{}, nil, connect.CodeInvalidArgument, protocol.Error_BAD_ROOM_NAME},
		{"into every room", nothing, server, &protocol.PublishDataRequest{Room: "*"}, nil, connect.CodeInvalidArgument, protocol.Error_BAD_ROOM_NAME},
		{"into another room in the middle", nothing, server, nil, &protocol.PublishDataRequest{Room: "coffee"}, connect.CodeInvalidArgument, protocol.Error_BAD_FIELD},
		{"from somebody else in the middle", nothing, server, nil, &protocol.PublishDataRequest{From: "x"}, connect.CodeInvalidArgument, protocol.Error_BAD_FIELD},
		{"to too many", nothing, server, nil, &protocol.PublishDataRequest{To: make([]string, 1001)}, connect.CodeInvalidArgument, protocol.Error_BAD_FIELD},
		{"what the channels do not take", nothing, server, nil, &protocol.PublishDataRequest{Topic: strings.Repeat("x", 65)}, connect.CodeInvalidArgument, protocol.Error_BAD_FIELD},
		{"from a name over two lines", nothing, server, &protocol.PublishDataRequest{Room: "tea", From: "a\nb"}, nil, connect.CodeInvalidArgument, protocol.Error_BAD_FIELD},
		{"from a long name", nothing, server, &protocol.PublishDataRequest{Room: "tea", From: strings.Repeat("x", 129)}, nil, connect.CodeInvalidArgument, protocol.Error_BAD_FIELD},
		{"a sensor in another room", nothing, sensor, &protocol.PublishDataRequest{Room: "coffee"}, nil, connect.CodePermissionDenied, protocol.Error_ACCESS_DENIED},
		{"a sensor in another's name", nothing, sensor, &protocol.PublishDataRequest{Room: "tea", From: "server"}, nil, connect.CodePermissionDenied, protocol.Error_NOT_GRANTED},
		{"a sensor without a name", nothing, auth.Access{Room: "tea", Grants: auth.GrantsOf(protocol.Grant_DATA)}, &protocol.PublishDataRequest{Room: "tea"}, nil,
			connect.CodePermissionDenied, protocol.Error_NOT_GRANTED},
		{"a sensor before a locked room", change(&protocol.RoomChange{Locked: proto.Bool(true)}), sensor, &protocol.PublishDataRequest{Room: "tea"}, nil,
			connect.CodePermissionDenied, protocol.Error_ROOM_LOCKED},
		{"a sensor before a lobby", change(&protocol.RoomChange{Lobby: proto.Bool(true)}), sensor, &protocol.PublishDataRequest{Room: "tea"}, nil,
			connect.CodePermissionDenied, protocol.Error_REFUSED},
		{"who is banned", func(l *lab) {
			bad := l.enter("tea", room.Identity{User: "thermometer"})
			if err := l.ann.room.Kick(nil, bad.ID(), 60); err != nil {
				l.t.Fatal(err)
			}
		}, sensor, &protocol.PublishDataRequest{Room: "tea"}, nil, connect.CodePermissionDenied, protocol.Error_BANNED},
		{"from whom a moderator took the grant", func(l *lab) {
			grants := auth.GrantsOf(protocol.Grant_SUBSCRIBE)
			if _, err := l.ann.room.UpdatePeer(nil, l.enter("tea", room.Identity{User: "thermometer"}).ID(), room.Update{Grants: &grants}); err != nil {
				l.t.Fatal(err)
			}
		}, sensor, &protocol.PublishDataRequest{Room: "tea"}, nil, connect.CodePermissionDenied, protocol.Error_NOT_GRANTED},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := newLab(t, nil)
			tc.before(l)
			frames := []*protocol.PublishDataRequest{tc.frame}
			if tc.then != nil {
				frames = []*protocol.PublishDataRequest{{Room: "tea"}, tc.then}
			}
			_, err := publish(t.Context(), l.as(l.sign(tc.access, time.Hour)), frames...)
			if got := refusal(t, err, tc.code); got.GetCode() != tc.reason {
				t.Errorf("it was refused with %v", got)
			}
			if len(l.frames) != len(frames)-1 {
				t.Errorf("%d frames came through", len(l.frames))
			}
		})
	}
	t.Run("too large", func(t *testing.T) {
		l := newLab(t, nil)
		_, err := publish(t.Context(), l.admin(), &protocol.PublishDataRequest{Room: "tea", Payload: make([]byte, 300<<10)})
		if connect.CodeOf(err) != connect.CodeResourceExhausted || len(l.frames) != 0 {
			t.Errorf("it ended with %v", err)
		}
	})
}

// A stream of frames ends with its token, when it is silent for too long, and
// when the server stops; the publisher is told so, whether it sends or not.
func TestPublishingEnds(t *testing.T) {
	for _, version := range []int{1, 2} {
		for _, tc := range []struct {
			name  string
			ttl   time.Duration
			after time.Duration
			stop  bool
			code  connect.Code
		}{
			{"with the token", time.Minute, time.Minute, false, connect.CodeUnauthenticated},
			{"after a long silence", time.Hour, 5 * time.Minute, false, connect.CodeDeadlineExceeded},
			{"with the server", time.Hour, 0, true, connect.CodeUnavailable},
		} {
			t.Run(tc.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					l := newLab(t, nil)
					token := l.sign(auth.Access{Room: "tea", Grants: auth.AllGrants}, tc.ttl)
					began := time.Now()
					stream := l.over(l.client(version), token).PublishData(t.Context())
					if err := stream.Send(&protocol.PublishDataRequest{Room: "tea"}); err != nil {
						t.Fatal(err)
					}
					synctest.Wait()
					if tc.stop {
						if err := l.api.Close(t.Context()); err != nil {
							t.Error(err)
						}
					} else {
						time.Sleep(tc.after)
					}
					synctest.Wait()
					if n := l.counted("PublishData", tc.code.String()); n != 1 {
						t.Errorf("over HTTP/%d, %v ended so by %v", version, n, time.Since(began))
					}
					_, err := stream.CloseAndReceive()
					refusal(t, err, tc.code)
				})
			})
		}
	}
}
