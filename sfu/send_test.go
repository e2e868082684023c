package sfu

import (
	"errors"
	"strings"
	"testing"

	"github.com/hiroba-rtc/hiroba/internal/dataframe"
)

func TestSend(t *testing.T) {
	s := runSFU(t)
	room := map[string]*chatter{"ann": chat(t, s, "tea", "ann"), "bob": chat(t, s, "tea", "bob")}
	chat(t, s, "elsewhere", "cat")
	if _, err := s.Join("tea", "no channels", &told{}); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name     string
		room     string
		frame    *dataframe.DataFrame
		reliable bool
		gets     []string
		refused  bool
	}{
		{"to all", "tea", &dataframe.DataFrame{From: "api"}, true, []string{"ann", "bob"}, false},
		{"to all, lossy", "tea", &dataframe.DataFrame{}, false, []string{"ann", "bob"}, false},
		{"from whom the caller says", "tea", &dataframe.DataFrame{From: "ann", To: []string{"ann"}}, true, []string{"ann"}, false},
		{"to one, named twice", "tea", &dataframe.DataFrame{To: []string{"bob", "bob"}}, true, []string{"bob"}, false},
		{"to one with no channel", "tea", &dataframe.DataFrame{To: []string{"no channels"}}, true, nil, false},
		{"to one of another room", "tea", &dataframe.DataFrame{To: []string{"cat"}}, true, nil, false},
		{"to nobody's room", "empty", &dataframe.DataFrame{}, true, nil, false},
		{"as large as may be", "tea", &dataframe.DataFrame{Payload: make([]byte, dataMessageBytes-4)}, true, []string{"ann", "bob"}, false},
		{"too large", "tea", &dataframe.DataFrame{Payload: make([]byte, dataMessageBytes-3)}, true, nil, true},
		{"too long a topic", "tea", &dataframe.DataFrame{Topic: strings.Repeat("x", maxTopic+1)}, true, nil, true},
		{"a topic that is no text", "tea", &dataframe.DataFrame{Topic: "\xff"}, true, nil, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			sent, err := s.Send(tc.room, tc.frame, tc.reliable)
			if errors.Is(err, ErrBadFrame) != tc.refused || (err != nil) != tc.refused || sent != len(tc.gets) {
				t.Fatalf("sent to %d: %v", sent, err)
			}
			label := labelLossy
			if tc.reliable {
				label = labelReliable
			}
			for _, id := range tc.gets {
				f := room[id].hears()
				if f.label != label || f.GetFrom() != tc.frame.GetFrom() || len(f.GetPayload()) != len(tc.frame.GetPayload()) {
					t.Fatalf("%s heard %q of %q in %s", id, f.GetTopic(), f.GetFrom(), f.label)
				}
			}
		})
	}
	for id, c := range room {
		if len(c.frames) > 0 {
			t.Errorf("%s heard more than was for it", id)
		}
	}
}

// A receiver is told that frames were lost to it once, until it has read most
// of what waited for it: not again with each frame.
func TestAnOverrunIsToldOnce(t *testing.T) {
	s := runSFU(t)
	read := make(chan struct{})
	slow := chatSlowly(t, s, "tea", "slow", func() { <-read })
	t.Cleanup(func() { close(read) })
	frame := &dataframe.DataFrame{Payload: make([]byte, dataMessageBytes-4)}
	waiting := func() uint64 {
		slow.peer.data.mu.Lock()
		defer slow.peer.data.mu.Unlock()
		return slow.peer.data.channels[labelReliable].BufferedAmount()
	}
	fill := func() {
		t.Helper()
		until(t, "an overrun", func() bool {
			sent := 0
			for range 100 {
				n, err := s.Send("tea", frame, true)
				if err != nil {
					t.Fatal(err)
				}
				sent += n
			}
			return sent == 0
		})
	}
	// readUntil reads until less than so many bytes wait.
	readUntil := func(bytes uint64) {
		t.Helper()
		until(t, "reading", func() bool {
			for {
				if waiting() < bytes {
					return true
				}
				select {
				case read <- struct{}{}:
					<-slow.frames
				default:
					return false
				}
			}
		})
	}
	for _, step := range []struct {
		name  string
		until uint64
		told  int64
	}{
		{"it does not read", reliableBuffer, 1},
		{"it reads a little", reliableBuffer * 3 / 4, 1},
		{"it reads a little again", reliableBuffer * 3 / 4, 1},
		{"it reads most", reliableBuffer / 3, 2},
		{"it reads a little after that", reliableBuffer * 3 / 4, 2},
	} {
		if waiting() > 0 {
			readUntil(step.until)
		}
		fill()
		if n := slow.told.overruns.Load(); n != step.told {
			t.Fatalf("%s: it was told %d times, not %d", step.name, n, step.told)
		}
	}
}
