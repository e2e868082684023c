package sfu

import (
	"net"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// maxAddresses is how many addresses of one client are kept until its next ICE
// restart: those that it named, and as many again that its checks came from,
// one with each NAT that forgets it.
const maxAddresses = 2 * maxCandidates

// addresses bounds what a client can make the ICE library keep: every port that
// a check comes from is another candidate, is paired with all of ours, and stays
// until a restart. Who is refused by this is not answered, so is taken for lost,
// and restarts.
type addresses struct {
	kept    atomic.Int64
	refused prometheus.Counter
}

// admit is asked about each one that is new.
func (a *addresses) admit(net.IP) bool {
	if a.kept.Add(1) > maxAddresses {
		a.refused.Inc()
		return false
	}
	return true
}

// restarted says that the library has forgotten all of them.
func (a *addresses) restarted() { a.kept.Store(0) }
