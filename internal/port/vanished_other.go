//go:build !linux

package port

import "net"

// dropVanished does nothing: this system has no such setting, or another one.
// A connection whose other end has vanished ends when the system gives up, or
// when its owner does.
func dropVanished(*net.TCPConn) error { return nil }
