// Package lab is a network on one machine, for tests: clients in network
// namespaces of their own, each behind a link to the server's namespace whose
// rate, delay, loss and queue are what the test says, and change while packets
// travel. Many kernels come without netem, so the links are joined here, from
// TUN device to TUN device. A client can also be a home behind a router, which
// does what routers do to calls.
//
// It needs Linux, root, /dev/net/tun and the ip command; Ready says what is
// missing. Homes need the nft command besides. Only tests may import it.
package lab

import "time"

// Shape is what one direction of a link does to its packets. The zero Shape is
// a cable: no limit, no delay, no loss.
type Shape struct {
	// Rate is in bit/s of IP packets; 0 is no limit.
	Rate int
	// Queue is how many bytes may wait for a limited rate. A packet that finds
	// no room is dropped (tail drop), as home routers do.
	Queue int
	// Delay is how long a packet travels once it is sent, one way. Jitter is how
	// much is added at most, evenly spread; packets keep their order.
	Delay, Jitter time.Duration
	// Loss is the share of packets, from 0 to 1, that do not arrive although the
	// link has carried them.
	Loss float64
	// Cut is whether nothing gets through at all.
	Cut bool
}

// QueueOf is the queue of a rate that takes as long as told to drain, with room
// for a keyframe at least.
func QueueOf(rate int, drain time.Duration) int {
	return max(int(float64(rate)/8*drain.Seconds()), 16<<10)
}
