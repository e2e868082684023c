package turn

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/pion/stun/v4"
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
	b.Run("udp", func(b *testing.B) {
		l := newLab(b, nil)
		c := newRawClient(b, l.at(loopback), "ann")
		wantCode(b, c.request(stun.MethodAllocate, overUDP), 0)
		wantCode(b, c.request(stun.MethodChannelBind, channelNumber(0x4000), peer(l.at(loopback))), 0)
		run(b, &datagramConn{Conn: c.conn.(*net.UDPConn), to: c.server})
	})
}

// datagramConn writes to one address.
type datagramConn struct {
	net.Conn
	to net.Addr
}

func (c *datagramConn) Write(p []byte) (int, error) {
	return c.Conn.(*net.UDPConn).WriteTo(p, c.to)
}
