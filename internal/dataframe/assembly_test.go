package dataframe

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
)

const mib = 1 << 20

// part is a frame with a part of so many bytes, all of the value of its
// message's number.
func part(from string, message, offset, total uint32, size int) *DataFrame {
	return &DataFrame{
		From: from, To: []string{"me"}, Topic: "file", Payload: bytes.Repeat([]byte{byte(message)}, size),
		Part: &Part{Message: message, Run: 1, Offset: offset, Total: total},
	}
}

func TestPartsBecomeAMessage(t *testing.T) {
	var a Assembly
	now := time.Unix(0, 0)
	plain := &DataFrame{From: "ann", Payload: []byte("small")}
	for i, step := range []struct {
		frame *DataFrame
		whole *DataFrame
	}{
		{part("ann", 1, 0, 5, 2), nil},
		{part("ann", 2, 0, 100, 50), nil},
		{part("bob", 1, 0, 100, 50), nil},
		{plain, plain},
		{part("ann", 1, 0, 5, 2), nil}, // again
		{part("ann", 1, 2, 5, 3), &DataFrame{From: "ann", To: []string{"me"}, Topic: "file", Payload: []byte{1, 1, 1, 1, 1}}},
		{part("ann", 1, 2, 5, 3), nil}, // after the end
	} {
		whole, err := a.Take(now, step.frame)
		if err != nil || !proto.Equal(whole, step.whole) {
			t.Fatalf("step %d: %v, %v", i, whole, err)
		}
	}
	if n, senders := a.Holding(); n != 100 || senders != 2 {
		t.Errorf("it holds %d bytes of %d senders", n, senders)
	}
}

func TestWhatDoesNotFitIsGivenUpAndSaidOnce(t *testing.T) {
	for _, tc := range []struct {
		name  string
		parts []*DataFrame
		said  int
	}{
		{"a gap", []*DataFrame{part("ann", 1, 0, 10, 3), part("ann", 1, 4, 10, 3), part("ann", 1, 7, 10, 3)}, 1},
		{"another total", []*DataFrame{part("ann", 1, 0, 10, 3), part("ann", 1, 3, 11, 3)}, 1},
		{"beyond the total", []*DataFrame{part("ann", 1, 0, 10, 11)}, 1},
		{"an offset beyond all", []*DataFrame{part("ann", 1, 1<<32-1, 1<<32-1, 2)}, 1},
		{"too large a message", []*DataFrame{part("ann", 1, 0, MaxMessage+1, 3)}, 1},
		{"no bytes", []*DataFrame{part("ann", 1, 0, 10, 0)}, 1},
		{"no part at all", []*DataFrame{{From: "ann", Part: &Part{}}}, 1},
		{"the middle of something unknown", []*DataFrame{part("ann", 1, 5, 10, 1), part("ann", 1, 6, 10, 4)}, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var a Assembly
			said := 0
			for _, p := range tc.parts {
				whole, err := a.Take(time.Unix(0, 0), p)
				if whole != nil {
					t.Errorf("%v came of it", whole)
				}
				if errors.Is(err, ErrDropped) {
					said++
				}
			}
			if n, senders := a.Holding(); said != tc.said || n != 0 || senders != 0 {
				t.Errorf("said %d times; it holds %d bytes of %d senders", said, n, senders)
			}
		})
	}
}

func TestWhatAnAssemblyHoldsIsBounded(t *testing.T) {
	var a Assembly
	now, most := time.Unix(0, 0), make([]byte, 15*mib)
	for eve := range 6 {
		from := fmt.Sprint("eve", eve)
		for message := uint32(0); message < 20; message++ {
			_, err := a.Take(now, part(from, message, 0, MaxMessage, 1))
			if (err != nil) != (message >= maxUnfinished) {
				t.Fatalf("message %d of %s: %v", message, from, err)
			}
		}
		for message := range uint32(5) {
			frame := part(from, message, 1, MaxMessage, 0)
			frame.Payload = most
			_, _ = a.Take(now, frame)
		}
		if n, _ := a.Holding(); n > maxBytes {
			t.Fatalf("it holds %d bytes", n)
		}
	}
	// Somebody else has not to pay for it.
	if _, err := a.Take(now, part("ann", 1, 0, 4, 2)); err != nil {
		t.Fatal(err)
	}
	if whole, _ := a.Take(now, part("ann", 1, 2, 4, 2)); whole == nil {
		t.Error("a small message did not come through")
	}
}

func TestWhoGoesSilentIsGivenUp(t *testing.T) {
	var a Assembly
	at := func(d time.Duration) time.Time { return time.Unix(0, 0).Add(d) }
	_, _ = a.Take(at(0), part("ann", 1, 0, 10, 1))
	_, _ = a.Take(at(0), part("bob", 1, 0, 10, 1))
	_, _ = a.Take(at(50*time.Second), part("bob", 1, 1, 10, 1))
	if gone := a.Sweep(at(senderPatience - 1)); len(gone) != 0 {
		t.Fatalf("%q are gone too early", gone)
	}
	if gone := a.Sweep(at(senderPatience)); len(gone) != 1 || gone[0] != "ann" {
		t.Fatalf("%q are gone", gone)
	}
	if n, senders := a.Holding(); n != 2 || senders != 1 {
		t.Errorf("it holds %d bytes of %d senders", n, senders)
	}
}

// Whatever comes, an Assembly holds what its parts had and no more, and gives
// out nothing that nobody sent.
func FuzzAssembly(f *testing.F) {
	add := func(frames ...*DataFrame) {
		var in []byte
		for _, frame := range frames {
			encoded, err := proto.Marshal(frame)
			if err != nil {
				f.Fatal(err)
			}
			in = append(append(in, byte(len(encoded)), byte(len(encoded)>>8)), encoded...)
		}
		f.Add(in)
	}
	add(part("ann", 1, 0, 5, 2), part("bob", 1, 0, 5, 2), part("ann", 1, 2, 5, 3))
	add(part("ann", 1, 0, 5, 2), part("ann", 1, 3, 5, 2))
	add(part("ann", 1, 0, 1<<32-1, 9), part("ann", 1, 1<<32-1, 1<<32-1, 9))
	add(&DataFrame{Part: &Part{}}, &DataFrame{Progress: &Progress{Run: 1, State: 7, Offset: 1 << 31}})
	f.Fuzz(func(t *testing.T, in []byte) {
		var a Assembly
		now, taken := time.Unix(0, 0), 0
		for len(in) >= 2 {
			n := min(int(in[0])|int(in[1])<<8, len(in)-2)
			frame := &DataFrame{}
			if proto.Unmarshal(in[2:2+n], frame) == nil {
				taken += len(frame.GetPayload())
				whole, err := a.Take(now, frame)
				if whole.GetPart() != nil || len(whole.GetPayload()) > max(taken, 0) || (err != nil && !errors.Is(err, ErrDropped)) {
					t.Fatalf("%v, %v", whole, err)
				}
				if frame.GetPart() != nil && whole != nil && len(whole.GetPayload()) != int(frame.GetPart().GetTotal()) {
					t.Fatalf("%d bytes of %d", len(whole.GetPayload()), frame.GetPart().GetTotal())
				}
			}
			in = in[2+n:]
			if held, senders := a.Holding(); held < 0 || held > taken || (senders == 0) != (held == 0) {
				t.Fatalf("it holds %d bytes of %d senders; %d came", held, senders, taken)
			}
			now = now.Add(time.Second)
		}
		a.Sweep(now.Add(senderPatience))
		if held, senders := a.Holding(); held != 0 || senders != 0 {
			t.Fatalf("%d bytes of %d senders stay", held, senders)
		}
	})
}
