package port

// Cork begins to hold back what is written to the socket; see udp.Socket.
func (u *UDP) Cork() { u.socket.Cork() }

// Uncork sends what is held back.
func (u *UDP) Uncork() { u.socket.Uncork() }
