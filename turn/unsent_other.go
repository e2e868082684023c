//go:build !linux

package turn

import "net"

// unsent knows nothing: what is for a client is written by a goroutine of its
// own.
func unsent(net.Conn) (ask func() (int, bool), most int) { return nil, 0 }
