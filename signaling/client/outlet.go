package client

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
)

// outlet is what leaves in one sending section: one RTP stream, whichever of
// the application's tracks is plugged into it. Without it, the numbers would
// jump with every other track, and receivers, SRTP first, would take packets
// for old ones.
//
// It implements webrtc.TrackLocal. A stream whose packets are written while
// another track takes its place loses some of them.
type outlet struct {
	id, stream string
	kind       webrtc.RTPCodecType
	// rid and mid are written into each packet of a layer, which nothing else
	// tells apart; "" and nil without layers.
	rid string
	mid func() string

	binding sync.Mutex // held while tracks are bound; guards track, to, codec and refused
	track   webrtc.TrackLocal
	to      webrtc.TrackLocalContext // nil while nothing can leave
	codec   webrtc.RTPCodecParameters
	refused error // why the track could not be bound the last time

	mu   sync.Mutex // guards all below; never held while a track is bound
	plug *plug      // whose packets leave
	line line
}

func newOutlet(track webrtc.TrackLocal) *outlet {
	return &outlet{id: track.ID(), stream: track.StreamID(), kind: track.Kind(), track: track}
}

// join makes it one of several layers of a video: for the library, they have
// one id.
func (o *outlet) join(first *outlet, rid string, mid func() string) {
	o.id, o.stream = first.id, first.stream
	o.rid, o.mid = rid, mid
}

// ID implements webrtc.TrackLocal.
func (o *outlet) ID() string { return o.id }

// RID implements webrtc.TrackLocal.
func (o *outlet) RID() string { return o.rid }

// StreamID implements webrtc.TrackLocal.
func (o *outlet) StreamID() string { return o.stream }

// Kind implements webrtc.TrackLocal.
func (o *outlet) Kind() webrtc.RTPCodecType { return o.kind }

// Bind implements webrtc.TrackLocal.
func (o *outlet) Bind(to webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	o.binding.Lock()
	defer o.binding.Unlock()
	o.to = to
	first := o.codec.MimeType == ""
	o.refused = o.bind(o.track)
	if o.refused != nil && first {
		o.to = nil
		return webrtc.RTPCodecParameters{}, o.refused
	}
	// Once the section has had a track, the library takes no refusal: it would
	// go back to the track before, which is gone.
	return o.codec, nil
}

// bind plugs a track in. The caller holds binding.
func (o *outlet) bind(track webrtc.TrackLocal) error {
	p := &plug{outlet: o, to: o.to.WriteStream()}
	if o.rid != "" {
		for _, extension := range o.to.HeaderExtensions() {
			switch extension.URI {
			case sdp.SDESMidURI:
				p.marks = append(p.marks, mark{uint8(extension.ID), o.mid()})
			case sdp.SDESRTPStreamIDURI:
				p.marks = append(p.marks, mark{uint8(extension.ID), o.rid})
			}
		}
	}
	codec, err := track.Bind(plugContext{o.to, p})
	if err != nil {
		return err
	}
	o.codec = codec
	o.mu.Lock()
	defer o.mu.Unlock()
	o.line.rate = codec.ClockRate
	o.line.follow()
	o.plug = p
	return nil
}

// Unbind implements webrtc.TrackLocal.
func (o *outlet) Unbind(webrtc.TrackLocalContext) error {
	o.binding.Lock()
	defer o.binding.Unlock()
	return o.unbind(o.track)
}

// unbind pulls the track out. The caller holds binding.
func (o *outlet) unbind(track webrtc.TrackLocal) error {
	to := o.to
	o.to = nil
	o.mu.Lock()
	o.plug = nil
	o.mu.Unlock()
	if to == nil || o.refused != nil {
		return nil
	}
	return track.Unbind(to)
}

// replace plugs another track in, from its next packet on.
func (o *outlet) replace(track webrtc.TrackLocal) error {
	o.binding.Lock()
	defer o.binding.Unlock()
	before := o.track
	if track == before {
		return nil
	}
	if o.to != nil {
		if err := o.bind(track); err != nil {
			return err
		}
		// The track knows it no more if it was unbound by others.
		_ = before.Unbind(o.to)
	}
	o.track = track
	return nil
}

// put has another track plugged in when the section is used again.
func (o *outlet) put(track webrtc.TrackLocal) {
	o.binding.Lock()
	defer o.binding.Unlock()
	o.track = track
}

// refusal is why the track could not be bound.
func (o *outlet) refusal() error {
	o.binding.Lock()
	defer o.binding.Unlock()
	return o.refused
}

// plugContext is where a track writes to, by way of its plug.
type plugContext struct {
	webrtc.TrackLocalContext
	plug *plug
}

// WriteStream implements webrtc.TrackLocalContext.
func (c plugContext) WriteStream() webrtc.TrackLocalWriter { return c.plug }

// plug is one track's way into an outlet, until another takes its place.
type plug struct {
	outlet *outlet
	to     webrtc.TrackLocalWriter
	marks  []mark
}

// mark is a header extension that says which layer a packet is of (RFC 8852).
type mark struct {
	id    uint8
	value string
}

// WriteRTP implements webrtc.TrackLocalWriter. The header is as it was when it
// returns.
func (p *plug) WriteRTP(header *rtp.Header, payload []byte) (int, error) {
	o := p.outlet
	o.mu.Lock()
	if o.plug != p {
		o.mu.Unlock()
		return len(payload), nil
	}
	seq, stamp := header.SequenceNumber, header.Timestamp
	header.SequenceNumber, header.Timestamp = o.line.next(time.Now(), seq, stamp)
	o.mu.Unlock()
	n, err := p.write(header, payload)
	header.SequenceNumber, header.Timestamp = seq, stamp
	return n, err
}

func (p *plug) write(header *rtp.Header, payload []byte) (int, error) {
	if len(p.marks) == 0 {
		return p.to.WriteRTP(header, payload)
	}
	marked := *header
	marked.Extensions = slices.Clone(marked.Extensions)
	for _, m := range p.marks {
		if err := marked.SetExtension(m.id, []byte(m.value)); err != nil {
			return 0, fmt.Errorf("client: naming layer %s: %w", p.outlet.rid, err)
		}
	}
	return p.to.WriteRTP(&marked, payload)
}

// Write implements webrtc.TrackLocalWriter.
func (p *plug) Write(packet []byte) (int, error) {
	var parsed rtp.Packet
	if err := parsed.Unmarshal(packet); err != nil {
		return 0, err
	}
	return p.WriteRTP(&parsed.Header, parsed.Payload)
}
