// Package load puts a server under the load of many clients and measures what
// becomes of it: the engine of `hiroba load`.
//
// Its clients are no WebRTC stacks. Each is a signaling session, a UDP socket, and
// as much of ICE, DTLS, SRTP and RTCP as makes a server take it for a browser:
// one check that nominates, feedback on all that comes ten times a second,
// reports, NACKs, keyframe requests. A loop serves hundreds of them with one
// goroutine, so that a server can be loaded by the machine that it runs on.
//
// Publishers and subscribers are in one process. What is sent says in its last
// bytes what it is and when it left; a subscriber opens every n-th packet, and
// tells the others by their numbers, which are in the clear.
package load
