package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/hiroba-rtc/hiroba/configs"
	"github.com/hiroba-rtc/hiroba/signaling/auth"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// poller is a client that does all by plain requests, as curl would.
type poller struct {
	t      testing.TB
	url    string // of the session
	id     string
	resume string
	seq    int
	after  uint64
	peer   string
}

// openByRequest opens a session; token is an access token, or "".
func openByRequest(t testing.TB, url, token string) *poller {
	t.Helper()
	p := &poller{t: t, url: url + "/v1/signal", resume: token}
	response, body := p.ask("POST", "", "")
	if response.StatusCode != http.StatusCreated {
		t.Fatalf("opening: %s %s", response.Status, body)
	}
	message := &protocol.ServerMessage{}
	if err := protocol.JSON.Unmarshal(body, message); err != nil {
		t.Fatal(err)
	}
	p.note(message)
	p.url, p.id = url+response.Header.Get("Location"), message.GetWelcome().GetSession()
	return p
}

// join goes into the room tea.
func (p *poller) join() *poller {
	p.t.Helper()
	p.say(`"id":"j","join":{"room":"tea"}`)
	for p.peer == "" {
		p.poll("25s")
	}
	return p
}

func (p *poller) note(message *protocol.ServerMessage) {
	if welcome := message.GetWelcome(); welcome != nil {
		p.resume = welcome.GetResume()
	}
	if joined := message.GetJoined(); joined != nil {
		p.peer = joined.GetPeer()
	}
	p.after = max(p.after, message.GetSeq())
}

func (p *poller) start(method, query, body string, headers ...string) *http.Response {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), method, p.url+query, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	if p.resume != "" {
		r.Header.Set("Authorization", "Bearer "+p.resume)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	return response
}

func (p *poller) ask(method, query, body string, headers ...string) (*http.Response, []byte) {
	p.t.Helper()
	response := p.start(method, query, body, headers...)
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return response, data
}

// say sends one message with the next number.
func (p *poller) say(body string) {
	p.t.Helper()
	p.seq++
	response, answer := p.ask("POST", "", fmt.Sprintf(`{"seq":"%d",%s}`, p.seq, body))
	if want := fmt.Sprintf(`{"received":"%d",`, p.seq); response.StatusCode != http.StatusOK || !bytes.HasPrefix(answer, []byte(want)) {
		p.t.Fatalf("saying %s: %s %s", body, response.Status, answer)
	}
}

func (p *poller) poll(wait string) []*protocol.ServerMessage {
	p.t.Helper()
	response, body := p.ask("GET", fmt.Sprintf("?after=%d&wait=%s", p.after, wait), "")
	var answer struct{ Messages []json.RawMessage }
	if err := json.Unmarshal(body, &answer); err != nil || response.StatusCode != http.StatusOK {
		p.t.Fatalf("polling: %s %s", response.Status, body)
	}
	messages := make([]*protocol.ServerMessage, len(answer.Messages))
	for i, data := range answer.Messages {
		messages[i] = &protocol.ServerMessage{}
		if err := protocol.JSON.Unmarshal(data, messages[i]); err != nil {
			p.t.Fatal(err)
		}
		p.note(messages[i])
	}
	return messages
}

// hears polls until a text has come from somebody.
func (p *poller) hears(text string) *protocol.ServerMessage {
	p.t.Helper()
	for begin := time.Now(); time.Since(begin) < patience; {
		for _, m := range p.poll("5s") {
			if m.GetMessage().GetText() == text {
				return m
			}
		}
	}
	p.t.Fatalf("%q never came", text)
	return nil
}

// stream reads events in the background until the stream ends.
func (p *poller) stream() <-chan *protocol.ServerMessage {
	p.t.Helper()
	response := p.start("GET", fmt.Sprintf("?after=%d", p.after), "", "Accept", "text/event-stream")
	if response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != "text/event-stream" {
		p.t.Fatalf("streaming: %s %v", response.Status, response.Header)
	}
	out := make(chan *protocol.ServerMessage, 1000)
	go func() {
		defer close(out)
		defer response.Body.Close()
		lines := bufio.NewScanner(response.Body)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				message := &protocol.ServerMessage{}
				if err := protocol.JSON.Unmarshal([]byte(data), message); err != nil {
					p.t.Error(err)
				}
				out <- message
			}
		}
	}()
	p.note(p.comes(out, "welcome", func(m *protocol.ServerMessage) bool { return m.GetWelcome() != nil }))
	return out
}

// comes waits for a message of a stream.
func (p *poller) comes(stream <-chan *protocol.ServerMessage, what string, fits func(*protocol.ServerMessage) bool) *protocol.ServerMessage {
	p.t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case m, ok := <-stream:
			switch {
			case !ok:
				p.t.Fatalf("the stream has ended without %s", what)
			case fits(m):
				p.note(m)
				return m
			}
			p.note(m)
		case <-timeout:
			p.t.Fatalf("%s never came", what)
		}
	}
}

func says(text string) func(*protocol.ServerMessage) bool {
	return func(m *protocol.ServerMessage) bool { return m.GetMessage().GetText() == text }
}

// However they are connected, all hear each other.
func TestAllWaysLeadIntoOneRoom(t *testing.T) {
	abreast(t)
	_, url := runServer(t, nil)
	browser := dialRaw(t, url)
	browser.say(joinTea)
	browser.next()
	streaming, polling, looking := openByRequest(t, url, "").join(), openByRequest(t, url, "").join(), openByRequest(t, url, "").join()
	stream := streaming.stream()

	browser.say(`{"seq":"2","message":{"text":"from WebSocket"}}`)
	streaming.comes(stream, "the browser's message", says("from WebSocket"))
	polling.hears("from WebSocket")
	looking.hears("from WebSocket")
	for _, p := range []*poller{streaming, polling, looking} {
		text := "from " + p.peer
		p.say(`"id":"m","message":{"text":"` + text + `"}`)
		for m := browser.next(); ; m = browser.next() {
			if m.GetMessage().GetText() == text && m.GetMessage().GetFrom() == p.peer {
				break
			}
		}
		for _, other := range []*poller{polling, looking} {
			if other != p {
				other.hears(text)
			}
		}
		if p != streaming {
			streaming.comes(stream, text, says(text))
		}
	}
	for _, transport := range []string{"sse", "poll"} {
		if n := metric(t, url, `hiroba_signaling_attachments_total{transport="`+transport+`"}`); n == 0 {
			t.Errorf("no attachment by %s was counted", transport)
		}
	}
	if response, _ := looking.ask("DELETE", "", ""); response.StatusCode != http.StatusNoContent {
		t.Fatalf("leaving: %s", response.Status)
	}
	left := streaming.comes(stream, "who left", func(m *protocol.ServerMessage) bool { return m.GetPeerLeft() != nil }).GetPeerLeft()
	if left.GetPeer() != looking.peer || left.GetReason() != protocol.PeerLeft_LEFT {
		t.Fatalf("others were told %v", left)
	}
}

// A session goes from one transport to the next and back, and every message
// comes once.
func TestASessionChangesItsTransport(t *testing.T) {
	abreast(t)
	_, url := runServer(t, nil)
	bob := openByRequest(t, url, "").join()
	ann := openByRequest(t, url, "").join()
	var heard []string
	count := func(m *protocol.ServerMessage) {
		if m.GetMessage() != nil {
			heard = append(heard, m.GetMessage().GetText())
		}
	}
	var want []string
	say := func() string {
		text := fmt.Sprintf("message %d", len(want))
		want = append(want, text)
		bob.say(`"message":{"text":"` + text + `"}`)
		return text
	}
	for range 3 {
		say()
		stream := ann.stream()
		text := say()
		ann.comes(stream, text, func(m *protocol.ServerMessage) bool {
			count(m)
			return m.GetMessage().GetText() == text
		})

		dialer := websocket.Dialer{Subprotocols: []string{protocol.JSON.Subprotocol(), "hiroba.resume." + ann.resume}}
		conn, _, err := dialer.Dial("ws"+strings.TrimPrefix(ann.url, "http")+fmt.Sprintf("?after=%d", ann.after), nil)
		if err != nil {
			t.Fatal(err)
		}
		socket := &raw{conn, t}
		ann.note(socket.next())
		for range stream { // ends, since it was taken over
		}
		for text := say(); ; {
			m := socket.next()
			ann.note(m)
			count(m)
			if m.GetMessage().GetText() == text {
				break
			}
		}

		say()
		text = say()
		for len(heard) == 0 || heard[len(heard)-1] != text {
			for _, m := range ann.poll("5s") {
				count(m)
			}
		}
		if closed := socket.closes(); closed.Code != 4000+int(protocol.Error_FENCED) {
			t.Fatalf("the WebSocket was closed with %v", closed)
		}
		conn.Close()
	}
	if !slices.Equal(heard, want) {
		t.Fatalf("heard %q, want %q", heard, want)
	}
}

// What a client does not read is kept for it up to a bound, and then it is let
// go of, while the others go on.
func TestAStreamThatIsNotReadIsLeftBehind(t *testing.T) {
	s, url := runServer(t, func(c *configs.Config) { c.Limits.MessagesPerSecond = 10000 })
	p := openByRequest(t, url, "").join()
	conn, err := net.Dial("tcp", fmt.Sprintf("localhost:%d", s.port.Port()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	// The kernel reads on for a client that does not; keep that short.
	if err := conn.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "GET /v1/signal/%s HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\nAuthorization: Bearer %s\r\n\r\n", p.id, p.resume)
	if _, err := bufio.NewReaderSize(conn, 16).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	talker := dialRaw(t, url)
	talker.say(joinTea)
	talker.next()
	// With what the kernel holds of each connection, it takes a few megabytes.
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
		if left.GetPeer() == p.peer && left.GetReason() == protocol.PeerLeft_CLOSED {
			break
		}
	}
}

// Stopping ends streams and polls, and waits for nobody who does not read.
func TestStoppingEndsStreamsAndPolls(t *testing.T) {
	abreast(t)
	s, url := runServer(t, nil)
	streaming, polling, stuck := openByRequest(t, url, "").join(), openByRequest(t, url, "").join(), openByRequest(t, url, "").join()
	stream := streaming.stream()
	polling.poll("0")
	conn, err := net.Dial("tcp", fmt.Sprintf("localhost:%d", s.port.Port()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST /v1/signal/%s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\nAuthorization: Bearer %s\r\n\r\n{", stuck.id, stuck.resume)
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		r, err := http.NewRequestWithContext(t.Context(), "GET", polling.url+fmt.Sprintf("?wait=25&after=%d", polling.after), nil)
		if err != nil {
			t.Error(err)
			return
		}
		r.Header.Set("Authorization", "Bearer "+polling.resume)
		// What it is told depends on whether it came in time.
		if response, err := http.DefaultClient.Do(r); err == nil {
			response.Body.Close()
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- s.close(ctx) }()
	last := streaming.comes(stream, "why it ends", func(m *protocol.ServerMessage) bool { return m.GetError() != nil })
	if last.GetError().GetCode() != protocol.Error_SHUTTING_DOWN || !last.GetError().GetFatal() {
		t.Errorf("the stream was told %v", last)
	}
	if m, ok := <-stream; ok {
		t.Errorf("after its end the stream told %v", m)
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	<-answered
}

// On a server with keys, a token opens the session, and no other ways in are
// open beside it.
func TestRequestsNeedAccess(t *testing.T) {
	const key = "main=correct horse battery staple twice over"
	_, url := runServer(t, func(c *configs.Config) { c.Keys = key })
	stranger := &poller{t: t, url: url + "/v1/signal"}
	if response, body := stranger.ask("POST", "", ""); response.StatusCode != http.StatusUnauthorized || !bytes.Contains(body, []byte("ACCESS_REQUIRED")) {
		t.Fatalf("without a token: %s %s", response.Status, body)
	}
	keys, err := auth.ParseKeys(key)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := keys.Signer("")
	if err != nil {
		t.Fatal(err)
	}
	token, err := signer.Token(auth.Access{User: "ann", Room: "tea", Grants: auth.DefaultGrants}, time.Now(), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	ann := openByRequest(t, url, token).join()
	ann.say(`"message":{"text":"hello"}`)
	// The access token opens sessions; it does not read one.
	thief := &poller{t: t, url: ann.url, resume: token}
	for _, method := range []string{"GET", "POST", "DELETE"} {
		if response, body := thief.ask(method, "", ""); response.StatusCode != http.StatusGone {
			t.Errorf("%s with the access token: %s %s", method, response.Status, body)
		}
	}
}
