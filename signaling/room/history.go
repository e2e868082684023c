package room

import (
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// historyBytes bounds what a room keeps beside the number of messages: it is
// sent to every newcomer at once.
const historyBytes = 128 << 10

// history is a room's latest messages to everybody. It is guarded by its room.
type history struct {
	messages []*protocol.Message
	bytes    int
}

// add keeps a message of somebody called name, if the settings say that any
// are kept.
func (h *history) add(now time.Time, settings *protocol.RoomSettings, said *protocol.Message, name string) {
	if settings.GetHistoryMessages() == 0 {
		return
	}
	m := proto.Clone(said).(*protocol.Message)
	m.Name = name
	h.messages = append(h.messages, m)
	h.bytes += proto.Size(m)
	h.trim(now, settings)
}

// trim lets go of what is too much or too old by now.
func (h *history) trim(now time.Time, settings *protocol.RoomSettings) {
	oldest := int64(0)
	if age := settings.GetHistorySeconds(); age > 0 {
		oldest = now.Add(-seconds(age)).UnixMilli()
	}
	drop := 0
	for drop < len(h.messages) {
		m := h.messages[drop]
		if len(h.messages)-drop <= int(settings.GetHistoryMessages()) && h.bytes <= historyBytes && m.GetSentMs() >= oldest {
			break
		}
		h.bytes -= proto.Size(m)
		drop++
	}
	h.messages = slices.Delete(h.messages, 0, drop)
}
