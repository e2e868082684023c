package protocol

import (
	"testing"

	"google.golang.org/protobuf/proto"
)

// What is decoded by hand is what the general decoder makes of it.
func FuzzPing(f *testing.F) {
	for _, text := range []string{
		`{"ack":"0","ping":{}}`, `{"ack":"7","ping":{}}`, `{"ack":"18446744073709551615","ping":{}}`,
		`{"ack":"18446744073709551616","ping":{}}`, `{"ack":"","ping":{}}`, `{"ack":"07","ping":{}}`, `{"ack":"-1","ping":{}}`,
		`{"ack":"1_0","ping":{}}`, `{"ack":"7", "ping":{}}`, `{"ack":"7","ping":{"x":1}}`, `{"ack":"7","ping":{},"id":"a"}`,
		`{"ack":"7","id":"","ping":{}}`, `{"ping":{}}`, `{"ack":"7","ping":{}}{}`, ``,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		ping := parsePing(data)
		if ping == nil {
			return
		}
		general := &ClientMessage{}
		if err := JSON.Unmarshal(data, general); err != nil {
			t.Fatalf("%q is taken for %v, but %v", data, ping, err)
		}
		if !proto.Equal(ping, general) {
			t.Fatalf("%q is taken for %v instead of %v", data, ping, general)
		}
	})
}

// The SDK's ping, which this is for, is not left to the general decoder.
func TestThePingOfTheSDKIsKnown(t *testing.T) {
	if ping := parsePing([]byte(`{"ack":"1234","ping":{}}`)); ping.GetAck() != 1234 || ping.GetPing() == nil {
		t.Fatalf("it is taken for %v", ping)
	}
}

// A pong that is encoded by hand decodes to itself.
func TestPongs(t *testing.T) {
	for name, pong := range map[string]*Pong{
		"everything":       {NowMs: 1_790_000_000_000, Received: 3, Sent: 1<<64 - 1},
		"nothing received": {NowMs: 1_790_000_000_000, Sent: 1},
		"nothing sent":     {NowMs: 1_790_000_000_000, Received: 1},
		"nothing":          {},
	} {
		t.Run(name, func(t *testing.T) {
			want := &ServerMessage{Body: &ServerMessage_Pong{Pong: pong}}
			data := NewEvent(want).Append(nil, JSON, 0, "")
			got := &ServerMessage{}
			if err := JSON.Unmarshal(data, got); err != nil {
				t.Fatalf("%s: %v", data, err)
			}
			if !proto.Equal(got, want) {
				t.Fatalf("%s is %v instead of %v", data, got, want)
			}
		})
	}
}
