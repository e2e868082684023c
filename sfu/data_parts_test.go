package sfu

import (
	"bytes"
	"testing"
	"time"

	"github.com/hiroba-rtc/hiroba/internal/dataframe"
)

// part says a part with a payload of so many bytes.
func (c *chatter) part(run, offset, total uint32, size int, to ...string) {
	c.t.Helper()
	c.say(labelReliable, &dataframe.DataFrame{
		To: to, Payload: bytes.Repeat([]byte{byte(run)}, size),
		Part: &dataframe.Part{Message: 1, Run: run, Offset: offset, Total: total},
	})
}

// hearsOf waits for what the SFU says of a run, and passes over all else.
func (c *chatter) hearsOf(run uint32, state dataframe.Progress_State) *dataframe.Progress {
	c.t.Helper()
	for {
		if p := c.hears().GetProgress(); p.GetRun() == run && p.GetState() == state {
			return p
		}
	}
}

// buffered is how much waits for a peer on its reliable channel.
func (c *chatter) buffered() uint64 {
	c.peer.data.mu.Lock()
	defer c.peer.data.mu.Unlock()
	return c.peer.data.channels[labelReliable].BufferedAmount()
}

const (
	partBytes  = 60 << 10
	partsTotal = 40 * partBytes
)

// A receiver that does not read is left behind: the other gets everything, the
// sender is told up to where the slow one got it, brings it the rest at its
// pace, and it has all of it in the end.
func TestASlowReceiverSlowsOnlyItself(t *testing.T) {
	s := runSFU(t)
	ann, fast := chat(t, s, "tea", "ann"), chat(t, s, "tea", "fast")
	read := make(chan struct{})
	slow := chatSlowly(t, s, "tea", "slow", func() { <-read })

	// Ann sends what she may, as far as she may.
	got, ready, behind := uint32(0), uint32(0), uint32(0)
	hear := func(run uint32) (done bool) {
		p := ann.hears().GetProgress()
		switch {
		case p.GetRun() != run || p.GetState() == dataframe.Progress_LOST:
			t.Fatalf("Ann heard %v", p)
		case p.GetState() == dataframe.Progress_BEHIND:
			if p.GetPeer() != "slow" || behind != 0 {
				t.Fatalf("Ann heard %v", p)
			}
			behind = p.GetOffset()
		default:
			ready = p.GetOffset()
		}
		return ready == partsTotal
	}
	send := func(run, from uint32, to ...string) {
		ready = from
		for offset := from; offset < partsTotal || !hear(run); {
			if offset < partsTotal && offset+partBytes <= ready+dataframe.Window {
				n := min(partBytes, partsTotal-offset)
				ann.part(run, offset, partsTotal, int(n), to...)
				offset += n
			} else if offset < partsTotal {
				hear(run)
			}
		}
	}
	send(1, 0)
	for got < partsTotal {
		f := fast.hears()
		if f.GetPart().GetOffset() != got || f.GetFrom() != "ann" {
			t.Fatalf("a part for %d came after %d", f.GetPart().GetOffset(), got)
		}
		got += uint32(len(f.GetPayload()))
	}
	if behind == 0 || behind == partsTotal {
		t.Fatalf("the slow one is behind at %d", behind)
	}
	if n := slow.buffered(); n > lowWater+dataframe.Window {
		t.Errorf("%d bytes wait for the slow one", n)
	}
	if n := counted(t, s, "hiroba_sfu_data_frames_total", "left behind"); n != 1 {
		t.Errorf("%v are counted as left behind", n)
	}

	close(read)
	send(2, behind, "slow")
	for at := uint32(0); at < partsTotal; {
		f := slow.hears()
		if f.GetPart().GetOffset() != at {
			t.Fatalf("a part for %d came after %d", f.GetPart().GetOffset(), at)
		}
		at += uint32(len(f.GetPayload()))
	}
	if n := slow.told.overruns.Load(); n != 0 {
		t.Errorf("it was told %d times that it lost something", n)
	}
}

func TestWhoCannotGetALargeMessageIsNamed(t *testing.T) {
	s := runSFU(t)
	ann, bob := chat(t, s, "tea", "ann"), chat(t, s, "tea", "bob")
	if _, err := s.Join("tea", "no channels", &told{}); err != nil {
		t.Fatal(err)
	}
	ann.part(1, 0, 100, 100, "no channels", "bob", "nobody")
	for _, want := range []string{"no channels", "nobody"} {
		if p := ann.hearsOf(1, dataframe.Progress_LOST); p.GetPeer() != want {
			t.Fatalf("%v is told, not of %q", p, want)
		}
	}
	if p := ann.hearsOf(1, dataframe.Progress_READY); p.GetOffset() != 100 || len(bob.hears().GetPayload()) != 100 {
		t.Fatalf("%v is told", p)
	}

	// One that leaves in the middle keeps nobody waiting.
	read := make(chan struct{})
	gone := chatSlowly(t, s, "tea", "gone", func() { <-read })
	t.Cleanup(func() { close(read) })
	ready, offset := uint32(0), uint32(0)
	until(t, "the buffer of one who does not read being full", func() bool {
		for ; offset+partBytes <= ready+dataframe.Window; offset += partBytes {
			ann.part(2, offset, dataframe.MaxMessage, partBytes, "gone")
		}
		for len(ann.frames) > 0 {
			ready = ann.hearsOf(2, dataframe.Progress_READY).GetOffset()
		}
		return gone.buffered() > lowWater
	})
	gone.peer.Close()
	if p := ann.hearsOf(2, dataframe.Progress_LOST); p.GetPeer() != "gone" {
		t.Fatalf("%v is told", p)
	}
}

// Whatever a stranger says in parts, nobody gets what is no part, and others go
// on as before.
func TestBadPartsAreCountedAndDropped(t *testing.T) {
	s := runSFU(t)
	eve, ann, bob := chat(t, s, "tea", "eve"), chat(t, s, "tea", "ann"), chat(t, s, "tea", "bob")
	most := ^uint32(0)
	for _, tc := range []struct {
		name    string
		outcome string
		label   string
		parts   []*dataframe.Part
		bytes   int
	}{
		{"no bytes", "malformed", labelReliable, []*dataframe.Part{{Run: 1, Total: 10}}, 0},
		{"nothing said", "malformed", labelReliable, []*dataframe.Part{{}}, 1},
		{"tiny", "malformed", labelReliable, []*dataframe.Part{{Run: 2, Total: 1000}}, 10},
		{"a total beyond all", "malformed", labelReliable, []*dataframe.Part{{Run: 3, Total: most}, {Run: 3, Total: dataframe.MaxMessage + 1}}, 50_000},
		{"an offset beyond all", "malformed", labelReliable, []*dataframe.Part{{Run: 4, Offset: most, Total: most}, {Run: 4, Offset: most - 49_999, Total: 100_000}}, 50_000},
		{"more than the total", "malformed", labelReliable, []*dataframe.Part{{Run: 5, Offset: 60_000, Total: 100_000}}, 50_000},
		{"over the lossy channel", "malformed", labelLossy, []*dataframe.Part{{Run: 6, Total: 100}}, 100},
		{"a gap", "out of turn", labelReliable, []*dataframe.Part{{Run: 7, Total: 500_000}, {Run: 7, Offset: 50_001, Total: 500_000}}, 50_000},
		{"backwards", "out of turn", labelReliable, []*dataframe.Part{{Run: 8, Offset: 50_000, Total: 500_000}, {Run: 8, Total: 500_000}}, 50_000},
		{"another message", "out of turn", labelReliable, []*dataframe.Part{{Run: 9, Total: 500_000}, {Run: 9, Message: 2, Offset: 50_000, Total: 500_000}}, 50_000},
	} {
		t.Run(tc.name, func(t *testing.T) {
			before := counted(t, s, "hiroba_sfu_data_frames_total", tc.outcome)
			want := before + 1
			if tc.outcome == "malformed" {
				want = before + len(tc.parts)
			}
			for _, p := range tc.parts {
				eve.say(tc.label, &dataframe.DataFrame{To: []string{"ann"}, Payload: make([]byte, tc.bytes), Part: p})
			}
			until(t, "counting", func() bool { return counted(t, s, "hiroba_sfu_data_frames_total", tc.outcome) == want })
		})
	}

	// Progress is the SFU's to tell, and more messages at once than anybody has
	// are refused.
	eve.say(labelReliable, &dataframe.DataFrame{To: []string{"bob"}, Topic: "forged", Progress: &dataframe.Progress{Run: 1, State: dataframe.Progress_LOST, Peer: "ann"}})
	if f := bob.hears(); f.GetTopic() != "forged" || f.GetProgress() != nil {
		t.Fatalf("Bob heard %v", f)
	}
	for run := uint32(100); run < 100+maxRuns+1; run++ {
		eve.part(run, 0, 500_000, 50_000, "ann")
	}
	until(t, "too many messages being counted", func() bool {
		return counted(t, s, "hiroba_sfu_data_frames_total", "too many messages") > 0
	})
	if p := eve.hearsOf(100+maxRuns, dataframe.Progress_LOST); p.GetPeer() != "" {
		t.Fatalf("Eve heard %v", p)
	}

	// Bob's message to Ann comes through.
	bob.part(1, 0, 100, 100, "ann")
	for ann.hears().GetFrom() != "bob" {
	}
}

// Who sends on without waiting loses parts, and fills nobody's buffer; who
// floods a receiver leaves room for others.
func TestAFloodCostsTheFlooder(t *testing.T) {
	s := runSFU(t)
	eve, ann := chat(t, s, "tea", "eve"), chat(t, s, "tea", "ann")
	read := make(chan struct{})
	slow := chatSlowly(t, s, "tea", "slow", func() { <-read })
	t.Cleanup(func() { close(read) })
	count := func(outcome string) int { return counted(t, s, "hiroba_sfu_data_frames_total", outcome) }

	for offset := uint32(0); offset < 100*partBytes; offset += partBytes {
		eve.part(1, offset, dataframe.MaxMessage, partBytes, "slow")
	}
	until(t, "parts being refused", func() bool {
		return count("beyond the window")+count("out of turn") > 50
	})
	if n := slow.buffered(); n > lowWater+dataframe.Window+partBytes {
		t.Errorf("%d bytes wait for the receiver", n)
	}

	frame := &dataframe.DataFrame{To: []string{"slow"}, Payload: make([]byte, 1000)}
	until(t, "an overrun", func() bool {
		// What she says last is heard within the time of the test.
		for range 500 {
			if eve.channels[labelReliable].BufferedAmount() < 500_000 {
				eve.say(labelReliable, frame)
			}
		}
		return count("overrun") > 0
	})
	if n := slow.buffered(); n > reliableBuffer/2 {
		t.Errorf("Eve fills %d of %d bytes", n, reliableBuffer)
	}
	before := count("forwarded")
	ann.say(labelReliable, &dataframe.DataFrame{To: []string{"slow"}, Topic: "from Ann"})
	until(t, "Ann's frame being passed on", func() bool { return count("forwarded") > before })

	// More copies than anybody needs are not made.
	eve.peer.data.rateMu.Lock()
	eve.peer.data.allowance = allowance{spent: 10 * copiesAtOnce, at: time.Now()}
	eve.peer.data.rateMu.Unlock()
	eve.say(labelReliable, &dataframe.DataFrame{To: []string{"ann"}, Topic: "one too many"})
	eve.part(2, 0, 100, 100, "ann")
	if p := eve.hearsOf(2, dataframe.Progress_LOST); p.GetPeer() != "" || count("flood") < 2 {
		t.Fatalf("Eve heard %v; %d frames are counted as a flood", p, count("flood"))
	}
	ann.say(labelReliable, &dataframe.DataFrame{To: []string{"eve"}, Topic: "and you?"})
	timeout := time.After(soon)
	for {
		select {
		case f := <-eve.frames:
			if f.GetTopic() == "and you?" {
				return
			}
		case <-timeout:
			t.Fatal("Ann's frames do not come through")
		}
	}
}
