//go:build unix

package turn

import "golang.org/x/sys/unix"

// reuse lets several sockets have one address: the listener of a TCP relay, and
// what connects from there.
func reuse(fd uintptr) error {
	if err := unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return err
	}
	return unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
}
