//go:build !unix

package turn

// reuse has nothing to do; where the system wants it, connecting to peers from a
// TCP relay fails.
func reuse(uintptr) error { return nil }
