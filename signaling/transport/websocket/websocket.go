// Package websocket carries sessions over WebSocket (RFC 6455), with the
// subprotocol hiroba.v1.json in text frames or hiroba.v1.proto in binary ones.
// Tokens come in the Authorization header, or, since a browser cannot set that
// here, as further subprotocols that are offered and never chosen.
package websocket

import (
	"cmp"
	"log/slog"
	"net/http"
	"strings"
	"sync"

	"github.com/gorilla/websocket"

	"github.com/hiroba-rtc/hiroba/signaling"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
	"github.com/hiroba-rtc/hiroba/signaling/transport"
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
	limits   signaling.Limits
	beats    *beats
	links    sync.WaitGroup
}

// New makes a handler. Which origins' pages may use it is for who routes
// requests here to say.
func New(service *signaling.Service, log *slog.Logger) *Handler {
	return &Handler{
		service: service,
		log:     log,
		limits:  service.Limits(),
		beats:   newBeats(service.Heartbeat(), (*link).tick),
		upgrader: websocket.Upgrader{
			HandshakeTimeout:  writeTimeout,
			ReadBufferSize:    512,
			WriteBufferSize:   1024,
			WriteBufferPool:   &sync.Pool{},
			EnableCompression: true,
			CheckOrigin:       func(*http.Request) bool { return true },
			Subprotocols:      []string{protocol.JSON.Subprotocol(), protocol.Binary.Subprotocol()},
		},
	}
}

// ServeHTTP upgrades the connection and leaves it to a goroutine of its own:
// this one's stack, and all that the HTTP server holds for a request, would be
// most of what a connection costs.
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
	out := &hijacker{ResponseWriter: w}
	conn, err := h.upgrader.Upgrade(out, r, nil)
	if err != nil {
		h.links.Done()
		h.log.Debug("upgrade refused", "remote", r.RemoteAddr, "err", err)
		if hold.Token == "" {
			visitor.Close(nil)
		}
		return // Upgrade has answered
	}
	l := &link{handler: h, conn: conn, sink: out.sink, format: format, visitor: visitor, writer: newWriter()}
	go l.begin(hold)
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
