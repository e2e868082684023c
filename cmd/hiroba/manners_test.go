package main

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
	"github.com/pion/webrtc/v4"

	"github.com/hiroba-rtc/hiroba/configs"
	"github.com/hiroba-rtc/hiroba/signaling/client"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// Whatever is sent too fast is refused and ends the session, also what is not
// carried out anyway.
func TestEveryMessagePaysForItself(t *testing.T) {
	_, url := runServer(t, func(c *configs.Config) { c.Limits.MessagesPerSecond = 10 })
	for name, text := range map[string]string{
		"pings":                  `{"ping":{}}`,
		"numbered pings":         `{"seq":"%d","id":"p","ping":{}}`,
		"acks of the future":     `{"seq":"%d","ack":"99999","message":{"text":"hi"}}`,
		"messages without a seq": `{"message":{"text":"hi"}}`,
		"numbers too far":        `{"seq":"99999","message":{"text":"hi"}}`,
		"duplicates":             joinTea,
		"what is no message":     `hello`,
	} {
		t.Run(name, func(t *testing.T) {
			r := dialRaw(t, url)
			r.say(joinTea)
			for i := range 400 {
				text := text
				if strings.Contains(text, "%d") {
					text = fmt.Sprintf(text, i+2)
				}
				if r.WriteMessage(websocket.TextMessage, []byte(text)) != nil {
					break // closed already
				}
			}
			if closed := r.closes(); closed.Code != 4000+int(protocol.Error_TOO_MANY_MESSAGES) {
				t.Fatalf("closed with %v", closed)
			}
		})
	}
}

// What is refused for its pace has used up its number: the client goes on with
// the next one.
func TestARefusedMessageKeepsItsNumber(t *testing.T) {
	_, url := runServer(t, func(c *configs.Config) { c.Limits.MessagesPerSecond = 500 })
	r := dialRaw(t, url)
	r.say(joinTea)
	r.next()
	long := strings.Repeat("x", 63<<10)
	for seq, refused := 2, false; ; seq++ {
		text := long
		if refused {
			text = "hi" // the rate lets one through every other millisecond
		}
		r.say(fmt.Sprintf(`{"seq":"%d","id":"x","message":{"text":"%s"}}`, seq, text))
		switch m := r.next(); {
		case m.GetError().GetCode() == protocol.Error_TOO_MANY_MESSAGES:
			refused = true
		case m.GetDone() == nil:
			t.Fatalf("message %d was answered %v", seq, m)
		case refused:
			return
		}
	}
}

// The most that one peer may say at once leaves even somebody who reads
// nothing meanwhile in the room.
func TestOnePeerCannotTalkAnotherOut(t *testing.T) {
	_, url := runServer(t, nil)
	victim := dialRaw(t, url)
	// The kernel reads on for a client that does not; keep that short.
	if err := victim.NetConn().(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	victim.say(joinTea)
	victim.next()
	talker := dialRaw(t, url)
	talker.say(joinTea)
	talker.next()
	message := `"message":{"text":"` + strings.Repeat("x", 63<<10) + `"}}`
	const messages = 100
	for i := range messages {
		talker.say(fmt.Sprintf(`{"seq":"%d","id":"%d",`, i+2, i+2) + message)
	}
	carriedOut := 0
	for answered := 0; answered < messages; {
		switch m := talker.next(); {
		case m.GetPeerLeft() != nil:
			t.Fatalf("the victim is gone (%v) after %d messages", m.GetPeerLeft().GetReason(), carriedOut)
		case m.GetDone() != nil:
			answered++
			carriedOut++
		case m.GetError().GetCode() == protocol.Error_TOO_MANY_MESSAGES:
			answered++
		default:
			t.Fatalf("the talker was told %v", m)
		}
	}
	if carriedOut == 0 || carriedOut == messages {
		t.Fatalf("%d of %d messages were carried out", carriedOut, messages)
	}
	for range carriedOut {
		for victim.next().GetMessage() == nil {
		}
	}
}

// What a page does in its first moment is within the rate: a large offer,
// offers for more, candidates, a view, some words.
func TestAnEagerClientIsNotRefused(t *testing.T) {
	abreast(t)
	_, url := runServer(t, nil)
	r := dialRaw(t, url)
	seq := 0
	say := func(body string) {
		seq++
		r.say(fmt.Sprintf(`{"seq":"%d","id":"%d",%s}`, seq, seq, body))
	}
	sdp := strings.Repeat("x", 60<<10) // judged by its size before it is read
	say(`"join":{"room":"tea","name":"` + strings.Repeat("x", 60) + `"}`)
	for range 4 {
		say(`"description":{"to":"sfu","type":"OFFER","sdp":"` + sdp + `"}`)
	}
	for range 20 {
		say(`"candidate":{"to":"sfu","candidate":"candidate:1 1 udp 1 192.0.2.1 9 typ host"}`)
	}
	say(`"view":{}`)
	for range 5 {
		say(`"message":{"topic":"chat","text":"hello"}`)
	}
	for range seq {
		if m := r.next(); m.GetError().GetCode() == protocol.Error_TOO_MANY_MESSAGES {
			t.Fatalf("refused: %v", m)
		}
	}
}

// A ping is answered at any time; who names it gets the answer by that name,
// numbered like any other.
func TestPings(t *testing.T) {
	_, url := runServer(t, nil)
	for _, tc := range []struct {
		name, ping string
		re         string
		numbered   bool
		next       int // the number of the client's next message
	}{
		{"bare", `{"ping":{}}`, "", false, 1},
		{"with an id", `{"id":"p","ping":{}}`, "p", true, 1},
		{"with a number", `{"seq":"1","ping":{}}`, "", false, 2},
		{"with both", `{"seq":"1","id":"p","ping":{}}`, "p", true, 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := dialRaw(t, url)
			r.say(tc.ping)
			if m := r.next(); m.GetPong().GetNowMs() == 0 || m.GetRe() != tc.re || (m.GetSeq() != 0) != tc.numbered {
				t.Fatalf("before joining, the answer is %v", m)
			}
			r.say(fmt.Sprintf(`{"seq":"%d","join":{"room":"tea"}}`, tc.next))
			if m := r.next(); m.GetJoined() == nil {
				t.Fatalf("join was answered %v", m)
			}
			r.say(strings.Replace(tc.ping, `"1"`, `"3"`, 1))
			if m := r.next(); m.GetPong().GetNowMs() == 0 || m.GetRe() != tc.re || (m.GetSeq() != 0) != tc.numbered {
				t.Fatalf("in a room, the answer is %v", m)
			}
		})
	}
}

// An ack of what was not sent yet is refused; the session goes on, and the
// peer is not called slow.
func TestAnAckOfWhatWasNotSentDoesNoHarm(t *testing.T) {
	_, url := runServer(t, nil)
	r := dialRaw(t, url)
	r.say(joinTea)
	r.next()
	r.say(`{"seq":"2","ack":"3","id":"x","message":{"text":"hi"}}`)
	if m := r.next(); m.GetError().GetCode() != protocol.Error_BAD_FIELD || m.GetRe() != "x" {
		t.Fatalf("answered %v", m)
	}
	r.say(`{"seq":"3","ack":"2","id":"y","message":{"text":"hi"}}`)
	if m := r.next(); m.GetDone() == nil || m.GetRe() != "y" {
		t.Fatalf("the next message was answered %v", m)
	}
}

// What a client shows holds for a connection that it makes only later, and the
// connection's answer comes before news of its slots.
func TestAViewWaitsForTheConnection(t *testing.T) {
	abreast(t)
	_, url := runServer(t, nil)
	camera, screen := newSource(t, webrtc.MimeTypeVP8, []byte("camera")), newSource(t, webrtc.MimeTypeVP8, []byte("screen"))
	ann := enter(t, url, "tea", func(c *client.Config) {
		c.Tracks = []client.LocalTrack{{Track: camera.track, Source: "camera"}, {Track: screen.track, Source: "screen"}}
	})
	shown := ann.Joined().GetTracks()[1].GetId()
	view := `"view":{"shown":[{"track":"` + shown + `"}]}`
	for name, say := range map[string][]string{
		"given in join":    {`{"seq":"1","join":{"room":"tea",` + view + `}}`, `{"seq":"2","ping":{}}`},
		"given after join": {joinTea, `{"seq":"2","id":"v",` + view + `}`},
	} {
		t.Run(name, func(t *testing.T) {
			r := dialRaw(t, url)
			for _, text := range say {
				r.say(text)
				r.next()
			}
			offer, err := protocol.JSON.Marshal(&protocol.ClientMessage{Seq: 3, Id: "o", Body: &protocol.ClientMessage_Description{
				Description: &protocol.Description{To: protocol.SFU, Type: protocol.Description_OFFER, Sdp: oneVideoSlot(t)},
			}})
			if err != nil {
				t.Fatal(err)
			}
			r.say(string(offer))
			if m := r.next(); m.GetDescription().GetType() != protocol.Description_ANSWER || m.GetRe() != "o" {
				t.Fatalf("the offer was answered %v", m)
			}
			if slots := r.next().GetSlots().GetSlots(); len(slots) != 1 || slots[0].GetTrack() != shown {
				t.Fatalf("the slots are %v, the track that is shown is %s", slots, shown)
			}
		})
	}
}

// oneVideoSlot is an offer to receive one video track.
func oneVideoSlot(t *testing.T) string {
	t.Helper()
	pc, err := loopbackAPI(t).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	defer pc.Close()
	if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{
		Direction: webrtc.RTPTransceiverDirectionRecvonly,
	}); err != nil {
		t.Fatal(err)
	}
	offer, err := pc.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	return offer.SDP
}
