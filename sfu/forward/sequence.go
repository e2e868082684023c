package forward

// Unwrapper follows a 16-bit RTP sequence number (RFC 3550, 5.1) over its
// wrap-arounds. The zero value is ready; it is not safe for concurrent use.
type Unwrapper struct {
	newest  int64
	started bool
}

// Unwrap gives the extended number of seq: the one nearest to the newest
// number seen. The first is at least 1<<16, so that older ones stay positive.
func (u *Unwrapper) Unwrap(seq uint16) int64 {
	if !u.started {
		u.started = true
		u.newest = 1<<16 | int64(seq)
		return u.newest
	}
	extended := u.newest + int64(int16(seq-uint16(u.newest)))
	u.newest = max(u.newest, extended)
	return extended
}
