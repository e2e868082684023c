package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/gorilla/websocket"

	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// writeTimeout bounds one write: a server that takes longer does not read.
const writeTimeout = 10 * time.Second

// firstReason is what a close code has added to the number of an error. After
// SILENT the session goes on: for it, and for codes below, a client comes back.
const firstReason = 4000

// socket carries a session over WebSocket.
type socket struct {
	conn    *websocket.Conn
	format  protocol.Format
	silence time.Duration
}

func dialWebSocket(ctx context.Context, p place) (carrier, error) {
	dialer := websocket.Dialer{
		Proxy:             http.ProxyFromEnvironment,
		HandshakeTimeout:  welcomeTimeout,
		TLSClientConfig:   p.tls,
		Subprotocols:      []string{p.format.Subprotocol()},
		EnableCompression: true,
	}
	u := p.signalURL()
	u.Scheme = strings.Replace(u.Scheme, "http", "ws", 1)
	conn, response, err := dialer.DialContext(ctx, u.String(), p.credentials())
	if err != nil {
		if response != nil {
			return nil, refused(response)
		}
		return nil, fmt.Errorf("connecting to %s: %w", u.Host, err)
	}
	s := newSocket(conn, p.format, p.silence)
	if p.session == "" && p.access == "" {
		// A server that needs a token waits for one, without a word; where this is
		// answered before the welcome, it does. What cannot be written, the reader
		// finds out.
		_, _ = s.write([]*protocol.ClientMessage{ping()})
	}
	return s, nil
}

func newSocket(conn *websocket.Conn, format protocol.Format, silence time.Duration) *socket {
	s := &socket{conn: conn, format: format, silence: silence}
	pong := conn.PingHandler()
	conn.SetPingHandler(func(data string) error {
		return errors.Join(conn.SetReadDeadline(time.Now().Add(s.silence)), pong(data))
	})
	return s
}

func (s *socket) read() (*protocol.ServerMessage, error) {
	if err := s.conn.SetReadDeadline(time.Now().Add(s.silence)); err != nil {
		return nil, err
	}
	_, data, err := s.conn.ReadMessage()
	var timeout net.Error
	var closed *websocket.CloseError
	switch {
	case errors.As(err, &timeout) && timeout.Timeout():
		return nil, fmt.Errorf("%w (%v)", errSilent, s.silence)
	case errors.As(err, &closed) && closed.Code > firstReason && closed.Code != firstReason+int(protocol.Error_SILENT):
		return nil, protocol.Errorf(protocol.Error_Code(closed.Code-firstReason), "%s", closed.Text)
	case err != nil:
		return nil, err
	}
	message := &protocol.ServerMessage{}
	return message, s.format.Unmarshal(data, message)
}

func (s *socket) write(messages []*protocol.ClientMessage) (received uint64, err error) {
	frame := websocket.TextMessage
	if s.format == protocol.Binary {
		frame = websocket.BinaryMessage
	}
	for _, message := range messages {
		data, err := s.format.Marshal(message)
		if err != nil {
			return 0, err
		}
		if err := s.conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
			return 0, err
		}
		if err := s.conn.WriteMessage(frame, data); err != nil {
			return 0, err
		}
	}
	return 0, nil
}

func (s *socket) abort()                   { _ = s.conn.Close() }
func (s *socket) close()                   { s.abort() }
func (s *socket) patience(d time.Duration) { s.silence = d }

// maxRefusal is how much of a refusal's body is read.
const maxRefusal = 8 << 10

// refused is what a response other than the one hoped for says. It closes the
// body.
func refused(response *http.Response) error {
	defer response.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(response.Body, maxRefusal))
	message := &protocol.ServerMessage{}
	if protocol.JSON.Unmarshal(body, message) == nil && message.GetError() != nil {
		return message.GetError()
	}
	return fmt.Errorf("the server answered %s: %.200s", response.Status, strings.TrimSpace(string(body)))
}
