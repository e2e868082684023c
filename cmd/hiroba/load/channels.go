package load

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/pion/datachannel"
	"github.com/pion/sctp"
	"google.golang.org/protobuf/proto"

	"github.com/hiroba-rtc/hiroba/internal/dataframe"
)

// sctpMTU leaves room for DTLS, UDP and IPv6 in 1280 bytes.
const sctpMTU = 1191

// channels is the reliable DataChannel of a client. It has goroutines of its own,
// which are there only when data is part of the load.
type channels struct {
	client      *client
	association *sctp.Association
	channel     *datachannel.DataChannel
	stream      *stream // of what it sends; nil for a subscriber
	running     sync.WaitGroup
	streams     int // that it has got something of; guarded by the loop's mu
	ctx         context.Context
	cancel      context.CancelFunc
}

// openChannels opens the DataChannel over DTLS. The one that began that takes even
// numbers (RFC 8832, 6).
func (c *client) openChannels(ctx context.Context, serverBegan bool) error {
	conn, err := c.transport.Open()
	if err != nil {
		return err
	}
	association, err := sctp.ClientWithOptions(
		sctp.WithNetConn(conn), sctp.WithLoggerFactory(quiet{}), sctp.WithMTU(sctpMTU),
	)
	if err != nil {
		return fmt.Errorf("opening an SCTP association: %w", err)
	}
	number := uint16(0)
	if serverBegan {
		number = 1
	}
	channel, err := datachannel.Dial(association, number, &datachannel.Config{
		ChannelType: datachannel.ChannelTypeReliable, Label: "reliable", LoggerFactory: quiet{},
	})
	if err != nil {
		_ = association.Close()
		return fmt.Errorf("opening a DataChannel: %w", err)
	}
	d := &channels{client: c, association: association, channel: channel}
	d.ctx, d.cancel = context.WithCancel(context.Background())
	c.channels = d
	d.running.Go(d.receive)
	if c.publisher {
		d.stream = &stream{kind: data, room: c.room.index}
		c.run.registry.add(d.stream)
		d.running.Go(d.send)
	}
	return ctx.Err()
}

// send sends messages at the planned rate.
func (d *channels) send() {
	plan := d.client.plan()
	interval := time.Duration(float64(time.Second) / plan.Data.Rate)
	payload := make([]byte, plan.Data.Size)
	began := time.Now()
	for n := uint32(0); n < math.MaxUint32; n++ {
		timer := time.NewTimer(time.Until(began.Add(time.Duration(n) * interval)))
		select {
		case <-d.ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		if d.client.run.quietly.Load() {
			return
		}
		said := stamp{stream: d.stream.index, seq: n, sent: time.Now().UnixNano()}
		said.write(payload)
		frame, err := proto.Marshal(&dataframe.DataFrame{Topic: "load", Payload: payload})
		if err == nil {
			_, err = d.channel.WriteDataChannel(frame, false)
		}
		if err != nil {
			return // the connection has ended, which is counted elsewhere
		}
		d.stream.newest.Store(n)
		loop := d.client.loop
		loop.mu.Lock()
		loop.counts.sent[data].Packets++
		loop.counts.sent[data].Bytes += uint64(len(frame))
		loop.mu.Unlock()
	}
}

// receive checks what comes.
func (d *channels) receive() {
	buf := make([]byte, 128<<10)
	next := map[uint32]uint32{} // the number expected next of each stream
	for {
		n, _, err := d.channel.ReadDataChannel(buf)
		if err != nil {
			return
		}
		at := time.Now().UnixNano()
		frame := &dataframe.DataFrame{}
		said, ok := stamp{}, false
		if proto.Unmarshal(buf[:n], frame) == nil {
			said, ok = readStamp(frame.GetPayload())
		}
		d.count(next, said, ok, n, at)
	}
}

func (d *channels) count(next map[uint32]uint32, said stamp, ok bool, size int, at int64) {
	c := d.client
	from := c.run.registry.get(said.stream)
	c.loop.mu.Lock()
	defer c.loop.mu.Unlock()
	counts := &c.loop.counts
	counts.openings++
	switch {
	case !ok || from == nil || from.kind != data:
		counts.broken++
		return
	case from.room != c.room.index:
		counts.foreign++
		return
	}
	f := &counts.flows[data]
	f.Packets++
	f.Bytes += uint64(size)
	f.delay.add(time.Duration(at - said.sent))
	expected, known := next[said.stream]
	switch {
	case !known:
		d.streams++
		if !c.closed {
			counts.streams[data]++
		}
	case said.seq > expected:
		f.missing += int64(said.seq - expected)
	case said.seq < expected:
		f.doubled++
		return
	}
	next[said.stream] = said.seq + 1
}

// close ends the channel; wait waits for its goroutines, once DTLS is closed.
func (d *channels) close() {
	d.cancel()
	_ = d.channel.Close()
	d.association.Abort("")
}

func (d *channels) wait() { d.running.Wait() }
