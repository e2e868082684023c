package main

import (
	"bytes"
	"net/netip"
	"testing"

	"github.com/hiroba-rtc/hiroba/configs"
	"github.com/hiroba-rtc/hiroba/signaling"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// Whatever a stranger says, line after line, the server neither panics nor
// forgets to let go of the visitor; everything it answers can be encoded.
func FuzzVisitor(f *testing.F) {
	f.Add([]byte(joinTea + "\n" + `{"seq":"2","leave":{}}`))
	f.Add([]byte(joinTea + "\n" + `{"seq":"2","publish":{"tracks":[{"mid":"0","kind":"VIDEO"}]}}` + "\n" + `{"seq":"3","id":"m","mute":{"track":"x"}}`))
	f.Add([]byte(`{"seq":"1","join":{"room":"tea","offer":{"type":"OFFER","sdp":"v=0"}}}`))
	f.Add([]byte(joinTea + "\n" + `{"seq":"2","view":{"shown":[{"track":"x","paused":true}]}}` + "\n" + `{"seq":"3","candidate":{"to":"sfu"}}`))
	s, _ := runServer(f, func(c *configs.Config) {
		c.Limits.RequestsPerSecond, c.Limits.JoinsPerMinute = 1_000_000, 1_000_000
	})
	f.Fuzz(func(t *testing.T, script []byte) {
		visitor, refusal := s.service.Open(signaling.Caller{Addr: netip.MustParseAddr("192.0.2.7"), Host: "localhost"}, true)
		if refusal != nil {
			t.Fatal(refusal)
		}
		attachment, refusal := visitor.Attach(signaling.Hold{})
		if refusal != nil {
			t.Fatal(refusal)
		}
		for line := range bytes.SplitSeq(script, []byte("\n")) {
			message := &protocol.ClientMessage{}
			if protocol.JSON.Unmarshal(line, message) == nil {
				visitor.Receive(t.Context(), message, len(line))
			}
		}
		visitor.Close(nil)
		for {
			entries, err := attachment.Read(nil)
			if err != nil {
				break
			}
			for _, e := range entries {
				e.Event.Append(nil, protocol.JSON, e.Seq, e.Re)
				e.Event.Append(nil, protocol.Binary, e.Seq, e.Re)
			}
		}
	})
}
