package rpc

import (
	"context"
	"io"
	"net/http"
	"sync"
	"time"

	"connectrpc.com/connect"

	"github.com/hiroba-rtc/hiroba/signaling"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
	"github.com/hiroba-rtc/hiroba/signaling/transport"
)

// longAgo is a deadline that is over: it frees who reads or writes now.
var longAgo = time.Unix(1, 0)

// call is the HTTP side of one call, which the RPC library does not show to
// what it calls. It is safe for concurrent use, but for body.
type call struct {
	request *http.Request
	control *http.ResponseController
	body    *meter

	mu   sync.Mutex  // guards all below
	over bool        // the handler returns: nothing may be touched
	last *time.Timer // cuts what is left when there is no use in waiting
}

type callKey struct{}

// newCall takes over a request whose messages have at most size bytes.
func newCall(w http.ResponseWriter, r *http.Request, size int) *call {
	c := &call{control: http.NewResponseController(w), body: &meter{ReadCloser: r.Body, size: size}}
	c.body.refill()
	c.request = r.WithContext(context.WithValue(r.Context(), callKey{}, c))
	c.request.Body = c.body
	return c
}

// callOf finds the call that a context was made for.
func callOf(ctx context.Context) *call { return ctx.Value(callKey{}).(*call) }

// caller is who calls.
func (c *call) caller(peer connect.Peer) signaling.Caller {
	return transport.Caller(c.request, nameOf(peer.Protocol))
}

// nameOf is what metrics call a protocol.
func nameOf(protocol string) string {
	switch protocol {
	case connect.ProtocolGRPC:
		return "grpc"
	case connect.ProtocolGRPCWeb:
		return "grpc-web"
	}
	return "connect"
}

// hurry gives the request's only message a time to be there.
func (c *call) hurry() { _ = c.control.SetReadDeadline(time.Now().Add(requestTimeout)) }

// arrived says that it is.
func (c *call) arrived() { _ = c.control.SetReadDeadline(time.Time{}) }

// stopReading frees whoever reads the request.
func (c *call) stopReading() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.over {
		_ = c.control.SetReadDeadline(longAgo)
	}
}

// cut frees whoever reads or writes: a client that does neither is left.
func (c *call) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.over {
		_ = c.control.SetReadDeadline(longAgo)
		_ = c.control.SetWriteDeadline(longAgo)
	}
}

// endWithin cuts the call if it has not ended by then. The first one counts.
func (c *call) endWithin(timeout time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.over && c.last == nil {
		c.last = time.AfterFunc(timeout, c.cut)
	}
}

// end leaves the rest to the server: it writes what is in its buffers, for as
// long as a write may take.
func (c *call) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	_ = c.control.SetWriteDeadline(time.Now().Add(writeTimeout))
	if c.last != nil {
		c.last.Stop()
	}
}

// meter reads a request's body, a message's worth at a time: the RPC library
// would read a message that is too large to its end, however far that is. It
// is for the one who reads.
type meter struct {
	io.ReadCloser
	size  int // of a message, without what the protocols put before it
	left  int
	spent bool // more came than may
}

// refill allows another message.
func (m *meter) refill() { m.left = m.size + envelopeBytes }

// Read implements io.Reader.
func (m *meter) Read(p []byte) (int, error) {
	if m.left == 0 {
		// The end of the body is still to be seen by who has read all of it.
		n, err := m.ReadCloser.Read(p[:min(1, len(p))])
		if n > 0 {
			m.spent = true
			return 0, tooLarge(m.size)
		}
		return 0, err
	}
	n, err := m.ReadCloser.Read(p[:min(len(p), m.left)])
	m.left -= n
	return n, err
}

// tooLarge is the refusal for a message that is not read to its end.
func tooLarge(largest int) *protocol.Error {
	return protocol.Errorf(protocol.Error_MESSAGE_TOO_LARGE,
		"The message has more than %d bytes. Send large things over the DataChannel.", largest)
}
