package sfu

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/hiroba-rtc/hiroba/internal/dataframe"
)

// ErrBadFrame is what an error of Send wraps.
var ErrBadFrame = errors.New("the data frame cannot be sent")

// Send gives a frame of the server's own to the DataChannels of a room's peers:
// those that the frame names, or all. From goes out as it is. reliable says in
// which of the two channels.
//
// It does not block, and returns how many peers the frame is on its way to. Who
// has no such channel, or does not read from it, is left out, as with a frame
// of another peer; so is everybody when there is no such room. An error wraps
// ErrBadFrame.
func (s *SFU) Send(room string, frame *dataframe.DataFrame, reliable bool) (sent int, err error) {
	if n := len(frame.GetTopic()); n > maxTopic {
		return 0, fmt.Errorf("%w: its topic has %d bytes; %d are allowed", ErrBadFrame, n, maxTopic)
	}
	encoded, err := proto.Marshal(frame)
	switch {
	case err != nil:
		return 0, fmt.Errorf("%w: %w", ErrBadFrame, err)
	case len(encoded) > dataMessageBytes:
		return 0, fmt.Errorf("%w: it has %d bytes with all that belongs to it; %d are allowed", ErrBadFrame, len(encoded), dataMessageBytes)
	}
	s.mu.Lock()
	r := s.rooms[room]
	s.mu.Unlock()
	if r == nil {
		return 0, nil
	}
	label := labelLossy
	if reliable {
		label = labelReliable
	}
	for _, p := range r.addressed(frame.GetTo()) {
		if p.data.send(label, nil, encoded) {
			sent++
		}
	}
	return sent, nil
}
