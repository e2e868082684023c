package sfu

// Rights are what a peer may do beyond being there. What it may publish is
// decided by who calls Publish.
type Rights struct {
	// Subscribe: its slots are filled.
	Subscribe bool
	// Data: what it sends in its DataChannels is passed on. It receives what
	// others send in any case.
	Data bool
}

// everything is what a peer may until Allow says otherwise.
var everything = Rights{Subscribe: true, Data: true}

// Allow says what the peer may do from now on: its slots empty or fill at
// once.
func (p *Peer) Allow(rights Rights) {
	p.room.mu.Lock()
	defer p.room.mu.Unlock()
	p.rights = rights
	p.refill(p.room.audible())
}

// allowed is what the peer may do now.
func (p *Peer) allowed() Rights {
	p.room.mu.Lock()
	defer p.room.mu.Unlock()
	return p.rights
}
