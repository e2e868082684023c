package main

import (
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"
)

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
