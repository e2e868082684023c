package sdp

import (
	"encoding/base64"
	"strconv"
	"strings"
)

// Local is what the server has to say for itself.
type Local struct {
	Ufrag, Pwd string // of ICE
	// FingerprintSHA256 is the hash of the server's certificate, "0A:1B:…".
	FingerprintSHA256 string
	// Candidates are the values of the a=candidate lines, without that name.
	// There will be no more.
	Candidates []string
	// Slots are what is sent in the receiving sections, by mid. One that is not
	// in here is answered as inactive.
	Slots map[string]SlotIDs
	// Session and Version tell descriptions apart (RFC 8866, 5.2): the one stays
	// for a connection, the other grows with each answer.
	Session, Version uint64
	// MaxMessageSize is how many bytes are taken in one DataChannel message.
	MaxMessageSize int
	// SCTPInit is the INIT chunk of the server's SCTP, nil for none. It is for an
	// offer that has one, and stays for a connection.
	SCTPInit []byte
}

// SlotIDs are what the stream in a slot is called: its SSRCs, the media stream
// that it is of, which others share, and its track in that (RFC 8830).
type SlotIDs struct {
	SSRC, RTX     uint32 // RTX 0 is none
	Stream, Track string
}

// Answer is what an offer is answered with (RFC 8829, 5.3). All of it that comes
// from the client has come through Read.
func Answer(o *Offer, l Local) string {
	w := &writer{}
	w.text.Grow(1024 + 128*len(l.Candidates) + 1024*len(o.Sections))
	w.line("v=0")
	w.line("o=- ", strconv.FormatUint(l.Session, 10), " ", strconv.FormatUint(l.Version, 10), " IN IP4 0.0.0.0")
	w.line("s=-")
	w.line("t=0 0")
	w.line("a=msid-semantic:WMS *")
	w.line("a=fingerprint:sha-256 ", l.FingerprintSHA256)
	w.line("a=ice-lite")
	if o.mixed {
		w.line("a=extmap-allow-mixed")
	}
	if o.grouped && len(o.bundle) > 0 {
		w.add("a=group:BUNDLE")
		for _, i := range o.bundle {
			w.add(" ", o.Sections[i].Mid)
		}
		w.line()
	}
	for i := range o.Sections {
		s := &o.Sections[i]
		if s.Rejected {
			w.rejected(s)
			continue
		}
		w.transport(o, s, &l)
		if s.Role == Application {
			w.line("a=sctp-port:5000")
			w.line("a=max-message-size:", strconv.Itoa(l.MaxMessageSize))
			if l.SCTPInit != nil {
				w.line("a=sctp-init:", base64.StdEncoding.EncodeToString(l.SCTPInit))
			}
		} else {
			w.media(s, &l)
		}
		if i == o.bundle[0] {
			for _, candidate := range l.Candidates {
				w.line("a=candidate:", candidate)
			}
			w.line("a=end-of-candidates")
		}
	}
	return w.text.String()
}

// writer writes the lines of a description.
type writer struct {
	text strings.Builder
	// The codecs written last, and where.
	codecs   []Codec
	from, to int
}

func (w *writer) add(parts ...string) {
	for _, part := range parts {
		w.text.WriteString(part)
	}
}

func (w *writer) line(parts ...string) {
	w.add(parts...)
	w.text.WriteString("\r\n")
}

// rejected writes a section that nothing comes of (RFC 8829, 5.3.1).
func (w *writer) rejected(s *Section) {
	format := s.format
	if len(s.Codecs) > 0 {
		format = strconv.Itoa(int(s.Codecs[0].PayloadType))
	}
	w.line("m=", s.media, " 0 ", s.protocol, " ", format)
	w.line("c=IN IP4 0.0.0.0")
	w.line("a=mid:", s.Mid)
	w.line("a=inactive")
}

// transport begins a section that is taken. Each of them says how the server is
// reached, though it is the same for all: some clients do not look for it in
// the tagged one.
func (w *writer) transport(o *Offer, s *Section, l *Local) {
	w.add("m=", s.media, " 9 ", s.protocol)
	if s.Role == Application {
		w.add(" ", s.format)
	}
	for i := range s.Codecs {
		w.add(" ", strconv.Itoa(int(s.Codecs[i].PayloadType)))
	}
	w.line()
	w.line("c=IN IP4 0.0.0.0")
	if o.Active {
		w.line("a=setup:active")
	} else {
		w.line("a=setup:passive")
	}
	w.line("a=mid:", s.Mid)
	w.line("a=ice-ufrag:", l.Ufrag)
	w.line("a=ice-pwd:", l.Pwd)
	if o.embeds != "" {
		w.line("a=ice-options:", o.embeds)
	}
}

// media writes what a section of sound or pictures says of them.
func (w *writer) media(s *Section, l *Local) {
	w.line("a=rtcp-mux")
	if s.rsize {
		w.line("a=rtcp-rsize")
	}
	if s.mixed {
		w.line("a=extmap-allow-mixed")
	}
	w.formats(s.Codecs)
	for i := range s.Extensions {
		w.extension(&s.Extensions[i], s.Role)
	}
	slot, filled := l.Slots[s.Mid]
	switch {
	case s.Role == Sending:
		w.line("a=recvonly")
	case s.Role == Receiving && filled:
		w.line("a=sendonly")
		w.slot(slot, s.RTX())
	default:
		w.line("a=inactive")
	}
	w.simulcast(s.RIDs)
}

// formats writes the codecs of a section.
func (w *writer) formats(codecs []Codec) {
	if len(w.codecs) > 0 && &w.codecs[0] == &codecs[0] { // sections share them
		w.text.WriteString(w.text.String()[w.from:w.to])
		return
	}
	w.codecs, w.from = codecs, w.text.Len()
	for i := range codecs {
		w.format(&codecs[i])
	}
	w.to = w.text.Len()
}

func (w *writer) format(c *Codec) {
	payloadType := strconv.Itoa(int(c.PayloadType))
	_, name, _ := strings.Cut(c.MimeType, "/")
	w.add("a=rtpmap:", payloadType, " ", name, "/", strconv.Itoa(int(c.ClockRate)))
	if c.Channels > 0 {
		w.add("/", strconv.Itoa(int(c.Channels)))
	}
	w.line()
	if c.Fmtp != "" {
		w.line("a=fmtp:", payloadType, " ", c.Fmtp)
	}
	for _, feedback := range [...]struct {
		taken bool
		name  string
	}{
		{c.Feedback.TransportCC, "transport-cc"}, {c.Feedback.FIR, "ccm fir"}, {c.Feedback.NACK, "nack"}, {c.Feedback.PLI, "nack pli"},
	} {
		if feedback.taken {
			w.line("a=rtcp-fb:", payloadType, " ", feedback.name)
		}
	}
}

// extension writes an RTP header extension, in the other direction if the offer
// says one (RFC 8285, 6).
func (w *writer) extension(e *Extension, role Role) {
	direction := ""
	switch {
	case !e.directed:
	case role == Receiving:
		direction = "/sendonly"
	default:
		direction = "/recvonly"
	}
	w.line("a=extmap:", strconv.Itoa(int(e.ID)), direction, " ", e.URI)
}

// simulcast writes the encodings that are received (RFC 8853, 5.2): all, and
// none of them paused.
func (w *writer) simulcast(rids []string) {
	if len(rids) == 0 {
		return
	}
	for _, rid := range rids {
		w.line("a=rid:", rid, " recv")
	}
	w.line("a=simulcast:recv ", strings.Join(rids, ";"))
}

// slot writes what the stream in a slot is called. Its media stream comes
// first, and again with each SSRC, for clients that look only there.
func (w *writer) slot(slot SlotIDs, rtx bool) {
	w.line("a=msid:", slot.Stream, " ", slot.Track)
	ssrcs := []uint32{slot.SSRC}
	if rtx && slot.RTX != 0 {
		ssrcs = append(ssrcs, slot.RTX)
		w.line("a=ssrc-group:FID ", number(slot.SSRC), " ", number(slot.RTX))
	}
	for _, ssrc := range ssrcs {
		w.line("a=ssrc:", number(ssrc), " cname:", slot.Stream)
		w.line("a=ssrc:", number(ssrc), " msid:", slot.Stream, " ", slot.Track)
	}
}

func number(n uint32) string { return strconv.FormatUint(uint64(n), 10) }
