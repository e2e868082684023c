package doctor

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/stun/v4"
	"github.com/pion/turn/v5"
)

// again is after how long a relayed packet that did not come is sent once more.
const again = 250 * time.Millisecond

// relay makes two allocations over one transport and sends a packet through both,
// each way.
func (e *exam) relay(ctx context.Context, leg Leg, at relayAt) (finding, error) {
	began := time.Now()
	var ends [2]*allocation
	var errs [2]error
	var making sync.WaitGroup
	for i := range ends {
		making.Go(func() { ends[i], errs[i] = allocate(ctx, leg, at, e.plan.Insecure) })
	}
	making.Wait()
	for _, end := range ends {
		if end != nil {
			defer end.close()
		}
	}
	if err := cmp.Or(errs[0], errs[1]); err != nil {
		return finding{}, refusal(err)
	}
	allocated := time.Since(began)
	began = time.Now()
	a, b := ends[0], ends[1]
	e.learn(func(f *facts) {
		for _, end := range ends {
			f.relayed = append(f.relayed, addrOf(end.conn.LocalAddr()).Addr())
		}
		if e.server.web == nil {
			f.reached = addrOf(a.to)
		}
	})
	err := b.client.CreatePermission(a.conn.LocalAddr())
	if err == nil {
		err = pass(ctx, a, b)
	}
	if err == nil {
		err = pass(ctx, b, a)
	}
	if err != nil {
		return finding{}, &failure{Relaying, fmt.Errorf("allocations at %v and %v were made, and carry nothing: %w", a.conn.LocalAddr(), b.conn.LocalAddr(), err)}
	}
	return finding{detail: fmt.Sprintf("allocated in %v, relayed there and back in %v", allocated.Round(time.Millisecond), time.Since(began).Round(100*time.Microsecond))}, nil
}

// refusal says in words what the server said in a number.
func refusal(err error) error {
	var said *stun.TurnError
	if !errors.As(err, &said) {
		return err
	}
	code := said.ErrorCodeAttr
	return &failure{causeOf(err), fmt.Errorf("the server refuses an allocation: %d %s", code.Code, code.Reason)}
}

// allocation is one relayed address, and the connection that it was made over.
type allocation struct {
	client *turn.Client
	conn   net.PacketConn
	under  net.PacketConn
	to     net.Addr // the server's
	stop   func() bool
}

func allocate(ctx context.Context, leg Leg, at relayAt, insecure bool) (*allocation, error) {
	under, to, err := connect(ctx, leg, at, insecure)
	if err != nil {
		return nil, err
	}
	client, err := turn.NewClient(&turn.ClientConfig{
		TURNServerAddr: at.address, Conn: under, Username: at.username, Password: at.password,
		RequestedAddressFamily: 0, LoggerFactory: quiet{},
	})
	if err != nil {
		_ = under.Close()
		return nil, err
	}
	if err := client.Listen(); err != nil {
		_ = under.Close()
		return nil, err
	}
	a := &allocation{client: client, under: under, to: to}
	// The library knows no context: it ends with its connection.
	a.stop = context.AfterFunc(ctx, func() {
		client.Close()
		_ = under.Close()
	})
	if a.conn, err = client.Allocate(); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		} else if d, is := under.(*datagrams); is {
			err = cmp.Or(d.refused(), err)
		}
		a.close()
		return nil, err
	}
	return a, nil
}

func (a *allocation) close() {
	if a.conn != nil {
		_ = a.conn.Close() // gives it back, if that can still be said
	}
	a.stop()
	a.client.Close()
	_ = a.under.Close()
}

// connect opens what TURN messages travel over, and says where it leads.
func connect(ctx context.Context, leg Leg, at relayAt, insecure bool) (_ net.PacketConn, to net.Addr, _ error) {
	network := "udp"
	if leg == TURNTCP || leg == TURNTLS {
		network = "tcp"
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, network, at.address)
	if err != nil {
		return nil, nil, err
	}
	to = conn.RemoteAddr()
	switch leg {
	case TURNTCP:
		return turn.NewSTUNConn(conn), to, nil
	case TURNTLS:
		secured := tls.Client(conn, &tls.Config{ServerName: at.host, InsecureSkipVerify: insecure})
		if err := secured.HandshakeContext(ctx); err != nil {
			return nil, to, errors.Join(err, conn.Close())
		}
		return turn.NewSTUNConn(secured), to, nil
	case TURNDTLS:
		secured, err := dtls.ClientWithOptions(&datagrams{Conn: conn, under: conn}, to,
			dtls.WithServerName(at.host), dtls.WithInsecureSkipVerify(insecure), dtls.WithLoggerFactory(quiet{}))
		if err != nil {
			return nil, to, errors.Join(err, conn.Close())
		}
		if err := secured.HandshakeContext(ctx); err != nil {
			return nil, to, errors.Join(err, secured.Close())
		}
		return &datagrams{Conn: secured, under: conn}, to, nil
	}
	return &datagrams{Conn: conn, under: conn}, to, nil
}

// addrOf is the address and port of a socket.
func addrOf(addr net.Addr) netip.AddrPort {
	at, _ := netip.ParseAddrPort(addr.String()) // what is no IP address is not valid
	return unmap(at)
}

// datagrams is a connection that keeps messages apart, as a net.PacketConn.
type datagrams struct {
	net.Conn
	under net.Conn // the UDP socket
	// closed is set when the system said that nobody listens at the port, which it
	// says once and the library keeps to itself.
	closed atomic.Bool
}

// refused is what the system said, or says, of a port that nobody listens at.
func (d *datagrams) refused() error {
	for range 2 { // the first one is told of what was sent before
		if _, err := d.under.Write(nil); d.hear(err) {
			return err
		}
	}
	if d.closed.Load() {
		return &net.OpError{Op: "write", Net: "udp", Addr: d.RemoteAddr(), Err: syscall.ECONNREFUSED}
	}
	return nil
}

func (d *datagrams) hear(err error) (refused bool) {
	if refused = errors.Is(err, syscall.ECONNREFUSED); refused {
		d.closed.Store(true)
	}
	return refused
}

func (d *datagrams) ReadFrom(b []byte) (int, net.Addr, error) {
	n, err := d.Read(b)
	d.hear(err)
	return n, d.RemoteAddr(), err
}

func (d *datagrams) WriteTo(b []byte, _ net.Addr) (int, error) {
	n, err := d.Write(b)
	d.hear(err)
	return n, err
}

// pass sends a packet from one allocation to the other until it comes.
func pass(ctx context.Context, from, to *allocation) error {
	packet := []byte(rand.Text())
	buf := make([]byte, 1500)
	for {
		if _, err := from.conn.WriteTo(packet, to.conn.LocalAddr()); err != nil {
			return err
		}
		if err := to.conn.SetReadDeadline(time.Now().Add(again)); err != nil {
			return err
		}
		for {
			n, _, err := to.conn.ReadFrom(buf)
			if err == nil && bytes.Equal(buf[:n], packet) {
				return nil
			}
			if err != nil {
				break // nothing came in this while
			}
		}
		if ctx.Err() != nil {
			return errors.New("no packet came out at the other end")
		}
	}
}
