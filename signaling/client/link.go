// Package client is Hiroba's client for Go: for native applications, tests and
// load. A Link is the signaling session alone; Join adds the media connection
// to the SFU.
package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

const (
	// welcomeTimeout bounds each of the two steps before the link is open: the
	// handshake, and the server's welcome.
	welcomeTimeout = 15 * time.Second
	// writeTimeout bounds one write: a server that takes longer does not read.
	writeTimeout = 10 * time.Second
)

// Link is a signaling session over WebSocket. It is safe for concurrent use.
type Link struct {
	conn    *websocket.Conn
	format  protocol.Format
	handle  func(*protocol.ServerMessage)
	welcome *protocol.Welcome
	period  time.Duration // of the heartbeat; the reader waits two and a half of them
	done    chan struct{}
	beating sync.WaitGroup

	writing sync.Mutex // held while a message is numbered and written
	seq     uint64

	mu      sync.Mutex // guards all below
	handled uint64     // number of the last message handled
	lastID  uint64
	waiting map[string]chan *protocol.ServerMessage
	err     error // why the link ended
}

// ErrClosed is what a request gets when the link ends before its answer.
var ErrClosed = errors.New("client: the link is closed")

// Dial opens a session with the server at base, as "http://host:port", and
// waits for its welcome. Every message that answers no request goes to handle,
// one at a time and in order; handle must not wait for an answer itself. The
// link lives until Close, until the server ends it, or until the server is
// neither heard nor reached any more.
func Dial(ctx context.Context, base string, format protocol.Format, handle func(*protocol.ServerMessage)) (*Link, error) {
	address, err := signalURL(base)
	if err != nil {
		return nil, err
	}
	dialer := websocket.Dialer{
		Proxy:             http.ProxyFromEnvironment,
		HandshakeTimeout:  welcomeTimeout,
		Subprotocols:      []string{format.Subprotocol()},
		EnableCompression: true,
	}
	conn, response, err := dialer.DialContext(ctx, address, nil)
	if err != nil {
		if response != nil {
			return nil, fmt.Errorf("client: %s answered %s: %w", address, response.Status, err)
		}
		return nil, fmt.Errorf("client: connecting to %s: %w", address, err)
	}
	l, err := open(conn, format, handle)
	if err != nil {
		return nil, fmt.Errorf("client: %s: %w", address, err)
	}
	return l, nil
}

// open waits for the welcome on a connection and makes a link of it.
func open(conn *websocket.Conn, format protocol.Format, handle func(*protocol.ServerMessage)) (*Link, error) {
	l := &Link{
		conn: conn, format: format, handle: handle,
		done:    make(chan struct{}),
		waiting: map[string]chan *protocol.ServerMessage{},
	}
	first, err := l.readOne(welcomeTimeout)
	if err == nil && first.GetWelcome() == nil {
		err = errors.New("the first message is no welcome")
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	l.welcome = first.GetWelcome()
	l.period = time.Duration(max(l.welcome.GetHeartbeatMs(), 1000)) * time.Millisecond
	pong := conn.PingHandler()
	conn.SetPingHandler(func(data string) error {
		return errors.Join(conn.SetReadDeadline(time.Now().Add(l.silence())), pong(data))
	})
	l.beating.Go(l.beat)
	go l.read()
	return l, nil
}

// silence is how long the server may be silent: as long as the client may.
func (l *Link) silence() time.Duration { return l.period * 5 / 2 }

func signalURL(base string) (string, error) {
	u, err := url.Parse(base)
	if err != nil {
		return "", fmt.Errorf("client: %q is no URL of a server: %w", base, err)
	}
	switch u.Scheme {
	case "http":
		u.Scheme = "ws"
	case "https":
		u.Scheme = "wss"
	default:
		return "", fmt.Errorf("client: %q is no URL of a server: it begins with neither http:// nor https://", base)
	}
	u.Path = strings.TrimSuffix(u.Path, "/") + "/v1/signal"
	return u.String(), nil
}

// Welcome is what the server said first. It must not be changed.
func (l *Link) Welcome() *protocol.Welcome { return l.welcome }

// Done is closed when the link has ended; Err says why.
func (l *Link) Done() <-chan struct{} { return l.done }

// Err is why the link ended: a *protocol.Error when the server said so.
func (l *Link) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// readOne takes the next message, and waits so long for it.
func (l *Link) readOne(patience time.Duration) (*protocol.ServerMessage, error) {
	if err := l.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	_, data, err := l.conn.ReadMessage()
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return nil, fmt.Errorf("client: the server was silent for %v: %w", patience, err)
	}
	if err != nil {
		return nil, err
	}
	message := &protocol.ServerMessage{}
	return message, l.format.Unmarshal(data, message)
}

// read takes messages until the connection ends, for whatever reason.
func (l *Link) read() {
	defer close(l.done)
	defer l.conn.Close()
	for {
		message, err := l.readOne(l.silence())
		if err != nil {
			l.end(err)
			return
		}
		if fatal := message.GetError(); fatal.GetFatal() {
			l.end(fatal)
		}
		if !l.answer(message) && message.GetPong() == nil {
			l.handle(message)
		}
	}
}

// answer notes the message's number and gives it to who waits for it.
func (l *Link) answer(message *protocol.ServerMessage) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.handled = max(l.handled, message.GetSeq())
	waiter, ok := l.waiting[message.GetRe()]
	if ok {
		delete(l.waiting, message.GetRe())
		waiter <- message
	}
	return ok
}

// end notes the first reason and frees those who wait.
func (l *Link) end(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		l.err = err
	}
	for id, waiter := range l.waiting {
		close(waiter)
		delete(l.waiting, id)
	}
}

// beat tells the server that the client is there, and what it has handled.
func (l *Link) beat() {
	ticker := time.NewTicker(l.period)
	defer ticker.Stop()
	for {
		select {
		case <-l.done:
			return
		case <-ticker.C:
			if l.write(&protocol.ClientMessage{Body: &protocol.ClientMessage_Ping{Ping: &protocol.Ping{}}}) != nil {
				return
			}
		}
	}
}

// Send numbers a message and writes it. The caller sets id and body alone.
func (l *Link) Send(message *protocol.ClientMessage) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	message.Seq = l.seq + 1
	if err := l.writeLocked(message); err != nil {
		return err
	}
	l.seq++
	return nil
}

func (l *Link) write(message *protocol.ClientMessage) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	return l.writeLocked(message)
}

// writeLocked is called with writing held. What cannot be written ends the
// link: part of it may have gone out, so nothing can follow.
func (l *Link) writeLocked(message *protocol.ClientMessage) error {
	l.mu.Lock()
	message.Ack = l.handled
	l.mu.Unlock()
	data, err := l.format.Marshal(message)
	if err != nil {
		return fmt.Errorf("client: encoding a message: %w", err)
	}
	frame := websocket.TextMessage
	if l.format == protocol.Binary {
		frame = websocket.BinaryMessage
	}
	err = l.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
	if err == nil {
		err = l.conn.WriteMessage(frame, data)
	}
	if err != nil {
		err = fmt.Errorf("client: sending a message: %w", err)
		l.end(err)
		l.conn.Close() // frees the reader
	}
	return err
}

// Request sends a message and waits for its answer. An error of the server
// comes back as a *protocol.Error.
func (l *Link) Request(ctx context.Context, message *protocol.ClientMessage) (*protocol.ServerMessage, error) {
	waiter := make(chan *protocol.ServerMessage, 1)
	l.mu.Lock()
	if l.err != nil {
		defer l.mu.Unlock()
		return nil, errors.Join(ErrClosed, l.err)
	}
	l.lastID++
	message.Id = strconv.FormatUint(l.lastID, 36)
	l.waiting[message.Id] = waiter
	l.mu.Unlock()
	defer l.forget(message.Id)

	if err := l.Send(message); err != nil {
		return nil, err
	}
	select {
	case answer, ok := <-waiter:
		if !ok {
			return nil, errors.Join(ErrClosed, l.Err())
		}
		if err := answer.GetError(); err != nil {
			return nil, err
		}
		return answer, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("client: waiting for an answer: %w", ctx.Err())
	}
}

// forget lets nobody wait for the answer to id any more.
func (l *Link) forget(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.waiting, id)
}

// Close ends the link without a word and waits for its goroutines. Leave the
// room first to go politely.
func (l *Link) Close() error {
	err := l.conn.Close()
	<-l.done
	l.beating.Wait()
	return err
}
