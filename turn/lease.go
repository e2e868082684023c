package turn

import (
	"errors"
	"net/netip"
	"slices"
	"time"
)

// How long what a client has lasts unless it asks again (RFC 8656, sections 3.2,
// 9 and 12).
const (
	lifetime           = 10 * time.Minute // of an allocation whose client asks for no other
	longestLifetime    = time.Hour
	permissionLifetime = 5 * time.Minute
	channelLifetime    = 10 * time.Minute
)

var (
	errPermissions  = errors.New("turn: the allocation has as many permissions as one may")
	errChannels     = errors.New("turn: the allocation has as many channels as one may")
	errChannelTaken = errors.New("turn: the channel is bound to another peer")
	errPeerTaken    = errors.New("turn: the peer is bound to another channel")
)

// lease is what an allocation holds, and until when: itself, its permissions,
// and its channels. It only decides; whoever asks says what time it is.
type lease struct {
	expires     time.Time
	permissions map[netip.Addr]*permission
	channels    map[uint16]*channel
	peers       map[netip.AddrPort]*channel
}

// permission lets datagrams of one address in.
type permission struct{ until time.Time }

// channel stands for a peer in ChannelData.
type channel struct {
	number     uint16
	peer       netip.AddrPort
	until      time.Time
	permission *permission // of the peer's address
}

// lifetimeFor is what a client gets that asks for so many seconds.
func lifetimeFor(seconds uint32) time.Duration {
	return min(max(time.Duration(seconds)*time.Second, lifetime), longestLifetime)
}

// permit grants or prolongs a permission for an address, unless there are most
// already.
func (l *lease) permit(now time.Time, addr netip.Addr, most int) error {
	p := l.permissions[addr]
	if p == nil {
		if len(l.permissions) >= most && !l.forgetPermission(now) {
			return errPermissions
		}
		p = new(permission)
		if l.permissions == nil {
			l.permissions = make(map[netip.Addr]*permission)
		}
		l.permissions[addr] = p
		for _, c := range l.channels { // bound when there was one before
			if c.peer.Addr() == addr {
				c.permission = p
			}
		}
	}
	p.until = now.Add(permissionLifetime)
	return nil
}

// lacks returns how many of the addresses have no permission yet.
func (l *lease) lacks(now time.Time, addrs []netip.Addr) (n int) {
	for i, addr := range addrs {
		if !l.permitted(now, addr) && !slices.Contains(addrs[:i], addr) {
			n++
		}
	}
	return n
}

// forgetPermission drops one that ran out, and reports whether there was one.
func (l *lease) forgetPermission(now time.Time) bool {
	for addr, p := range l.permissions {
		if !now.Before(p.until) {
			delete(l.permissions, addr)
			return true
		}
	}
	return false
}

// bind binds a channel to a peer or prolongs that, and the permission for its
// address.
func (l *lease) bind(now time.Time, number uint16, peer netip.AddrPort, mostChannels, mostPermissions int) error {
	l.forgetChannels(now)
	c, of := l.channels[number], l.peers[peer]
	switch {
	case c != nil && c.peer != peer:
		return errChannelTaken
	case of != nil && of.number != number:
		return errPeerTaken
	case c == nil && len(l.channels) >= mostChannels:
		return errChannels
	}
	if err := l.permit(now, peer.Addr(), mostPermissions); err != nil {
		return err
	}
	if c == nil {
		c = &channel{number: number, peer: peer, permission: l.permissions[peer.Addr()]}
		if l.channels == nil {
			l.channels, l.peers = make(map[uint16]*channel), make(map[netip.AddrPort]*channel)
		}
		l.channels[number], l.peers[peer] = c, c
	}
	c.until = now.Add(channelLifetime)
	return nil
}

func (l *lease) forgetChannels(now time.Time) {
	for number, c := range l.channels {
		if !now.Before(c.until) {
			delete(l.channels, number)
			delete(l.peers, c.peer)
		}
	}
}

// permitted reports whether there is a permission for an address.
func (l *lease) permitted(now time.Time, addr netip.Addr) bool {
	p := l.permissions[addr]
	return p != nil && now.Before(p.until)
}

// peerOf is whom ChannelData of that number goes to.
func (l *lease) peerOf(now time.Time, number uint16) (peer netip.AddrPort, ok bool) {
	c := l.channels[number]
	if c == nil || !now.Before(c.until) || !now.Before(c.permission.until) {
		return netip.AddrPort{}, false
	}
	return c.peer, true
}

// admits reports whether a datagram of a peer is let in, and as which channel;
// 0 stands for a Data indication.
func (l *lease) admits(now time.Time, from netip.AddrPort) (number uint16, ok bool) {
	if c := l.peers[from]; c != nil && now.Before(c.until) {
		return c.number, now.Before(c.permission.until)
	}
	return 0, l.permitted(now, from.Addr())
}

// sweep forgets what ran out.
func (l *lease) sweep(now time.Time) {
	for l.forgetPermission(now) {
	}
	l.forgetChannels(now)
}

// revoke takes back the permissions for which denied says yes, with their
// channels, and returns how many.
func (l *lease) revoke(denied func(netip.Addr) bool) (n int) {
	for addr, p := range l.permissions {
		if !denied(addr) {
			continue
		}
		p.until = time.Time{} // for channels that know it
		delete(l.permissions, addr)
		n++
	}
	for number, c := range l.channels {
		if denied(c.peer.Addr()) {
			delete(l.channels, number)
			delete(l.peers, c.peer)
		}
	}
	return n
}
