package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/pion/webrtc/v4"

	"github.com/hiroba-rtc/hiroba/configs"
	"github.com/hiroba-rtc/hiroba/signaling/client"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// raw is a WebSocket without a client's manners.
type raw struct {
	*websocket.Conn
	t testing.TB
}

func dialRaw(t testing.TB, url string) *raw {
	t.Helper()
	dialer := websocket.Dialer{Subprotocols: []string{protocol.JSON.Subprotocol()}, EnableCompression: true}
	conn, _, err := dialer.Dial("ws"+strings.TrimPrefix(url, "http")+"/v1/signal", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.EnableWriteCompression(false)
	r := &raw{conn, t}
	if r.next().GetWelcome() == nil {
		t.Fatal("the first message is no welcome")
	}
	return r
}

func (r *raw) say(text string) {
	r.t.Helper()
	if err := r.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		r.t.Fatal(err)
	}
}

func (r *raw) next() *protocol.ServerMessage {
	r.t.Helper()
	m, err := r.tryNext()
	if err != nil {
		r.t.Fatal(err)
	}
	return m
}

func (r *raw) tryNext() (*protocol.ServerMessage, error) {
	_ = r.SetReadDeadline(time.Now().Add(patience))
	_, data, err := r.ReadMessage()
	if err != nil {
		return nil, err
	}
	m := &protocol.ServerMessage{}
	return m, protocol.JSON.Unmarshal(data, m)
}

// closes reads on to the end and returns its close code.
func (r *raw) closes() *websocket.CloseError {
	r.t.Helper()
	for {
		_, err := r.tryNext()
		var closed *websocket.CloseError
		switch {
		case err == nil:
		case errors.As(err, &closed):
			return closed
		default:
			r.t.Fatalf("the connection ended without a close frame: %v", err)
		}
	}
}

// metric reads one number from /metrics, 0 when it is not there.
func metric(t testing.TB, url, series string) float64 {
	t.Helper()
	response, err := http.Get(url + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(series) + ` (\S+)$`).FindSubmatch(text)
	if found == nil {
		return 0
	}
	value, err := strconv.ParseFloat(string(found[1]), 64)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func refusals(t testing.TB, url string, code protocol.Error_Code) float64 {
	return metric(t, url, fmt.Sprintf(`hiroba_signaling_refusals_total{code="%s"}`, code))
}

const joinTea = `{"seq":"1","id":"j","join":{"room":"tea"}}`

// Whatever a client says wrong has its answer and its count, and does nothing
// to the others in the room.
func TestBadInputIsAnsweredAndCounted(t *testing.T) {
	_, url := runServer(t, nil)
	bystander := enter(t, url, "tea", nil)
	long := strings.Repeat("x", 70<<10)
	for _, tc := range []struct {
		name string
		say  []string
		want protocol.Error_Code
		// close is the close code, when the session ends.
		close int
	}{
		{"no JSON", []string{`hello`}, protocol.Error_MALFORMED, 0},
		{"no message", []string{`{"seq":"1"}`}, protocol.Error_MALFORMED, 0},
		{"an unknown message", []string{`{"seq":"1","dance":{}}`}, protocol.Error_MALFORMED, 0},
		{"no number", []string{`{"join":{"room":"tea"}}`}, protocol.Error_MALFORMED, 0},
		{"a number too far", []string{`{"seq":"5","join":{"room":"tea"}}`}, protocol.Error_OUT_OF_ORDER, 0},
		{"an ack of the future", []string{`{"seq":"1","ack":"9","join":{"room":"tea"}}`}, protocol.Error_BAD_FIELD, 0},
		{"a wrong first message", []string{`{"seq":"1","message":{"text":"hi"}}`}, protocol.Error_JOIN_FIRST, 4002},
		{"a room without a name", []string{`{"seq":"1","join":{}}`}, protocol.Error_BAD_ROOM_NAME, 0},
		{"a room name with a slash", []string{`{"seq":"1","join":{"room":"a/b"}}`}, protocol.Error_BAD_ROOM_NAME, 0},
		{"a room name too long", []string{`{"seq":"1","join":{"room":"` + long[:65] + `"}}`}, protocol.Error_BAD_ROOM_NAME, 0},
		{"a name with a line feed", []string{`{"seq":"1","join":{"room":"tea","name":"a\nb"}}`}, protocol.Error_BAD_FIELD, 0},
		{"a second join", []string{joinTea, `{"seq":"2","join":{"room":"tea"}}`}, protocol.Error_ALREADY_JOINED, 0},
		{"a message too large", []string{joinTea, `{"seq":"2","message":{"text":"` + long + `"}}`}, protocol.Error_MESSAGE_TOO_LARGE, 0},
		{"a description too large", []string{joinTea, `{"seq":"2","description":{"to":"sfu","sdp":"` + strings.Repeat(long, 4) + `"}}`}, protocol.Error_MESSAGE_TOO_LARGE, 1009},
		{"an id too long", []string{`{"seq":"1","id":"` + long[:65] + `","join":{"room":"tea"}}`}, protocol.Error_BAD_FIELD, 0},
		{"SDP that does not parse", []string{`{"seq":"1","join":{"room":"tea","offer":{"type":"OFFER","sdp":"nonsense"}}}`}, protocol.Error_BAD_DESCRIPTION, 0},
		{"SDP without media", []string{`{"seq":"1","join":{"room":"tea","offer":{"type":"OFFER","sdp":"v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"}}}`}, protocol.Error_BAD_DESCRIPTION, 0},
		{"SDP with nothing that we speak", []string{`{"seq":"1","join":{"room":"tea","offer":{"type":"OFFER","sdp":"` + strings.ReplaceAll(theora, "\n", `\r\n`) + `"}}}`}, protocol.Error_NO_COMMON_CODEC, 0},
		{"an answer to nothing", []string{joinTea, `{"seq":"2","description":{"to":"sfu","type":"ANSWER","sdp":"v=0"}}`}, protocol.Error_BAD_DESCRIPTION, 0},
		{"a candidate for nobody", []string{joinTea, `{"seq":"2","candidate":{"to":"ghost","candidate":"candidate:1 1 udp 1 192.0.2.1 1 typ host"}}`}, protocol.Error_NO_SUCH_PEER, 0},
		{"a candidate before an offer", []string{joinTea, `{"seq":"2","candidate":{"to":"sfu","candidate":"candidate:1 1 udp 1 192.0.2.1 1 typ host"}}`}, protocol.Error_BAD_CANDIDATE, 0},
		{"a message to nobody", []string{joinTea, `{"seq":"2","message":{"to":["ghost"],"text":"hi"}}`}, protocol.Error_NO_SUCH_PEER, 0},
		{"a topic too long", []string{joinTea, `{"seq":"2","message":{"topic":"` + long[:65] + `"}}`}, protocol.Error_BAD_FIELD, 0},
		{"a track that is not one's own", []string{joinTea, `{"seq":"2","mute":{"track":"ghost"}}`}, protocol.Error_NO_SUCH_TRACK, 0},
		{"too many tracks", []string{joinTea, `{"seq":"2","publish":{"tracks":[` + strings.Repeat(`{"mid":"1","kind":"AUDIO"},`, 8) + `{"mid":"9","kind":"AUDIO"}]}}`}, protocol.Error_TOO_MANY_TRACKS, 0},
		{"a track of no kind", []string{joinTea, `{"seq":"2","publish":{"tracks":[{"mid":"1"}]}}`}, protocol.Error_BAD_FIELD, 0},
		{"a mid twice", []string{joinTea, `{"seq":"2","publish":{"tracks":[{"mid":"1","kind":"AUDIO"},{"mid":"1","kind":"AUDIO"}]}}`}, protocol.Error_BAD_FIELD, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			before := refusals(t, url, tc.want)
			r := dialRaw(t, url)
			for _, text := range tc.say {
				r.say(text)
			}
			m := r.next()
			if m.GetJoined() != nil {
				m = r.next()
			}
			if m.GetError().GetCode() != tc.want || m.GetError().GetMessage() == "" {
				t.Fatalf("answered %v, want %v", m, tc.want)
			}
			if tc.close != 0 {
				if closed := r.closes(); closed.Code != tc.close || closed.Text == "" {
					t.Fatalf("closed with %v", closed)
				}
			}
			if after := refusals(t, url, tc.want); after != before+1 {
				t.Fatalf("%v refusals were counted", after-before)
			}
		})
	}
	select {
	case <-bystander.Link().Done():
		t.Fatalf("the bystander's link ended: %v", bystander.Link().Err())
	default:
	}
	if err := bystander.Say(t.Context(), "chat", "still here"); err != nil {
		t.Fatal(err)
	}
}

// theora is an offer of a codec that nobody forwards.
const theora = `v=0
o=- 1 1 IN IP4 0.0.0.0
s=-
t=0 0
a=group:BUNDLE 0
m=video 9 UDP/TLS/RTP/SAVPF 96
c=IN IP4 0.0.0.0
a=ice-ufrag:abcd
a=ice-pwd:abcdefghijklmnopqrstuvwx
a=fingerprint:sha-256 00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00
a=setup:actpass
a=mid:0
a=sendonly
a=rtcp-mux
a=rtpmap:96 theora/90000
`

// A duplicate is carried out once and answered once.
func TestADuplicateIsIgnored(t *testing.T) {
	_, url := runServer(t, nil)
	r := dialRaw(t, url)
	r.say(joinTea)
	r.say(joinTea)
	r.say(`{"seq":"2","id":"x","message":{"text":"hi"}}`)
	if m := r.next(); m.GetJoined() == nil || m.GetSeq() != 1 || m.GetRe() != "j" {
		t.Fatalf("join was answered %v", m)
	}
	if m := r.next(); m.GetDone() == nil || m.GetSeq() != 2 || m.GetRe() != "x" {
		t.Fatalf("the message was answered %v", m)
	}
}

// A leave that asks for no answer ends the session all the same, in the room
// or not.
func TestLeaveWithoutAnID(t *testing.T) {
	_, url := runServer(t, nil)
	for name, say := range map[string][]string{
		"in a room": {joinTea, `{"seq":"2","leave":{}}`},
		"before":    {`{"seq":"1","leave":{}}`},
	} {
		t.Run(name, func(t *testing.T) {
			r := dialRaw(t, url)
			for _, text := range say {
				r.say(text)
			}
			if closed := r.closes(); closed.Code != websocket.CloseNormalClosure {
				t.Fatalf("closed with %v", closed)
			}
		})
	}
}

// Twenty megabytes that take twenty kilobytes on the wire are twenty megabytes.
func TestACompressedMessageIsMeasuredUnpacked(t *testing.T) {
	_, url := runServer(t, nil)
	r := dialRaw(t, url)
	r.EnableWriteCompression(true)
	r.say(`{"seq":"1","join":{"room":"` + strings.Repeat("x", 20<<20) + `"}}`)
	if closed := r.closes(); closed.Code != websocket.CloseMessageTooBig {
		t.Fatalf("closed with %v", closed)
	}
}

func TestAFloodIsRefusedThenEnded(t *testing.T) {
	_, url := runServer(t, func(c *configs.Config) { c.Limits.MessagesPerSecond = 10 })
	bystander := enter(t, url, "tea", nil)
	r := dialRaw(t, url)
	r.say(joinTea)
	for i := range 400 {
		text := fmt.Sprintf(`{"seq":"%d","message":{"text":"flood"}}`, i+2)
		if r.WriteMessage(websocket.TextMessage, []byte(text)) != nil {
			break // closed already
		}
	}
	if closed := r.closes(); closed.Code != 4000+int(protocol.Error_TOO_MANY_MESSAGES) {
		t.Fatalf("closed with %v", closed)
	}
	if n := refusals(t, url, protocol.Error_TOO_MANY_MESSAGES); n < 100 {
		t.Fatalf("%v refusals were counted", n)
	}
	if err := bystander.Say(t.Context(), "chat", "still here"); err != nil {
		t.Fatal(err)
	}
}

// A client that stops reading loses its session once its outbox is full; the
// others go on and are told.
func TestAClientThatStopsReadingIsLeftBehind(t *testing.T) {
	_, url := runServer(t, func(c *configs.Config) { c.Limits.MessagesPerSecond = 10000 })
	r := dialRaw(t, url)
	// The kernel reads on for a client that does not; keep that short.
	if err := r.NetConn().(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	r.say(joinTea)
	joined := r.next().GetJoined()
	talker := dialRaw(t, url)
	talker.say(joinTea)
	talker.next()
	message := `"message":{"text":"` + strings.Repeat("x", 50<<10) + `"}}`
	for n := 2; metric(t, url, `hiroba_signaling_endings_total{reason="SLOW"}`) == 0; n += 20 {
		if n > 4000 { // 200 MB: far more than the outbox and the kernel take
			t.Fatal("the session of a client that does not read goes on")
		}
		for i := range 20 {
			talker.say(fmt.Sprintf(`{"seq":"%d",`, n+i) + message)
		}
	}
	for {
		left := talker.next().GetPeerLeft()
		if left.GetPeer() == joined.GetPeer() && left.GetReason() == protocol.PeerLeft_CLOSED {
			break
		}
	}
}

func TestLimitsOnRoomsPeersAndSessions(t *testing.T) {
	_, url := runServer(t, func(c *configs.Config) {
		c.Limits.Rooms, c.Limits.PeersPerRoom, c.Limits.SessionsPerAddress = 1, 2, 3
	})
	enter(t, url, "tea", nil)
	enter(t, url, "tea", nil)
	refused := func(room string, want protocol.Error_Code) {
		t.Helper()
		_, err := tryEnter(t, url, room, nil)
		var refusal *protocol.Error
		if !errors.As(err, &refusal) || refusal.GetCode() != want || !refusal.GetRetry() {
			t.Fatalf("got %v, want %v", err, want)
		}
	}
	refused("tea", protocol.Error_ROOM_FULL)
	refused("coffee", protocol.Error_TOO_MANY_ROOMS)
	eventually(t, "those who were refused being gone", func() bool { return metric(t, url, "hiroba_signaling_sessions") == 2 })

	dialRaw(t, url)
	dialer := websocket.Dialer{Subprotocols: []string{protocol.JSON.Subprotocol()}}
	_, response, err := dialer.Dial("ws"+strings.TrimPrefix(url, "http")+"/v1/signal", nil)
	if err == nil || response == nil || response.StatusCode != http.StatusServiceUnavailable {
		t.Fatalf("a fourth session: %v", err)
	}
	if n := metric(t, url, `hiroba_signaling_sessions_refused_total{limit="sessions_per_address"}`); n != 1 {
		t.Fatalf("%v refused sessions were counted", n)
	}
}

func TestASilentClientIsClosed(t *testing.T) {
	abreast(t)
	_, url := runServer(t, func(c *configs.Config) { c.Heartbeat = time.Second })
	for name, say := range map[string]string{"joined": joinTea, "not joined": ""} {
		t.Run(name, func(t *testing.T) {
			r := dialRaw(t, url)
			r.SetPingHandler(func(string) error { return nil }) // plays dead
			if say != "" {
				r.say(say)
			}
			if closed := r.closes(); closed.Code != 4000+int(protocol.Error_SILENT) {
				t.Fatalf("closed with %v", closed)
			}
		})
	}
}

func TestOtherOriginsAndNamesAreRefused(t *testing.T) {
	abreast(t)
	_, url := runServer(t, nil)
	for _, tc := range []struct {
		name, header, value string
		want                int
	}{
		{"a page of another site", "Origin", "https://elsewhere.example", http.StatusForbidden},
		{"a name that is made to resolve here", "Host", "elsewhere.example", http.StatusMisdirectedRequest},
	} {
		t.Run(tc.name, func(t *testing.T) {
			header := http.Header{tc.header: {tc.value}}
			dialer := websocket.Dialer{Subprotocols: []string{protocol.JSON.Subprotocol()}}
			_, response, err := dialer.Dial("ws"+strings.TrimPrefix(url, "http")+"/v1/signal", header)
			if err == nil || response == nil || response.StatusCode != tc.want {
				t.Fatalf("got %v, %v", response, err)
			}
		})
	}
}

// A slot that did not negotiate a track's codec stays silent and says why.
func TestASlotWithoutTheCodecSaysWhy(t *testing.T) {
	abreast(t)
	_, url := runServer(t, nil)
	face := newSource(t, webrtc.MimeTypeAV1, []byte("ann looks"))
	ann := enter(t, url, "tea", func(c *client.Config) {
		c.Tracks = []client.LocalTrack{{Track: face.track, Source: "camera"}}
	})
	bob := enter(t, url, "tea", func(c *client.Config) {
		var media webrtc.MediaEngine
		if err := media.RegisterCodec(webrtc.RTPCodecParameters{
			RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8, ClockRate: 90000}, PayloadType: 96,
		}, webrtc.RTPCodecTypeVideo); err != nil {
			t.Fatal(err)
		}
		var settings webrtc.SettingEngine
		settings.SetIncludeLoopbackCandidate(true)
		c.API = webrtc.NewAPI(webrtc.WithMediaEngine(&media), webrtc.WithSettingEngine(settings))
		c.AudioSlots = 0
	})
	track := ann.Joined().GetTracks()[0].GetId()
	bob.hears("why the slot is silent", func(m *protocol.ServerMessage) bool {
		for _, s := range m.GetSlots().GetSlots() {
			if s.GetTrack() == track && s.GetWhy() == protocol.Slot_CODEC_NOT_NEGOTIATED {
				return true
			}
		}
		return false
	})
}

func TestStoppingTellsEverybody(t *testing.T) {
	abreast(t)
	s, url := runServer(t, nil)
	r := dialRaw(t, url)
	r.say(joinTea)
	r.next()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- s.close(ctx) }()
	if m := r.next(); m.GetError().GetCode() != protocol.Error_SHUTTING_DOWN || !m.GetError().GetFatal() {
		t.Fatalf("was told %v", m)
	}
	if closed := r.closes(); closed.Code != websocket.CloseGoingAway {
		t.Fatalf("closed with %v", closed)
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}
