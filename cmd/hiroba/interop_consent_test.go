package main

import (
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"github.com/hiroba-rtc/hiroba/signaling/client"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// counter is a plug that counts what comes to it, pulled out or not.
type counter struct {
	*plug
	arrived atomic.Int64
}

// ReadFrom implements net.PacketConn.
func (c *counter) ReadFrom(data []byte) (int, net.Addr, error) {
	for {
		n, from, err := c.PacketConn.ReadFrom(data)
		if err == nil {
			c.arrived.Add(1)
		}
		if err != nil || !c.out.Load() {
			return n, from, err
		}
	}
}

// Who is not heard from any more has consented to nothing (RFC 7675): after a
// quarter of a minute nothing is sent there. The client is told, and when it is
// back it goes on in the same slot.
func TestConsentExpires(t *testing.T) {
	abreast(t)
	_, url := runServer(t, nil)
	face := newSource(t, webrtc.MimeTypeVP8, []byte("ann looks"))
	ann, cat := enter(t, url, "tea", nil), enter(t, url, "tea", nil)
	track := ann.publish(face).GetId()
	socket := &counter{plug: newPlug(t)}
	var settings webrtc.SettingEngine
	mux := webrtc.NewICEUDPMux(nil, socket)
	t.Cleanup(func() { _ = mux.Close() })
	settings.SetICEUDPMux(mux)
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	settings.SetICETimeouts(time.Minute, time.Minute, time.Second) // it leaves the noticing to the server
	bob := enter(t, url, "tea", func(c *client.Config) { c.API = webrtc.NewAPI(webrtc.WithSettingEngine(settings)) })
	mid, other := bob.slotOf(track), cat.slotOf(track)
	bob.receives(10, mid, endsWith(face.body))

	socket.pull()
	begin := time.Now()
	bob.hears("the loss", func(m *protocol.ServerMessage) bool { return m.GetError().GetCode() == protocol.Error_MEDIA_LOST })
	if took := time.Since(begin); took < 13*time.Second || took > 18*time.Second {
		t.Errorf("the loss was told after %v", took)
	}
	// What had left before may be in the socket still.
	cat.receives(cat.count(other, endsWith(face.body))+10, other, endsWith(face.body))
	before := socket.arrived.Load()
	cat.receives(cat.count(other, endsWith(face.body))+50, other, endsWith(face.body))
	if n := socket.arrived.Load() - before; n != 0 {
		t.Errorf("%d datagrams were sent to who had not been heard from for 15 s", n)
	}

	received := bob.count(mid, endsWith(face.body))
	socket.push()
	bob.receives(received+20, mid, endsWith(face.body))
	bob.oneSource(mid)
}
