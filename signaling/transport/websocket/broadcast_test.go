package websocket_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	gorilla "github.com/gorilla/websocket"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/hiroba-rtc/hiroba/signaling"
	"github.com/hiroba-rtc/hiroba/signaling/auth"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
	"github.com/hiroba-rtc/hiroba/signaling/room"
	"github.com/hiroba-rtc/hiroba/signaling/session"
	"github.com/hiroba-rtc/hiroba/signaling/transport/websocket"
)

// BenchmarkBroadcast says something to a room of 1,000 clients over WebSocket
// and loopback: one message at a time, and as fast as they can be told. It
// reports deliveries per second of CPU time, with the kernel's part and that of
// the clients in this process.
func BenchmarkBroadcast(b *testing.B) {
	const readers = 1000
	for _, tc := range []struct {
		name     string
		format   protocol.Format
		underWay int // messages that may be on their way
	}{
		{"JSON/one at a time", protocol.JSON, 1},
		{"JSON/as fast as can be", protocol.JSON, 100},
		{"protobuf/one at a time", protocol.Binary, 1},
		{"protobuf/as fast as can be", protocol.Binary, 100},
	} {
		b.Run(tc.name, func(b *testing.B) {
			rooms, url, shut := serve(b)
			var heard atomic.Int64
			over := make(chan struct{}, 2*tc.underWay)
			var reading, ready sync.WaitGroup
			for range readers {
				conn := enter(b, url, tc.format)
				ready.Add(1)
				reading.Go(func() {
					for begun := false; ; {
						_, data, err := conn.ReadMessage()
						switch {
						case err != nil:
							conn.Close()
							return
						case begun:
							if heard.Add(1)%readers == 0 {
								over <- struct{}{}
							}
						case bytes.Contains(data, []byte("it begins")):
							begun = true
							ready.Done()
						}
					}
				})
			}
			r := rooms.Find("tea")
			say := func(text string) {
				if err := r.Say(nil, &protocol.Message{Topic: "chat", Text: text}); err != nil {
					b.Fatal(err)
				}
			}
			say("it begins")
			ready.Wait()
			text := strings.Repeat("x", 100)
			b.ReportAllocs()
			began := cpuTime()
			b.ResetTimer()
			for i := range b.N {
				say(text)
				if i >= tc.underWay-1 {
					<-over
				}
			}
			for range min(b.N, tc.underWay-1) {
				<-over
			}
			b.StopTimer()
			b.ReportMetric(float64(b.N*readers)/(cpuTime()-began).Seconds(), "deliveries/cpu-s")
			shut()
			reading.Wait()
		})
	}
}

// serve is a service behind a web server of its own.
func serve(b *testing.B) (rooms *room.Rooms, url string, shut func()) {
	log := slog.New(slog.DiscardHandler)
	rooms = room.NewRooms(room.Config{
		Limits:   room.Limits{Rooms: 1, PeersPerRoom: 1000},
		Defaults: &protocol.RoomSettings{MaxPeers: 1000},
	})
	service := signaling.NewService(signaling.Config{
		Limits: signaling.Limits{
			Outbox:   session.Bounds{Messages: 4096, Bytes: 4 << 20},
			Sessions: 1000, SessionsPerAddress: 1000, JoinsPerMinute: 1e6, RequestsPerSecond: 1e6,
			MessageBytes: 1 << 16, DescriptionBytes: 1 << 18, MessagesPerSecond: 50,
		},
		Anonymous:  auth.DefaultGrants,
		Heartbeat:  time.Hour,
		Detached:   time.Minute,
		ICEServers: func(signaling.Caller, string) []*protocol.IceServer { return nil },
		Rooms:      rooms,
		Logger:     log,
		Registerer: prometheus.NewRegistry(),
	})
	handler := websocket.New(service, log)
	server := httptest.NewServer(handler)
	return rooms, "ws" + strings.TrimPrefix(server.URL, "http"), func() {
		if err := service.Close(context.Background()); err != nil {
			b.Error(err)
		}
		handler.Wait()
		server.Close()
	}
}

// enter is a client that has joined.
func enter(b *testing.B, url string, format protocol.Format) *gorilla.Conn {
	dialer := gorilla.Dialer{Subprotocols: []string{format.Subprotocol()}, ReadBufferSize: 4096}
	conn, _, err := dialer.Dial(url, nil)
	if err != nil {
		b.Fatal(err)
	}
	data, err := format.Marshal(&protocol.ClientMessage{Seq: 1, Body: &protocol.ClientMessage_Join{Join: &protocol.Join{Room: "tea"}}})
	if err != nil {
		b.Fatal(err)
	}
	frame := gorilla.TextMessage
	if format == protocol.Binary {
		frame = gorilla.BinaryMessage
	}
	if err := conn.WriteMessage(frame, data); err != nil {
		b.Fatal(err)
	}
	for range 2 { // welcome, joined
		if _, _, err := conn.ReadMessage(); err != nil {
			b.Fatal(err)
		}
	}
	return conn
}

// cpuTime is what this process has used so far, the kernel's part included.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
