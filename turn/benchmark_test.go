package turn

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/pion/stun/v4"

	"github.com/hiroba-rtc/hiroba/internal/port"
	"github.com/hiroba-rtc/hiroba/internal/udp"
)

// BenchmarkRelay sends 1,200 bytes from a client through its relay to the SFU
// and back: two relayed packets each.
func BenchmarkRelay(b *testing.B) {
	payload := media(string(make([]byte, 1198)))
	message := channelData(0x4000, payload)
	run := func(b *testing.B, conn net.Conn) {
		if err := conn.SetDeadline(time.Time{}); err != nil {
			b.Fatal(err)
		}
		answer := make([]byte, len(message))
		b.ReportAllocs()
		before := cpuTime(b)
		for b.Loop() {
			if _, err := conn.Write(message); err != nil {
				b.Fatal(err)
			}
			if _, err := io.ReadFull(conn, answer); err != nil {
				b.Fatal(err)
			}
		}
		used := cpuTime(b) - before
		b.ReportMetric(float64(used.Nanoseconds())/float64(2*b.N), "cpu-ns/packet")
	}
	b.Run("tcp", func(b *testing.B) { run(b, newRawStream(b, newLab(b, nil))) })
	for name, change := range map[string]func(*port.Port, *Config){
		"udp": func(*port.Port, *Config) {},
		"udp, SFU inside": func(p *port.Port, c *Config) {
			for _, u := range p.UDP() {
				c.Inside = append(c.Inside, &keptMirror{ICEConn: u.ICE(), batch: u.ICE().NewBatch()})
			}
		},
	} {
		b.Run(name, func(b *testing.B) { runUDP(b, newLab(b, nil, change), run) })
	}
}

// keptMirror is a mirror that keeps its batch, as an SFU does; one goroutine
// calls it.
type keptMirror struct {
	*port.ICEConn
	batch *udp.Batch
}

func (m *keptMirror) Take(datagrams []udp.Datagram) {
	for _, d := range datagrams {
		m.batch.Add(copy(m.batch.Room(len(d.Bytes)), d.Bytes), d.From)
	}
	m.batch.Flush()
}

func runUDP(b *testing.B, l *lab, run func(*testing.B, net.Conn)) {
	c := newRawClient(b, l.at(loopback), "ann")
	wantCode(b, c.request(stun.MethodAllocate, overUDP), 0)
	wantCode(b, c.request(stun.MethodChannelBind, channelNumber(0x4000), peer(l.at(loopback))), 0)
	run(b, &datagramConn{Conn: c.conn.(*net.UDPConn), to: c.server})
}

// datagramConn writes to one address.
type datagramConn struct {
	net.Conn
	to net.Addr
}

func (c *datagramConn) Write(p []byte) (int, error) {
	return c.Conn.(*net.UDPConn).WriteTo(p, c.to)
}
