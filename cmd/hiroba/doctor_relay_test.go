package main

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/pion/stun/v4"

	"github.com/hiroba-rtc/hiroba/cmd/hiroba/doctor"
	"github.com/hiroba-rtc/hiroba/configs"
)

// selective stands before a server's UDP port and drops what it is told to, both
// ways. It ends with the test.
func selective(t *testing.T, server netip.AddrPort, drops func([]byte) bool) netip.AddrPort {
	t.Helper()
	front, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	var loops sync.WaitGroup
	ways := map[netip.AddrPort]*net.UDPConn{} // by client; of the first loop alone
	loops.Go(func() {
		defer func() {
			for _, way := range ways {
				_ = way.Close()
			}
		}()
		buf := make([]byte, 2048)
		for {
			n, from, err := front.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			way := ways[from]
			if way == nil {
				if way, err = net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(server)); err != nil {
					return
				}
				ways[from] = way
				loops.Go(func() {
					buf := make([]byte, 2048)
					for {
						n, err := way.Read(buf)
						if err != nil {
							return
						}
						if !drops(buf[:n]) {
							_, _ = front.WriteToUDPAddrPort(buf[:n], from)
						}
					}
				})
			}
			if !drops(buf[:n]) {
				_, _ = way.Write(buf[:n])
			}
		}
	})
	t.Cleanup(func() {
		_ = front.Close()
		loops.Wait()
	})
	return front.LocalAddr().(*net.UDPAddr).AddrPort()
}

// A relay that gives addresses and carries nothing is told from one that does not
// answer.
func TestTheDoctorFindsARelayThatCarriesNothing(t *testing.T) {
	const secret = "sixteen letters at least"
	s, _ := runServer(t, func(c *configs.Config) { c.TURN.Secret = secret })
	at := selective(t, netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(s.port.Port())), func(b []byte) bool {
		m := &stun.Message{Raw: b}
		return m.Decode() != nil || m.Type.Class == stun.ClassIndication // what is relayed comes in these
	})
	report, code := examined(t, doctorCommand{URL: new("turn:" + at.String()), TURNSecret: secret, Timeout: time.Second})
	if code != exitFailure {
		t.Errorf("exit code %d", code)
	}
	works(t, report, doctor.STUN)
	fails(t, report, doctor.TURNUDP, "turn.relay_ports")
	if r := legOf(t, report, doctor.TURNUDP); r.Cause != doctor.Relaying || r.Milliseconds > 4000 {
		t.Errorf("the leg is %+v", r)
	}
}

// Whoever has seen enough can stop it, and gets what was known.
func TestTheDoctorIsInterrupted(t *testing.T) {
	_, url := runServer(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	report, err := doctor.Run(ctx, doctor.Plan{URL: url, Timeout: patience}, func(r doctor.Result) {
		if r.Leg == doctor.HTTP {
			cancel()
		}
	})
	if err != nil || !report.Interrupted || report.OK {
		t.Errorf("%+v, %v", report, err)
	}
	works(t, *report, doctor.HTTP)
}
