package turn

import (
	"encoding/binary"
	"errors"
	"net/netip"

	"github.com/pion/stun/v4"
)

// Channel numbers: RFC 8656, section 12, has 0x4000 to 0x4FFF; clients made for
// RFC 5766 may take any up to here.
const firstChannel, lastChannel = 0x4000, 0x7FFE

// createPermission lets addresses in (RFC 8656, section 10.2): all that the
// request names, or none.
func (r *request) createPermission() {
	if r.a == nil {
		r.refuse(stun.CodeAllocMismatch, refusedNoAllocation)
		return
	}
	peers, ok := r.peers()
	if !ok || len(peers) == 0 {
		r.refuse(stun.CodeBadRequest, refusedRequest)
		return
	}
	addrs := make([]netip.Addr, 0, len(peers))
	for _, peer := range peers {
		if !r.mayReach(peer.Addr()) || !r.opens(peer.Addr()) {
			return
		}
		addrs = append(addrs, peer.Addr())
	}
	a, most := r.a, r.server.config.Limits.Permissions
	a.mu.Lock()
	a.lease.sweep(r.now)
	var err error
	if len(a.lease.permissions)+a.lease.lacks(r.now, addrs) > most {
		err = errPermissions
	}
	for _, addr := range addrs {
		if err == nil {
			err = a.lease.permit(r.now, addr, most)
		}
	}
	a.mu.Unlock()
	if err != nil {
		r.refuse(stun.CodeInsufficientCapacity, refusedPermissions)
		return
	}
	r.succeed()
}

// mayReach asks the policy for an address, and answers if it says no.
func (r *request) mayReach(addr netip.Addr) bool {
	if !r.carries(addr) {
		r.refuse(stun.CodePeerAddrFamilyMismatch, refusedFamily)
		return false
	}
	if denied := r.server.policy.Load().permission(addr); denied != "" {
		r.server.counts.denied(denied)
		r.refuse(stun.CodeForbidden, refusedPeer)
		r.server.log.Debug("TURN peer denied", "client", r.from.addr, "peer", addr, "reason", denied)
		return false
	}
	return true
}

// opens opens the relay's socket for a peer that it takes one for, and answers
// if there is none to be had.
func (r *request) opens(addr netip.Addr) bool {
	relay := r.a.relay(addr)
	if relay == nil || r.server.policy.Load().inside(addr) {
		return true
	}
	if _, err := relay.socket(); err != nil {
		r.refuse(stun.CodeInsufficientCapacity, refusedNoSocket)
		r.server.log.Warn("no socket for a relayed address", "address", relay.local, "err", err)
		return false
	}
	return true
}

// carries reports whether the allocation has a relay for the address's family.
func (r *request) carries(addr netip.Addr) bool {
	if r.a.tcp != nil {
		return r.a.tcp.announced.Addr().Is4() == addr.Is4()
	}
	return r.a.relay(addr) != nil
}

// channelBind binds a channel to a peer (RFC 8656, section 12.2).
func (r *request) channelBind() {
	if r.a == nil {
		r.refuse(stun.CodeAllocMismatch, refusedNoAllocation)
		return
	}
	value, err := r.m.Get(stun.AttrChannelNumber)
	peers, ok := r.peers()
	if err != nil || len(value) != 4 || !ok || len(peers) != 1 || r.a.tcp != nil {
		r.refuse(stun.CodeBadRequest, refusedRequest)
		return
	}
	number := binary.BigEndian.Uint16(value)
	if number < firstChannel || number > lastChannel {
		r.refuse(stun.CodeBadRequest, refusedRequest)
		return
	}
	if !r.mayReach(peers[0].Addr()) || !r.opens(peers[0].Addr()) {
		return
	}
	limits := r.server.config.Limits
	r.a.mu.Lock()
	err = r.a.lease.bind(r.now, number, peers[0], limits.Channels, limits.Permissions)
	r.a.mu.Unlock()
	switch {
	case errors.Is(err, errChannels):
		r.refuse(stun.CodeInsufficientCapacity, refusedChannels)
	case errors.Is(err, errPermissions):
		r.refuse(stun.CodeInsufficientCapacity, refusedPermissions)
	case err != nil:
		r.refuse(stun.CodeBadRequest, refusedRequest)
	default:
		r.succeed()
	}
}
