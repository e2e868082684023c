package sfu

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"
)

// Frames of ICE-TCP (RFC 4571) that hold nothing, one byte or more than any
// packet has cost their client its connection at most; a frame of a size that a
// packet can have, and nonsense in it, not even that.
func TestFramesOfAnySizeHurtNobodyElse(t *testing.T) {
	for _, tc := range []struct {
		name string
		size int
		ends bool
	}{
		{"nothing", 0, false},
		{"one byte", 1, false},
		{"a packet of nonsense", 1200, false},
		{"more than is forwarded", 5000, false},
		{"65,000 bytes", 65_000, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := runSFU(t)
			film(t, s, "tea", "ann")
			bob := watch(t, s, "tea", "bob")
			number := s.config.TCP.Addr().(*net.TCPAddr).Port
			proxy, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			var mu sync.Mutex // between whole frames
			var carrying sync.WaitGroup
			var server net.Conn
			ended := make(chan struct{})
			carrying.Go(func() {
				client, err := proxy.Accept()
				if err != nil {
					return
				}
				defer client.Close()
				mu.Lock()
				server, err = net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", number))
				mu.Unlock()
				if err != nil {
					return
				}
				carrying.Go(func() {
					_, _ = io.Copy(client, server)
					client.Close()
					close(ended)
				})
				defer server.Close()
				header := make([]byte, 2)
				for {
					if _, err := io.ReadFull(client, header); err != nil {
						return
					}
					frame := append(header[:2:2], make([]byte, binary.BigEndian.Uint16(header))...)
					if _, err := io.ReadFull(client, frame[2:]); err != nil {
						return
					}
					mu.Lock()
					_, err := server.Write(frame)
					mu.Unlock()
					if err != nil {
						return
					}
				}
			})
			t.Cleanup(func() { proxy.Close(); carrying.Wait() })
			mal := arrive(t, s, "tea", "mal", webrtc.NetworkTypeTCP4, withSlots(1), func(answer string) string {
				from := fmt.Sprintf(" %d typ host tcptype", number)
				to := fmt.Sprintf(" %d typ host tcptype", proxy.Addr().(*net.TCPAddr).Port)
				return strings.ReplaceAll(answer, from, to)
			})
			t.Cleanup(func() { _ = mal.pc.GracefulClose() })
			until(t, "media for both", func() bool { return mal.received.Load() > 10 && len(bob.seen()) > 10 })
			before := len(bob.seen())
			check := bounded(t, s)
			frame := make([]byte, 2+tc.size)
			binary.BigEndian.PutUint16(frame, uint16(tc.size))
			for i := range frame[2:] {
				frame[2+i] = byte(0x80 + i%64) // what RTP begins with
			}
			for range 200 {
				mu.Lock()
				_, err := server.Write(frame)
				mu.Unlock()
				if err != nil {
					break
				}
			}
			got := mal.received.Load()
			bob.goesOn(t, before)
			if tc.ends {
				select {
				case <-ended:
				case <-time.After(soon):
					t.Fatal("the connection goes on")
				}
			} else {
				until(t, "media for who sent it", func() bool { return mal.received.Load() > got+20 })
			}
			check()
		})
	}
}
