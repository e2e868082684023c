package sfu

import (
	"testing"
	"time"

	"github.com/pion/webrtc/v4"
	"google.golang.org/protobuf/proto"

	"github.com/hiroba-rtc/hiroba/internal/dataframe"
)

// chatter is a client with both DataChannels and nothing else.
type chatter struct {
	*stranger
	channels map[string]*webrtc.DataChannel
	frames   chan heardFrame
}

// heardFrame is a frame and the channel it came in.
type heardFrame struct {
	*dataframe.DataFrame
	label string
}

// chat joins a client whose channels are open on both sides.
func chat(t *testing.T, s *SFU, room, id string) *chatter {
	t.Helper()
	return chatSlowly(t, s, room, id, func() {})
}

// chatSlowly is chat, with something to wait for before each message is read.
func chatSlowly(t *testing.T, s *SFU, room, id string, wait func()) *chatter {
	t.Helper()
	c := &chatter{channels: map[string]*webrtc.DataChannel{}, frames: make(chan heardFrame, 1000)}
	c.stranger = arrive(t, s, room, id, webrtc.NetworkTypeUDP4, func(pc *webrtc.PeerConnection) {
		lossy, none := false, uint16(0)
		for label, how := range map[string]*webrtc.DataChannelInit{labelReliable: nil, labelLossy: {Ordered: &lossy, MaxRetransmits: &none}} {
			channel, err := pc.CreateDataChannel(label, how)
			if err != nil {
				t.Fatal(err)
			}
			channel.OnMessage(func(m webrtc.DataChannelMessage) {
				wait()
				frame := &dataframe.DataFrame{}
				if err := proto.Unmarshal(m.Data, frame); err != nil {
					t.Error(err)
				}
				c.frames <- heardFrame{frame, label}
			})
			c.channels[label] = channel
		}
	}, nil)
	until(t, "both channels of "+id, func() bool {
		c.peer.data.mu.Lock()
		defer c.peer.data.mu.Unlock()
		open := len(c.peer.data.channels) == 2
		for label := range c.peer.data.channels {
			open = open && c.channels[label].ReadyState() == webrtc.DataChannelStateOpen
		}
		return open
	})
	return c
}

func (c *chatter) say(label string, frame *dataframe.DataFrame) {
	c.t.Helper()
	encoded, err := proto.Marshal(frame)
	if err != nil {
		c.t.Fatal(err)
	}
	if err := c.channels[label].Send(encoded); err != nil {
		c.t.Fatal(err)
	}
}

// hears waits for the next frame.
func (c *chatter) hears() heardFrame {
	c.t.Helper()
	select {
	case f := <-c.frames:
		return f
	case <-time.After(soon):
		c.t.Fatalf("%s heard nothing", c.peer.id)
		return heardFrame{}
	}
}
