// Package http carries sessions over plain HTTP requests: what the client says
// goes in by POST; what the server says comes as server-sent events (HTML
// standard, section 9.2), or as the answers to polls that wait for it or do
// not. It works over HTTP/1.1 and HTTP/2 alike.
package http

import (
	"io"
	nethttp "net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/hiroba-rtc/hiroba/signaling"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
	"github.com/hiroba-rtc/hiroba/signaling/transport"
)

// What metrics call the ways that this package has to read.
const (
	SSE  = "sse"
	Poll = "poll"
)

// idleBodyBytes is how much of a body is read that nobody asked for.
const idleBodyBytes = 4 << 10

// Handler serves /v1/signal and /v1/signal/{session}: POST opens a session, or
// says something in one; GET reads; DELETE leaves. It hands WebSocket upgrades
// on. Closing the service it was made for ends all its requests.
type Handler struct {
	service  *signaling.Service
	upgrades nethttp.Handler

	mu      sync.Mutex // guards all below
	busy    map[use]*line
	closed  bool
	running sync.WaitGroup
}

// use is what only one request at a time does for a session: one of a method.
type use struct{ session, method string }

// New makes a handler; upgrades gets the requests for a WebSocket. Which
// origins' pages may use it is for who routes requests here to say.
func New(service *signaling.Service, upgrades nethttp.Handler) *Handler {
	return &Handler{service: service, upgrades: upgrades, busy: map[use]*line{}}
}

// ServeHTTP answers one request; for a stream or a poll that waits it stays
// until that ends.
func (h *Handler) ServeHTTP(w nethttp.ResponseWriter, r *nethttp.Request) {
	if r.Method == nethttp.MethodGet && websocket.IsWebSocketUpgrade(r) {
		if r.Body != nethttp.NoBody {
			// Nobody reads it. A WebSocket's own deadlines take this one's place.
			_ = nethttp.NewResponseController(w).SetReadDeadline(time.Now().Add(hurryTimeout))
		}
		h.upgrades.ServeHTTP(w, r)
		return
	}
	l := newLine(w, r)
	defer l.close()
	if !h.enter() {
		transport.Refuse(w, protocol.Errorf(protocol.Error_SHUTTING_DOWN, "This server is shutting down. Try again in a moment."))
		return
	}
	defer h.running.Done()

	q := request{Handler: h, w: w, r: r, line: l, id: r.PathValue("session")}
	switch {
	case q.id == "" && r.Method == nethttp.MethodPost:
		q.bare(q.open)
	case q.id == "" && r.Method == nethttp.MethodGet:
		if r.ProtoMajor == 1 {
			w.Header().Set("Connection", "Upgrade")
			w.Header().Set("Upgrade", "websocket")
		}
		nethttp.Error(w, "GET opens a session over WebSocket only. Without one, POST here opens it, and GET of the Location that comes back reads.",
			nethttp.StatusUpgradeRequired)
	case q.id == "":
		notAllowed(w, "GET, POST")
	case r.Method == nethttp.MethodGet:
		q.bare(q.read)
	case r.Method == nethttp.MethodPost:
		q.receive()
	case r.Method == nethttp.MethodDelete:
		q.bare(q.leave)
	default:
		notAllowed(w, "GET, POST, DELETE")
	}
}

func notAllowed(w nethttp.ResponseWriter, allowed string) {
	w.Header().Set("Allow", allowed)
	nethttp.Error(w, "This address takes "+allowed+".", nethttp.StatusMethodNotAllowed)
}

// enter counts a request in, unless all is over.
func (h *Handler) enter() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return false
	}
	h.running.Add(1)
	return true
}

// Wait returns when all requests are answered; later ones are refused. Call it
// after the service was closed.
func (h *Handler) Wait() {
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	h.running.Wait()
}

// take makes a line the one that serves a use and cuts the one before it
// short: however many requests a client leaves hanging, one stays.
func (h *Handler) take(u use, l *line) (give func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if before := h.busy[u]; before != nil {
		before.cut()
	}
	h.busy[u] = l
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.busy[u] == l {
			delete(h.busy, u)
		}
	}
}

// request is one request in the works.
type request struct {
	*Handler
	w    nethttp.ResponseWriter
	r    *nethttp.Request
	line *line
	id   string // of the session, or ""
}

// refuse answers with a refusal that the service has not counted.
func (q *request) refuse(err *protocol.Error) {
	q.service.Count(err)
	transport.Refuse(q.w, err)
}

// bare does what a request without a body asks for. A body is read all the
// same, so that the next request is found behind it, if it is short.
func (q *request) bare(do func()) {
	if q.r.Body == nethttp.NoBody || q.body(idleBodyBytes, io.Discard) {
		do()
	}
}

// open opens a session.
func (q *request) open() {
	caller := transport.Caller(q.r, Poll)
	caller.Token = transport.Bearer(q.r.Header)
	visitor, refusal := q.service.Open(caller, false)
	if refusal != nil {
		transport.Refuse(q.w, refusal)
		return
	}
	welcome := visitor.OpenWelcome()
	q.w.Header().Set("Location", "/v1/signal/"+visitor.Session().ID())
	answer := answer{w: q.w, line: q.line, status: nethttp.StatusCreated}
	answer.add(welcome, 0, "")
	if answer.end() != nil {
		visitor.Close(nil) // nobody knows of it
	}
}

// visitor finds the request's session by its resume token.
func (q *request) visitor(transportName string) (*signaling.Visitor, *protocol.Error) {
	caller := transport.Caller(q.r, transportName)
	caller.Token = q.r.Header.Get(transport.AccessHeader)
	return q.service.Resume(q.id, transport.Bearer(q.r.Header), caller)
}

// leave ends the session.
func (q *request) leave() {
	visitor, refusal := q.visitor(Poll)
	if refusal != nil {
		transport.Refuse(q.w, refusal)
		return
	}
	visitor.Leave()
	q.w.Header().Set("Cache-Control", "no-store")
	q.w.WriteHeader(nethttp.StatusNoContent)
}

// read attaches to the session and tells what is new in it.
func (q *request) read() {
	hold := signaling.Hold{Token: transport.Bearer(q.r.Header), Transport: Poll, Poll: true}
	streaming := wantsEvents(q.r)
	var wait time.Duration
	var refusal *protocol.Error
	if streaming {
		hold.Transport, hold.Poll = SSE, false
		hold.After, refusal = lastEvent(q.r)
	} else {
		hold.After, wait, refusal = pollOf(q.r)
		hold.Fresh = q.r.URL.Query().Has("fresh")
	}
	if refusal != nil {
		q.refuse(refusal)
		return
	}
	caller := transport.Caller(q.r, hold.Transport)
	caller.Token = q.r.Header.Get(transport.AccessHeader)
	visitor, refusal := q.service.Return(q.id, hold.Token, caller)
	if refusal != nil {
		transport.Refuse(q.w, refusal)
		return
	}
	// Who has handled messages that it was never sent attaches to nothing.
	if refusal := visitor.Session().Ack(hold.After); refusal != nil {
		q.refuse(refusal)
		return
	}
	attachment, refusal := visitor.Attach(hold)
	if refusal != nil {
		transport.Refuse(q.w, refusal)
		return
	}
	defer attachment.Detach()
	defer q.take(use{q.id, nethttp.MethodGet}, q.line)()
	defer visitor.Session().OnEnd(q.line.hurry)()
	if streaming {
		q.stream(visitor, attachment)
	} else {
		q.poll(visitor, attachment, hold.After, wait)
	}
}
