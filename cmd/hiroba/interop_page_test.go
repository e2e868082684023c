package main

import (
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// detour is a UDP path to a server that can be cut for good, for one client.
type detour struct {
	near, far *net.UDPConn
	cut       atomic.Bool
}

// newDetour leads to a server on this machine.
func newDetour(t testing.TB, s *server) *detour {
	t.Helper()
	near, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	far, err := net.DialUDP("udp4", nil, &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: s.port.Port()})
	if err != nil {
		t.Fatal(err)
	}
	d := &detour{near: near, far: far}
	var client atomic.Pointer[net.UDPAddr]
	var loops sync.WaitGroup
	loops.Go(func() {
		data := make([]byte, 1<<16)
		for {
			n, from, err := near.ReadFromUDP(data)
			if err != nil {
				return
			}
			client.Store(from)
			if !d.cut.Load() {
				_, _ = far.Write(data[:n])
			}
		}
	})
	loops.Go(func() {
		data := make([]byte, 1<<16)
		for {
			n, err := far.Read(data)
			if err != nil {
				return
			}
			if !d.cut.Load() {
				_, _ = near.WriteToUDP(data[:n], client.Load())
			}
		}
	})
	t.Cleanup(func() { near.Close(); far.Close(); loops.Wait() })
	return d
}

// take has a page's next answers lead over this way and no other.
func (d *detour) take(p *tab) {
	p.t.Helper()
	evaluate[any](p, fmt.Sprintf(`(() => {
		window.wayPort = %d;
		if (window.rerouted) return;
		window.rerouted = true;
		const take = RTCPeerConnection.prototype.setRemoteDescription;
		RTCPeerConnection.prototype.setRemoteDescription = function (description) {
			const other = /^a=candidate:(?!\S+ 1 udp \d+ 127\.0\.0\.1 ).*\r\n/gm;
			const sdp = description.sdp.replace(other, '').replace(/^(a=candidate:\S+ 1 udp \d+ 127\.0\.0\.1) \d+/gm, '$1 ' + window.wayPort);
			return take.call(this, { type: description.type, sdp });
		};
	})()`, d.near.LocalAddr().(*net.UDPAddr).Port))
}

// carried is what a page's receiving sections have: mid, SSRC and whether it
// decodes.
const carried = `(async () => {
	const [c] = connections;
	const out = [];
	for (const s of (await c.getStats()).values()) {
		if (s.type === 'inbound-rtp' && s.packetsReceived > 0) out.push(s.kind + ' ' + s.mid + ' ' + s.ssrc);
	}
	return out.sort();
})()`

// The network of a page changes: what it had leads nowhere any more, signaling
// too, and there is another one. Pictures and sound go on in the same slots.
func TestAPageChangesItsNetwork(t *testing.T) {
	s, url := runServer(t, overSFU)
	b := startBrowser(t)
	ann := b.open("Ann", url+"/r/tea", "")
	ann.join("Ann")
	cable, there := newCable(t, url)
	bob := b.open("Bob", there+"/r/tea", "")
	first, second := newDetour(t, s), newDetour(t, s)
	first.take(bob)
	bob.join("Bob")
	for _, p := range []*tab{ann, bob} {
		p.sees(1)
	}
	before := evaluate[[]string](bob, carried)
	if len(before) != 2 {
		t.Fatalf("Bob receives %q", before)
	}
	ufrag := `connections[0].localDescription.sdp.match(/a=ice-ufrag:(\S+)/)[1]`
	credentials := evaluate[string](bob, ufrag)

	evaluate[any](bob, `void connections[0].addEventListener('iceconnectionstatechange', () => {
		(window.states ??= []).push(connections[0].iceConnectionState);
	})`)
	second.take(bob)
	cable.pull()
	first.cut.Store(true)
	begin := time.Now()
	bob.waits("the loss to be noticed", `hiroba.room.state === 'reconnecting'`)
	cable.putBack()
	bob.waits("the way back", `hiroba.room.state === 'connected' && connections[0].iceConnectionState === 'connected' && `+ufrag+` !== '`+credentials+`'`)
	frames := fmt.Sprintf(`%s.then((s) => Math.max(...s.Frames) > %%d)`, inboundScript)
	bob.waits("Ann's pictures going on", fmt.Sprintf(frames, maxOf(bob.inbound().Frames)+5))
	ann.waits("Bob's pictures going on", fmt.Sprintf(frames, maxOf(ann.inbound().Frames)+5))
	states := evaluate[[]string](bob, `states`)
	t.Logf("pictures went on within %v, by way of %q", time.Since(begin).Round(10*time.Millisecond), states)
	if slices.Contains(states, "failed") {
		t.Error("it waited until the browser gave up")
	}
	if after := evaluate[[]string](bob, carried); !slices.Equal(after, before) {
		t.Errorf("Bob received %q, and receives %q", before, after)
	}
	if n := evaluate[int](bob, `connections.length`); n != 1 {
		t.Errorf("Bob has had %d connections", n)
	}
}
