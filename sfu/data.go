package sfu

import (
	"sync"

	"github.com/pion/webrtc/v4"
	"google.golang.org/protobuf/proto"

	"github.com/hiroba-rtc/hiroba/internal/dataframe"
)

const (
	labelReliable = "reliable"
	labelLossy    = "lossy"
	// reliableBuffer is how many bytes may wait for a receiver on its
	// reliable channel, lossyBuffer on its lossy one, where what waits is
	// stale.
	reliableBuffer = 4 << 20
	lossyBuffer    = 64 << 10
	maxTopic       = 64
)

// data is the two DataChannels of a peer.
type data struct {
	peer *Peer

	mu       sync.Mutex // guards all below
	channels map[string]*webrtc.DataChannel
	overrun  bool // the client was told that it reads too slowly
}

// opened takes a DataChannel that the client made. One that is neither
// reliable nor lossy, or comes twice, is closed.
func (d *data) opened(channel *webrtc.DataChannel) {
	d.mu.Lock()
	label := channel.Label()
	wanted := (label == labelReliable || label == labelLossy) && d.channels[label] == nil
	if wanted {
		if d.channels == nil {
			d.channels = map[string]*webrtc.DataChannel{}
		}
		d.channels[label] = channel
	}
	d.mu.Unlock()
	if !wanted {
		d.count("unknown channel")
		_ = channel.Close()
		return
	}
	channel.OnMessage(func(m webrtc.DataChannelMessage) { d.received(label, m.Data) })
	channel.OnClose(func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.channels[label] == channel {
			delete(d.channels, label)
		}
	})
}

func (d *data) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.channels = nil
}

func (d *data) count(outcome string) { d.peer.sfu.metrics.dataFrames.WithLabelValues(outcome).Inc() }

// received passes a frame of this peer on to those it names, or to everybody
// else.
func (d *data) received(label string, encoded []byte) {
	if !d.peer.allowed().Data {
		d.count("not granted")
		return
	}
	frame := &dataframe.DataFrame{}
	if err := proto.Unmarshal(encoded, frame); err != nil || len(frame.GetTopic()) > maxTopic {
		d.count("malformed")
		return
	}
	frame.From = d.peer.id
	out, err := proto.Marshal(frame)
	if err != nil || len(out) > dataMessageBytes {
		d.count("too large")
		return
	}
	for _, p := range d.peer.room.addressed(frame.GetTo()) {
		if p != d.peer {
			p.data.send(label, out)
		}
	}
}

// send gives a frame to this peer and reports whether it is on its way. One
// that does not read loses frames: on the reliable channel it is told so.
func (d *data) send(label string, frame []byte) bool {
	limit := uint64(lossyBuffer)
	if label == labelReliable {
		limit = reliableBuffer
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	channel := d.channels[label]
	if channel == nil {
		d.count("no channel")
		return false
	}
	if channel.BufferedAmount()+uint64(len(frame)) > limit {
		d.count("overrun")
		if label == labelReliable && !d.overrun {
			d.overrun = true
			d.peer.listener.Overrun()
		}
		return false
	}
	if label == labelReliable && channel.BufferedAmount() < limit/2 {
		d.overrun = false // it reads again
	}
	if err := channel.Send(frame); err != nil {
		d.count("send failed")
		return false
	}
	d.count("forwarded")
	return true
}
