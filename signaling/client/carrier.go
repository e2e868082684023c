package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// Transport is what carries a session.
type Transport string

// The transports. WebSocket and GRPC are for everyday use; the others get
// through where those do not.
const (
	WebSocket Transport = "websocket" // the default
	GRPC      Transport = "grpc"      // SignalService.Connect, over HTTP/2
	// GRPCWeb is SignalService.Attach and Send: for proxies that let no stream
	// go both ways.
	GRPCWeb Transport = "grpc-web"
	SSE     Transport = "sse"  // server-sent events, and POST
	Poll    Transport = "poll" // long polls, and POST
	// PlainPoll asks every half second: for those that must not wait.
	PlainPoll Transport = "plain-poll"
)

// Transports are all there are.
func Transports() []Transport {
	return []Transport{WebSocket, GRPC, GRPCWeb, SSE, Poll, PlainPoll}
}

// carrier is one connection that carries a session. read is called by one
// goroutine, write by another; abort ends both, from anywhere and at once;
// close waits for all that belongs to it, and is called once, after the last
// read.
type carrier interface {
	// read returns the next message. It fails when the connection is of no
	// more use; a *protocol.Error is the server's reason.
	read() (*protocol.ServerMessage, error)
	// write sends messages, in order. received is the number of the last one
	// that the server is known to have taken by then, or 0.
	write(messages []*protocol.ClientMessage) (received uint64, err error)
	abort()
	close()
	// patience says how long read waits for the next message from now on.
	patience(time.Duration)
}

// place is where a carrier connects to, and what for.
type place struct {
	base   *url.URL
	http   *http.Client // for all but WebSocket
	tls    *tls.Config  // for WebSocket; nil for the system's
	format protocol.Format
	access string // an access token, or ""
	// session is empty to open a new one.
	session string
	resume  string
	after   uint64
	silence time.Duration // after which the server counts as gone
}

// dialers make a carrier for each transport.
var dialers = map[Transport]func(context.Context, place) (carrier, error){
	WebSocket: dialWebSocket,
	GRPC:      dialGRPC,
	GRPCWeb:   dialGRPCWeb,
	SSE:       dialSSE,
	Poll:      dialPoll,
	PlainPoll: dialPlainPoll,
}

// errSilent is what read fails with when nothing came for too long.
var errSilent = errors.New("the server was silent for too long")

// parseBase checks the address of a server.
func parseBase(base string) (*url.URL, error) {
	u, err := url.Parse(base)
	if err != nil {
		return nil, fmt.Errorf("client: %q is no URL of a server: %w", base, err)
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("client: %q is no URL of a server: it begins with neither http:// nor https://", base)
	}
	return u, nil
}

// signalURL is where the place's session is found, or opened.
func (p place) signalURL() *url.URL {
	u := *p.base
	u.Path = strings.TrimSuffix(u.Path, "/") + "/v1/signal"
	if p.session != "" {
		u.Path += "/" + p.session
		u.RawQuery = fmt.Sprintf("after=%d", p.after)
	}
	return &u
}

// credentials are the headers that let the place's client in.
func (p place) credentials() http.Header {
	h := http.Header{}
	switch {
	case p.session == "" && p.access != "":
		h.Set("Authorization", "Bearer "+p.access)
	case p.session != "":
		h.Set("Authorization", "Bearer "+p.resume)
		if p.access != "" {
			h.Set("Hiroba-Access", p.access)
		}
	}
	return h
}
