package main

import (
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"github.com/hiroba-rtc/hiroba/signaling/client"
)

// phone is the UDP socket for ICE of a client that goes from one network to the
// next: it is closed, and another one takes its place.
type phone struct {
	first net.Addr

	mu     sync.Mutex // guards all below
	conn   *net.UDPConn
	closed bool
}

func newPhone(t testing.TB) *phone {
	t.Helper()
	p := &phone{}
	p.move(t)
	p.first = p.conn.LocalAddr()
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// move gives it another address.
func (p *phone) move(t testing.TB) {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	p.mu.Lock()
	old := p.conn
	p.conn = conn
	p.mu.Unlock()
	if old != nil {
		_ = old.Close()
	}
}

func (p *phone) now() (conn *net.UDPConn, closed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.conn, p.closed
}

// ReadFrom implements net.PacketConn.
func (p *phone) ReadFrom(data []byte) (int, net.Addr, error) {
	for {
		conn, closed := p.now()
		n, from, err := conn.ReadFrom(data)
		if moved, _ := p.now(); err == nil || closed || moved == conn {
			return n, from, err
		}
	}
}

// WriteTo implements net.PacketConn.
func (p *phone) WriteTo(data []byte, to net.Addr) (int, error) {
	conn, _ := p.now()
	return conn.WriteTo(data, to)
}

// LocalAddr is the one that the client knows of.
func (p *phone) LocalAddr() net.Addr { return p.first }

// Close implements net.PacketConn.
func (p *phone) Close() error {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	return p.conn.Close()
}

func (p *phone) SetDeadline(at time.Time) error {
	conn, _ := p.now()
	return conn.SetDeadline(at)
}

func (p *phone) SetReadDeadline(at time.Time) error {
	conn, _ := p.now()
	return conn.SetReadDeadline(at)
}

func (p *phone) SetWriteDeadline(at time.Time) error {
	conn, _ := p.now()
	return conn.SetWriteDeadline(at)
}

// api is pion with that socket alone.
func (p *phone) api(t testing.TB) *webrtc.API {
	var settings webrtc.SettingEngine
	mux := webrtc.NewICEUDPMux(nil, p)
	t.Cleanup(func() { _ = mux.Close() })
	settings.SetICEUDPMux(mux)
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	return webrtc.NewAPI(webrtc.WithSettingEngine(settings))
}

// sections are the mids of a client's answer with what comes in them.
func (p *participant) sections() (lines []string) {
	for line := range strings.SplitSeq(p.PeerConnection().RemoteDescription().SDP, "\r\n") {
		if strings.HasPrefix(line, "a=mid:") || strings.HasPrefix(line, "a=ssrc:") || strings.HasPrefix(line, "a=msid:") {
			lines = append(lines, line)
		}
	}
	return lines
}

// oneSource checks that all that came in a slot has one SSRC.
func (p *participant) oneSource(mid string) {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, packet := range p.packets[mid] {
		if packet.SSRC != p.packets[mid][0].SSRC {
			p.t.Fatalf("slot %s changed its SSRC from %d to %d", mid, p.packets[mid][0].SSRC, packet.SSRC)
		}
	}
}

// The client's socket is closed and another one takes its place: media goes on
// both ways, first by itself, then by ICE restarts, in the same slots.
func TestAClientChangesItsNetwork(t *testing.T) {
	abreast(t)
	_, url := runServer(t, nil)
	voice, face := newSource(t, webrtc.MimeTypeVP8, []byte("bob looks")), newSource(t, webrtc.MimeTypeVP8, []byte("ann looks"))
	ann := enter(t, url, "tea", nil)
	phone := newPhone(t)
	bob := enter(t, url, "tea", func(c *client.Config) { c.API = phone.api(t) })
	theirs, his := ann.publish(face), bob.publish(voice)
	in, out := bob.slotOf(theirs.GetId()), ann.slotOf(his.GetId())
	bob.receives(10, in, endsWith(face.body))
	ann.receives(10, out, endsWith(voice.body))
	sections, credentials, slots := bob.sections(), bob.ufrag(), bob.Slots()

	goesOn := func(how string) {
		t.Helper()
		begin := time.Now()
		received, sent := bob.count(in, endsWith(face.body)), ann.count(out, endsWith(voice.body))
		bob.receives(received+20, in, endsWith(face.body))
		ann.receives(sent+20, out, endsWith(voice.body))
		t.Logf("%s: 20 more packets both ways after %v", how, time.Since(begin).Round(10*time.Millisecond))
		bob.oneSource(in)
		ann.oneSource(out)
	}
	phone.move(t)
	goesOn("another address")
	if bob.ufrag() != credentials {
		t.Error("the client needed an ICE restart")
	}
	for range 3 {
		phone.move(t)
		before := bob.ufrag()
		if err := bob.Restart(bounded(t)); err != nil {
			t.Fatal(err)
		}
		if bob.ufrag() == before {
			t.Fatal("it did not restart ICE")
		}
		goesOn("another address and an ICE restart")
	}
	if after := bob.sections(); !slices.Equal(after, sections) {
		t.Errorf("the sections were\n%s\nand are\n%s", strings.Join(sections, "\n"), strings.Join(after, "\n"))
	}
	for i, slot := range bob.Slots() {
		if slot.GetMid() != slots[i].GetMid() || slot.GetTrack() != slots[i].GetTrack() {
			t.Errorf("slot %v became %v", slots[i], slot)
		}
	}
}
