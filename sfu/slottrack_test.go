package sfu

import (
	"errors"
	"sync/atomic"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// slotTrack is a client's local track whose packets are written whole, numbers
// and payload types included.
type slotTrack struct {
	kind   webrtc.RTPCodecType
	writer atomic.Pointer[webrtc.TrackLocalWriter]
}

var errNotBound = errors.New("the sender has not started")

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
func (t *slotTrack) ID() string { return t.StreamID() + "-" + t.kind.String() }

// RID is empty: it is one encoding.
func (t *slotTrack) RID() string { return "" }

// StreamID names its media stream.
func (t *slotTrack) StreamID() string { return "stream" }

// Kind is audio or video.
func (t *slotTrack) Kind() webrtc.RTPCodecType { return t.kind }
