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
	// maxFrame is the most bytes that one frame may have, encoded.
	maxFrame = 64 << 10
	// maxUnsent is how much of a channel may wait to be sent; who sends more
	// waits until half of it is gone.
	maxUnsent = 1 << 20
)

// channel is one DataChannel.
type channel struct {
	*webrtc.DataChannel
	opened chan struct{} // closed when it is open
	turn   chan struct{} // holds a token unless somebody sends
	low    chan struct{} // gets a token when there is room again
}

// openChannel makes a DataChannel for the first offer.
func (r *Room) openChannel(label string, init *webrtc.DataChannelInit) error {
	opening, err := r.pc.CreateDataChannel(label, init)
	if err != nil {
		return fmt.Errorf("client: making the %s DataChannel: %w", label, err)
	}
	c := &channel{opening, make(chan struct{}), make(chan struct{}, 1), make(chan struct{}, 1)}
	c.turn <- struct{}{}
	c.OnOpen(func() { close(c.opened) })
	c.SetBufferedAmountLowThreshold(maxUnsent / 2)
	c.OnBufferedAmountLow(func() {
		select {
		case c.low <- struct{}{}:
		default:
		}
	})
	c.OnMessage(func(m webrtc.DataChannelMessage) {
		frame := &DataFrame{}
		if proto.Unmarshal(m.Data, frame) == nil && r.config.OnData != nil {
			r.config.OnData(label, frame)
		}
	})
	r.channels[label] = c
	return nil
}

// SendData sends over a DataChannel, Reliable or Lossy, to the peers named or
// to everybody else. It waits until the channel is open and while a MiB waits
// to be sent already. A frame has 64 KiB at most.
func (r *Room) SendData(ctx context.Context, channel, topic string, payload []byte, to ...string) error {
	c := r.channels[channel]
	if c == nil {
		return fmt.Errorf("client: there is no DataChannel %q; %q and %q are there", channel, Reliable, Lossy)
	}
	data, err := proto.Marshal(&DataFrame{To: to, Topic: topic, Payload: payload})
	if err != nil {
		return fmt.Errorf("client: encoding a frame: %w", err)
	}
	if len(data) > maxFrame {
		return fmt.Errorf("client: the frame has %d bytes; %d are allowed: send it in parts", len(data), maxFrame)
	}
	if err := r.await(ctx, c.opened, channel); err != nil {
		return err
	}
	if err := r.await(ctx, c.turn, channel); err != nil {
		return err
	}
	defer func() { c.turn <- struct{}{} }()
	for c.BufferedAmount()+uint64(len(data)) > maxUnsent {
		if err := r.await(ctx, c.low, channel); err != nil {
			return err
		}
	}
	if err := c.Send(data); err != nil {
		return fmt.Errorf("client: sending over the %s DataChannel: %w", channel, err)
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
	case <-ctx.Done():
		return fmt.Errorf("client: waiting for the %s DataChannel: %w", label, ctx.Err())
	}
}
