// Package turn is the STUN and TURN server (RFC 8489, RFC 8656): it tells
// clients their mapped address, and relays UDP for those that nothing else
// lets through, over UDP and TCP.
//
// A socket is read in batches by one goroutine, which relays what it read
// before it reads again; so are all relayed addresses and all connections over
// TCP and TLS together, and the records of those over DTLS are opened where they
// were read. What is only to be relayed (ChannelData, Send and Data indications) goes from socket to
// socket, and the rest (request.go) is decided by a lease (lease.go), the
// policy (policy.go), the credentials and the limits. Everything that a
// stranger can make the server hold is bounded and counted.
//
// Done: RFC 8656 with EVEN-PORT, RESERVATION-TOKEN, DONT-FRAGMENT and both
// address families, and TCP to peers (RFC 6062). Not done, and refused: mobility
// (RFC 8016), SHA-256 and third-party authorization (RFC 7635).
//
// Where the SFU is at the same UDP address and port, a browser's connection to
// the SFU must not name this server as its STUN or TURN/UDP server, unless it
// is relay-only: Chromium takes every datagram from the address of such a
// server for that server's, so ICE never gets an answer on the direct way
// (seen with version 156; with stun: there is no connection at all, with
// turn: over UDP it is always relayed). Nothing is lost by it: who reaches
// this server by UDP reaches the SFU. TURN over TCP can always be named.
package turn
