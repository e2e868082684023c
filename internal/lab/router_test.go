package lab

import (
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"
)

// envHomes asks for the tests with homes.
const envHomes = "HIROBA_NAT_LAB"

// knocks is what a home finds outside.
type knocks struct {
	// Ports are those that two servers see of one UDP socket; none where nothing
	// comes back.
	Ports []int
	// TCP are the ports of the server that can be connected to.
	TCP []int
}

// mirrors are where the server says who it sees, over UDP and over TCP.
var mirrors = []netip.AddrPort{netip.AddrPortFrom(ServerAddr, 80), netip.AddrPortFrom(ServerAddr, 443)}

// mirror says "ready", and tells each datagram's sender its port.
func mirror() error {
	errs := make(chan error, len(mirrors))
	for _, at := range mirrors {
		if _, err := net.Listen("tcp", at.String()); err != nil { // the system answers
			return err
		}
		socket, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
		if err != nil {
			return err
		}
		go func() {
			buffer := make([]byte, 1500)
			for {
				_, from, err := socket.ReadFromUDPAddrPort(buffer)
				if err == nil {
					_, err = socket.WriteToUDPAddrPort(fmt.Append(nil, from.Port()), from)
				}
				if err != nil {
					errs <- err
					return
				}
			}
		}()
	}
	fmt.Println("ready")
	return <-errs
}

// knock prints what a home finds, in JSON.
func knock() error {
	var found knocks
	socket, err := net.ListenUDP("udp", nil)
	if err != nil {
		return err
	}
	buffer := make([]byte, 1500)
	for _, at := range mirrors {
		if _, err := socket.WriteToUDPAddrPort([]byte("who am I?"), at); err != nil {
			return err
		}
		if err := socket.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
			return err
		}
		if n, _, err := socket.ReadFromUDPAddrPort(buffer); err == nil {
			var port int
			if _, err := fmt.Sscan(string(buffer[:n]), &port); err != nil {
				return err
			}
			found.Ports = append(found.Ports, port)
		}
		if conn, err := net.DialTimeout("tcp", at.String(), time.Second); err == nil {
			found.TCP = append(found.TCP, int(at.Port()))
			_ = conn.Close()
		}
	}
	return json.NewEncoder(os.Stdout).Encode(found)
}

func TestRouters(t *testing.T) {
	if os.Getenv(envHomes) != "1" {
		t.Skip("make nat-lab runs this")
	}
	n, err := New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	startProgram(t, n.Server, "mirror")
	for _, router := range []Router{Cone, Symmetric, NoUDP, OnlyHTTPS} {
		t.Run(router.String(), func(t *testing.T) {
			home, err := n.JoinHome(router, Shape{Delay: ms}, Shape{Delay: ms})
			if err != nil {
				t.Fatal(err)
			}
			out, err := program(home.Namespace, "knock").Output()
			var found knocks
			if err == nil {
				err = json.Unmarshal(out, &found)
			}
			if err != nil {
				t.Fatalf("knock: %v: %s", err, out)
			}
			udp := "none"
			if len(found.Ports) == len(mirrors) {
				udp = "one port"
				if found.Ports[0] != found.Ports[1] {
					udp = "two ports"
				}
			}
			want := map[Router]struct {
				udp string
				tcp []int
			}{
				Cone: {"one port", []int{80, 443}}, Symmetric: {"two ports", []int{80, 443}},
				NoUDP: {"none", []int{80, 443}}, OnlyHTTPS: {"none", []int{443}},
			}[router]
			if udp != want.udp || !slices.Equal(found.TCP, want.tcp) {
				t.Errorf("it found %+v; over UDP %s and over TCP %d was expected", found, want.udp, want.tcp)
			}
		})
	}
}
