package turn

import (
	"net"
	"net/netip"
	"testing"

	"github.com/hiroba-rtc/hiroba/internal/port"
	"github.com/hiroba-rtc/hiroba/internal/udp"
)

// mirror is an SFU in the process that sends back what it receives.
type mirror struct{ *port.ICEConn }

func (m mirror) Take(datagrams []udp.Datagram) {
	b := m.NewBatch()
	for _, d := range datagrams {
		b.Add(copy(b.Room(len(d.Bytes)), d.Bytes), d.From)
	}
	b.Flush()
}

// What goes to the SFU of this process and comes back passes no socket, over
// every transport, and what goes to peers outside still does.
func TestRelayInside(t *testing.T) {
	for _, network := range []string{"udp", "tcp"} {
		t.Run(network, func(t *testing.T) {
			l := newLab(t, nil, func(p *port.Port, c *Config) {
				for _, u := range p.UDP() {
					c.Inside = append(c.Inside, mirror{u.ICE()})
				}
			})
			relayed := allocate(t, newClient(t, network, l.at(loopback)))
			for range 3 { // the first by Send indication, then by channel
				wantEcho(t, relayed, l.at(loopback), media("to the SFU and back"))
			}
			for _, u := range l.port.UDP() {
				stats := u.ICE().Stats()
				if u.Addr() == l.at(loopback) && stats.Diverted != 3 {
					t.Errorf("%d datagrams of the SFU stayed inside, want 3", stats.Diverted)
				}
			}
			for _, g := range l.groups {
				if stats := g.Stats(); stats.Sent+stats.Received != 0 {
					t.Errorf("relayed sockets sent %d and received %d datagrams, want none", stats.Sent, stats.Received)
				}
			}
			taken, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(addrPort(relayed.LocalAddr())))
			if err != nil {
				t.Fatalf("somebody has the relayed address: %v", err)
			}
			taken.Close()

			wantToReachEachOther(t, newClient(t, network, l.at(loopback)), newClient(t, "udp", l.at(loopback)))
			for _, g := range l.groups {
				if stats := g.Stats(); stats.Sent+stats.Received != 0 {
					t.Errorf("relayed sockets sent %d and received %d datagrams between relays, want none", stats.Sent, stats.Received)
				}
			}

			l.SetRules(Rules{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
			outside := listenUDP(t, loopback)
			go echo(outside)
			wantEcho(t, relayed, addrPort(outside.LocalAddr()), []byte("hello"))
		})
	}
}
