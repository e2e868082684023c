package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// benchOneWay is how far away the server is from who comes back.
const benchOneWay = 50 * time.Millisecond

// BenchmarkResume is how many round trips a client is away from what it missed
// when it comes back after a cut: from its new TCP connection, whose own
// handshake is not counted, to the first message that it missed.
func BenchmarkResume(b *testing.B) {
	const times = 15
	for _, tc := range []struct {
		name string
		back func(c comeback, b *testing.B, addr string)
	}{
		{"WebSocket", comeback.byWebSocket},
		{"event stream", comeback.byEventStream},
		{"poll", comeback.byPoll},
	} {
		b.Run(tc.name, func(b *testing.B) {
			_, url := runServer(b, roomy)
			addr := strings.TrimPrefix(url, "http://")
			far := farAway(b, addr)
			speaker := joinBench(b, addr)
			var trips []float64
			for b.Loop() {
				for range times {
					cut := joinBench(b, addr)
					_ = cut.socket.conn.Close()
					speaker.say(b, &protocol.ClientMessage{Body: &protocol.ClientMessage_Message{
						Message: &protocol.Message{Text: missed},
					}})
					began := time.Now()
					tc.back(cut, b, far)
					trips = append(trips, float64(time.Since(began))/float64(2*benchOneWay))
				}
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(median(trips), "round-trips")
		})
	}
}

// missed is what is said while a client is cut off.
const missed = "you have missed this"

// comeback is a client in a room, and what it needs to come back.
type comeback struct {
	socket         *socket
	session, token string
	handled        uint64
}

// joinBench joins the benchmark's room.
func joinBench(b *testing.B, addr string) comeback {
	b.Helper()
	s, err := dialSocket(addr, "/v1/signal", protocol.JSON)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.conn.Close() })
	data, err := s.read()
	if err != nil {
		b.Fatal(err)
	}
	welcome := &protocol.ServerMessage{}
	if err := protocol.JSON.Unmarshal(data, welcome); err != nil {
		b.Fatal(err)
	}
	c := comeback{socket: s, session: welcome.GetWelcome().GetSession(), token: welcome.GetWelcome().GetResume()}
	c.say(b, &protocol.ClientMessage{Body: &protocol.ClientMessage_Join{Join: &protocol.Join{Room: "bench"}}})
	for c.handled == 0 {
		if data, err = s.read(); err != nil {
			b.Fatal(err)
		}
		c.handled = s.number(data)
	}
	return c
}

func (c comeback) say(b *testing.B, message *protocol.ClientMessage) {
	b.Helper()
	if err := c.socket.say(message); err != nil {
		b.Fatal(err)
	}
}

// path is where the session is read.
func (c comeback) path() string { return fmt.Sprintf("/v1/signal/%s?after=%d", c.session, c.handled) }

func (c comeback) byWebSocket(b *testing.B, addr string) {
	s, err := dialSocket(addr, c.path(), protocol.JSON, "hiroba.resume."+c.token)
	if err != nil {
		b.Fatal(err)
	}
	defer s.conn.Close()
	for {
		data, err := s.read()
		if err != nil {
			b.Fatal(err)
		}
		if bytes.Contains(data, []byte(missed)) {
			return
		}
	}
}

func (c comeback) byEventStream(b *testing.B, addr string) { c.byRequest(b, addr, "text/event-stream") }

func (c comeback) byPoll(b *testing.B, addr string) { c.byRequest(b, addr, "application/json") }

// byRequest reads what a GET is answered until there is what was missed.
func (c comeback) byRequest(b *testing.B, addr, accept string) {
	request, err := http.NewRequestWithContext(b.Context(), http.MethodGet, "http://"+addr+c.path(), nil)
	if err != nil {
		b.Fatal(err)
	}
	request.Header.Set("Accept", accept)
	request.Header.Set("Authorization", "Bearer "+c.token)
	transport := &http.Transport{} // and so a connection of its own
	defer transport.CloseIdleConnections()
	response, err := transport.RoundTrip(request)
	if err != nil {
		b.Fatal(err)
	}
	defer response.Body.Close()
	lines := bufio.NewReader(response.Body)
	for {
		line, err := lines.ReadString('\n')
		if strings.Contains(line, missed) {
			return
		}
		if err != nil {
			b.Fatalf("%s, and then %v", response.Status, err)
		}
	}
}

// farAway is an address that leads to another one, with everything under way
// for benchOneWay in each direction, except the TCP handshake.
func farAway(b *testing.B, target string) (addr string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			in, err := listener.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", target)
			if err != nil {
				_ = in.Close()
				continue
			}
			all.Go(func() { delay(in, out) })
			all.Go(func() { delay(out, in) })
		}
	})
	b.Cleanup(func() {
		_ = listener.Close()
		all.Wait()
	})
	return listener.Addr().String()
}

// delay passes on what comes, later; at the end of one side it closes both.
func delay(from io.ReadCloser, to io.WriteCloser) {
	type piece struct {
		data []byte
		due  time.Time
	}
	pieces := make(chan piece, 1024)
	var writing sync.WaitGroup
	writing.Go(func() {
		defer to.Close()
		for p := range pieces {
			<-time.After(time.Until(p.due))
			if _, err := to.Write(p.data); err != nil {
				_ = from.Close()
			}
		}
	})
	for {
		data := make([]byte, 4096)
		n, err := from.Read(data)
		if err != nil {
			break
		}
		pieces <- piece{data[:n], time.Now().Add(benchOneWay)}
	}
	close(pieces)
	writing.Wait()
}
