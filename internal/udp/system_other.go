//go:build !linux

package udp

import "errors"

// system has nothing: on these systems datagrams are sent and read one by one.
type system struct{}

func (s *Socket) probe() { s.segmentation.never() }

// buffers is unknown here.
func (s *Socket) buffers() (read, write int) { return 0, 0 }

func (s *Socket) mark(int) error { return errors.ErrUnsupported }
