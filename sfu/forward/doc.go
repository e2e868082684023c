// Package forward holds the decisions of forwarding as pure types: what a
// packet is called in the stream it goes out in, which layers a receiver gets,
// where a decoder can start, when a keyframe is asked for, what a sender report
// says. Nothing here has a clock, a socket or a goroutine; time comes in as an
// argument.
//
// A packet's way: the Reader of its source tells once what Frame it is part
// of. Then the Video of each slot that shows the source has its Selector decide
// whether the packet is sent, has its Stream give it number and time or close
// up over it, and rewrites what the payload format counts.
package forward
