package sfu

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/datachannel"
	"google.golang.org/protobuf/proto"

	"github.com/hiroba-rtc/hiroba/internal/dataframe"
)

const (
	labelReliable = "reliable"
	labelLossy    = "lossy"
	// reliableBuffer is how many bytes may wait for a receiver on its
	// reliable channel, lossyBuffer on its lossy one, where what waits is
	// stale. One client may fill half of that.
	reliableBuffer = 4 << 20
	lossyBuffer    = 128 << 10
	// lowWater is how much may wait for a receiver before those who send it
	// large messages have to wait.
	lowWater = 256 << 10
	// progressBuffer is what may wait of progress beyond the reliable buffer.
	progressBuffer = 64 << 10
	maxTopic       = dataframe.MaxTopic
)

// data is the two DataChannels of a peer, and the large messages that come
// from it. Locks are taken in the order of the fields, one peer's mu under
// another's runsMu.
type data struct {
	peer   *Peer
	tokens atomic.Pointer[tokens] // set by the first offer with DataChannels

	runsMu sync.Mutex // guards what follows, up to mu
	runs   map[uint32]*run
	ticker *time.Timer // looks at runs while somebody keeps one waiting; else nil
	closed bool

	mu       sync.Mutex // guards all below
	channels map[string]*dataChannel
	overrun  bool           // the client was told that it reads too slowly
	stalled  bool           // it took nothing for so long that large messages pass it by
	waiting  map[*data]bool // whose runs wait until this one has read more

	rateMu    sync.Mutex
	allowance allowance // guarded by rateMu
}

// dataChannel is one of the two, and what waits in it.
type dataChannel struct {
	*datachannel.DataChannel
	queue *queue
}

// read is how many bytes the client has taken. The caller holds mu of its data.
func (c *dataChannel) read() uint64 {
	return c.queue.written - min(c.queue.written, c.BufferedAmount())
}

// opened takes a DataChannel that the client made. One that is neither
// reliable nor lossy, or comes twice, is closed.
func (d *data) opened(opening *datachannel.DataChannel) {
	label := opening.Config.Label
	channel := &dataChannel{opening, newQueue(lossyBuffer)}
	if label == labelReliable {
		channel.queue = newQueue(reliableBuffer)
		channel.SetBufferedAmountLowThreshold(lowWater)
		channel.OnBufferedAmountLow(d.drained)
	}
	d.mu.Lock()
	wanted := (label == labelReliable || label == labelLossy) && d.channels[label] == nil
	if wanted {
		if d.channels == nil {
			d.channels = map[string]*dataChannel{}
		}
		d.channels[label] = channel
	}
	d.mu.Unlock()
	if !wanted {
		d.count("unknown channel")
		_ = channel.Close()
		return
	}
	d.peer.connection.loops.Go(func() { d.listen(label, channel) })
}

func (d *data) close() {
	d.mu.Lock()
	d.channels = nil
	d.mu.Unlock()
	d.endRuns()
	d.departed()
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
	frame.From, frame.Progress = d.peer.id, nil
	out, err := proto.Marshal(frame)
	if err != nil || len(out) > dataMessageBytes {
		d.count("too large")
		return
	}
	if frame.GetPart() != nil {
		if label != labelReliable || !frame.Fits() {
			d.count("malformed")
			return
		}
		d.receivedPart(frame, out)
		return
	}
	receivers := d.peer.room.addressed(frame.GetTo())
	if !d.affords(len(receivers)) {
		d.count("flood")
		return
	}
	for _, p := range receivers {
		if p != d.peer {
			p.data.send(label, d, out)
		}
	}
}

// affords takes so many copies from the peer's allowance.
func (d *data) affords(copies int) bool {
	d.rateMu.Lock()
	defer d.rateMu.Unlock()
	return d.allowance.take(time.Now(), max(1, copies))
}

// send gives a frame of another peer, or of the server itself with nil, to
// this one and reports whether it is on its way. One that does not read loses
// frames: on the reliable channel it is told so.
func (d *data) send(label string, from *data, frame []byte) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	channel := d.channels[label]
	if channel == nil {
		d.count("no channel")
		return false
	}
	queue := channel.queue
	queue.left(channel.BufferedAmount())
	if !queue.admits(from, len(frame)) {
		d.count("overrun")
		if label == labelReliable {
			d.overruns()
		}
		return false
	}
	if label == labelReliable && queue.bytes < reliableBuffer/2 {
		d.overrun = false // it reads again
	}
	return d.write(channel, from, frame)
}

// overruns tells the client, once until it reads again, that it lost
// something. The caller holds mu.
func (d *data) overruns() {
	if !d.overrun {
		d.overrun = true
		d.peer.listener.Overrun()
	}
}

// write gives a frame to a channel. The caller holds mu.
func (d *data) write(channel *dataChannel, from *data, frame []byte) bool {
	if _, err := channel.Write(frame); err != nil {
		d.count("send failed")
		return false
	}
	channel.queue.add(from, len(frame))
	d.count("forwarded")
	return true
}
