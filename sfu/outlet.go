package sfu

import (
	"errors"

	"github.com/pion/rtp"

	"github.com/hiroba-rtc/hiroba/sfu/srtp"
)

// datagramBytes is the largest datagram that media leaves in: what is forwarded
// with the header extensions of ours and the cipher's tag.
const datagramBytes = packetBytes + 128

var errNotConnected = errors.New("sfu: there are no keys yet")

// outlet seals the streams of one slot and sends them. It is the worker's.
type outlet struct {
	connection *connection
	media      srtp.Stream
	repair     srtp.Stream // retransmissions (RFC 4588)
	ssrcRTX    uint32
}

func newOutlet(c *connection, ssrc, ssrcRTX uint32) *outlet {
	return &outlet{connection: c, media: srtp.NewStream(ssrc), repair: srtp.NewStream(ssrcRTX), ssrcRTX: ssrcRTX}
}

// warm is part of outgoing.warm.
func (o *outlet) warm() int {
	sum := int(o.ssrcRTX)
	if sealer := o.connection.sealer.Load(); sealer != nil {
		sum += sealer.Warm()
	}
	_, to, _ := o.connection.ice.Route()
	return sum + int(to.Port())
}

// WriteRTP seals one packet and sends it.
func (o *outlet) WriteRTP(header *rtp.Header, payload []byte) (int, error) {
	c := o.connection
	sealer := c.sealer.Load()
	if sealer == nil {
		return 0, errNotConnected
	}
	worker := c.peer.worker
	socket, to, batched := c.ice.Route()
	room := worker.datagram[:]
	if batched {
		room = worker.batches[socket].Room(header.MarshalSize() + len(payload) + srtp.Overhead)
	}
	at, err := header.MarshalTo(room)
	if err != nil {
		return 0, err
	}
	stream := &o.media
	if header.SSRC == o.ssrcRTX && o.ssrcRTX != 0 {
		stream = &o.repair
	}
	n, err := sealer.Seal(stream, header.SequenceNumber, room, at, payload)
	switch {
	case err != nil:
		return 0, err
	case batched:
		worker.batches[socket].Add(n, to)
		return n, nil
	}
	return n, c.ice.Send(room[:n])
}
