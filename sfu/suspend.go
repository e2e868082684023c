package sfu

// Suspend stops or resumes what is sent in this peer's slots, for the time that
// it has another way to the same media. The slots keep their tracks and the
// listener is told nothing, while they are left out where packets are
// forwarded. Each slot goes on at a keyframe, asked for at once, as one
// continuous stream. What the peer itself publishes is taken all the time.
func (p *Peer) Suspend(on bool) {
	p.room.mu.Lock()
	defer p.room.mu.Unlock()
	p.suspended = on
	p.refill(p.room.audible())
}
