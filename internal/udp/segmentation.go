package udp

import (
	"errors"
	"math"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// segmentationPause is how long a socket goes without segmentation after it
	// was refused. Routes change, but seldom, and a try costs one system call.
	segmentationPause = 10 * time.Minute
	// segmentationStrikes is how many refusals in a row, none of them EIO, mean
	// that nothing gets through. A single one can be one client's narrow path.
	segmentationStrikes = 16
)

// segmentation decides whether a socket leaves it to the system to take runs
// apart (UDP GSO). The zero value does. It is safe for concurrent use.
type segmentation struct {
	until   atomic.Int64 // paused until then, in Unix nanoseconds; 0: not paused
	strikes atomic.Int32
}

// never pauses for good.
func (s *segmentation) never() { s.until.Store(math.MaxInt64) }

// paused is the quick answer, without the time: false means allowed.
func (s *segmentation) paused() bool { return s.until.Load() != 0 }

// allowed: it was not refused lately.
func (s *segmentation) allowed(now time.Time) bool { return now.UnixNano() >= s.until.Load() }

// worked takes note of runs that got through.
func (s *segmentation) worked() {
	if s.strikes.Load() != 0 {
		s.strikes.Store(0)
	}
	if until := s.until.Load(); until != 0 && until != math.MaxInt64 {
		s.until.CompareAndSwap(until, 0)
	}
}

// refused takes note of a run whose datagrams got through only one by one.
func (s *segmentation) refused(now time.Time, err error) {
	if s.strikes.Add(1) < segmentationStrikes && !errors.Is(err, syscall.EIO) {
		return
	}
	s.strikes.Store(0)
	if until := s.until.Load(); until != math.MaxInt64 {
		s.until.CompareAndSwap(until, now.Add(segmentationPause).UnixNano())
	}
}
