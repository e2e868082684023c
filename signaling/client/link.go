// Package client is Hiroba's client for Go: for native applications, tests and
// load. A Link is the signaling session alone, over any of the transports and
// over cuts of the network; Join adds the media connection to the SFU.
package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

const (
	// welcomeTimeout bounds each of the two steps before the link is open: the
	// handshake, and the server's welcome.
	welcomeTimeout = 15 * time.Second
	// firstPause and longestPause bound the pauses between tries to reconnect.
	firstPause   = 300 * time.Millisecond
	longestPause = 20 * time.Second
	// fencedPause is how long who was fenced waits before it looks whether the
	// session is still its own.
	fencedPause = time.Second
	// maxUnacknowledged is how many messages wait for the server to take them.
	maxUnacknowledged = 4096
	// askEvery is after how many messages the server is asked what it has.
	askEvery = 256
	// writeAtOnce is how many messages are written together at most.
	writeAtOnce = 32
)

var (
	// ErrClosed is what a request gets when the link ends before its answer.
	ErrClosed = errors.New("client: the link is closed")
	// ErrAnswerLost is what a request gets when the server has carried it out,
	// but its answer was among the messages that this client missed.
	ErrAnswerLost = errors.New("client: it was carried out, but the answer is lost")
	// ErrQueueFull is what Send returns when too much waits to be sent.
	ErrQueueFull = errors.New("client: too many messages wait for the server")
)

// Options say how to reach a server.
type Options struct {
	// URL of the server, as "http://host:port".
	URL string
	// Token gives an access token whenever one is needed; nil for servers that
	// need none.
	Token func(context.Context) (string, error)
	// Transport carries the session; WebSocket unless told.
	Transport Transport
	// Format is that of the messages on WebSocket.
	Format protocol.Format
	// HTTP makes the requests of the other transports; nil for a client that
	// speaks HTTP/2 with and without TLS.
	HTTP *http.Client
	// TLS is how a WebSocket is secured; nil for the system's ways. For the other
	// transports it is HTTP's to say.
	TLS *tls.Config
	// Handle gets every message that answers no request, one at a time and in
	// order. It must not wait for an answer itself. nil for none.
	Handle func(*protocol.ServerMessage)
	// OnState is told when the link is cut, with the error, and when it is back,
	// with nil. nil for none.
	OnState func(err error)
	// Ticket goes on with a session of another Link, perhaps in another process;
	// nil opens a new one.
	Ticket *Ticket
	// NoReconnect ends the link with its first connection.
	NoReconnect bool
}

// Ticket is all that it takes to go on with a session. It is a secret.
type Ticket struct {
	Session string
	Resume  string
	// Handled is the number of the last message of the server that was handled,
	// Sent that of the last message of the client.
	Handled, Sent uint64
}

// Link is a signaling session. When its connection is cut it makes another,
// and nothing is lost or comes twice. It is safe for concurrent use.
type Link struct {
	options Options
	place   place
	welcome *protocol.Welcome // the first one
	ctx     context.Context   // ends with Close
	cancel  context.CancelFunc
	done    chan struct{}
	running sync.WaitGroup

	writing sync.Mutex    // held while something is written
	queued  chan struct{} // holds one token when there is something to write

	mu        sync.Mutex // guards all below
	transport Transport
	carrier   carrier // nil while there is none
	resume    string
	seq       uint64
	sent      []*protocol.ClientMessage // not known to be taken
	next      int                       // of sent: the first not written over this connection
	handled   uint64                    // number of the last message handled
	lastID    uint64
	waiting   map[string]*waiter
	err       error // why the link ended
}

// waiter is somebody who waits for an answer.
type waiter struct {
	seq    uint64 // of the message asked with; 0 until it has one
	answer chan outcome
}

type outcome struct {
	message *protocol.ServerMessage
	err     error
}

// Dial opens a session and waits for the server's welcome. The link lives
// until Close, until the server ends it, or until the server has not been
// reached for as long as it keeps a session.
func Dial(ctx context.Context, options Options) (*Link, error) {
	base, err := parseBase(options.URL)
	if err != nil {
		return nil, err
	}
	if options.Transport == "" {
		options.Transport = WebSocket
	}
	if dialers[options.Transport] == nil {
		return nil, fmt.Errorf("client: there is no transport %q", options.Transport)
	}
	l := newLink(options)
	if l.options.HTTP == nil {
		l.options.HTTP = newHTTP()
	}
	l.place = place{base: base, http: l.options.HTTP, tls: l.options.TLS, format: options.Format, silence: welcomeTimeout}
	if t := options.Ticket; t != nil {
		l.place.session, l.resume, l.handled, l.seq = t.Session, t.Resume, t.Handled, t.Sent
	}
	if err := l.connect(ctx); err != nil {
		l.cancel()
		return nil, fmt.Errorf("client: %s: %w", base.Host, err)
	}
	l.start()
	return l, nil
}

func newLink(options Options) *Link {
	l := &Link{
		options: options, transport: options.Transport, done: make(chan struct{}),
		waiting: map[string]*waiter{}, queued: make(chan struct{}, 1),
	}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	return l
}

func (l *Link) start() {
	l.running.Go(l.beat)
	l.running.Go(l.flow)
	l.running.Go(l.run)
}

// newHTTP speaks HTTP/2 without TLS, too, which gRPC needs; a server that
// speaks only HTTP/1.1 is not reached by it without TLS.
func newHTTP() *http.Client {
	var protocols http.Protocols
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Client{Transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment, Protocols: &protocols, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12},
	}}
}

// connect makes a connection and greets the server over it.
func (l *Link) connect(ctx context.Context) error {
	l.mu.Lock()
	p, transport := l.place, l.transport
	p.resume, p.after = l.resume, l.handled
	l.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, welcomeTimeout)
	defer cancel()
	if l.options.Token != nil {
		var err error
		if p.access, err = l.options.Token(ctx); err != nil {
			return fmt.Errorf("getting an access token: %w", err)
		}
	}
	c, err := dialers[transport](ctx, p)
	if err != nil {
		return err
	}
	if err := l.greet(c); err != nil {
		c.close()
		return err
	}
	return nil
}

// greet takes the welcome on a connection, sends again what the server has not
// taken, and goes on over that connection.
func (l *Link) greet(c carrier) error {
	first, err := c.read()
	if err == nil && first.GetError().GetFatal() {
		err = first.GetError()
	}
	if err != nil {
		return err
	}
	welcome := first.GetWelcome()
	switch {
	case welcome != nil:
	case first.GetPong() != nil: // it answers, but lets nobody in so
		return protocol.Errorf(protocol.Error_ACCESS_REQUIRED, "This server needs an access token, and the client has none.")
	default:
		return errors.New("the first message is no welcome")
	}
	l.writing.Lock()
	defer l.writing.Unlock()
	l.mu.Lock()
	if l.welcome == nil {
		l.welcome = welcome
		l.place.session = welcome.GetSession()
		l.place.silence = time.Duration(max(welcome.GetHeartbeatMs(), 1000)) * time.Millisecond * 5 / 2
	}
	c.patience(l.place.silence)
	l.resume = welcome.GetResume()
	l.next = 0
	l.taken(welcome.GetReceived())
	l.carrier = c
	ended := l.err != nil
	l.mu.Unlock()
	if ended {
		return ErrClosed
	}
	l.poke()
	// What comes over this connection tells the server that its token arrived.
	// If it does not take that, the reader learns why: a session may have ended,
	// with some last words.
	_, _ = c.write([]*protocol.ClientMessage{ping()})
	return nil
}

func ping() *protocol.ClientMessage {
	return &protocol.ClientMessage{Body: &protocol.ClientMessage_Ping{Ping: &protocol.Ping{}}}
}

// taken forgets what the server has. The caller holds mu.
func (l *Link) taken(received uint64) {
	for len(l.sent) > 0 && l.sent[0].GetSeq() <= received {
		l.sent = l.sent[1:]
		l.next = max(0, l.next-1)
	}
}

// run reads, and connects anew, until the link ends.
func (l *Link) run() {
	defer close(l.done)
	defer l.cancel()
	for {
		l.mu.Lock()
		c := l.carrier
		l.mu.Unlock()
		err := l.read(c)
		l.mu.Lock()
		l.carrier = nil
		over := l.err != nil
		l.mu.Unlock()
		c.close()
		var final *protocol.Error
		fenced := errors.As(err, &final) && final.GetCode() == protocol.Error_FENCED
		if over || l.options.NoReconnect || final != nil && !fenced {
			l.end(err)
			return
		}
		if l.options.OnState != nil {
			l.options.OnState(err)
		}
		// Who fenced this connection may have been a late one of our own: then
		// our token is good still. Somebody else is given the time to show theirs.
		if fenced {
			l.rest(fencedPause)
		}
		if again := l.reconnect(); again != nil {
			if !fenced {
				err = again
			}
			l.end(err)
			return
		}
		if l.options.OnState != nil {
			l.options.OnState(nil)
		}
	}
}

// reconnect tries until it succeeds, the server says that there is no more
// session, or the session cannot be there any more.
func (l *Link) reconnect() error {
	lived := time.Duration(l.welcome.GetDetachedMs()) * time.Millisecond
	deadline := time.Now().Add(lived)
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		err := l.connect(l.ctx)
		var final *protocol.Error
		switch {
		case err == nil:
			return nil
		case errors.As(err, &final) && !final.GetRetry():
			return final
		case l.ctx.Err() != nil:
			return ErrClosed
		case time.Now().After(deadline):
			return fmt.Errorf("client: the server was not reached for %v: %w", lived, err)
		}
		timer := time.NewTimer(pause/2 + rand.N(pause))
		select {
		case <-timer.C:
		case <-l.ctx.Done():
			timer.Stop()
			return ErrClosed
		}
	}
}

// read takes messages until the connection or the session ends.
func (l *Link) read(c carrier) error {
	for {
		message, err := c.read()
		if err != nil {
			return err
		}
		if !l.note(message) {
			continue
		}
		fatal := message.GetError()
		if fatal.GetCode() == protocol.Error_FENCED {
			return fatal
		}
		if fatal.GetFatal() {
			l.end(fatal)
			return fatal
		}
		if !l.answer(message) && message.GetPong() == nil && message.GetWelcome() == nil && message.GetBody() != nil && l.options.Handle != nil {
			l.options.Handle(message)
		}
	}
}

// note keeps what a message means for the session. It reports false when the
// message was handled before.
func (l *Link) note(message *protocol.ServerMessage) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if seq := message.GetSeq(); seq != 0 {
		if seq <= l.handled {
			return false
		}
		l.handled = seq
	}
	if welcome := message.GetWelcome(); welcome != nil {
		l.resume = welcome.GetResume() // a poll may find itself greeted again
		l.taken(welcome.GetReceived())
	}
	if pong := message.GetPong(); pong != nil {
		l.taken(pong.GetReceived())
	}
	if message.GetJoined().GetSnapshot() {
		// Answers to what was taken are gone; what was not is sent again.
		first := l.seq + 1
		if len(l.sent) > 0 {
			first = l.sent[0].GetSeq()
		}
		for id, w := range l.waiting {
			if w.seq != 0 && w.seq < first {
				delete(l.waiting, id)
				w.answer <- outcome{err: ErrAnswerLost}
			}
		}
	}
	return true
}

// answer gives a message to who waits for it.
func (l *Link) answer(message *protocol.ServerMessage) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	w, ok := l.waiting[message.GetRe()]
	if ok {
		delete(l.waiting, message.GetRe())
		w.answer <- outcome{message: message}
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
	for id, w := range l.waiting {
		w.answer <- outcome{err: errors.Join(ErrClosed, l.err)}
		delete(l.waiting, id)
	}
}

// beat tells the server that the client is there, and what it has handled.
func (l *Link) beat() {
	ticker := time.NewTicker(l.place.silence * 2 / 5)
	defer ticker.Stop()
	for {
		select {
		case <-l.ctx.Done():
			return
		case <-ticker.C:
			l.ping()
		}
	}
}

func (l *Link) ping() {
	l.writing.Lock()
	defer l.writing.Unlock()
	l.mu.Lock()
	c, message := l.carrier, ping()
	message.Ack = l.handled
	l.mu.Unlock()
	if c != nil {
		l.hand(c, []*protocol.ClientMessage{message})
	}
}

// Welcome is what the server said first. It must not be changed.
func (l *Link) Welcome() *protocol.Welcome { return l.welcome }

// Ticket is what it takes to go on with the session from elsewhere, as of now.
// Whoever does so ends this link.
func (l *Link) Ticket() Ticket {
	l.mu.Lock()
	defer l.mu.Unlock()
	return Ticket{Session: l.place.session, Resume: l.resume, Handled: l.handled, Sent: l.seq}
}

// Done is closed when the link has ended; Err says why.
func (l *Link) Done() <-chan struct{} { return l.done }

// Err is why the link ended: a *protocol.Error when the server said so.
func (l *Link) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// Send numbers a message and puts it in line for the server. The caller sets id
// and body alone.
func (l *Link) Send(message *protocol.ClientMessage) error {
	// What cannot be encoded must not leave a gap in the numbers.
	if _, err := protocol.Binary.Marshal(message); err != nil {
		return fmt.Errorf("client: encoding a message: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.err != nil:
		return errors.Join(ErrClosed, l.err)
	case len(l.sent) >= maxUnacknowledged:
		return ErrQueueFull
	}
	l.seq++
	message.Seq = l.seq
	if w := l.waiting[message.GetId()]; w != nil {
		w.seq = l.seq
	}
	l.sent = append(l.sent, message)
	l.poke()
	return nil
}

func (l *Link) poke() {
	select {
	case l.queued <- struct{}{}:
	default: // it has been told already
	}
}

// flow writes what is in line, no faster than the server takes it.
func (l *Link) flow() {
	limit := float64(l.welcome.GetLimits().GetMessagesPerSecond())
	pace := newPace(time.Now(), limit)
	for {
		select {
		case <-l.ctx.Done():
			return
		case <-l.queued:
		}
		for l.writeNext(pace) {
			continue
		}
	}
}

// writeNext writes the next messages in line, and waits first if they would be
// too many. It reports false when there are none, or no connection.
func (l *Link) writeNext(pace *pace) bool {
	l.mu.Lock()
	c := l.carrier
	batch := append([]*protocol.ClientMessage(nil), l.sent[l.next:min(len(l.sent), l.next+writeAtOnce)]...)
	l.mu.Unlock()
	if c == nil || len(batch) == 0 {
		return false
	}
	cost := 0.0
	for i, message := range batch {
		more := price(message)
		if i > 0 && cost+more > writeAtOnce {
			batch = batch[:i]
			break
		}
		cost += more
	}
	if !l.rest(pace.wait(time.Now(), cost)) {
		return false
	}
	l.writing.Lock()
	defer l.writing.Unlock()
	l.mu.Lock()
	if l.carrier != c || len(l.sent) <= l.next || l.sent[l.next] != batch[0] {
		l.mu.Unlock()
		return true // the connection is another one, or the server has more than we knew
	}
	l.next += len(batch)
	ask := batch[len(batch)-1].GetSeq()/askEvery != (batch[0].GetSeq()-1)/askEvery
	batch[0].Ack = l.handled
	l.mu.Unlock()
	if ask {
		batch = append(batch, ping())
	}
	l.hand(c, batch)
	return true
}

// rest waits; false means that the link has ended meanwhile.
func (l *Link) rest(d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-l.ctx.Done():
		return false
	}
}

// hand writes messages over a connection. What cannot be written ends it, and
// goes out over the next one. The caller holds writing.
func (l *Link) hand(c carrier, messages []*protocol.ClientMessage) {
	received, err := c.write(messages)
	if err != nil {
		c.abort() // its reader finds out
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.taken(received)
}

// Interrupt cuts the connection, as a bad network would: the link makes
// another one.
func (l *Link) Interrupt() {
	l.mu.Lock()
	c := l.carrier
	l.mu.Unlock()
	if c != nil {
		c.abort()
	}
}

// Switch goes on over another transport.
func (l *Link) Switch(transport Transport) error {
	if dialers[transport] == nil {
		return fmt.Errorf("client: there is no transport %q", transport)
	}
	l.mu.Lock()
	l.transport = transport
	l.mu.Unlock()
	l.Interrupt()
	return nil
}

// Request sends a message and waits for its answer. An error of the server
// comes back as a *protocol.Error.
func (l *Link) Request(ctx context.Context, message *protocol.ClientMessage) (*protocol.ServerMessage, error) {
	w := &waiter{answer: make(chan outcome, 1)}
	l.mu.Lock()
	if l.err != nil {
		defer l.mu.Unlock()
		return nil, errors.Join(ErrClosed, l.err)
	}
	l.lastID++
	message.Id = strconv.FormatUint(l.lastID, 36)
	l.waiting[message.Id] = w
	l.mu.Unlock()
	defer l.forget(message.Id)

	if err := l.Send(message); err != nil {
		return nil, err
	}
	select {
	case got := <-w.answer:
		if err := got.message.GetError(); err != nil {
			return nil, err
		}
		return got.message, got.err
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
	l.end(ErrClosed)
	l.cancel()
	l.Interrupt()
	l.running.Wait()
	if l.options.HTTP != nil {
		l.options.HTTP.CloseIdleConnections()
	}
	return nil
}
