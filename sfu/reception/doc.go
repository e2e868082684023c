// Package reception holds what a receiver of RTP tells its sender, as pure
// types: how much of a stream comes and how evenly (Stream), which packets are
// missing and when to ask for them (Losses), and when each packet of a
// connection came (Arrivals). Unwrap turns what was sent again into what it was
// first. Nothing here has a clock, a socket or a goroutine; time comes in as an
// argument, and nothing is safe for concurrent use.
//
// Each packet that comes is given to the Arrivals of its connection, and to the
// Stream and the Losses of its stream. What comes by retransmission has a
// number of its own in the connection, but is no packet of the stream: it is
// given to Arrivals, and to Losses as recovered.
package reception
