package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"github.com/hiroba-rtc/hiroba/configs"
	"github.com/hiroba-rtc/hiroba/signaling/client"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// cable is a connection to the server that can be pulled out and put back.
type cable struct {
	target string
	mu     sync.Mutex // guards all below
	cut    bool
	conns  map[net.Conn]bool
}

// newCable returns one, and the URL of its other end.
func newCable(t *testing.T, target string) (*cable, string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cable{target: strings.TrimPrefix(target, "http://"), conns: map[net.Conn]bool{}}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			in, err := listener.Accept()
			if err != nil {
				return
			}
			all.Go(func() { c.carry(in) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		c.pull()
		all.Wait()
	})
	return c, fmt.Sprintf("http://localhost:%d", listener.Addr().(*net.TCPAddr).Port)
}

func (c *cable) carry(in net.Conn) {
	defer in.Close()
	out, err := net.Dial("tcp", c.target)
	if err != nil {
		return
	}
	defer out.Close()
	c.mu.Lock()
	if c.cut {
		c.mu.Unlock()
		return
	}
	c.conns[in], c.conns[out] = true, true
	c.mu.Unlock()
	var both sync.WaitGroup
	copying := func(to, from net.Conn) {
		_, _ = io.Copy(to, from)
		_, _ = to.Close(), from.Close()
	}
	both.Go(func() { copying(out, in) })
	both.Go(func() { copying(in, out) })
	both.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.conns, in)
	delete(c.conns, out)
}

// pull cuts what there is, and refuses what comes.
func (c *cable) pull() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cut = true
	for conn := range c.conns {
		_ = conn.Close()
	}
}

func (c *cable) putBack() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cut = false
}

// curler is a client made of curl.
type curler struct {
	t               *testing.T
	url             string
	session, resume string
	seq, after      uint64
	heard           []*protocol.ServerMessage
}

// curl runs curl and returns what it prints.
func (p *curler) curl(args ...string) []byte {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, "curl", append([]string{"-sS", "--fail-with-body"}, args...)...).CombinedOutput()
	if err != nil {
		p.t.Fatalf("curl %q: %v: %s", args, err, out)
	}
	return out
}

func (p *curler) take(data []byte) *protocol.ServerMessage {
	p.t.Helper()
	m := &protocol.ServerMessage{}
	if err := protocol.JSON.Unmarshal(data, m); err != nil {
		p.t.Fatal(err)
	}
	if w := m.GetWelcome(); w != nil {
		p.session, p.resume = w.GetSession(), w.GetResume()
	}
	p.after = max(p.after, m.GetSeq())
	return m
}

func newCurler(t *testing.T, url string) *curler {
	p := &curler{t: t, url: url}
	p.take(p.curl("-X", "POST", url+"/v1/signal"))
	return p
}

func (p *curler) say(body string) {
	p.t.Helper()
	p.seq++
	p.curl("-H", "Authorization: Bearer "+p.resume, "-H", "Content-Type: application/json",
		"-d", fmt.Sprintf(`{"seq":"%d",%s}`, p.seq, body), p.url+"/v1/signal/"+p.session)
}

// poll asks for what is new.
func (p *curler) poll() {
	p.t.Helper()
	var answer struct{ Messages []json.RawMessage }
	data := p.curl("-H", "Authorization: Bearer "+p.resume, fmt.Sprintf("%s/v1/signal/%s?after=%d&wait=1s", p.url, p.session, p.after))
	if err := json.Unmarshal(data, &answer); err != nil {
		p.t.Fatal(err)
	}
	for _, m := range answer.Messages {
		p.heard = append(p.heard, p.take(m))
	}
}

// TestEverybodyTogether has one room with a page on WebSocket, one on SSE, one
// on long polls, a Go client on gRPC and a poller made of curl: all hear each
// other, all but the poller see each other, and cutting any of them off for
// ten seconds loses nothing.
func TestEverybodyTogether(t *testing.T) {
	// From before the first cut to after the last one.
	const sayings, between = 130, 150 * time.Millisecond
	_, target := runServer(t, func(c *configs.Config) {
		overSFU(c)
		generous(c)
	})
	b := startBrowser(t)
	cables := map[string]*cable{}
	plug := func(name, target string) string {
		c, url := newCable(t, target)
		cables[name] = c
		return url
	}
	pages := []*tab{
		b.open("Web", plug("Web", target)+"/r/tea", ""),
		b.open("Events", plug("Events", noUpgrades(t, target))+"/r/tea", ""),
		b.open("Poll", plug("Poll", buffering(t, target))+"/r/tea", ""),
	}
	for _, p := range pages {
		p.join(p.name)
	}
	camera, voice := newSource(t, webrtc.MimeTypeVP8, []byte("native")), newSource(t, webrtc.MimeTypeOpus, []byte("voice"))
	grpc := enter(t, plug("Go", target), "tea", func(c *client.Config) {
		c.Transport = client.GRPC
		c.VideoSlots, c.AudioSlots = 4, 4
		c.Tracks = []client.LocalTrack{{Track: camera.track, Source: "camera"}, {Track: voice.track, Source: "microphone"}}
	})
	curl := newCurler(t, target)
	curl.say(`"join":{"room":"tea","name":"Curl"}`)

	for i, want := range []string{"websocket", "sse", "poll"} {
		pages[i].waits("the transport "+want, fmt.Sprintf(`hiroba.room.transport === %q`, want))
		pages[i].sees(2)
	}
	grpc.until("three cameras in slots", func() bool {
		filled := 0
		for _, packets := range grpc.packets {
			if len(packets) > 10 {
				filled++
			}
		}
		return filled >= 3
	})
	for _, p := range pages {
		evaluate[any](p, `(() => {
			window.heard = {};
			hiroba.room.on('message:count', (m) => (heard[m.from] ??= []).push(m.data));
		})()`)
	}
	for _, p := range pages { // once all listen
		evaluate[any](p, fmt.Sprintf(`(() => {
			window.next = 0;
			setInterval(() => { if (next < %d) hiroba.room.emit('count', next++, { timeoutMs: 60000 }); }, %d);
		})()`, sayings, between.Milliseconds()))
	}
	var talking sync.WaitGroup
	talking.Go(func() {
		ticker := time.NewTicker(between)
		defer ticker.Stop()
		for n := range sayings {
			<-ticker.C
			if err := grpc.Link().Send(&protocol.ClientMessage{Body: &protocol.ClientMessage_Message{
				Message: &protocol.Message{Topic: "count", Text: strconv.Itoa(n)},
			}}); err != nil {
				t.Error(err)
				return
			}
		}
	})
	said := 0
	// meanwhile lets the poller speak and listen for a while.
	meanwhile := func(d time.Duration) {
		for end := time.Now().Add(d); time.Now().Before(end) && said < sayings; said++ {
			curl.say(fmt.Sprintf(`"message":{"topic":"count","text":"%d"}`, said))
			curl.poll()
		}
	}
	// Each is cut off for ten seconds, and for five of them most are.
	for _, step := range []struct{ pull, back []string }{
		{[]string{"Web", "Poll"}, nil}, {[]string{"Events", "Go"}, nil}, {nil, []string{"Web", "Poll"}}, {nil, []string{"Events", "Go"}},
	} {
		for _, name := range step.pull {
			cables[name].pull()
		}
		for _, name := range step.back {
			cables[name].putBack()
		}
		meanwhile(5 * time.Second)
	}
	talking.Wait()
	for ; said < sayings; said++ {
		curl.say(fmt.Sprintf(`"message":{"topic":"count","text":"%d"}`, said))
	}

	// Everybody has heard everybody else, all of it, once and in order.
	var all []string
	for n := range sayings {
		all = append(all, strconv.Itoa(n))
	}
	want := strings.Join(all, ",")
	for _, p := range pages {
		p.waits("all that four others said", fmt.Sprintf(`Object.values(heard).length === 4 && Object.values(heard).every((said) => said.length >= %d)`, sayings))
		for peer, got := range evaluate[map[string]string](p, `Object.fromEntries(Object.entries(heard).map(([peer, said]) => [peer, said.join()]))`) {
			if got != want {
				t.Errorf("%s heard from %s: %s", p.name, peer, got)
			}
		}
	}
	complete := func(who string, heard func() []*protocol.ServerMessage) bool {
		from := map[string][]string{}
		for _, m := range heard() {
			if said := m.GetMessage(); said.GetTopic() == "count" {
				from[said.GetFrom()] = append(from[said.GetFrom()], said.GetText())
			}
		}
		for peer, got := range from {
			if len(got) >= sayings && strings.Join(got, ",") != want {
				t.Errorf("%s heard from %s: %q", who, peer, got)
			}
			if len(got) < sayings {
				return false
			}
		}
		return len(from) == 4
	}
	grpc.until("all that four others said", func() bool {
		return complete("Go", func() []*protocol.ServerMessage { return grpc.heard })
	})
	for end := time.Now().Add(patience); !complete("Curl", func() []*protocol.ServerMessage { return curl.heard }); curl.poll() {
		if time.Now().After(end) {
			t.Fatal("the poller has not heard everything")
		}
	}
	for _, p := range pages {
		p.sees(2)
	}
}
