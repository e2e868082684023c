// Package websocket carries sessions over WebSocket (RFC 6455), with the
// subprotocol hiroba.v1.json in text frames or hiroba.v1.proto in binary ones.
// Tokens come in the Authorization header, or, since a browser cannot set that
// here, as further subprotocols that are offered and never chosen.
package websocket

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"github.com/hiroba-rtc/hiroba/signaling"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
	"github.com/hiroba-rtc/hiroba/signaling/session"
	"github.com/hiroba-rtc/hiroba/signaling/transport"
)

const (
	// writeTimeout bounds one write: a client that takes longer does not read.
	writeTimeout = 10 * time.Second
	// closeTimeout bounds the closing handshake.
	closeTimeout = time.Second
	// lingerBytes is how much of what a client goes on sending is read then.
	lingerBytes = 4 << 20
	// compressFrom is the size in bytes from which JSON is worth compressing:
	// in practice, messages with an SDP.
	compressFrom = 1024
	// keptBytes is how much a connection keeps to encode its next message in:
	// one that is idle holds little.
	keptBytes = 1024
)

// Name is what metrics call this transport.
const Name = "websocket"

// What a token is prefixed with as an offered subprotocol.
const (
	accessPrefix = "hiroba.access."
	resumePrefix = "hiroba.resume."
)

// Handler serves GET /v1/signal, which opens a session, and upgrades of GET
// /v1/signal/{session}, which go on with one. Closing the service it was made
// for ends all its connections.
type Handler struct {
	service  *signaling.Service
	upgrader websocket.Upgrader
	log      *slog.Logger
	links    sync.WaitGroup
}

// New makes a handler. Which origins' pages may use it is for who routes
// requests here to say.
func New(service *signaling.Service, log *slog.Logger) *Handler {
	return &Handler{
		service: service,
		log:     log,
		upgrader: websocket.Upgrader{
			HandshakeTimeout:  writeTimeout,
			ReadBufferSize:    1024,
			WriteBufferSize:   1024,
			EnableCompression: true,
			CheckOrigin:       func(*http.Request) bool { return true },
			Subprotocols:      []string{protocol.JSON.Subprotocol(), protocol.Binary.Subprotocol()},
		},
	}
}

// ServeHTTP upgrades the connection and stays until it ends.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	format, ok := chooseFormat(r)
	if !ok {
		http.Error(w, "Ask for the subprotocol "+protocol.JSON.Subprotocol()+" or "+protocol.Binary.Subprotocol()+".",
			http.StatusBadRequest)
		return
	}
	visitor, hold, refusal := h.visitor(r)
	if refusal != nil {
		transport.Refuse(w, refusal)
		return
	}
	h.links.Add(1)
	defer h.links.Done()
	conn, err := h.upgrader.Upgrade(w, r, nil)
	if err != nil {
		h.log.Debug("upgrade refused", "remote", r.RemoteAddr, "err", err)
		if hold.Token == "" {
			visitor.Close(nil)
		}
		return // Upgrade has answered
	}
	defer conn.Close()
	l := &link{
		conn:    conn,
		format:  format,
		visitor: visitor,
		limits:  h.service.Limits(),
		silence: h.service.SilenceAfter(),
		beat:    h.service.Heartbeat(),
		direct:  make(chan *protocol.Event, 4),
	}
	l.run(r.Context(), hold)
}

// visitor opens a session for a request, or finds the one that it names.
func (h *Handler) visitor(r *http.Request) (*signaling.Visitor, signaling.Hold, *protocol.Error) {
	caller := transport.Caller(r, Name)
	id := r.PathValue("session")
	if id == "" {
		caller.Token = cmp.Or(transport.Bearer(r.Header), offered(r, accessPrefix))
		visitor, err := h.service.Open(caller, true)
		return visitor, signaling.Hold{Transport: Name}, err
	}
	hold := signaling.Hold{Token: cmp.Or(transport.Bearer(r.Header), offered(r, resumePrefix)), Transport: Name}
	var ok bool
	if hold.After, ok = transport.After(r); !ok {
		return nil, hold, transport.BadAfter()
	}
	caller.Token = cmp.Or(r.Header.Get(transport.AccessHeader), offered(r, accessPrefix))
	visitor, err := h.service.Return(id, hold.Token, caller)
	return visitor, hold, err
}

// offered is the token that is offered as a subprotocol with the prefix, or "".
func offered(r *http.Request, prefix string) string {
	for _, name := range websocket.Subprotocols(r) {
		if token, ok := strings.CutPrefix(name, prefix); ok {
			return token
		}
	}
	return ""
}

// Wait returns when all connections are closed. Call it after the service was
// closed.
func (h *Handler) Wait() { h.links.Wait() }

// chooseFormat takes the first subprotocol that the client offers and we
// speak.
func chooseFormat(r *http.Request) (protocol.Format, bool) {
	if !websocket.IsWebSocketUpgrade(r) {
		return protocol.JSON, true // Upgrade refuses it in its own words
	}
	for _, name := range websocket.Subprotocols(r) {
		for _, format := range []protocol.Format{protocol.JSON, protocol.Binary} {
			if name == format.Subprotocol() {
				return format, true
			}
		}
	}
	return 0, false
}

// link is one connection. Two goroutines serve it: the handler's own reads,
// the other writes.
type link struct {
	conn    *websocket.Conn
	format  protocol.Format
	visitor *signaling.Visitor
	hold    *signaling.Attachment
	limits  signaling.Limits
	silence time.Duration
	beat    time.Duration
	// buffer is the writer's, for one message after the other.
	buffer []byte
	// direct holds what goes out unnumbered.
	direct chan *protocol.Event
	// silent says that the reader gave up waiting.
	silent atomic.Bool
}

func (l *link) run(ctx context.Context, hold signaling.Hold) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var refusal *protocol.Error
	if l.hold, refusal = l.visitor.Attach(hold); refusal != nil {
		l.close(refusal)
		return
	}
	// A client that does not read or answer must not hold up the end of its
	// connection.
	stop := l.visitor.Session().OnEnd(func() {
		_ = l.conn.NetConn().SetWriteDeadline(time.Now().Add(closeTimeout))
		_ = l.conn.NetConn().SetReadDeadline(time.Now().Add(closeTimeout))
	})
	defer stop()

	written := make(chan struct{})
	go func() {
		defer close(written)
		if !l.write() {
			l.conn.Close() // frees the reader
		}
	}()
	// Letting go of the session ends the writer.
	reason := l.read(ctx)
	switch {
	case reason.GetFatal():
		l.visitor.Close(reason)
	case l.visitor.Session().Open():
		l.silent.Store(reason != nil)
		l.hold.Detach()
	}
	<-written
	if reason != nil || !l.visitor.Session().Open() {
		l.linger()
	}
}

// linger reads on for a moment after our last words. A connection that is
// closed with bytes unread is reset, and the client might never see them.
func (l *link) linger() {
	conn := l.conn.NetConn()
	_ = conn.SetReadDeadline(time.Now().Add(closeTimeout))
	_, _ = io.CopyN(io.Discard, conn, lingerBytes)
}

// read takes messages until the connection or the session ends. It returns
// why, if that was the client's fault.
func (l *link) read(ctx context.Context) *protocol.Error {
	// A message over the largest limit is not read to its end; one over its
	// own kind's limit is read and answered. The library's own limit would
	// count bytes before they are decompressed, and leave without a word.
	largest := int64(max(l.limits.DescriptionBytes, l.limits.MessageBytes))
	heard := func(string) error {
		select {
		case <-l.visitor.Session().Done():
			return nil // the deadline for the closing handshake stands
		default:
			return l.conn.SetReadDeadline(time.Now().Add(l.silence))
		}
	}
	l.conn.SetPongHandler(heard)
	var buffer bytes.Buffer
	for {
		// The deadline can only fail on a closed connection, which the read
		// below finds out.
		_ = heard("")
		frame, reader, err := l.conn.NextReader()
		if err != nil {
			return l.readError(err)
		}
		buffer.Reset()
		if n, err := buffer.ReadFrom(io.LimitReader(reader, largest+1)); err != nil {
			return l.readError(err)
		} else if n > largest {
			return protocol.Errorf(protocol.Error_MESSAGE_TOO_LARGE,
				"The message has more than %d bytes. Send large things over the DataChannel.", largest).AsFatal()
		}
		if event := l.receive(ctx, frame, buffer.Bytes()); event != nil {
			select {
			case l.direct <- event:
			default: // a client that does not read its pongs needs no more of them
			}
		}
	}
}

// receive decodes one message and has it carried out.
func (l *link) receive(ctx context.Context, frame int, data []byte) *protocol.Event {
	if want := l.frameType(); frame != want {
		l.visitor.Malformed(protocol.Errorf(protocol.Error_MALFORMED,
			"A frame of the other type came; %s goes in %s frames.", l.format.Subprotocol(), frameName(want)), len(data))
		return nil
	}
	message := &protocol.ClientMessage{}
	if err := l.format.Unmarshal(data, message); err != nil {
		l.visitor.Malformed(protocol.Errorf(protocol.Error_MALFORMED, "%.300s", strings.ToValidUTF8(err.Error(), "?")), len(data))
		return nil
	}
	return l.hold.Receive(ctx, message, len(data))
}

// readError says what ended the reading: nil when the client went away. A
// silent one may come back.
func (l *link) readError(err error) *protocol.Error {
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() && l.visitor.Session().Open() {
		return protocol.Errorf(protocol.Error_SILENT, "Nothing was heard for %v. Connect again.", l.silence)
	}
	return nil
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

// write sends what the session holds until the connection or the session
// ends. It reports whether it has said goodbye, so that the client's answer to
// that is worth waiting for.
func (l *link) write() (goodbye bool) {
	if welcome := l.hold.Welcome(); welcome != nil && l.send(welcome, 0, "") != nil {
		return false
	}
	beat := time.NewTicker(l.beat)
	defer beat.Stop()
	var batch []session.Entry
	for {
		select {
		case <-l.hold.Ready():
			for {
				var err error
				batch, err = l.hold.Read(batch[:0])
				if err != nil {
					l.goodbye(err)
					return true
				}
				if len(batch) == 0 {
					break
				}
				for _, entry := range batch {
					if l.send(entry.Event, entry.Seq, entry.Re) != nil {
						return false
					}
				}
			}
		case event := <-l.direct:
			if l.send(event, 0, "") != nil {
				return false
			}
		case <-beat.C:
			// The browser answers by itself, however busy its page is.
			if l.conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(writeTimeout)) != nil {
				return false
			}
		}
	}
}

// goodbye tells the client why there is nothing more to read.
func (l *link) goodbye(err error) {
	switch {
	case errors.Is(err, session.ErrEnded):
		l.close(l.visitor.Session().Reason())
	case l.silent.Load():
		l.close(protocol.Errorf(protocol.Error_SILENT, "Nothing was heard for %v. Connect again.", l.silence))
	default:
		l.close(transport.Fenced())
		// Nobody reads for who has lost its session.
		_ = l.conn.NetConn().SetReadDeadline(time.Now().Add(closeTimeout))
	}
}

func (l *link) send(event *protocol.Event, seq uint64, re string) error {
	data := event.Append(l.buffer[:0], l.format, seq, re)
	if l.buffer = data; cap(data) > keptBytes {
		l.buffer = nil
	}
	l.conn.EnableWriteCompression(l.format == protocol.JSON && len(data) >= compressFrom)
	timeout := writeTimeout
	select {
	case <-l.visitor.Session().Done():
		timeout = closeTimeout
	default:
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
