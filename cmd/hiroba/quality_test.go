package main

import (
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/pion/webrtc/v4"

	"github.com/hiroba-rtc/hiroba/signaling/client"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// lossy is a UDP socket for ICE on a way that loses a third of the packets of
// media, of what is sent or of what is received.
type lossy struct {
	*plug
	sends, receives bool
	sent, received  atomic.Uint32
}

// loses says whether a packet is lost: of RTP and RTCP (RFC 7983), a third, the
// same ones each time, and without a rhythm: what is sent has one, and of what
// comes after each fifth packet of sound all could be lost.
func loses(data []byte, counter *atomic.Uint32) bool {
	if len(data) == 0 || data[0] < 128 || data[0] >= 192 {
		return false
	}
	return rand.New(rand.NewPCG(0, uint64(counter.Add(1)))).IntN(3) == 0
}

// WriteTo implements net.PacketConn.
func (l *lossy) WriteTo(data []byte, to net.Addr) (int, error) {
	if l.sends && loses(data, &l.sent) {
		return len(data), nil
	}
	return l.plug.WriteTo(data, to)
}

// ReadFrom implements net.PacketConn.
func (l *lossy) ReadFrom(data []byte) (int, net.Addr, error) {
	for {
		n, from, err := l.plug.ReadFrom(data)
		if err != nil || !l.receives || !loses(data[:n], &l.received) {
			return n, from, err
		}
	}
}

// api is pion with that socket alone.
func (l *lossy) api(t testing.TB) *webrtc.API {
	var settings webrtc.SettingEngine
	mux := webrtc.NewICEUDPMux(nil, l)
	t.Cleanup(func() { _ = mux.Close() })
	settings.SetICEUDPMux(mux)
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	return webrtc.NewAPI(webrtc.WithSettingEngine(settings))
}

// over makes a client join over that way.
func (l *lossy) over(t testing.TB) func(*client.Config) {
	return func(c *client.Config) { c.API = l.api(t) }
}

// told waits until the quality of a peer is told with a cause.
func (p *participant) told(peer string, cause protocol.Quality_Cause) *protocol.PeerQuality {
	p.t.Helper()
	var found *protocol.PeerQuality
	p.hears(peer+"'s quality for the cause "+cause.String(), func(m *protocol.ServerMessage) bool {
		for _, q := range m.GetQuality().GetPeers() {
			if q.GetPeer() == peer && q.GetCause() == cause {
				found = q
			}
		}
		return found != nil
	})
	return found
}

// neverTold wants nobody's quality to have been told with a cause. A machine
// that does too much at once may be told of, as SERVER.
func (p *participant) neverTold(causes ...protocol.Quality_Cause) {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range p.heard {
		for _, q := range m.GetQuality().GetPeers() {
			for _, cause := range causes {
				if q.GetCause() == cause {
					p.t.Errorf("it was told %v", m)
				}
			}
		}
	}
}

func TestALossyReceiverAloneIsToldOfIt(t *testing.T) {
	_, url := runServer(t, nil)
	way := &lossy{plug: newPlug(t), receives: true}
	ann, bob, cat := enter(t, url, "tea", nil), enter(t, url, "tea", way.over(t)), enter(t, url, "tea", nil)
	face := newSource(t, webrtc.MimeTypeVP8, []byte("ann looks"))
	track := ann.publish(face)
	for _, p := range []*participant{bob, cat} {
		p.receives(20, p.slotOf(track.GetId()), endsWith(face.body))
	}

	own := bob.told(bob.ID(), protocol.Quality_DOWNLINK)
	if own.GetScore() >= 70 {
		t.Errorf("a third is lost, and that is told as %v", own)
	}
	theirs := bob.told(ann.ID(), protocol.Quality_DOWNLINK)
	if len(theirs.GetTracks()) != 1 || theirs.GetTracks()[0].GetTrack() != track.GetId() {
		t.Errorf("of Ann's tracks Bob was told %v", theirs)
	}
	// What is told next, of a machine that does too much, takes its place for a while.
	bob.until("the client to keep it", func() bool { return bob.Quality(ann.ID()).GetCause() == protocol.Quality_DOWNLINK })
	if got := ann.Quality(ann.ID()); got.GetScore() != 100 && got.GetCause() != protocol.Quality_SERVER {
		t.Errorf("Ann's own quality is %v", got)
	}
	bob.neverTold(protocol.Quality_UPLINK)
	ann.neverTold(protocol.Quality_UPLINK, protocol.Quality_DOWNLINK)
	cat.neverTold(protocol.Quality_UPLINK, protocol.Quality_DOWNLINK)
}

func TestEverybodyIsToldOfALossyPublisher(t *testing.T) {
	_, url := runServer(t, nil)
	way := &lossy{plug: newPlug(t), sends: true}
	ann, bob, cat := enter(t, url, "tea", way.over(t)), enter(t, url, "tea", nil), enter(t, url, "tea", nil)
	voice, face := newSource(t, webrtc.MimeTypeOpus, []byte("ann speaks")), newSource(t, webrtc.MimeTypeVP8, []byte("bob looks"))
	track := ann.publish(voice)
	bob.publish(face)

	for _, p := range []*participant{ann, bob, cat} {
		q := p.told(ann.ID(), protocol.Quality_UPLINK)
		if q.GetScore() >= 70 || len(q.GetTracks()) != 1 || q.GetTracks()[0].GetTrack() != track.GetId() {
			t.Errorf("a third is lost, and that is told as %v", q)
		}
	}
	for _, p := range []*participant{ann, bob, cat} {
		p.neverTold(protocol.Quality_DOWNLINK)
		p.mu.Lock()
		for _, m := range p.heard {
			for _, q := range m.GetQuality().GetPeers() {
				if q.GetPeer() != ann.ID() && q.GetCause() == protocol.Quality_UPLINK {
					t.Errorf("somebody else is blamed: %v", m)
				}
			}
		}
		p.mu.Unlock()
	}

	answer, err := http.Get(url + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, cause := range []string{"uplink", "downlink", "server"} {
		if name := `hiroba_sfu_quality_score_count{cause="` + cause + `"} `; !strings.Contains(string(text), name) || strings.Contains(string(text), name+"0\n") {
			t.Errorf("/metrics has no scores of the %s", cause)
		}
	}
}

// A page shows on a tile whose connection is weak, and says so to who cannot
// see it.
func TestAPageShowsWhoseConnectionIsWeak(t *testing.T) {
	_, url := runServer(t, overSFU)
	ann := startBrowser(t).open("Ann", url+"/r/tea", "")
	ann.join("Ann")
	way := &lossy{plug: newPlug(t), sends: true}
	bob, cat := enter(t, url, "tea", way.over(t)), enter(t, url, "tea", nil)
	bob.publish(newSource(t, webrtc.MimeTypeOpus, []byte("bob speaks")))
	cat.publish(newSource(t, webrtc.MimeTypeOpus, []byte("cat speaks")))
	weak := func(peer string) string {
		return `document.querySelector('hiroba-tile[data-peer="` + peer + `"] [data-testid=weakness]')`
	}
	ann.waits("Bob's tile to say so", weak(bob.ID())+`?.checkVisibility() && `+weak(bob.ID())+`.ariaLabel === 'Their connection is weak'`)
	ann.waits("Cat's tile", weak(cat.ID()))
	if evaluate[bool](ann, weak(cat.ID())+`.checkVisibility()`) {
		t.Error("Cat's connection is called weak, too")
	}
}
