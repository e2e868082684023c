package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	samples "github.com/pion/webrtc/v4/pkg/media"

	"github.com/hiroba-rtc/hiroba/configs"
	"github.com/hiroba-rtc/hiroba/signaling/auth"
	"github.com/hiroba-rtc/hiroba/signaling/client"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// bounded is a context that no call of a client may outlast.
func bounded(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// publish publishes a source as a camera.
func (p *participant) publish(s *source) *protocol.Track {
	p.t.Helper()
	track, err := p.Publish(bounded(p.t), client.LocalTrack{Track: s.track, Source: "camera"})
	if err != nil {
		p.t.Fatal(err)
	}
	return track
}

// count is how many packets fit.
func (p *participant) count(mid string, fits func(*rtp.Packet) bool) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, packet := range p.packets[mid] {
		if fits(packet) {
			n++
		}
	}
	return n
}

// unbroken waits until all that came in a slot is one continuous stream. What
// the server sends again to see what the way carries comes twice, and before
// what waits to be read.
func (p *participant) unbroken(mid string) {
	p.t.Helper()
	p.until("what is missing in slot "+mid, func() bool {
		if len(p.packets[mid]) == 0 {
			return false
		}
		first, last, seen := 0, 0, map[int]bool{}
		for _, packet := range p.packets[mid] {
			// Far less than half of all numbers come in a test.
			n := int(int16(packet.SequenceNumber - p.packets[mid][0].SequenceNumber))
			first, last, seen[n] = min(first, n), max(last, n), true
		}
		return len(seen) == last-first+1
	})
}

func TestAClientPublishesOnceItIsThere(t *testing.T) {
	abreast(t)
	for _, transport := range client.Transports() {
		t.Run(string(transport), func(t *testing.T) {
			_, url := runServer(t, nil)
			over := func(c *client.Config) { c.Transport = transport }
			ann, bob := enter(t, url, "tea", over), enter(t, url, "tea", over)
			face := newSource(t, webrtc.MimeTypeVP8, []byte("ann looks"))
			track := ann.publish(face)
			bob.receives(20, bob.slotOf(track.GetId()), endsWith(face.body))
			if peers := bob.Peers(); len(peers) != 1 || peers[0].GetId() != ann.ID() || len(peers[0].GetTracks()) != 1 {
				t.Errorf("Bob sees %v", peers)
			}
			ann.sends() // and takes what others send
			if err := bob.SendData(bounded(t), client.Reliable, "hi", []byte("data")); err != nil {
				t.Fatal(err)
			}
			ann.until("Bob's data", func() bool { return len(ann.frames) == 1 && ann.frames[0].GetFrom() == bob.ID() })
			if err := ann.Leave(bounded(t)); err != nil {
				t.Errorf("leaving: %v", err)
			}
		})
	}
}

func TestAnUnpublishedTrackIsGoneAndItsSectionUsedAgain(t *testing.T) {
	abreast(t)
	_, url := runServer(t, nil)
	ann, bob := enter(t, url, "tea", nil), enter(t, url, "tea", nil)
	first, second := newSource(t, webrtc.MimeTypeVP8, []byte("first")), newFarSource(t, 40000, []byte("second"))
	var sections []int
	for range 3 {
		for _, s := range []*source{first, second} {
			track := ann.publish(s)
			mid := bob.slotOf(track.GetId())
			before := bob.count(mid, endsWith(s.body))
			bob.receives(before+5, mid, endsWith(s.body))
			if err := ann.Unpublish(bounded(t), track.GetId()); err != nil {
				t.Fatal(err)
			}
			bob.hears("the track's end", func(m *protocol.ServerMessage) bool {
				return m.GetTrackRemoved().GetTrack() == track.GetId()
			})
			bob.until("empty slots", func() bool {
				for _, slot := range bob.Slots() {
					if slot.GetTrack() != "" {
						return false
					}
				}
				return len(bob.Peers()[0].GetTracks()) == 0
			})
			sections = append(sections, strings.Count(ann.PeerConnection().LocalDescription().SDP, "m=video"))
		}
	}
	if sections[0] != sections[len(sections)-1] {
		t.Errorf("the offers had %v video sections", sections)
	}
	if err := ann.Unpublish(bounded(t), "ghost"); err == nil {
		t.Error("a track that is not there was unpublished")
	}
	if got := ann.Tracks(); len(got) != 0 {
		t.Errorf("Ann still publishes %v", got)
	}
}

// Sources that know nothing of each other's numbers leave as one stream.
func TestReplaceGoesOnWithoutAGap(t *testing.T) {
	abreast(t)
	_, url := runServer(t, nil)
	ann, bob := enter(t, url, "tea", nil), enter(t, url, "tea", nil)
	first, second := newSource(t, webrtc.MimeTypeVP8, []byte("first")), newFarSource(t, 40000, []byte("second"))
	track := ann.publish(first)
	mid := bob.slotOf(track.GetId())
	bob.receives(20, mid, endsWith(first.body))
	for _, s := range []*source{second, first, second} {
		before := bob.count(mid, endsWith(s.body))
		if err := ann.Replace(track.GetId(), s.track); err != nil {
			t.Fatal(err)
		}
		bob.receives(before+20, mid, endsWith(s.body))
	}
	bob.unbroken(mid)

	voice := newSource(t, webrtc.MimeTypeOpus, nil)
	if err := ann.Replace(track.GetId(), voice.track); err == nil {
		t.Error("a voice took the place of a face")
	}
}

// newFarSource makes a VP8 track with other numbers than newSource gives.
func newFarSource(t testing.TB, by uint16, body []byte) *source {
	t.Helper()
	track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8}, "t", "s")
	if err != nil {
		t.Fatal(err)
	}
	s := &source{track: track, body: body}
	speak(t, track, func(p *rtp.Packet) {
		p.Payload = append(s.descriptor(0), body...)
		p.SequenceNumber += by
		p.Timestamp += uint32(by) << 16
	})
	return s
}

func TestSamplesArePublished(t *testing.T) {
	abreast(t)
	_, url := runServer(t, nil)
	ann, bob := enter(t, url, "tea", nil), enter(t, url, "tea", nil)
	var wanted atomic.Bool // a keyframe is
	frames := newSamples(t, webrtc.MimeTypeVP8, func() []byte {
		if wanted.Swap(false) {
			return append([]byte{0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x40, 0x01, 0xb4, 0x00}, "frame"...)
		}
		return append([]byte{0x11, 0x02, 0x00}, "frame"...)
	})
	track, err := ann.Publish(bounded(t), client.LocalTrack{Track: frames, Source: "camera", OnKeyframe: func() { wanted.Store(true) }})
	if err != nil {
		t.Fatal(err)
	}
	bob.receives(20, bob.slotOf(track.GetId()), endsWith([]byte("frame")))
	// Who comes later needs a keyframe, too, and the publisher hears of it.
	cat := enter(t, url, "tea", nil)
	cat.receives(5, cat.slotOf(track.GetId()), endsWith([]byte("frame")))
}

func TestSlotsOpenedLaterAreFilled(t *testing.T) {
	abreast(t)
	_, url := runServer(t, nil)
	face, voice := newSource(t, webrtc.MimeTypeVP8, []byte("ann looks")), newSource(t, webrtc.MimeTypeOpus, []byte("ann speaks"))
	ann := enter(t, url, "tea", func(c *client.Config) {
		c.Tracks = []client.LocalTrack{{Track: face.track, Source: "camera"}, {Track: voice.track, Source: "microphone"}}
	})
	bob := enter(t, url, "tea", func(c *client.Config) { c.AudioSlots, c.VideoSlots = 0, 0 })
	if got := len(bob.Slots()); got != 0 {
		t.Fatalf("Bob has %d slots", got)
	}
	// Several at once wait for each other.
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			if err := bob.OpenSlots(bounded(t), 1, 1); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for i, s := range []*source{face, voice} {
		bob.receives(10, bob.slotOf(ann.Tracks()[i].GetId()), endsWith(s.body))
	}
	if got := len(bob.Slots()); got != 4 {
		t.Errorf("Bob has %d slots", got)
	}
	if err := bob.OpenSlots(bounded(t), 1000, 0); err == nil {
		t.Error("a thousand slots were opened")
	}
}

// What is refused is taken back, and does no harm to what comes later.
func TestARefusedOfferIsTakenBack(t *testing.T) {
	abreast(t)
	_, url := runServer(t, func(c *configs.Config) { c.Limits.Tracks = 1 })
	ann, bob := enter(t, url, "tea", nil), enter(t, url, "tea", nil)
	first, second := newSource(t, webrtc.MimeTypeVP8, []byte("first")), newSource(t, webrtc.MimeTypeVP8, []byte("second"))
	track := ann.publish(first)
	_, err := ann.Publish(bounded(t), client.LocalTrack{Track: second.track, Source: "screen"})
	var refusal *protocol.Error
	if !errors.As(err, &refusal) || refusal.GetCode() != protocol.Error_TOO_MANY_TRACKS {
		t.Fatalf("a second track was answered %v", err)
	}
	mid := bob.slotOf(track.GetId())
	bob.receives(20, mid, endsWith(first.body))
	if err := ann.Unpublish(bounded(t), track.GetId()); err != nil {
		t.Fatal(err)
	}
	track = ann.publish(second)
	bob.receives(20, bob.slotOf(track.GetId()), endsWith(second.body))
}

// A moderator's doing is known to who it was done to.
func TestOwnTracksFollowTheModerator(t *testing.T) {
	abreast(t)
	_, url := runServer(t, nil)
	boss, ann := enter(t, url, "tea", nil), enter(t, url, "tea", nil)
	first, second := newSource(t, webrtc.MimeTypeVP8, []byte("first")), newSource(t, webrtc.MimeTypeVP8, []byte("second"))
	track := ann.publish(first)
	boss.receives(5, boss.slotOf(track.GetId()), endsWith(first.body))
	of := &protocol.Moderate_TrackOf{Peer: ann.ID(), Track: track.GetId()}
	if err := boss.Moderate(bounded(t), &protocol.Moderate{Action: &protocol.Moderate_Mute{Mute: of}}); err != nil {
		t.Fatal(err)
	}
	ann.until("being muted", func() bool { return len(ann.Tracks()) == 1 && ann.Tracks()[0].GetMuted() })
	if err := boss.Moderate(bounded(t), &protocol.Moderate{Action: &protocol.Moderate_Stop{Stop: of}}); err != nil {
		t.Fatal(err)
	}
	ann.until("being stopped", func() bool { return len(ann.Tracks()) == 0 })
	if err := ann.Replace(track.GetId(), second.track); err == nil {
		t.Error("a track that was ended goes on")
	}
	// What was ended does not come back with what is published next.
	track = ann.publish(second)
	boss.receives(5, boss.slotOf(track.GetId()), endsWith(second.body))
	boss.until("one track", func() bool { return len(boss.Peers()[0].GetTracks()) == 1 })
}

func TestAnsweringQuestions(t *testing.T) {
	abreast(t)
	_, url := runServer(t, nil)
	ann := enter(t, url, "tea", func(c *client.Config) {
		c.OnAsk = func(m *protocol.Message) string { return m.GetTopic() + ": " + strings.ToUpper(m.GetText()) }
	})
	bob, mute := enter(t, url, "tea", nil), enter(t, url, "tea", nil)
	if got, err := bob.Ask(bounded(t), ann.ID(), "shout", "hello"); err != nil || got != "shout: HELLO" {
		t.Errorf("Ann answered %q, %v", got, err)
	}
	// Without OnAsk, an application answers when it likes.
	answered := make(chan string, 1)
	go func() {
		got, _ := ann.Ask(bounded(t), bob.ID(), "later", "?")
		answered <- got
	}()
	asked := bob.hears("a question", func(m *protocol.ServerMessage) bool { return m.GetMessage().GetAsk() != "" })
	if err := bob.Reply(asked.GetMessage(), "now"); err != nil {
		t.Fatal(err)
	}
	if got := <-answered; got != "now" {
		t.Errorf("Bob answered %q", got)
	}
	var refusal *protocol.Error
	if _, err := bob.Ask(bounded(t), "ghost", "x", ""); !errors.As(err, &refusal) || refusal.GetCode() != protocol.Error_NO_SUCH_PEER {
		t.Errorf("a question to nobody was answered %v", err)
	}
	forsaken := make(chan error, 1)
	go func() {
		_, err := bob.Ask(bounded(t), mute.ID(), "x", "")
		forsaken <- err
	}()
	mute.hears("a question", func(m *protocol.ServerMessage) bool { return m.GetMessage().GetAsk() != "" })
	if err := mute.Leave(bounded(t)); err != nil {
		t.Fatal(err)
	}
	if err := <-forsaken; !errors.As(err, &refusal) || refusal.GetCode() != protocol.Error_NO_SUCH_PEER {
		t.Errorf("who was asked has left, and that was told as %v", err)
	}
}

func TestTheRosterIsUpToDate(t *testing.T) {
	abreast(t)
	_, url := runServer(t, nil)
	ann := enter(t, url, "tea", func(c *client.Config) { c.Metadata = "1" })
	bob := enter(t, url, "tea", func(c *client.Config) { c.Name = "Bob" })
	ann.until("Bob", func() bool { return len(ann.Peers()) == 1 && ann.Peers()[0].GetName() == "Bob" })
	if got := bob.Peers()[0].GetMetadata(); got != "1" {
		t.Errorf("Ann's metadata is %q", got)
	}
	if err := ann.SetMetadata(bounded(t), "2"); err != nil {
		t.Fatal(err)
	}
	bob.until("Ann's change", func() bool { return bob.Peers()[0].GetMetadata() == "2" })
	ann.until("the change, too", func() bool { return ann.Self().GetMetadata() == "2" })
	if err := bob.Leave(bounded(t)); err != nil {
		t.Fatal(err)
	}
	ann.until("nobody", func() bool { return len(ann.Peers()) == 0 })
}

func TestTheLobby(t *testing.T) {
	abreast(t)
	_, url := runServer(t, nil)
	host := enter(t, url, "tea", nil)
	lobby := true
	if err := host.Moderate(bounded(t), &protocol.Moderate{Action: &protocol.Moderate_Room{
		Room: &protocol.RoomChange{Lobby: &lobby},
	}}); err != nil {
		t.Fatal(err)
	}
	face := newSource(t, webrtc.MimeTypeVP8, []byte("looks"))
	// knock comes to the door, and tells the host's side of it.
	type outcome struct {
		*participant
		error
	}
	knock := func(name string, ctx context.Context) (<-chan outcome, string) { //nolint:revive // the name is what it is about
		waiting, out := make(chan struct{}), make(chan outcome, 1)
		go func() {
			p, err := tryEnterWith(t, ctx, url, "tea", func(c *client.Config) {
				c.Name, c.OnWaiting = name, func() { close(waiting) }
				c.Tracks = []client.LocalTrack{{Track: face.track, Source: "camera"}}
			})
			out <- outcome{p, err}
		}()
		<-waiting
		return out, host.hears(name+"'s knock", func(m *protocol.ServerMessage) bool { return m.GetKnock().GetName() == name }).GetKnock().GetPeer()
	}

	t.Run("admitted", func(t *testing.T) {
		coming, peer := knock("Ann", bounded(t))
		if err := host.Moderate(bounded(t), &protocol.Moderate{Action: &protocol.Moderate_Admit{Admit: peer}}); err != nil {
			t.Fatal(err)
		}
		ann := <-coming
		if ann.error != nil {
			t.Fatal(ann.error)
		}
		defer ann.Drop() //nolint:errcheck // it may have left
		host.receives(5, host.slotOf(ann.Tracks()[0].GetId()), endsWith(face.body))
		if err := ann.Leave(bounded(t)); err != nil {
			t.Error(err)
		}
	})
	t.Run("refused", func(t *testing.T) {
		coming, peer := knock("Bob", bounded(t))
		if err := host.Moderate(bounded(t), &protocol.Moderate{Action: &protocol.Moderate_Refuse{Refuse: peer}}); err != nil {
			t.Fatal(err)
		}
		var refusal *protocol.Error
		if bob := <-coming; !errors.As(bob.error, &refusal) || refusal.GetCode() != protocol.Error_REFUSED {
			t.Errorf("Bob was told %v", bob.error)
		}
	})
	t.Run("tired of waiting", func(t *testing.T) {
		ctx, cancel := context.WithCancel(bounded(t))
		coming, peer := knock("Cat", ctx)
		cancel()
		if cat := <-coming; !errors.Is(cat.error, context.Canceled) {
			t.Errorf("Cat was told %v", cat.error)
		}
		host.hears("Cat's going", func(m *protocol.ServerMessage) bool {
			return m.GetKnock().GetPeer() == peer && m.GetKnock().GetOver()
		})
	})
}

// Tokens that end soon are renewed without the application's doing.
func TestAccessIsRenewed(t *testing.T) {
	abreast(t)
	_, url := runServer(t, func(c *configs.Config) { c.Keys = apiKeys })
	keys, err := auth.ParseKeys(apiKeys)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := keys.Signer("main")
	if err != nil {
		t.Fatal(err)
	}
	asked := make(chan int, 10)
	n := 0
	ann := enter(t, url, "tea", func(c *client.Config) {
		c.Token = func(context.Context) (string, error) {
			n++ // it is asked for one at a time
			asked <- n
			life := 4 * time.Second // the server wants another after half of it
			if n > 1 {
				life = time.Hour
			}
			return signer.Token(auth.Access{Room: "tea", Name: "Ann", Grants: auth.DefaultGrants}, time.Now(), life)
		}
	})
	end := time.NewTimer(4500 * time.Millisecond) // of the first one
	defer end.Stop()
	for <-asked != 2 {
		continue
	}
	select {
	case <-end.C:
	case <-ann.Done():
		t.Fatalf("it ended: %v", ann.Err())
	}
	if err := ann.Say(bounded(t), "chat", "still here"); err != nil {
		t.Error(err)
	}
}

// Signaling is cut for two seconds: media goes on meanwhile, and what was said
// comes after.
func TestACutOfSignaling(t *testing.T) {
	abreast(t)
	for _, transport := range []client.Transport{client.WebSocket, client.GRPC} {
		t.Run(string(transport), func(t *testing.T) {
			_, server := runServer(t, nil)
			tether := newTether(t, server)
			states := make(chan error, 10)
			ann := enter(t, server, "tea", nil)
			bob := enter(t, tether.url, "tea", func(c *client.Config) {
				c.Transport, c.OnState = transport, func(err error) { states <- err }
			})
			face := newSource(t, webrtc.MimeTypeVP8, []byte("ann looks"))
			track := ann.publish(face)
			mid := bob.slotOf(track.GetId())
			bob.receives(5, mid, endsWith(face.body))

			tether.cut()
			if err := <-states; err == nil {
				t.Fatal("the cut was not noticed")
			}
			if err := ann.Say(bounded(t), "chat", "while you were away"); err != nil {
				t.Fatal(err)
			}
			published := make(chan error, 1)
			go func() { // it waits for the link to come back
				_, err := bob.Publish(bounded(t), client.LocalTrack{Track: face.track, Source: "camera"})
				published <- err
			}()
			before := bob.count(mid, endsWith(face.body))
			bob.receives(before+100, mid, endsWith(face.body)) // two seconds
			tether.mend()
			if err := <-states; err != nil {
				t.Fatalf("instead of coming back: %v", err)
			}
			bob.hears("what was missed", func(m *protocol.ServerMessage) bool {
				return m.GetMessage().GetText() == "while you were away"
			})
			if err := <-published; err != nil {
				t.Errorf("what was published during the cut: %v", err)
			}
			bob.unbroken(mid)
		})
	}
}

// The media connection breaks for longer than ICE waits: the client finds
// another path by itself.
func TestMediaFindsItsWayBack(t *testing.T) {
	abreast(t)
	_, url := runServer(t, nil)
	face := newSource(t, webrtc.MimeTypeVP8, []byte("ann looks"))
	ann := enter(t, url, "tea", nil)
	track := ann.publish(face)
	plug := newPlug(t)
	states := make(chan bool, 10)
	bob := enter(t, url, "tea", func(c *client.Config) {
		c.API, c.OnMedia = plug.api(t), func(up bool) { states <- up }
	})
	if !<-states {
		t.Fatal("media began as lost")
	}
	mid := bob.slotOf(track.GetId())
	bob.receives(10, mid, endsWith(face.body))
	credentials := bob.ufrag()
	plug.pull()
	if <-states {
		t.Fatal("the loss was not noticed")
	}
	bob.until("an ICE restart", func() bool { return bob.ufrag() != credentials })
	plug.push()
	if !<-states {
		t.Fatal("media did not come back")
	}
	before := bob.count(mid, endsWith(face.body))
	bob.receives(before+50, mid, endsWith(face.body))
	if err := bob.Restart(bounded(t)); err != nil { // the application may, too
		t.Fatal(err)
	}
	before = bob.count(mid, endsWith(face.body))
	bob.receives(before+50, mid, endsWith(face.body))
}

// ufrag is the ICE user fragment of the last offer that was taken.
func (p *participant) ufrag() string {
	_, after, _ := strings.Cut(p.PeerConnection().LocalDescription().SDP, "a=ice-ufrag:")
	ufrag, _, _ := strings.Cut(after, "\r\n")
	return ufrag
}

// tryEnterWith is tryEnter with a context of its own.
func tryEnterWith(t testing.TB, ctx context.Context, url, room string, change func(*client.Config)) (*participant, error) { //nolint:revive // t comes first, as everywhere
	p := &participant{t: t, changed: make(chan struct{}), packets: map[string][]*rtp.Packet{}}
	config := client.Config{Options: client.Options{URL: url}, Room: room, API: loopbackAPI(t)}
	change(&config)
	var err error
	p.Room, err = client.Join(ctx, config)
	return p, err
}

// newSamples makes a track that sends one frame again and again until the test
// ends.
func newSamples(t testing.TB, mime string, frame func() []byte) *webrtc.TrackLocalStaticSample {
	t.Helper()
	track, err := webrtc.NewTrackLocalStaticSample(webrtc.RTPCodecCapability{MimeType: mime}, "t", "s")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var loop sync.WaitGroup
	loop.Go(func() {
		ticker := time.NewTicker(20 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				_ = track.WriteSample(samples.Sample{Data: frame(), Duration: 20 * time.Millisecond}) // nobody may be connected yet
			}
		}
	})
	t.Cleanup(func() { cancel(); loop.Wait() })
	return track
}

// tether is a way to a server that can be cut.
type tether struct {
	url, target string
	broken      atomic.Bool
	loops       sync.WaitGroup

	mu    sync.Mutex // guards conns
	conns map[net.Conn]bool
}

func newTether(t testing.TB, server string) *tether {
	t.Helper()
	at, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &tether{url: "http://" + listener.Addr().String(), target: at.Host, conns: map[net.Conn]bool{}}
	w.loops.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			w.loops.Go(func() { w.carry(conn) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		w.cut()
		w.loops.Wait()
	})
	return w
}

func (w *tether) carry(near net.Conn) {
	defer near.Close()
	far, err := net.Dial("tcp", w.target)
	if err != nil {
		return
	}
	defer far.Close()
	w.mu.Lock()
	if w.broken.Load() {
		w.mu.Unlock()
		return
	}
	w.conns[near] = true
	w.mu.Unlock()
	back := make(chan struct{})
	go func() {
		defer close(back)
		_, _ = io.Copy(near, far)
		_ = near.Close()
	}()
	_, _ = io.Copy(far, near)
	_ = far.Close()
	<-back
	w.mu.Lock()
	delete(w.conns, near)
	w.mu.Unlock()
}

// cut breaks what goes over it, and refuses what comes.
func (w *tether) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.broken.Store(true)
	for conn := range w.conns {
		_ = conn.Close()
	}
}

func (w *tether) mend() { w.broken.Store(false) }

// plug is a UDP socket for ICE that can be pulled out of the network.
type plug struct {
	net.PacketConn
	out atomic.Bool
}

func newPlug(t testing.TB) *plug {
	t.Helper()
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &plug{PacketConn: conn}
}

func (p *plug) pull() { p.out.Store(true) }
func (p *plug) push() { p.out.Store(false) }

// WriteTo implements net.PacketConn.
func (p *plug) WriteTo(data []byte, to net.Addr) (int, error) {
	if p.out.Load() {
		return len(data), nil
	}
	return p.PacketConn.WriteTo(data, to)
}

// ReadFrom implements net.PacketConn.
func (p *plug) ReadFrom(data []byte) (int, net.Addr, error) {
	for {
		n, from, err := p.PacketConn.ReadFrom(data)
		if err != nil || !p.out.Load() {
			return n, from, err
		}
	}
}

// api is pion with that socket alone, and little patience.
func (p *plug) api(t testing.TB) *webrtc.API {
	var settings webrtc.SettingEngine
	mux := webrtc.NewICEUDPMux(nil, p)
	t.Cleanup(func() { _ = mux.Close() })
	settings.SetICEUDPMux(mux)
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	settings.SetICETimeouts(time.Second, 2*time.Second, 200*time.Millisecond)
	return webrtc.NewAPI(webrtc.WithSettingEngine(settings))
}

// The examples do what they say.
func TestGoExamples(t *testing.T) {
	folder := t.TempDir()
	build := exec.Command("go", "build", "-o", folder, "./...")
	build.Dir = filepath.Join("..", "..", "docs", "examples", "go")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("the examples do not build: %v\n%s", err, out)
	}
	_, url := runServer(t, nil)
	song := filepath.Join(folder, "song.ogg")
	run := func(name string, arguments ...string) *example {
		return runExample(t, filepath.Join(folder, name), append([]string{"-url", url, "-room", "tea"}, arguments...)...)
	}

	t.Run("chat", func(t *testing.T) {
		ann := enter(t, url, "tea", nil)
		chat := run("chat", "-name", "Bob")
		chat.prints("with 1 others")
		fmt.Fprintln(chat.in, "hello")
		ann.hears("Bob's word", func(m *protocol.ServerMessage) bool { return m.GetMessage().GetText() == "hello" })
		if err := ann.Say(bounded(t), "chat", "hello yourself"); err != nil {
			t.Fatal(err)
		}
		chat.prints(ann.ID() + ": hello yourself")
		_ = chat.in.Close()
		chat.ends()
		ann.until("Bob's going", func() bool { return len(ann.Peers()) == 0 })
	})
	t.Run("sensor", func(t *testing.T) {
		ann := enter(t, url, "tea", nil)
		sensor := run("sensor")
		sensor.prints("measuring as")
		value := ann.hears("a value", func(m *protocol.ServerMessage) bool { return m.GetMessage().GetTopic() == "memory" }).GetMessage()
		if unit, err := ann.Ask(bounded(t), value.GetFrom(), "unit", ""); err != nil || unit != "bytes" {
			t.Errorf("it answered %q, %v", unit, err)
		}
		sensor.interrupt()
		sensor.ends()
	})
	t.Run("record", func(t *testing.T) {
		ann := enter(t, url, "tea", nil)
		voice := newSamples(t, webrtc.MimeTypeOpus, func() []byte { return append([]byte{0xfc}, "voice"...) })
		if _, err := ann.Publish(bounded(t), client.LocalTrack{Track: voice, Source: "microphone"}); err != nil {
			t.Fatal(err)
		}
		record := run("record", song)
		record.prints("recorded 100 packets")
		record.interrupt()
		record.ends()
		if err := ann.Leave(bounded(t)); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("publish", func(t *testing.T) {
		ann := enter(t, url, "tea", nil)
		publish := run("publish")
		file, err := os.ReadFile(song)
		if err != nil {
			t.Fatal(err)
		}
		go func() { // it reads at its own pace
			_, _ = publish.in.Write(file)
			_ = publish.in.Close()
		}()
		mid := ann.slotOf(publish.prints("publishing "))
		ann.receives(50, mid, endsWith([]byte("voice")))
		publish.ends() // with the song
	})
}

// example is a program that runs.
type example struct {
	t       *testing.T
	command *exec.Cmd
	in      io.WriteCloser
	lines   chan string
}

func runExample(t *testing.T, path string, arguments ...string) *example {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	e := &example{t: t, command: exec.CommandContext(ctx, path, arguments...), lines: make(chan string, 1000)}
	e.command.Stderr = t.Output()
	out, err := e.command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if e.in, err = e.command.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := e.command.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(e.lines)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			e.lines <- lines.Text()
		}
	}()
	t.Cleanup(func() {
		cancel() // kills it, should it run still
		for range e.lines {
			continue
		}
		_ = e.command.Wait()
	})
	return e
}

// prints waits for a line that holds a text, and returns what follows that.
func (e *example) prints(text string) (after string) {
	e.t.Helper()
	for line := range e.lines {
		if _, after, ok := strings.Cut(line, text); ok {
			return after
		}
	}
	e.t.Fatalf("it ended without saying %q", text)
	return ""
}

func (e *example) interrupt() {
	e.t.Helper()
	if err := e.command.Process.Signal(os.Interrupt); err != nil {
		e.t.Fatal(err)
	}
}

// ends waits for the program's end, which is a good one.
func (e *example) ends() {
	e.t.Helper()
	for line := range e.lines {
		e.t.Log(line)
	}
	if err := e.command.Wait(); err != nil {
		e.t.Errorf("it ended with %v", err)
	}
}
