// Package ice is the SFU's end of ICE: a lite agent (RFC 8445, section 2.5)
// for each client, all of them behind a few shared UDP sockets and one ICE-TCP
// listener (RFC 6544). A lite agent has host candidates only, sends no checks
// and is always controlled: it answers, and sends to where the client says.
//
// A Mux owns the sockets. Each client has a Transport, which has credentials
// and remembers from which addresses checks came that were authentic. What
// else comes from such an address is the client's, and is handed to its
// Handler; what comes from anywhere else is dropped.
//
// # Who owns what
//
// One goroutine reads each socket, one each TCP connection, and a second one
// writes to a TCP connection that has proved itself. Handlers are called by
// those that read. Decisions are the agent's, which is pure; each is used
// under the mutex of its Transport.
//
// A mutex is taken in this order, or alone: Transport.mu, then one of Mux.mu,
// table.mu, stream.mu. None is held while a Handler is called.
//
// # What a stranger can do
//
// A datagram from an unknown address costs one look into a map; a check with
// an unknown name two. Nothing is remembered of who is not authentic. A check
// proves who sent it, and not that it was sent from the address that it came
// from: as with every lite agent, a client that can forge its source can have
// its own media sent elsewhere, for as long as it goes on forging.
package ice
