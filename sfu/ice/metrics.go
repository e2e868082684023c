package ice

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// result is what a check came to.
type result uint8

const (
	answered         result = iota
	unsigned                // names nobody or has no MESSAGE-INTEGRITY: 400
	unknownUser             // is for nobody here, or from somebody else: 401
	badIntegrity            // is not made with the password: 401
	unknownAttribute        // asks for what we do not know: 420
	roleConflict            // the client believes itself controlled: 487
	malformed               // is no STUN message
	results
)

var resultNames = [results]string{
	"answered", "unsigned", "unknown_user", "bad_integrity", "unknown_attribute", "role_conflict", "malformed",
}

// drop is why a datagram or a frame went no further.
type drop uint8

const (
	unproved    drop = iota // nothing authentic came from there yet
	unexpected              // neither STUN, DTLS, RTP nor RTCP
	unanswered              // an answer to who is not authentic, one too many
	queueFull               // a TCP client reads too slowly
	undelivered             // the system refused to send an answer
	notEmbedded             // a check carried what is no DTLS and no acknowledgement
	drops
)

var dropNames = [drops]string{"unproved", "unexpected", "unanswered", "tcp_queue", "undelivered", "embedded"}

// refusal is why a TCP connection was closed.
type refusal uint8

const (
	silent       refusal = iota // no check came in time
	gone                        // closed before its first check
	unauthentic                 // does not begin with an authentic check
	tooLong                     // a frame is longer than any packet
	tooMany                     // too many have sent no check yet
	tooManyThere                // the same, from one network
	refusals
)

var refusalNames = [refusals]string{"silent", "gone", "unauthentic", "frame_too_long", "waiting", "waiting_per_source"}

// counts is what the Mux tells about itself.
type counts struct {
	checks    [results]prometheus.Counter
	drops     [drops]prometheus.Counter
	refusals  [refusals]prometheus.Counter
	forgotten prometheus.Counter
}

func newCounts(registerer prometheus.Registerer) *counts {
	factory := promauto.With(registerer)
	vector := func(name, help, label string) *prometheus.CounterVec {
		return factory.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{label})
	}
	c := &counts{forgotten: factory.NewCounter(prometheus.CounterOpts{
		Name: "hiroba_sfu_ice_addresses_forgotten_total",
		Help: "Addresses of clients that made room for others, since their connection had too many.",
	})}
	// Every series is there from the start, so that a rate over it has a zero
	// to begin from.
	resolve(c.checks[:], resultNames[:], vector("hiroba_sfu_ice_checks_total", "ICE connectivity checks, by result.", "result"))
	resolve(c.drops[:], dropNames[:], vector("hiroba_sfu_ice_drops_total", "Datagrams and frames that ICE dropped, by cause.", "cause"))
	resolve(c.refusals[:], refusalNames[:], vector("hiroba_sfu_ice_tcp_refusals_total", "ICE-TCP connections that were closed, by reason.", "reason"))
	return c
}

func resolve(into []prometheus.Counter, names []string, from *prometheus.CounterVec) {
	for i, name := range names {
		into[i] = from.WithLabelValues(name)
	}
}

func (c *counts) checked(r result)  { c.checks[r].Inc() }
func (c *counts) dropped(d drop)    { c.drops[d].Inc() }
func (c *counts) refused(r refusal) { c.refusals[r].Inc() }
