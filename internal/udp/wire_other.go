//go:build !linux

package udp

import "time"

// wire sends the runs of a Batch one by one: there is no system call for many
// that all these systems share.
type wire struct{ batch *Batch }

func (w *wire) init(b *Batch) { w.batch = b }
func (w *wire) load([]run)    {}

func (w *wire) send(at int) (int, error) { return w.batch.sendPlain(at) }

// wait is not needed: sendPlain waits by itself.
func (w *wire) wait(time.Duration) bool { return false }
