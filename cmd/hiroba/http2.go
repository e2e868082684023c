package main

import (
	"net/http"
	"time"
)

// protocols are what the port's HTTP server speaks: WebSockets need HTTP/1.1,
// gRPC needs HTTP/2, and has no TLS to ask for it by on a server's own machine
// or behind a proxy. There a client begins with HTTP/2's preface.
func protocols() *http.Protocols {
	p := &http.Protocols{}
	p.SetHTTP1(true)
	p.SetHTTP2(true)
	p.SetUnencryptedHTTP2(true)
	return p
}

// http2Bounds is how much one HTTP/2 connection may hold, and how long it may
// be dead before that is seen.
func http2Bounds() *http.HTTP2Config {
	return &http.HTTP2Config{
		// A proxy puts many clients' streams on one connection.
		MaxConcurrentStreams:          250,
		MaxReadFrameSize:              16 << 10,
		MaxReceiveBufferPerConnection: 1 << 20,
		MaxReceiveBufferPerStream:     256 << 10,
		SendPingTimeout:               15 * time.Second,
		PingTimeout:                   10 * time.Second,
		// A deadline of a stream does not help while its connection is stuck.
		WriteByteTimeout: 10 * time.Second,
	}
}
