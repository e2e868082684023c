package turn

import (
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/pion/stun/v4"
	"go.uber.org/goleak"
)

// dial connects by TCP, and gives up on anything after a while.
func dial(t testing.TB, l *lab) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", l.at(loopback).String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return conn.(*net.TCPConn)
}

// wantClosed waits for the server to close a connection.
func wantClosed(t testing.TB, conn net.Conn) {
	t.Helper()
	var timeout net.Error
	if _, err := io.Copy(io.Discard, conn); errors.As(err, &timeout) && timeout.Timeout() {
		t.Fatal("the server did not close the connection")
	}
}

// hello sends a Binding request and reads the answer, so that the connection
// is with the TURN server for sure.
func hello(t testing.TB, conn net.Conn) {
	t.Helper()
	if _, err := conn.Write(stun.MustBuild(stun.TransactionID, stun.BindingRequest).Raw); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 1000)
	n, err := conn.Read(answer)
	if err != nil || !stun.IsMessage(answer[:n]) {
		t.Fatalf("the answer to a Binding request is %x, error %v", answer[:n], err)
	}
}

// The attack on stream readers that count in 16 bits (pion/turn's): a message of twelve bytes, after
// which it read empty messages for ever, with a whole core, from a connection
// that was closed long ago. Here it ends the connection and nothing else.
func TestAttackWithLengths(t *testing.T) {
	l := newLab(t, nil)
	for name, attack := range overflows {
		for how, send := range map[string]func(net.Conn){
			"at once": func(conn net.Conn) { _, _ = conn.Write(attack) },
			"byte by byte": func(conn net.Conn) {
				for i := range attack { // the server may close before the end
					_, _ = conn.Write(attack[i : i+1])
				}
			},
			"and gone": func(conn net.Conn) { _, _ = conn.Write(attack); conn.(*net.TCPConn).CloseWrite() },
		} {
			t.Run(name+"/"+how, func(t *testing.T) {
				before := l.refused(t, refusedFrameTooLarge)
				others := goleak.IgnoreCurrent()
				conn := dial(t, l)
				hello(t, conn)
				send(conn)
				wantClosed(t, conn)
				goleak.VerifyNone(t, others) // nobody goes on reading
				if got := l.refused(t, refusedFrameTooLarge) - before; got != 1 {
					t.Errorf("counted %d times, want once", got)
				}
			})
		}
		if attack[0] != 0 {
			continue // it begins like no protocol of the port
		}
		t.Run(name+"/as the first message", func(t *testing.T) {
			conn := dial(t, l)
			if _, err := conn.Write(attack); err != nil {
				t.Fatal(err)
			}
			wantClosed(t, conn)
		})
	}

	// After all this the server rests: waiting costs next to no CPU time.
	cpu := cpuTime(t)
	wait := dial(t, l)
	hello(t, wait)
	const rest = 300 * time.Millisecond
	if err := wait.SetReadDeadline(time.Now().Add(rest)); err != nil {
		t.Fatal(err)
	}
	_, _ = wait.Read(make([]byte, 1))
	if used := cpuTime(t) - cpu; used > rest/2 {
		t.Errorf("the server used %v of CPU time in %v of rest", used, rest)
	}
	if got := l.metric(t, "hiroba_turn_tcp_connections", ""); got != 1 {
		t.Errorf("%d connections are counted as open, want 1", got)
	}
}

// cpuTime is what this process has used so far.
func cpuTime(t testing.TB) time.Duration {
	t.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		t.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func TestGarbageOnAStream(t *testing.T) {
	l := newLab(t, nil)
	conn := dial(t, l)
	hello(t, conn)
	if _, err := conn.Write([]byte("\xFFgarbage")); err != nil {
		t.Fatal(err)
	}
	wantClosed(t, conn)
	if got := l.refused(t, refusedFraming); got != 1 {
		t.Errorf("counted %d times, want once", got)
	}
}

// A connection without an allocation ends soon, though it keeps talking.
func TestIdleConnectionIsClosed(t *testing.T) {
	l := newLabWithTimeouts(t, linkTimeouts{allocate: 200 * time.Millisecond, silence: time.Hour, write: time.Hour}, nil)
	conn := dial(t, l)
	for {
		if _, err := conn.Write(stun.MustBuild(stun.TransactionID, stun.BindingRequest).Raw); err != nil {
			break
		}
		if _, err := conn.Read(make([]byte, 1000)); err != nil {
			break
		}
	}
	wantClosed(t, conn)
	eventually(t, "it is counted", func() bool { return l.refused(t, refusedIdle) == 1 })
}

// With an allocation it is silence that ends it, and the allocation with it.
func TestSilentConnectionIsClosed(t *testing.T) {
	l := newLabWithTimeouts(t, linkTimeouts{allocate: time.Hour, silence: 200 * time.Millisecond, write: time.Hour}, nil)
	relayed := allocate(t, newClient(t, "tcp", l.at(loopback)))
	_ = relayed
	eventually(t, "it is counted", func() bool { return l.refused(t, refusedSilent) == 1 })
	eventually(t, "the allocation is gone", func() bool { return l.metric(t, "hiroba_turn_allocations", string(TCP)) == 0 })
}

// An allocation that is given back leaves a connection without one.
func TestConnectionAfterItsAllocation(t *testing.T) {
	l := newLabWithTimeouts(t, linkTimeouts{allocate: 500 * time.Millisecond, silence: time.Hour, write: time.Hour}, nil)
	relayed := allocate(t, newClient(t, "tcp", l.at(loopback)))
	if err := relayed.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is counted", func() bool { return l.refused(t, refusedIdle) == 1 })
}

// A client that does not read what its peer sends loses the connection; the
// others go on.
func TestClientThatDoesNotRead(t *testing.T) {
	l := newLabWithTimeouts(t, linkTimeouts{allocate: time.Hour, silence: time.Hour, write: 100 * time.Millisecond}, nil)
	client := newRawStream(t, l)
	flood := make([]byte, 1400)
	flood[0] = 0x80
	for l.refused(t, refusedNotReading) == 0 {
		// The SFU sends all of it back, and nobody reads that.
		if _, err := client.Write(channelData(0x4000, flood)); err != nil {
			break
		}
	}
	eventually(t, "it is counted", func() bool { return l.refused(t, refusedNotReading) == 1 })
	wantEcho(t, allocate(t, newClient(t, "tcp", l.at(loopback))), l.at(loopback), media("hello"))
}

// newRawStream is a TCP connection with an allocation and channel 0x4000 bound
// to the SFU.
func newRawStream(t testing.TB, l *lab) net.Conn {
	t.Helper()
	conn := dial(t, l)
	c := &rawClient{t: t, conn: &streamConn{conn}}
	c.logIn("ann")
	wantCode(t, c.request(stun.MethodAllocate, overUDP), 0)
	wantCode(t, c.request(stun.MethodChannelBind, channelNumber(0x4000), peer(l.at(loopback))), 0)
	return conn
}

// streamConn reads whole answers, as long as there is one at a time.
type streamConn struct{ net.Conn }

func (c *streamConn) ReadFrom(p []byte) (int, net.Addr, error) {
	n, err := c.Read(p)
	return n, c.RemoteAddr(), err
}

func (c *streamConn) WriteTo(p []byte, _ net.Addr) (int, error) { return c.Write(p) }

// The smallest datagrams come through a stream at once, not with the next.
func TestSmallDatagramsOverTCP(t *testing.T) {
	l := newLab(t, nil)
	conn := newRawStream(t, l)
	for _, payload := range []string{"\x80", "\x80a", "\x80ab", "\x80abc", "\x80abcd"} {
		if _, err := conn.Write(channelData(0x4000, []byte(payload))); err != nil {
			t.Fatal(err)
		}
		want := channelData(0x4000, []byte(payload))
		got := make([]byte, len(want))
		if _, err := io.ReadFull(conn, got); err != nil || string(got) != string(want) {
			t.Fatalf("got %x, error %v; want %x", got, err, want)
		}
	}
}

func TestConnectionLimits(t *testing.T) {
	l := newLab(t, func(c *Config) { c.Limits.ConnectionsPerSource = 2 })
	first := dial(t, l)
	hello(t, first)
	hello(t, dial(t, l))
	third := dial(t, l)
	if _, err := third.Write(stun.MustBuild(stun.TransactionID, stun.BindingRequest).Raw); err != nil {
		t.Fatal(err)
	}
	wantClosed(t, third)
	if got := l.refused(t, refusedConnectionsPerSource); got != 1 {
		t.Errorf("counted %d times, want once", got)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the place comes back", func() bool { return l.metric(t, "hiroba_turn_tcp_connections", "") == 1 })
	hello(t, dial(t, l))

	all := newLab(t, func(c *Config) { c.Limits.Connections = 1 })
	hello(t, dial(t, all))
	second := dial(t, all)
	if _, err := second.Write(stun.MustBuild(stun.TransactionID, stun.BindingRequest).Raw); err != nil {
		t.Fatal(err)
	}
	wantClosed(t, second)
	if got := all.refused(t, refusedConnections); got != 1 {
		t.Errorf("counted %d times, want once", got)
	}
}
