//go:build !linux

package udp

// intake reads one datagram at a time.
type intake struct{ reader *Reader }

func (in *intake) init(r *Reader) {
	in.reader = r
	r.storage = make([]byte, readBytes)
}

func (in *intake) read() error { return in.reader.readPlain() }
