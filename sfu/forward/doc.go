// Package forward holds the decisions of forwarding as pure types: what a
// packet is called in the stream it goes out in, where a decoder can start,
// when a keyframe is asked for, what a sender report says. Nothing here has a
// clock, a socket or a goroutine; time comes in as an argument.
package forward
