package sfu

import (
	"crypto/sha256"
	"fmt"
	"runtime"
	"sync"
	"weak"

	"github.com/hiroba-rtc/hiroba/sfu/sdp"
)

// sharedTypes are the payloadTypes in use, by what they were made of: most media
// sections of most clients have the same. What is in use no more is forgotten.
type sharedTypes struct {
	mu    sync.Mutex // guards known
	known map[codecsSum]weak.Pointer[payloadTypes]
}

// codecsSum tells lists of codecs apart.
type codecsSum [sha256.Size]byte

// of is newPayloadTypes, or what that returned for the same codecs before.
func (s *sharedTypes) of(codecs []sdp.Codec) *payloadTypes {
	hash := sha256.New()
	for _, c := range codecs {
		fmt.Fprintf(hash, "%d %q %q\n", c.PayloadType, c.MimeType, c.Fmtp)
	}
	sum := codecsSum(hash.Sum(nil))
	s.mu.Lock()
	defer s.mu.Unlock()
	if types := s.known[sum].Value(); types != nil {
		return types
	}
	types := newPayloadTypes(codecs)
	if s.known == nil {
		s.known = map[codecsSum]weak.Pointer[payloadTypes]{}
	}
	s.known[sum] = weak.Make(types)
	runtime.AddCleanup(types, s.forget, sum)
	return types
}

// forget takes off what is in use no more, unless it has come back meanwhile.
func (s *sharedTypes) forget(sum codecsSum) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known[sum].Value() == nil {
		delete(s.known, sum)
	}
}
