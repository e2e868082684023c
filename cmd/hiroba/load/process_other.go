//go:build !linux

package load

import "errors"

// processUsage is for Linux alone.
func processUsage(int) (Usage, error) {
	return Usage{}, errors.New("a process can be looked at on Linux only; leave --pid out to read the server's metrics")
}
