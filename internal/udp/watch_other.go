//go:build !linux

package udp

import (
	"errors"
	"syscall"
)

// CanWatch tells whether the system can have a Group read connections.
const CanWatch = false

// Watch is a connection that a Group reads along with its sockets, where the
// system can do that.
type Watch struct{}

// Watch fails: here each connection needs a goroutine.
func (g *Group) Watch(syscall.Conn, func(ending bool)) (*Watch, error) {
	return nil, errors.ErrUnsupported
}

// Read is never called.
func (w *Watch) Read([]byte) (int, error) { return 0, errors.ErrUnsupported }

// Close is never called.
func (w *Watch) Close() {}
