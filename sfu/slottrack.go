package sfu

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// slotTrack is a slot as the WebRTC library sees it: a local track whose
// packets are written whole, numbers and payload types included.
type slotTrack struct {
	kind   webrtc.RTPCodecType
	index  int
	writer atomic.Pointer[webrtc.TrackLocalWriter]
}

var errNotBound = errors.New("sfu: the slot's sender has not started")

// Bind is called when the sender starts. Any negotiated codec may be sent, so
// the first stands for all of them.
func (t *slotTrack) Bind(context webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	writer := context.WriteStream()
	t.writer.Store(&writer)
	codecs := context.CodecParameters()
	if len(codecs) == 0 {
		return webrtc.RTPCodecParameters{}, webrtc.ErrUnsupportedCodec
	}
	return codecs[0], nil
}

// Unbind is called when the sender stops.
func (t *slotTrack) Unbind(webrtc.TrackLocalContext) error {
	t.writer.Store(nil)
	return nil
}

// WriteRTP seals and sends one packet.
func (t *slotTrack) WriteRTP(header *rtp.Header, payload []byte) (int, error) {
	writer := t.writer.Load()
	if writer == nil {
		return 0, errNotBound
	}
	return (*writer).WriteRTP(header, payload)
}

// ID names the track in its media stream.
func (t *slotTrack) ID() string { return streamID(t.index) + "-" + kindName(t.kind) }

// RID is empty: a slot is one encoding.
func (t *slotTrack) RID() string { return "" }

// StreamID is shared by the slots of one index.
func (t *slotTrack) StreamID() string { return streamID(t.index) }

// Kind is audio or video.
func (t *slotTrack) Kind() webrtc.RTPCodecType { return t.kind }

// streamID is the media stream that the slots of one index share, so that a
// browser keeps what is in them in step.
func streamID(index int) string { return fmt.Sprintf("slot-%d", index) }

// kindName is the word of SDP.
func kindName(kind webrtc.RTPCodecType) string { return strings.ToLower(kind.String()) }
