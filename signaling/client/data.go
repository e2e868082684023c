package client

import (
	"context"
	"fmt"

	"github.com/pion/webrtc/v4"
	"google.golang.org/protobuf/proto"

	"github.com/hiroba-rtc/hiroba/internal/dataframe"
)

// DataFrame is what travels in a DataChannel: its sender (From, written by the
// server), the peers it is for (To), a Topic and a Payload.
type DataFrame = dataframe.DataFrame

// The labels of the two DataChannels.
const (
	Reliable = "reliable" // ordered, nothing lost
	Lossy    = "lossy"    // unordered, sent once
)

const (
	// maxUnsent is how much of a channel may wait to be sent; who sends more
	// waits until most of it is gone.
	maxUnsent = 1 << 20
	// partsUnsent is how much may wait before parts of large messages do, so
	// that a small message finds little before it.
	partsUnsent = 64 << 10
)

// channel is one DataChannel.
type channel struct {
	*webrtc.DataChannel
	opened chan struct{} // closed when it is open
	turn   chan struct{} // holds a token unless somebody sends
	low    chan struct{} // gets a token when there is room again
	// The same for parts of large messages, which wait longer.
	partsTurn chan struct{}
	partsLow  chan struct{}
	gone      chan struct{} // closed with the channel
}

// openChannel makes a DataChannel for the first offer.
func (r *Room) openChannel(label string, init *webrtc.DataChannelInit) error {
	opening, err := r.pc.CreateDataChannel(label, init)
	if err != nil {
		return fmt.Errorf("client: making the %s DataChannel: %w", label, err)
	}
	token := func() chan struct{} { return make(chan struct{}, 1) }
	c := &channel{opening, make(chan struct{}), token(), token(), token(), token(), make(chan struct{})}
	c.turn <- struct{}{}
	c.partsTurn <- struct{}{}
	c.OnOpen(func() { close(c.opened) })
	c.OnClose(func() { close(c.gone) })
	c.SetBufferedAmountLowThreshold(partsUnsent)
	c.OnBufferedAmountLow(func() {
		for _, low := range []chan struct{}{c.low, c.partsLow} {
			select {
			case low <- struct{}{}:
			default:
			}
		}
	})
	c.OnMessage(func(m webrtc.DataChannelMessage) {
		frame := &DataFrame{}
		if proto.Unmarshal(m.Data, frame) == nil {
			r.hearData(label, frame)
		}
	})
	r.channels[label] = c
	return nil
}

// SendData sends over a DataChannel, Reliable or Lossy, to the peers named or
// to everybody else. It waits until the channel is open and while a MiB waits
// to be sent already.
//
// Over Reliable a message may have 16 MiB. One that is too large for a frame,
// which has 64 KiB with all that belongs to it, goes out in parts, by turns
// with others, so that smaller ones may overtake it; SendData returns when the
// server has passed on all of it to everybody who keeps up. Who does not gets
// the rest by and by; Config.OnMissed tells of those who will not. If nobody
// of those named gets the message, the error wraps ErrNotReceived.
func (r *Room) SendData(ctx context.Context, channel, topic string, payload []byte, to ...string) error {
	c := r.channels[channel]
	if c == nil {
		return fmt.Errorf("client: there is no DataChannel %q; %q and %q are there", channel, Reliable, Lossy)
	}
	if len(topic) > dataframe.MaxTopic {
		return fmt.Errorf("client: the topic has %d bytes; %d are allowed", len(topic), dataframe.MaxTopic)
	}
	frame := &DataFrame{To: to, Topic: topic, Payload: payload}
	// The server adds who it is from.
	size := proto.Size(frame) + proto.Size(&DataFrame{From: r.ID()})
	switch {
	case size <= dataframe.MaxFrame:
		return r.sendFrame(ctx, c, frame)
	case channel == Lossy:
		return fmt.Errorf("client: the frame has %d bytes; the lossy channel takes %d: send it over the reliable one", size, dataframe.MaxFrame)
	case len(payload) > dataframe.MaxMessage:
		return fmt.Errorf("client: the message has %d bytes; %d are allowed: send several", len(payload), dataframe.MaxMessage)
	}
	return r.sendLarge(ctx, c, frame)
}

// sendFrame sends one frame, when it has its turn and there is room for it.
func (r *Room) sendFrame(ctx context.Context, c *channel, frame *DataFrame) error {
	data, err := proto.Marshal(frame)
	if err != nil {
		return fmt.Errorf("client: encoding a frame: %w", err)
	}
	if err := r.await(ctx, c.opened, c.Label()); err != nil {
		return err
	}
	if err := r.await(ctx, c.turn, c.Label()); err != nil {
		return err
	}
	defer func() { c.turn <- struct{}{} }()
	for c.BufferedAmount()+uint64(len(data)) > maxUnsent {
		if err := r.await(ctx, c.low, c.Label()); err != nil {
			return err
		}
	}
	if err := c.Send(data); err != nil {
		return fmt.Errorf("client: sending over the %s DataChannel: %w", c.Label(), err)
	}
	return nil
}

// await waits for something to come of a channel.
func (r *Room) await(ctx context.Context, what <-chan struct{}, label string) error {
	select {
	case <-what:
		return nil
	case <-r.life.Done():
		return ErrClosed
	case <-r.link.Done():
		return ErrClosed
	case <-r.channels[label].gone:
		return fmt.Errorf("client: the %s DataChannel was closed; join again", label)
	case <-ctx.Done():
		return fmt.Errorf("client: waiting for the %s DataChannel: %w", label, ctx.Err())
	}
}
