package doctor

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/pion/stun/v4"
)

// retransmission is the first pause before a request is sent again; it doubles
// (RFC 8489, section 6.2.1).
const retransmission = 250 * time.Millisecond

// CHANGE-REQUEST (RFC 5780, section 7.2).
const (
	changePort    uint32 = 2
	changeAddress uint32 = 4
)

// prober asks STUN servers from one socket.
type prober struct {
	conn  packets
	local netip.AddrPort // as this machine sees it
}

// packets is what a prober needs of a socket.
type packets interface {
	WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error)
	ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error)
	SetReadDeadline(time.Time) error
	Close() error
}

// connected is a socket that the system connects to one server. What comes from
// elsewhere is not heard there, and that nobody listens at the port is: it then
// says so to who writes or reads next.
type connected struct{ *net.UDPConn }

// WriteToUDPAddrPort implements packets.
func (c connected) WriteToUDPAddrPort(b []byte, _ netip.AddrPort) (int, error) { return c.Write(b) }

// newProber opens a socket that is connected to a server, and says where that is.
func newProber(ctx context.Context, server string) (*prober, netip.AddrPort, error) {
	way, err := (&net.Dialer{}).DialContext(ctx, "udp", server)
	if err != nil {
		return nil, netip.AddrPort{}, err
	}
	conn := way.(*net.UDPConn)
	return &prober{connected{conn}, portOf(conn.LocalAddr())}, portOf(conn.RemoteAddr()), nil
}

// disconnected closes a prober and opens another one at the same address and
// port, which hears everybody. To a NAT, it is the same.
func (p *prober) disconnected() (*prober, error) {
	p.close()
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(p.local))
	if err != nil {
		return nil, err
	}
	return &prober{conn, p.local}, nil
}

func portOf(addr net.Addr) netip.AddrPort { return unmap(addr.(*net.UDPAddr).AddrPort()) }

func unmap(at netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(at.Addr().Unmap(), at.Port()) }

func (p *prober) close() { _ = p.conn.Close() }

// reply is what a STUN server says.
type reply struct {
	mapped netip.AddrPort
	other  netip.AddrPort // OTHER-ADDRESS; invalid without
	from   netip.AddrPort
}

// ask sends a Binding request, again and again until something comes. With
// change, the answer is wanted from another address or port of the server's.
func (p *prober) ask(ctx context.Context, to netip.AddrPort, change uint32) (reply, error) {
	setters := []stun.Setter{stun.TransactionID, stun.BindingRequest}
	if change != 0 {
		setters = append(setters, stun.RawAttribute{Type: stun.AttrChangeRequest, Value: binary.BigEndian.AppendUint32(nil, change)})
	}
	request, err := stun.Build(append(setters, stun.Fingerprint)...)
	if err != nil {
		return reply{}, err
	}
	for pause := retransmission; ; pause *= 2 {
		if _, err := p.conn.WriteToUDPAddrPort(request.Raw, to); err != nil {
			return reply{}, err
		}
		until := time.Now().Add(pause)
		if end, ok := ctx.Deadline(); ok && end.Before(until) {
			until = end
		}
		r, err := p.listen(request.TransactionID, until)
		switch {
		case err == nil, !errors.Is(err, context.DeadlineExceeded):
			return r, err
		case ctx.Err() != nil:
			return r, ctx.Err()
		}
	}
}

// listen waits for the answer to a request.
func (p *prober) listen(id [stun.TransactionIDSize]byte, until time.Time) (reply, error) {
	if err := p.conn.SetReadDeadline(until); err != nil {
		return reply{}, err
	}
	buf := make([]byte, 1500)
	for {
		n, from, err := p.conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			var timeout net.Error
			if errors.As(err, &timeout) && timeout.Timeout() {
				err = context.DeadlineExceeded
			}
			return reply{}, err
		}
		m := &stun.Message{Raw: buf[:n]}
		if m.Decode() != nil || m.TransactionID != id {
			continue // of an earlier request, or somebody else's
		}
		if m.Type.Class == stun.ClassErrorResponse {
			var code stun.ErrorCodeAttribute
			_ = code.GetFrom(m) // then it reads 0
			return reply{}, &stun.TurnError{StunMessageType: m.Type, ErrorCodeAttr: code}
		}
		return readReply(m, unmap(from))
	}
}

func readReply(m *stun.Message, from netip.AddrPort) (reply, error) {
	var mapped stun.XORMappedAddress
	if err := mapped.GetFrom(m); err != nil {
		return reply{}, &failure{Answer, fmt.Errorf("the answer to a STUN request has no XOR-MAPPED-ADDRESS: %w", err)}
	}
	r := reply{mapped: addrPort(mapped.IP, mapped.Port), from: from}
	var other stun.OtherAddress
	if other.GetFrom(m) == nil {
		r.other = addrPort(other.IP, other.Port)
	}
	return r, nil
}

func addrPort(ip net.IP, port int) netip.AddrPort {
	addr, _ := netip.AddrFromSlice(ip)
	return netip.AddrPortFrom(addr.Unmap(), uint16(port))
}

// stun asks for this client's mapped address, and then what kind of NAT made it.
func (e *exam) stun(ctx context.Context, server string) {
	var p *prober
	var first reply
	var to netip.AddrPort
	ok := e.try(ctx, STUN, server, func(ctx context.Context) (found finding, err error) {
		if p, to, err = newProber(ctx, server); err != nil {
			return finding{}, err
		}
		if first, err = p.ask(ctx, to, 0); err != nil {
			return finding{}, err
		}
		e.learn(func(f *facts) { f.mapped, f.local = first.mapped, p.local.Addr() })
		return finding{detail: fmt.Sprintf("the server sees this client at %v", first.mapped)}, nil
	})
	if p != nil {
		defer p.close()
	}
	if !ok {
		e.skip(NotTried, "STUN does not work", NAT)
		return
	}
	e.try(ctx, NAT, server, func(ctx context.Context) (finding, error) {
		free, err := p.disconnected()
		if err != nil { // another leg may have got the port meanwhile
			return finding{state: NotTried, detail: err.Error()}, nil
		}
		defer free.close()
		return free.nat(ctx, to, first)
	})
}
