// Package rpc carries sessions over hiroba.v1.SignalService: gRPC, gRPC-Web
// and the Connect protocol, in protobuf or JSON, from one HTTP handler.
//
// Connect needs HTTP/2; Attach and Send do with HTTP/1.1. The token goes into
// the Authorization header: an access token to open a session, its resume
// token to go on with it.
package rpc

import (
	"net/http"
	"sync"
	"time"

	"connectrpc.com/connect"

	"github.com/hiroba-rtc/hiroba/signaling"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
	"github.com/hiroba-rtc/hiroba/signaling/protocol/protocolconnect"
)

const (
	// requestTimeout bounds how long the one message of a call may take to
	// come in.
	requestTimeout = 10 * time.Second
	// writeTimeout bounds one write: a client that takes longer does not read.
	writeTimeout = 10 * time.Second
	// closeTimeout bounds what is left to do on a stream whose session has
	// ended.
	closeTimeout = time.Second
	// compressFrom is the size in bytes from which a message is worth
	// compressing: in practice, one with an SDP.
	compressFrom = 1024
	// smallBytes is what a call of Send may bring beside the largest message.
	smallBytes = 64 << 10
	// envelopeBytes is what the protocols put before a message of a stream.
	envelopeBytes = 5
	// compressionName is what gzip is called in headers.
	compressionName = "gzip"
)

// Path is where the handler belongs, with all that is below it.
const Path = "/" + protocolconnect.SignalServiceName + "/"

// Handler serves SignalService. Closing the service it was made for ends all
// its calls.
type Handler struct {
	service *signaling.Service
	largest int // bytes of a message, compressed or not
	methods map[string]method

	mu     sync.Mutex // guards all below
	closed bool
	calls  sync.WaitGroup
}

// method is one of SignalService's.
type method struct {
	handler http.Handler
	// size is how many bytes one request message may have.
	size int
	// single says that there is only one of those.
	single bool
}

// New makes a handler. Which origins' pages may use it is for who routes
// requests here to say.
func New(service *signaling.Service) *Handler {
	limits := service.Limits()
	h := &Handler{service: service, largest: max(limits.DescriptionBytes, limits.MessageBytes)}
	batch := h.largest + smallBytes
	h.methods = map[string]method{
		protocolconnect.SignalServiceConnectProcedure: {
			connect.NewBidiStreamHandler(protocolconnect.SignalServiceConnectProcedure, h.duplex, upTo(h.largest)), h.largest, false,
		},
		protocolconnect.SignalServiceAttachProcedure: {
			connect.NewServerStreamHandler(protocolconnect.SignalServiceAttachProcedure, h.attach, upTo(smallBytes)), smallBytes, true,
		},
		protocolconnect.SignalServiceSendProcedure: {
			connect.NewUnaryHandler(protocolconnect.SignalServiceSendProcedure, h.send, upTo(batch)), batch, true,
		},
	}
	return h
}

// upTo is how requests of at most size bytes are read, and answered.
func upTo(size int) connect.HandlerOption {
	return connect.WithHandlerOptions(
		connect.WithReadMaxBytes(size),
		connect.WithCompressMinBytes(compressFrom),
		connect.WithCompression(compressionName, newDecompressor(size), newCompressor),
		connect.WithCodec(codec{"proto", protocol.Binary}),
		connect.WithCodec(codec{"json", protocol.JSON}),
		connect.WithCodec(codec{"json; charset=utf-8", protocol.JSON}),
	)
}

// ServeHTTP serves one call and stays until it ends.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	method, ok := h.methods[r.URL.Path]
	if !ok {
		// Nobody reads a body that comes with it.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(closeTimeout))
		http.NotFound(w, r)
		return
	}
	if h.enter() {
		defer h.calls.Done()
	}
	c := newCall(w, r, method.size)
	defer c.end()
	if method.single || r.ProtoMajor == 1 { // over HTTP/1.1 no stream goes both ways
		c.hurry()
	}
	method.handler.ServeHTTP(w, c.request)
	if method.single && c.body.spent {
		h.service.Count(tooLarge(method.size))
	}
}

// enter counts a call, unless nobody asks any more.
func (h *Handler) enter() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return false
	}
	h.calls.Add(1)
	return true
}

// Wait returns when all calls have ended. Call it after the service was
// closed: that refuses the calls that come later.
func (h *Handler) Wait() {
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	h.calls.Wait()
}
