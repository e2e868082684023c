package protocol_test

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// An event appended for one session must read back as if it had been encoded
// whole.
func TestEventReadsBackInBothFormats(t *testing.T) {
	body := &protocol.ServerMessage{Body: &protocol.ServerMessage_Message{
		Message: &protocol.Message{From: "ann", Topic: "chat", Text: "こんにちは \"you\"\n", SentMs: 1 << 50},
	}}
	event := protocol.NewEvent(body)
	for _, format := range []protocol.Format{protocol.JSON, protocol.Binary} {
		for _, tc := range []struct {
			name string
			seq  uint64
			re   string
		}{
			{"unnumbered", 0, ""},
			{"numbered", 1 << 60, ""},
			{"an answer", 7, `an "id" \ with 広場`},
			{"an unnumbered answer", 0, "x"},
		} {
			t.Run(format.String()+"/"+tc.name, func(t *testing.T) {
				got := &protocol.ServerMessage{}
				if err := format.Unmarshal(event.Append(nil, format, tc.seq, tc.re), got); err != nil {
					t.Fatal(err)
				}
				want := proto.Clone(body).(*protocol.ServerMessage)
				want.Seq, want.Re = tc.seq, tc.re
				if !proto.Equal(got, want) {
					t.Fatalf("got %v, want %v", got, want)
				}
			})
		}
	}
}

func TestUnknownFieldsArePassedOver(t *testing.T) {
	message := &protocol.ClientMessage{}
	err := protocol.JSON.Unmarshal([]byte(`{"seq":"3","fromTheFuture":{"a":[1]},"ping":{}}`), message)
	if err != nil || message.GetSeq() != 3 || message.GetPing() == nil {
		t.Fatalf("got %v, %v", message, err)
	}
}

func TestWhatIsNoMessageIsRefusedInWords(t *testing.T) {
	err := protocol.JSON.Unmarshal([]byte(`[]`), &protocol.ClientMessage{})
	if err == nil || !strings.Contains(err.Error(), "not a ClientMessage in JSON") {
		t.Fatalf("got %v", err)
	}
}

// Anything that decodes must encode again, in both formats, to the same
// message: what one peer sends is what another peer's decoder gets.
func FuzzClientMessage(f *testing.F) {
	f.Add([]byte(`{"seq":"1","id":"a","join":{"room":"tea","offer":{"type":"OFFER","sdp":"v=0"}}}`))
	f.Add([]byte(`{"message":{"to":["p"],"topic":"chat","text":"x"}}`))
	f.Add([]byte("\x08\x01\x52\x05\x0a\x03tea"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, format := range []protocol.Format{protocol.JSON, protocol.Binary} {
			message := &protocol.ClientMessage{}
			if format.Unmarshal(data, message) != nil {
				continue
			}
			for _, other := range []protocol.Format{protocol.JSON, protocol.Binary} {
				encoded, err := other.Marshal(message)
				if err != nil {
					t.Fatalf("%v from %q does not encode as %v: %v", message, data, other, err)
				}
				again := &protocol.ClientMessage{}
				if err := other.Unmarshal(encoded, again); err != nil {
					t.Fatalf("%q does not decode: %v", encoded, err)
				}
				if !proto.Equal(message, again) {
					t.Fatalf("%v came back as %v", message, again)
				}
			}
		}
	})
}
