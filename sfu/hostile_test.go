package sfu

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/hiroba-rtc/hiroba/internal/udp"
	"github.com/hiroba-rtc/hiroba/sfu/ice"
)

// soon is how long a test waits for what must happen.
const soon = 15 * time.Second

// alone is a socket with nobody else on it.
type alone struct {
	*udp.Socket
	reader *udp.Reader
}

func (a alone) ReadBatch() ([]udp.Datagram, error) { return a.reader.Read() }

// runSFU starts an SFU with one worker on loopback and ends it with the test.
func runSFU(t *testing.T) *SFU {
	t.Helper()
	before := goleak.IgnoreCurrent()
	socket, err := udp.Listen(netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Config{
		UDP: []ice.Socket{alone{socket, socket.NewReader()}}, TCP: listener, Workers: 1, Slots: 4, Tracks: 2,
		Logger: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		goleak.VerifyNone(t, before)
	})
	return s
}

// told is a listener that counts, and keeps the slots told last.
type told struct {
	slots, speakers, lost, overruns, changes atomic.Int64

	up     atomic.Bool
	mu     sync.Mutex // guards all below
	now    []Slot
	demand Demand
	// quality is what was told last.
	quality []PeerQuality
}

func (l *told) Slots(slots []Slot) {
	l.mu.Lock()
	l.now = slots
	l.mu.Unlock()
	l.slots.Add(1)
}
func (l *told) Speakers([]string) { l.speakers.Add(1) }
func (l *told) Lost(string)       { l.lost.Add(1) }
func (l *told) Demand(demand Demand) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.demand = demand
}
func (l *told) Quality(list []PeerQuality) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.quality = list
}
func (l *told) Overrun() { l.overruns.Add(1) }
func (l *told) Connected(up bool) {
	l.changes.Add(1)
	l.up.Store(up)
}

// lastDemand is what was told last.
func (l *told) lastDemand() Demand {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.demand
}

// lastSlots are those told last.
func (l *told) lastSlots() []Slot {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.now)
}

// stranger is a client that does as it likes.
type stranger struct {
	t         *testing.T
	pc        *webrtc.PeerConnection
	peer      *Peer
	told      told
	connected chan struct{}
	received  atomic.Int64
}

// arrive joins a room; change may alter the SFU's answer before it is taken.
func arrive(t *testing.T, s *SFU, room, id string, network webrtc.NetworkType, setUp func(*webrtc.PeerConnection), change func(string) string) *stranger {
	t.Helper()
	var media webrtc.MediaEngine
	if err := media.RegisterDefaultCodecs(); err != nil {
		t.Fatal(err)
	}
	if err := webrtc.ConfigureSimulcastExtensionHeaders(&media); err != nil {
		t.Fatal(err)
	}
	var settings webrtc.SettingEngine
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetInterfaceFilter(func(name string) bool { return name == "lo" })
	settings.SetNetworkTypes([]webrtc.NetworkType{network})
	pc, err := webrtc.NewAPI(webrtc.WithMediaEngine(&media), webrtc.WithSettingEngine(settings)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	g := &stranger{t: t, pc: pc, connected: make(chan struct{})}
	t.Cleanup(func() { _ = pc.GracefulClose() })
	var once sync.Once
	pc.OnConnectionStateChange(func(state webrtc.PeerConnectionState) {
		if state == webrtc.PeerConnectionStateConnected {
			once.Do(func() { close(g.connected) })
		}
	})
	pc.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		buf := make([]byte, packetBytes)
		for {
			if _, _, err := track.Read(buf); err != nil {
				return
			}
			g.received.Add(1)
		}
	})
	setUp(pc)
	if g.peer, err = s.Join(room, id, &g.told); err != nil {
		t.Fatal(err)
	}
	offer, err := pc.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(offer); err != nil {
		t.Fatal(err)
	}
	<-gathered
	answer, err := g.peer.Offer(t.Context(), pc.LocalDescription().SDP)
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		answer = change(answer)
	}
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		t.Fatal(err)
	}
	g.peer.View(nil)
	select {
	case <-g.connected:
	case <-time.After(soon):
		t.Fatalf("%s did not connect", id)
	}
	return g
}

func withSlots(n int) func(*webrtc.PeerConnection) {
	return func(pc *webrtc.PeerConnection) {
		for range n {
			_, _ = pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly})
		}
	}
}

// freeTrack sends whatever RTP a test wants.
type freeTrack struct {
	slotTrack
	ssrc uint32
}

func (f *freeTrack) Bind(c webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	f.ssrc = uint32(c.SSRC())
	return f.slotTrack.Bind(c)
}

func (f *freeTrack) send(ssrc uint32, payloadType uint8, n uint32, size int) {
	payload := make([]byte, size)
	payload[0], payload[1] = 0x10, 0x51
	if n%50 == 0 {
		payload[1] = 0x50
	}
	_, _ = f.WriteRTP(&rtp.Header{
		Version: 2, SSRC: ssrc, PayloadType: payloadType, SequenceNumber: uint16(n), Timestamp: n * 900, Marker: true,
	}, payload)
}

// publish joins a publisher whose one track a test writes.
func publish(t *testing.T, s *SFU, room, id string) (*stranger, *freeTrack) {
	t.Helper()
	track := &freeTrack{slotTrack: slotTrack{kind: webrtc.RTPCodecTypeVideo}}
	g := arrive(t, s, room, id, webrtc.NetworkTypeUDP4, func(pc *webrtc.PeerConnection) {
		if _, err := pc.AddTransceiverFromTrack(track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly}); err != nil {
			t.Fatal(err)
		}
	}, nil)
	g.peer.Publish([]Track{{ID: "track of " + id, Mid: "0", Kind: Video}})
	return g, track
}

// pump sends packets every so often until the test ends.
func (f *freeTrack) pump(t *testing.T, every time.Duration, size int, payloadType func(n uint32) uint8) {
	ctx, cancel := context.WithCancel(context.Background())
	var loop sync.WaitGroup
	loop.Go(func() {
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for n := uint32(0); ; n++ {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				f.send(f.ssrc, payloadType(n), n, size)
			}
		}
	})
	t.Cleanup(func() { cancel(); loop.Wait() })
}

func plainVP8(uint32) uint8 { return 96 }

// until waits until something holds that nobody tells of.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline, look := time.After(soon), time.NewTicker(10*time.Millisecond)
	defer look.Stop()
	for !holds() {
		select {
		case <-look.C:
		case <-deadline:
			t.Fatalf("nothing came of %s", what)
		}
	}
}

// A client over TCP that stops reading loses packets; nobody else does.
func TestAStalledTCPClientHoldsUpNobody(t *testing.T) {
	s := runSFU(t)
	_, flood := publish(t, s, "a", "loud")
	flood.pump(t, time.Millisecond, 1200, plainVP8)
	_, calm := publish(t, s, "b", "calm")
	calm.pump(t, 10*time.Millisecond, 200, plainVP8)

	// A proxy between the client and the SFU stops carrying.
	number := s.config.TCP.Addr().(*net.TCPAddr).Port
	proxy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	stalled := make(chan struct{})
	var carrying sync.WaitGroup
	carrying.Go(func() {
		client, err := proxy.Accept()
		if err != nil {
			return
		}
		defer client.Close()
		server, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", number))
		if err != nil {
			return
		}
		defer server.Close()
		_ = server.(*net.TCPConn).SetReadBuffer(8192)
		carrying.Go(func() { _, _ = io.Copy(server, client) })
		buf := make([]byte, 4096)
		for {
			select {
			case <-stalled:
				<-t.Context().Done()
				return
			default:
			}
			n, err := server.Read(buf)
			if err != nil {
				return
			}
			if _, err := client.Write(buf[:n]); err != nil {
				return
			}
		}
	})
	t.Cleanup(func() { proxy.Close(); carrying.Wait() })

	bad := arrive(t, s, "a", "bad", webrtc.NetworkTypeTCP4, withSlots(4), func(answer string) string {
		from := fmt.Sprintf(" %d typ host tcptype", number)
		to := fmt.Sprintf(" %d typ host tcptype", proxy.Addr().(*net.TCPAddr).Port)
		return strings.ReplaceAll(answer, from, to)
	})
	good := arrive(t, s, "b", "good", webrtc.NetworkTypeUDP4, withSlots(1), nil)
	until(t, "media for both", func() bool { return bad.received.Load() > 100 && good.received.Load() > 10 })
	close(stalled)
	// Long enough for every buffer on the way to fill: 1.2 MB a second.
	<-time.After(4 * time.Second)
	before := good.received.Load()
	until(t, "media going on in the other room", func() bool { return good.received.Load() > before+50 })
	s.workers[0].mu.Lock()
	waiting := len(s.workers[0].jobs)
	s.workers[0].mu.Unlock()
	if waiting > queueLimit/4 {
		t.Fatalf("%d jobs wait for the worker", waiting)
	}
}

// A candidate makes the server connect to nobody.
func TestTheServerConnectsToNobody(t *testing.T) {
	s := runSFU(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	g := arrive(t, s, "a", "x", webrtc.NetworkTypeUDP4, withSlots(1), nil)
	candidate := fmt.Sprintf("candidate:1 1 tcp 1 127.0.0.1 %d typ host tcptype passive", listener.Addr().(*net.TCPAddr).Port)
	if err := g.peer.AddCandidate(Candidate{Candidate: candidate, SDPMid: "0"}); err != nil {
		t.Fatal(err)
	}
	_ = listener.(*net.TCPListener).SetDeadline(time.Now().Add(2 * time.Second))
	if conn, err := listener.Accept(); err == nil {
		t.Fatalf("the server connected from %v", conn.RemoteAddr())
	}
}

// offers makes a client's offer of n slots, for a test to alter.
func offers(t *testing.T, n int) string {
	t.Helper()
	pc, err := webrtc.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	withSlots(n)(pc)
	offer, err := pc.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := pc.GracefulClose(); err != nil {
		t.Fatal(err)
	}
	return offer.SDP
}

func TestASlotCanBeStoppedAndUsedAgain(t *testing.T) {
	s := runSFU(t)
	offer := offers(t, 1)
	p, err := s.Join("a", "x", &told{})
	if err != nil {
		t.Fatal(err)
	}
	p.View(nil)
	for i := range 6 {
		direction, slots := "recvonly", 1
		if i%2 == 1 {
			direction, slots = "inactive", 0
		}
		answer, err := p.Offer(t.Context(), strings.ReplaceAll(offer, "a=recvonly", "a="+direction))
		if err != nil {
			t.Fatal(err)
		}
		if sends := strings.Contains(answer, "a=sendonly"); len(p.slots) != slots || sends != (slots == 1) {
			t.Fatalf("offer %d, %s: %d slots, answered\n%s", i, direction, len(p.slots), answer)
		}
	}
}

// Offers that rename their sections are refused before they cost anything; a
// refused offer leaves the connection as it was.
func TestOffersCannotPileUpSlots(t *testing.T) {
	s := runSFU(t)
	offer := offers(t, 4)
	p, err := s.Join("a", "x", &told{})
	if err != nil {
		t.Fatal(err)
	}
	p.View(nil)
	if _, err := p.Offer(t.Context(), offer); err != nil {
		t.Fatal(err)
	}
	renamed := regexp.MustCompile(`a=mid:(\d+)`).ReplaceAllString(offer, "a=mid:again-$1")
	if _, err := p.Offer(t.Context(), renamed); !errors.Is(err, ErrBadDescription) || errors.Is(err, ErrLegLost) {
		t.Fatalf("an offer with other mids: %v", err)
	}
	if _, err := p.Offer(t.Context(), offer); err != nil || len(p.slots) != 4 {
		t.Fatalf("the good offer again: %v, %d slots", err, len(p.slots))
	}
}

// RTP on streams that nobody offered is not kept without bound, and ends the
// connection when it goes on.
func TestStreamsNobodyOfferedAreBounded(t *testing.T) {
	s := runSFU(t)
	g, track := publish(t, s, "a", "x")
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for ssrc := range uint32(inletStreams) {
		for n := range uint32(8) {
			track.send(1000+ssrc, 96, n, 1100)
		}
		if g.told.lost.Load() > 0 {
			break
		}
		if ssrc%16 == 0 {
			runtime.Gosched()
		}
	}
	for n := uint32(0); g.told.lost.Load() == 0 && n < 100*inletStreams; n++ {
		track.send(1_000_000+n, 96, 0, 20)
	}
	if g.told.lost.Load() == 0 {
		t.Fatal("the connection goes on")
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	// The client of the same process holds a share of this, too.
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 24<<20 {
		t.Fatalf("the heap grew by %d MB", grown>>20)
	}
}

// A publisher that changes its codec with every packet is not followed, and
// nobody is told of each change.
func TestACodecThatFlapsIsNotFollowed(t *testing.T) {
	s := runSFU(t)
	_, track := publish(t, s, "a", "x")
	good := arrive(t, s, "a", "good", webrtc.NetworkTypeUDP4, withSlots(1), nil)
	track.pump(t, 2*time.Millisecond, 200, func(n uint32) uint8 {
		if n%2 == 1 {
			return 98 // VP9
		}
		return 96
	})
	until(t, "some media", func() bool { return good.received.Load() > 200 })
	if n := good.told.slots.Load(); n > 10 {
		t.Fatalf("%d slots messages were sent", n)
	}
}
