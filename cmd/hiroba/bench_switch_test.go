package main

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/transport/v4"
	"github.com/pion/transport/v4/stdnet"
	"github.com/pion/webrtc/v4"

	"github.com/hiroba-rtc/hiroba/signaling/client"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

const (
	// switchOneWay is how far away publishers are from the server, whose viewer
	// is next to it.
	switchOneWay = 50 * time.Millisecond
	// switchFrame is how long their cameras take for a picture.
	switchFrame = 33 * time.Millisecond
	// switchEvery is longer than a keyframe is kept for newcomers: each switch
	// needs one from the publisher.
	switchEvery = 1500 * time.Millisecond
)

// BenchmarkSwitch is how long a slot takes to show another publisher: from the
// view that asks for it to the first packet of a keyframe. The publishers make a
// keyframe with the next picture after they are asked for one. What can be
// expected is one round trip to the publisher and, at most, one picture.
func BenchmarkSwitch(b *testing.B) {
	switches := 30
	if testing.Short() {
		switches = 10
	}
	_, url := runServer(b, quietly)
	var cameras [2]string
	for i := range cameras {
		track := hallTrack(webrtc.MimeTypeVP8)
		asked := filmFarAway(b, track, byte(i))
		p := enter(b, url, "bench", func(c *client.Config) {
			c.AudioSlots, c.VideoSlots, c.API = 0, 0, farAPI(b)
			c.Tracks = []client.LocalTrack{{Track: track, Source: "camera", OnKeyframe: func() { asked.Store(true) }}}
		})
		<-p.Connected()
		cameras[i] = p.Joined().GetTracks()[0].GetId()
	}
	seen := make(chan byte, 1)
	viewer := enter(b, url, "bench", func(c *client.Config) {
		c.AudioSlots, c.VideoSlots = 0, 1
		c.OnTrack = func(_ string, track *webrtc.TrackRemote) {
			last := byte(255)
			for {
				packet, _, err := track.ReadRTP()
				if err != nil {
					return
				}
				if len(packet.Payload) < 3 || packet.Payload[2] == last {
					continue // padding, or more of the same
				}
				last = packet.Payload[2]
				seen <- last
			}
		}
	})
	show := func(i int) time.Duration {
		began := time.Now()
		if err := viewer.View(b.Context(), &protocol.Shown{Track: cameras[i], Width: 640, Height: 360}); err != nil {
			b.Fatal(err)
		}
		timeout := time.After(patience)
		for {
			select {
			case from := <-seen:
				if from == byte(i) {
					return time.Since(began)
				}
			case <-timeout:
				b.Fatalf("camera %d was never seen", i)
			}
		}
	}
	for b.Loop() {
		show(0)
		var took []float64
		for n := range switches {
			// At another moment between two pictures each time.
			<-time.After(switchEvery + time.Duration(7*n)*time.Millisecond)
			took = append(took, milliseconds(show((n+1)%2)))
		}
		expected := milliseconds(2*switchOneWay + switchFrame)
		progress(b, "%d switches, %v: one round trip and one picture are %.0f ms", switches, took, expected)
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(expected, "ms-expected")
		b.ReportMetric(percentile(took, 50), "ms-p50")
		b.ReportMetric(percentile(took, 95), "ms-p95")
		b.ReportMetric(percentile(took, 100), "ms-max")
	}
}

// filmFarAway sends pictures of one packet, marked, until the benchmark ends.
// The next after asked is set is a keyframe.
func filmFarAway(b *testing.B, track *webrtc.TrackLocalStaticRTP, mark byte) (asked *atomic.Bool) {
	asked = new(atomic.Bool)
	over := make(chan struct{})
	var filming sync.WaitGroup
	filming.Go(func() {
		ticker := time.NewTicker(switchFrame)
		defer ticker.Stop()
		for n := uint32(0); ; n++ {
			select {
			case <-over:
				return
			case <-ticker.C:
			}
			payload := make([]byte, 600)
			payload[0], payload[1], payload[2] = 0x10, 0x51, mark
			if asked.Swap(false) {
				payload[1] = 0x50
			}
			_ = track.WriteRTP(&rtp.Packet{
				Header:  rtp.Header{Version: 2, SequenceNumber: uint16(n), Timestamp: n * 2970, Marker: true},
				Payload: payload,
			})
		}
	})
	b.Cleanup(func() {
		close(over)
		filming.Wait()
	})
	return asked
}

// farAPI is for a client whose media takes its time to the server and back.
func farAPI(b *testing.B) *webrtc.API {
	plain, err := stdnet.NewNet()
	if err != nil {
		b.Fatal(err)
	}
	var media webrtc.MediaEngine
	if err := media.RegisterDefaultCodecs(); err != nil {
		b.Fatal(err)
	}
	var settings webrtc.SettingEngine
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	settings.SetIPFilter(net.IP.IsLoopback)
	far := &farNet{Net: plain}
	b.Cleanup(far.close)
	settings.SetNet(far)
	return webrtc.NewAPI(webrtc.WithMediaEngine(&media), webrtc.WithSettingEngine(settings))
}

// farNet is a network whose datagrams are under way for switchOneWay, each way.
type farNet struct {
	transport.Net
	mu    sync.Mutex // guards conns
	conns []*farConn
}

// close closes what the library has left open.
func (n *farNet) close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, conn := range n.conns {
		_ = conn.Close()
	}
}

// ListenUDP implements transport.Net.
func (n *farNet) ListenUDP(network string, addr *net.UDPAddr) (transport.UDPConn, error) {
	conn, err := n.Net.ListenUDP(network, addr)
	if err != nil {
		return nil, err
	}
	f := &farConn{UDPConn: conn, out: make(chan underWay, 1024), in: make(chan underWay, 1024), closed: make(chan struct{})}
	f.running.Go(f.deliver)
	f.running.Go(f.collect)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.conns = append(n.conns, f)
	return f, nil
}

// farConn is a socket of a farNet.
type farConn struct {
	transport.UDPConn
	out, in chan underWay
	closed  chan struct{}
	running sync.WaitGroup
	once    sync.Once
}

// underWay is a datagram, and when it arrives.
type underWay struct {
	at   time.Time
	data []byte
	addr net.Addr
}

// arrived waits for that.
func (c *farConn) arrived(d underWay) bool {
	select {
	case <-time.After(time.Until(d.at)):
		return true
	case <-c.closed:
		return false
	}
}

func (c *farConn) deliver() {
	for {
		select {
		case d := <-c.out:
			if !c.arrived(d) {
				return
			}
			_, _ = c.UDPConn.WriteTo(d.data, d.addr)
		case <-c.closed:
			return
		}
	}
}

func (c *farConn) collect() {
	defer close(c.in)
	for {
		buffer := make([]byte, 2048)
		n, addr, err := c.UDPConn.ReadFrom(buffer)
		if err != nil {
			return
		}
		select {
		case c.in <- underWay{time.Now().Add(switchOneWay), buffer[:n], addr}:
		case <-c.closed:
			return
		}
	}
}

// WriteTo implements net.PacketConn.
func (c *farConn) WriteTo(data []byte, addr net.Addr) (int, error) {
	select {
	case c.out <- underWay{time.Now().Add(switchOneWay), append([]byte(nil), data...), addr}:
	default: // too much is under way
	}
	return len(data), nil
}

// ReadFrom implements net.PacketConn.
func (c *farConn) ReadFrom(into []byte) (int, net.Addr, error) {
	d, ok := <-c.in
	if !ok || !c.arrived(d) {
		return 0, nil, net.ErrClosed
	}
	return copy(into, d.data), d.addr, nil
}

// Close implements net.PacketConn.
func (c *farConn) Close() error {
	err := net.ErrClosed
	c.once.Do(func() {
		close(c.closed)
		err = c.UDPConn.Close()
		c.running.Wait()
	})
	return err
}
