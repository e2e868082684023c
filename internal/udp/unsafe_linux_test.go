package udp

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

func unsafeBytes(p *byte, n int) []byte { return unsafe.Slice(p, n) }

func unsafePieces(h *unix.Msghdr) []unix.Iovec { return unsafe.Slice(h.Iov, int(h.Iovlen)) }
