package websocket

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"github.com/hiroba-rtc/hiroba/signaling"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

const (
	// closeTimeout bounds the closing handshake.
	closeTimeout = time.Second
	// lingerBytes is how much of what a client goes on sending is read then.
	lingerBytes = 4 << 20
	// keptBytes is up to how much memory a buffer may have to be used again.
	keptBytes = 16 << 10
)

// incoming are buffers for messages from clients: a link holds none while it
// waits for one.
var incoming = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// link is one connection. One goroutine reads; another one writes, but only for
// as long as there is something to write, so that an idle link has one stack.
type link struct {
	handler *Handler
	conn    *websocket.Conn
	sink    *sink // below conn
	format  protocol.Format
	visitor *signaling.Visitor
	hold    *signaling.Attachment
	unhurry func() bool // stops hurry from being called
	rest    func()      // stops tick from being called
	heard   atomic.Bool // something came since the last beat
	silent  atomic.Bool // the reader gave up waiting
	writer
}

// begin attaches the connection and serves it until it ends.
func (l *link) begin(hold signaling.Hold) {
	var refusal *protocol.Error
	if l.hold, refusal = l.visitor.Attach(hold); refusal != nil {
		l.close(refusal)
		l.gone()
		return
	}
	l.unhurry = l.visitor.Session().OnEnd(l.hurry)
	l.conn.SetPongHandler(func(string) error {
		l.heard.Store(true)
		return l.listen()
	})
	l.startWriting()
	l.rest = l.handler.beats.add(l)
	l.serve()
}

// hurry sees to it that a client that does not read or answer does not hold up
// the end of its connection.
func (l *link) hurry() {
	_ = l.sink.Conn.SetWriteDeadline(time.Now().Add(closeTimeout))
	_ = l.sink.Conn.SetReadDeadline(time.Now().Add(closeTimeout))
}

// serve takes messages until the connection or the session ends. After each
// that is no heartbeat it goes on in a fresh goroutine: handling a message takes
// a larger stack than waiting for one, which is what an idle link does for most
// of its life, and a large stack seldom becomes small again.
func (l *link) serve() {
	for {
		heartbeat, reason, ended := l.take()
		if ended {
			l.end(reason)
			return
		}
		if !heartbeat {
			go l.serve()
			return
		}
	}
}

// end lets go of the session when the connection or the session has ended.
// reason says why, if that was the client's fault.
func (l *link) end(reason *protocol.Error) {
	// Letting go of the session ends the writing.
	switch {
	case reason.GetFatal():
		l.visitor.Close(reason)
	case l.visitor.Session().Open():
		l.silent.Store(reason != nil)
		l.hold.Detach()
	}
	<-l.written
	if reason != nil || !l.visitor.Session().Open() {
		l.linger()
	}
	l.rest()
	l.unhurry()
	l.gone()
}

// gone is the last thing that happens to a link.
func (l *link) gone() {
	l.conn.Close()
	l.handler.links.Done()
}

// linger reads on for a moment after our last words. A connection that is
// closed with bytes unread is reset, and the client might never see them.
func (l *link) linger() {
	_ = l.sink.SetReadDeadline(time.Now().Add(closeTimeout))
	_, _ = io.CopyN(io.Discard, l.sink, lingerBytes)
}

// listen gives the client time until it has to be heard of again.
func (l *link) listen() error {
	select {
	case <-l.visitor.Session().Done():
		return nil // the deadline for the closing handshake stands
	default:
		return l.sink.SetReadDeadline(time.Now().Add(l.handler.service.SilenceAfter()))
	}
}

// take waits for one message, has it carried out, and says whether it was a
// heartbeat. It reports that the connection or the session has ended, and why, if
// that was the client's fault.
func (l *link) take() (heartbeat bool, reason *protocol.Error, ended bool) {
	// The deadline can only fail on a closed connection, which the read below
	// finds out.
	_ = l.listen()
	frame, reader, err := l.conn.NextReader()
	if err != nil {
		return false, l.readError(err), true
	}
	l.heard.Store(true)
	buffer := incoming.Get().(*bytes.Buffer)
	defer func() {
		if buffer.Cap() <= keptBytes {
			buffer.Reset()
			incoming.Put(buffer)
		}
	}()
	// A message over the largest limit is not read to its end; one over its
	// own kind's limit is read and answered. The library's own limit would
	// count bytes before they are decompressed, and leave without a word.
	largest := int64(max(l.handler.limits.DescriptionBytes, l.handler.limits.MessageBytes))
	if n, err := buffer.ReadFrom(io.LimitReader(reader, largest+1)); err != nil {
		return false, l.readError(err), true
	} else if n > largest {
		return false, protocol.Errorf(protocol.Error_MESSAGE_TOO_LARGE,
			"The message has more than %d bytes. Send large things over the DataChannel.", largest).AsFatal(), true
	}
	message := l.decode(frame, buffer.Bytes())
	if message == nil {
		return false, nil, false
	}
	// It is carried out to the end even if the client goes away meanwhile.
	if event := l.hold.Receive(context.Background(), message, buffer.Len()); event != nil {
		l.answer(event)
	}
	return message.GetPing() != nil, nil, false
}

// decode answers what it cannot decode, and returns nil.
func (l *link) decode(frame int, data []byte) *protocol.ClientMessage {
	if want := l.frameType(); frame != want {
		l.visitor.Malformed(protocol.Errorf(protocol.Error_MALFORMED,
			"A frame of the other type came; %s goes in %s frames.", l.format.Subprotocol(), frameName(want)), len(data))
		return nil
	}
	message, err := l.format.UnmarshalClient(data)
	if err != nil {
		l.visitor.Malformed(protocol.Errorf(protocol.Error_MALFORMED, "%.300s", strings.ToValidUTF8(err.Error(), "?")), len(data))
		return nil
	}
	return message
}

// readError says what ended the reading: nil when the client went away. A
// silent one may come back.
func (l *link) readError(err error) *protocol.Error {
	if isTimeout(err) && l.visitor.Session().Open() {
		return l.silence()
	}
	return nil
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

func (l *link) silence() *protocol.Error {
	return protocol.Errorf(protocol.Error_SILENT, "Nothing was heard for %v. Connect again.", l.handler.service.SilenceAfter())
}

func (l *link) frameType() int {
	if l.format == protocol.JSON {
		return websocket.TextMessage
	}
	return websocket.BinaryMessage
}

func frameName(frame int) string {
	if frame == websocket.TextMessage {
		return "text"
	}
	return "binary"
}
