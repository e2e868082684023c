package session_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/hiroba-rtc/hiroba/signaling/protocol"
	"github.com/hiroba-rtc/hiroba/signaling/session"
)

func text(s string) *protocol.Event {
	return protocol.NewEvent(&protocol.ServerMessage{Body: &protocol.ServerMessage_Message{
		Message: &protocol.Message{Text: s},
	}})
}

func seqs(entries []session.Entry) []uint64 {
	var out []uint64
	for _, e := range entries {
		out = append(out, e.Seq)
	}
	return out
}

func TestOutboxReadsFromAnyNumberStillKept(t *testing.T) {
	for _, tc := range []struct {
		name   string
		bounds session.Bounds
		add    int
		ack    uint64
		after  uint64
		limit  int
		want   []uint64
		missed bool
	}{
		{"empty", session.Bounds{Messages: 4, Bytes: 1 << 20}, 0, 0, 0, 9, nil, false},
		{"all", session.Bounds{Messages: 4, Bytes: 1 << 20}, 3, 0, 0, 9, []uint64{1, 2, 3}, false},
		{"some", session.Bounds{Messages: 4, Bytes: 1 << 20}, 3, 0, 2, 9, []uint64{3}, false},
		{"nothing new", session.Bounds{Messages: 4, Bytes: 1 << 20}, 3, 0, 3, 9, nil, false},
		{"limited", session.Bounds{Messages: 4, Bytes: 1 << 20}, 3, 0, 0, 2, []uint64{1, 2}, false},
		{"a number from the future", session.Bounds{Messages: 4, Bytes: 1 << 20}, 3, 0, 9, 9, nil, true},
		{"pushed out", session.Bounds{Messages: 4, Bytes: 1 << 20}, 10, 0, 5, 9, nil, true},
		{"oldest kept", session.Bounds{Messages: 4, Bytes: 1 << 20}, 10, 0, 6, 9, []uint64{7, 8, 9, 10}, false},
		{"acknowledged, read again", session.Bounds{Messages: 4, Bytes: 1 << 20}, 4, 2, 1, 9, nil, true},
		{"acknowledged, read on", session.Bounds{Messages: 4, Bytes: 1 << 20}, 4, 2, 2, 9, []uint64{3, 4}, false},
		{"all acknowledged", session.Bounds{Messages: 4, Bytes: 1 << 20}, 4, 4, 4, 9, nil, false},
		{"bytes push out", session.Bounds{Messages: 100, Bytes: 250}, 3, 0, 1, 9, []uint64{2, 3}, false},
		{"one too large is kept", session.Bounds{Messages: 100, Bytes: 50}, 2, 0, 1, 9, []uint64{2}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := session.NewOutbox(tc.bounds)
			for range tc.add {
				o.Append(text(strings.Repeat("x", 100)), "")
			}
			o.Ack(tc.ack)
			got, ok := o.After(nil, tc.after, tc.limit)
			if !slices.Equal(seqs(got), tc.want) || ok == tc.missed {
				t.Fatalf("After(%d) = %v, %v; want %v, missed %v", tc.after, seqs(got), ok, tc.want, tc.missed)
			}
		})
	}
}

// The client chooses the id that an answer carries: it counts.
func TestOutboxCountsTheIDsOfAnswers(t *testing.T) {
	o := session.NewOutbox(session.Bounds{Messages: 100, Bytes: 1000})
	for range 10 {
		o.Append(text("x"), strings.Repeat("i", 300))
	}
	if got, _ := o.After(nil, o.First()-1, 100); len(got) != 3 {
		t.Fatalf("%d answers with an id of 300 bytes are kept in 1000", len(got))
	}
}

// However it is used, an outbox gives a reader that keeps up every number
// once, in order.
func TestOutboxOverALongLife(t *testing.T) {
	o := session.NewOutbox(session.Bounds{Messages: 16, Bytes: 1 << 20})
	read := uint64(0)
	for i := range 10_000 {
		o.Append(text("x"), "")
		if i%7 == 0 {
			got, ok := o.After(nil, read, 100)
			if !ok {
				t.Fatalf("missed something after %d", read)
			}
			for _, e := range got {
				if e.Seq != read+1 {
					t.Fatalf("%d came after %d", e.Seq, read)
				}
				read = e.Seq
			}
		}
		if i%31 == 0 {
			o.Ack(read)
		}
	}
}
