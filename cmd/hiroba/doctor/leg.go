// Package doctor tries from where it stands each way by which clients reach a
// server, and says of each that does not work what to open or change.
//
// Each leg is a small function that does the real thing (signaling.go, media.go,
// relay.go, stun.go…) within its time. What a failure means (cause.go), what the
// addresses mean (address.go) and what to do (advice.go) are decided by functions
// of plain values.
package doctor

// Leg is one thing that is tried.
type Leg string

// The legs, in the order of the report.
const (
	HTTP      Leg = "http"
	WebSocket Leg = "websocket"
	SSE       Leg = "sse"
	LongPoll  Leg = "long-poll"
	STUN      Leg = "stun-udp"
	Media     Leg = "media-udp"
	ICETCP    Leg = "ice-tcp"
	TURNUDP   Leg = "turn-udp"
	TURNTCP   Leg = "turn-tcp"
	TURNTLS   Leg = "turn-tls"
	TURNDTLS  Leg = "turn-dtls"
	Address   Leg = "address"
	NAT       Leg = "nat"
	Clock     Leg = "clock"
	Buffers   Leg = "udp-buffers"
	Files     Leg = "open-files"
)

var titles = map[Leg]string{
	HTTP:      "HTTP",
	WebSocket: "WebSocket",
	SSE:       "Server-sent events",
	LongPoll:  "Long polls",
	STUN:      "STUN over UDP",
	Media:     "Media over UDP",
	ICETCP:    "Media over TCP (ICE-TCP)",
	TURNUDP:   "TURN over UDP",
	TURNTCP:   "TURN over TCP",
	TURNTLS:   "TURN over TLS",
	TURNDTLS:  "TURN over DTLS",
	Address:   "The server's addresses",
	NAT:       "This network's NAT",
	Clock:     "Clock",
	Buffers:   "UDP buffers (this machine)",
	Files:     "Open files (this machine)",
}

// order is that of the report.
var order = []Leg{
	HTTP, WebSocket, SSE, LongPoll, STUN, Media, ICETCP, TURNUDP, TURNTCP, TURNTLS, TURNDTLS, Address, NAT, Clock, Buffers, Files,
}

// Title names the leg for a person.
func (l Leg) Title() string { return titles[l] }

// State is what became of a leg.
type State string

// The states. Only Fails makes a report bad.
const (
	Works      State = "works"
	Limited    State = "limited"     // works, and could be better
	Fails      State = "fails"       // and should work
	NotOffered State = "not offered" // the server has nothing of the kind
	NotTried   State = "not tried"   // what it builds on does not work
)

// Result is what is known of a leg.
type Result struct {
	Leg   Leg    `json:"leg"`
	Title string `json:"title"`
	State State  `json:"state"`
	// Milliseconds is how long it took until it worked, or failed.
	Milliseconds float64 `json:"ms"`
	// Target is what was tried to reach, and Detail what was seen there.
	Target string `json:"target,omitempty"`
	Detail string `json:"detail,omitempty"`
	// Cause is why it does not work, in a word of a fixed list.
	Cause Cause `json:"cause,omitempty"`
	// Advice is what to do, a sentence or a few for each thing.
	Advice []string `json:"advice,omitempty"`
}
