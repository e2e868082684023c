package udp

import (
	"errors"
	"sync/atomic"
	"syscall"
)

// Drop is why a datagram of a Batch was not sent, or one that came in was not
// handed on.
type Drop int

const (
	DropFull        Drop = iota // the socket's or the device's buffer stayed full
	DropUnreachable             // no way to the address
	DropForbidden               // a firewall of this machine
	DropTooLarge                // more than the system or the path carries
	DropAddress                 // no address for this socket
	DropClosed                  // the socket was closed
	DropOther                   // anything else that the system said
	DropTruncated               // came in, but not all of it
	drops
)

var dropNames = [drops]string{"full", "unreachable", "forbidden", "too_large", "address", "closed", "other", "truncated"}

// String is the cause as a label of metrics.
func (d Drop) String() string { return dropNames[d] }

// Drops are all causes there are.
func Drops() []Drop {
	all := make([]Drop, drops)
	for i := range all {
		all[i] = Drop(i)
	}
	return all
}

// Stats is what a socket has done so far.
type Stats struct {
	Sent      uint64 // datagrams
	SendCalls uint64 // system calls that sent them

	SegmentedSends uint64 // sends that the system took apart (UDP GSO)
	Segments       uint64 // datagrams that it made of them; they are in Sent, too
	Refusals       uint64 // runs that went only one by one, because segmentation was refused

	Received     uint64 // datagrams
	ReceiveCalls uint64 // system calls that brought them; those that found nothing are not in it
	Coalesced    uint64 // datagrams that came several at once (UDP GRO); they are in Received, too

	Diverted uint64 // datagrams that a Diversion took; they are not in Sent

	Dropped [drops]uint64 // datagrams, by Drop
}

// counters are the Stats while they change.
type counters struct {
	sentDatagrams, sendCalls, segmentedSends, segments, refusals atomic.Uint64
	received, receiveCalls, coalesced, divertedDatagrams         atomic.Uint64
	drops                                                        [drops]atomic.Uint64
}

// Stats can be asked at any time, also of a closed socket.
func (s *Socket) Stats() Stats { return s.counters.stats() }

func (c *counters) stats() Stats {
	stats := Stats{
		Sent: c.sentDatagrams.Load(), SendCalls: c.sendCalls.Load(),
		SegmentedSends: c.segmentedSends.Load(), Segments: c.segments.Load(), Refusals: c.refusals.Load(),
		Received: c.received.Load(), ReceiveCalls: c.receiveCalls.Load(), Coalesced: c.coalesced.Load(),
		Diverted: c.divertedDatagrams.Load(),
	}
	for i := range c.drops {
		stats.Dropped[i] = c.drops[i].Load()
	}
	return stats
}

// count adds what a Flush did.
func (s *Socket) count(o *outgoing) {
	s.sentDatagrams.Add(o.datagrams)
	s.sendCalls.Add(o.calls)
	if o.runs > 0 {
		s.segmentedSends.Add(o.runs)
		s.segments.Add(o.segments)
		s.segmentation.worked()
	}
}

// Failed is the number of datagrams of batches that were not sent. Their
// writers were not told: a batch is sent after they went on.
func (s *Socket) Failed() (sum uint64) {
	for i := range s.drops {
		if Drop(i) != DropTruncated {
			sum += s.drops[i].Load()
		}
	}
	return sum
}

// dropOf names what the system said about a datagram.
func dropOf(err error) Drop {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return DropOther
	}
	switch errno {
	case syscall.ENOBUFS, syscall.ENOMEM:
		return DropFull
	case syscall.ENETUNREACH, syscall.EHOSTUNREACH, syscall.ENETDOWN, syscall.EHOSTDOWN, syscall.ECONNREFUSED:
		return DropUnreachable
	case syscall.EPERM, syscall.EACCES:
		return DropForbidden
	case syscall.EMSGSIZE:
		return DropTooLarge
	case syscall.EINVAL, syscall.EAFNOSUPPORT, syscall.EADDRNOTAVAIL, syscall.EDESTADDRREQ:
		return DropAddress
	}
	return DropOther
}
