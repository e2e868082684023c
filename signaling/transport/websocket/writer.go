package websocket

import (
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/hiroba-rtc/hiroba/signaling/protocol"
	"github.com/hiroba-rtc/hiroba/signaling/session"
	"github.com/hiroba-rtc/hiroba/signaling/transport"
)

const (
	// writeTimeout bounds one write: a client that takes longer does not read.
	writeTimeout = 10 * time.Second
	// compressFrom is the size in bytes from which JSON is worth compressing:
	// in practice, messages with an SDP.
	compressFrom = 1024
	// maxDirect is how many unnumbered answers wait for a client: one that does
	// not read its pongs needs no more of them.
	maxDirect = 4
)

// writer is what is to be written to a link, and whether somebody does it.
type writer struct {
	written chan struct{} // closed when nothing will be written any more

	mu      sync.Mutex // guards all below
	writing bool       // somebody writes, and looks here again after it
	more    bool       // the session may have something to read
	ping    bool       // the client has been silent for a beat
	direct  []*protocol.Event
	over    bool
}

func newWriter() writer { return writer{written: make(chan struct{})} }

// batch is what a writer needs while it writes.
type batch struct {
	entries []session.Entry
	data    []byte
}

var batches = sync.Pool{New: func() any { return new(batch) }}

// startWriting welcomes the client; from now on it is written what comes.
func (l *link) startWriting() {
	welcome := l.hold.Welcome()
	l.mu.Lock()
	if welcome != nil {
		l.direct = append(l.direct, welcome)
	}
	l.mu.Unlock()
	l.hold.Notify(l.wake)
}

// wake says that the session may have something to read. The session is locked.
func (l *link) wake() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.more = true
	l.start()
}

// start has somebody write. The caller holds mu.
func (l *link) start() {
	if !l.writing && !l.over {
		l.writing = true
		go l.write()
	}
}

// tick asks for a sign of life of who has given none since the last tick. A
// browser answers by itself, however busy its page is.
func (l *link) tick() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.heard.Swap(false) {
		l.ping = true
		l.start()
	}
}

// answer writes an event that goes out unnumbered. The reader does it itself
// when nobody writes: an idle client's ping is not worth waking somebody for.
func (l *link) answer(event *protocol.Event) {
	l.mu.Lock()
	if l.over || len(l.direct) >= maxDirect {
		l.mu.Unlock()
		return
	}
	l.direct = append(l.direct, event)
	mine := !l.writing
	l.writing = true
	l.mu.Unlock()
	if mine && l.writeSome() {
		go l.write()
	}
}

// write goes on until there is nothing to write.
func (l *link) write() {
	for l.writeSome() {
	}
}

// writeSome writes some of what there is in one go, and reports whether there
// is more. Only who has set writing calls it.
func (l *link) writeSome() bool {
	l.mu.Lock()
	direct, ping, more := l.direct, l.ping, l.more
	l.direct, l.ping, l.more = nil, false, false
	l.mu.Unlock()

	b := batches.Get().(*batch)
	read, err := l.put(b, direct, ping, more)
	clear(b.entries)
	if cap(b.data) <= keptBytes {
		batches.Put(b)
	}

	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.over = true
		close(l.written)
		return false
	}
	l.more = l.more || read
	l.writing = l.more || l.ping || len(l.direct) > 0
	return l.writing
}

// put sends what there is. It reports whether the session had something, which
// means that it may have more. After an error nothing more can be written.
func (l *link) put(b *batch, direct []*protocol.Event, ping, more bool) (read bool, err error) {
	var end error
	l.sink.gather()
	for _, event := range direct {
		err = errors.Join(err, l.send(b, event, 0, ""))
	}
	if ping {
		err = errors.Join(err, l.conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(writeTimeout)))
	}
	if more {
		b.entries, end = l.hold.Read(b.entries[:0])
		for _, entry := range b.entries {
			err = errors.Join(err, l.send(b, entry.Event, entry.Seq, entry.Re))
		}
	}
	if err = errors.Join(err, l.sink.flush()); err != nil {
		if isTimeout(err) && l.visitor.Session().Open() {
			// Nobody can be told: the client may come back to its session.
			l.handler.service.Count(protocol.Errorf(protocol.Error_SLOW, "This client has read nothing for %v.", writeTimeout))
		}
		l.conn.Close() // frees the reader
		return false, err
	}
	if end != nil {
		l.goodbye(end)
	}
	return len(b.entries) > 0, end
}

// goodbye tells the client why there is nothing more to read.
func (l *link) goodbye(err error) {
	switch {
	case errors.Is(err, session.ErrEnded):
		l.close(l.visitor.Session().Reason())
	case l.silent.Load():
		l.close(l.silence())
	default:
		l.close(transport.Fenced())
		// Nobody reads for who has lost its session.
		_ = l.sink.SetReadDeadline(time.Now().Add(closeTimeout))
	}
}

func (l *link) send(b *batch, event *protocol.Event, seq uint64, re string) error {
	data := event.Append(b.data[:0], l.format, seq, re)
	b.data = data
	l.conn.EnableWriteCompression(l.format == protocol.JSON && len(data) >= compressFrom)
	timeout := writeTimeout
	if !l.visitor.Session().Open() {
		timeout = closeTimeout
	}
	if err := l.conn.SetWriteDeadline(time.Now().Add(timeout)); err != nil {
		return err
	}
	return l.conn.WriteMessage(l.frameType(), data)
}

// close tells the client why the connection ends: 1000 when it wanted it,
// 1001 when the server stops, 1009 for a message too large, else 4000 + the
// error's code.
func (l *link) close(reason *protocol.Error) {
	code := websocket.CloseNormalClosure
	switch reason.GetCode() {
	case protocol.Error_CODE_UNSPECIFIED:
	case protocol.Error_SHUTTING_DOWN:
		code = websocket.CloseGoingAway
	case protocol.Error_MESSAGE_TOO_LARGE:
		code = websocket.CloseMessageTooBig
	default:
		code = 4000 + int(reason.GetCode())
	}
	// A close frame holds 123 bytes of text (RFC 6455, 5.5).
	text := reason.GetMessage()
	text = strings.ToValidUTF8(text[:min(len(text), 123)], "")
	_ = l.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, text), time.Now().Add(closeTimeout))
}
