package udp

// sendPlain sends the run at that place, which is a single datagram, the way
// that every system knows. It may wait for room in the socket's buffer.
func (b *Batch) sendPlain(at int) (int, error) {
	r := &b.runs[at]
	if _, err := b.socket.conn.WriteToUDPAddrPort(b.bytesOf(r.first), r.to); err != nil {
		return 0, err
	}
	return 1, nil
}

// readPlain waits for one datagram in the way that every system knows.
func (r *Reader) readPlain() error {
	buffer := r.buffer(0)
	n, from, err := r.socket.conn.ReadFromUDPAddrPort(buffer)
	if err != nil {
		return err
	}
	r.calls++
	r.datagrams = append(r.datagrams, Datagram{Bytes: buffer[:n:n], From: unmap(from)})
	return nil
}
