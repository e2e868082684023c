package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hiroba-rtc/hiroba/internal/dataframe"
	"github.com/hiroba-rtc/hiroba/signaling/client"
)

// noise is n bytes that nothing else has.
func noise(t testing.TB, n int) []byte {
	t.Helper()
	out := make([]byte, n)
	if _, err := rand.Read(out); err != nil {
		t.Fatal(err)
	}
	return out
}

// frame waits for a frame under a topic.
func (p *participant) frame(topic string) (found *dataframe.DataFrame) {
	p.t.Helper()
	p.until("a frame under "+topic, func() bool {
		for _, f := range p.frames {
			if f.GetTopic() == topic {
				found = f
				return true
			}
		}
		return false
	})
	return found
}

func TestLargeMessagesArriveWhole(t *testing.T) {
	_, url := runServer(t, nil)
	ann, bob, cat := enter(t, url, "tea", nil), enter(t, url, "tea", nil), enter(t, url, "tea", nil)
	for _, p := range []*participant{ann, bob, cat} {
		p.sends()
	}
	for _, tc := range []struct {
		topic string
		bytes int
		to    []string
		gets  []*participant
	}{
		{"just too large for a frame", 64 << 10, nil, []*participant{bob, cat}},
		{"a window", dataframe.Window, []string{cat.ID()}, []*participant{cat}},
		{"as large as may be", dataframe.MaxMessage, []string{bob.ID()}, []*participant{bob}},
	} {
		t.Run(tc.topic, func(t *testing.T) {
			payload := noise(t, tc.bytes)
			began := time.Now()
			if err := ann.SendData(t.Context(), client.Reliable, tc.topic, payload, tc.to...); err != nil {
				t.Fatal(err)
			}
			for _, p := range tc.gets {
				f := p.frame(tc.topic)
				if !bytes.Equal(f.GetPayload(), payload) || f.GetFrom() != ann.ID() || f.GetPart() != nil || len(f.GetTo()) != len(tc.to) {
					t.Errorf("%d bytes came from %q to %q", len(f.GetPayload()), f.GetFrom(), f.GetTo())
				}
			}
			t.Logf("%.1f MB/s", float64(tc.bytes)/1e6/time.Since(began).Seconds())
		})
	}
	bob.mu.Lock()
	defer bob.mu.Unlock()
	if len(bob.frames) != 2 {
		t.Errorf("Bob got %d messages, not 2", len(bob.frames))
	}
}

// Messages take turns: a small one is not behind a large one, nor one large
// one behind all of another.
func TestLargeMessagesTakeTurns(t *testing.T) {
	_, url := runServer(t, nil)
	ann, bob := enter(t, url, "tea", nil), enter(t, url, "tea", nil)
	ann.sends()
	bob.sends()
	var sending sync.WaitGroup
	send := func(topic string, size int) {
		payload := noise(t, size)
		sending.Go(func() {
			if err := ann.SendData(t.Context(), client.Reliable, topic, payload, bob.ID()); err != nil {
				t.Error(err)
			}
		})
	}
	send("the largest", 4<<20)
	send("large", 512<<10)
	if err := ann.SendData(t.Context(), client.Reliable, "small", []byte("x")); err != nil {
		t.Fatal(err)
	}
	sending.Wait()
	bob.frame("the largest")
	bob.mu.Lock()
	defer bob.mu.Unlock()
	var order []string
	for _, f := range bob.frames {
		order = append(order, f.GetTopic())
	}
	if got := strings.Join(order, ", "); got != "small, large, the largest" {
		t.Errorf("they came as: %s", got)
	}
}

func TestLargeMessagesThatCannotBeSent(t *testing.T) {
	_, url := runServer(t, nil)
	ann := enter(t, url, "tea", nil)
	ann.sends()
	for _, tc := range []struct {
		name, channel, topic string
		bytes                int
		to                   []string
		want                 string
	}{
		{"lossy", client.Lossy, "x", 64 << 10, nil, "send it over the reliable one"},
		{"too large", client.Reliable, "x", dataframe.MaxMessage + 1, nil, "16777216 are allowed: send several"},
		{"too long a topic", client.Reliable, strings.Repeat("x", 65), 1, nil, "the topic has 65 bytes; 64 are allowed"},
		{"too many named", client.Reliable, "x", 64 << 10, strings.Split(strings.Repeat("abcdefghijkl,", 4000), ","), "name fewer"},
		{"to nobody there", client.Reliable, "x", 64 << 10, []string{"nobody"}, client.ErrNotReceived.Error()},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			err := ann.SendData(ctx, tc.channel, tc.topic, make([]byte, tc.bytes), tc.to...)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("it was answered: %v", err)
			}
			if (tc.name == "to nobody there") != errors.Is(err, client.ErrNotReceived) {
				t.Fatalf("it was answered: %v", err)
			}
		})
	}
}

// One who does not read for a while keeps nobody waiting, and has the whole
// message in the end.
func TestASlowReaderGetsLargeMessagesLater(t *testing.T) {
	_, url := runServer(t, nil)
	read, blocked := make(chan struct{}), make(chan struct{})
	slow := enter(t, url, "tea", func(c *client.Config) {
		take := c.OnData
		c.OnData = func(channel string, f *dataframe.DataFrame) {
			if f.GetTopic() == "wait" {
				close(blocked)
				<-read
			}
			take(channel, f)
		}
	})
	missed := make(chan string, 10)
	ann := enter(t, url, "tea", func(c *client.Config) {
		c.OnMissed = func(peer, topic string) {
			if topic == "large" {
				missed <- peer
			}
		}
	})
	fast := enter(t, url, "tea", nil)
	for _, p := range []*participant{ann, fast, slow} {
		p.sends()
	}
	if err := ann.SendData(t.Context(), client.Reliable, "wait", nil, slow.ID()); err != nil {
		t.Fatal(err)
	}
	<-blocked
	payload := noise(t, 3<<20)
	if err := ann.SendData(t.Context(), client.Reliable, "large", payload); err != nil {
		t.Fatal(err)
	}
	want := bytes.Clone(payload)
	clear(payload) // it is the caller's again
	if !bytes.Equal(fast.frame("large").GetPayload(), want) {
		t.Error("the fast one got something else")
	}
	if n := metric(t, url, `hiroba_sfu_data_frames_total{outcome="left behind"}`); n == 0 {
		t.Error("nobody was left behind")
	}
	close(read)
	if !bytes.Equal(slow.frame("large").GetPayload(), want) {
		t.Error("the slow one got something else")
	}
	if len(missed) != 0 {
		t.Errorf("%s is said to have missed it", <-missed)
	}
}
