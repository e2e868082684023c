package protocol

import (
	"encoding/json"
	"strconv"
	"sync"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// Event is the body of a server message on its way to any number of sessions.
// What the sessions' messages share is encoded once per format; only number
// and answered id are written for each. An Event does not change after
// NewEvent and is safe for concurrent use.
type Event struct {
	message *ServerMessage
	size    int
	encoded [formats]struct {
		once sync.Once
		body []byte
	}
}

// NewEvent takes a message whose seq and re are unset, and which nobody
// changes any more.
func NewEvent(message *ServerMessage) *Event {
	return &Event{message: message, size: proto.Size(message)}
}

// Message is what was given to NewEvent. It must not be changed.
func (e *Event) Message() *ServerMessage { return e.message }

// Size is the length of the binary form in bytes, near enough that of the
// JSON form for a bound.
func (e *Event) Size() int { return e.size }

// Append appends the encoded ServerMessage with this body, seq and re. Zero
// values are left out, as the encodings do.
func (e *Event) Append(dst []byte, format Format, seq uint64, re string) []byte {
	body := e.body(format)
	if format == Binary {
		if seq != 0 {
			dst = protowire.AppendTag(dst, 1, protowire.VarintType)
			dst = protowire.AppendVarint(dst, seq)
		}
		if re != "" {
			dst = protowire.AppendTag(dst, 2, protowire.BytesType)
			dst = protowire.AppendString(dst, re)
		}
		return append(dst, body...)
	}

	dst = append(dst, '{')
	if seq != 0 {
		dst = append(dst, `"seq":"`...)
		dst = strconv.AppendUint(dst, seq, 10)
		dst = append(dst, `",`...)
	}
	if re != "" {
		// A string always marshals.
		quoted, _ := json.Marshal(re)
		dst = append(dst, `"re":`...)
		dst = append(dst, quoted...)
		dst = append(dst, ',')
	}
	return append(dst, body[1:]...)
}

// body encodes the shared part. All strings in a message are valid UTF-8
// (they were decoded as such or are our own), so encoding cannot fail.
func (e *Event) body(format Format) []byte {
	encoded := &e.encoded[format]
	encoded.once.Do(func() {
		if pong := e.message.GetPong(); pong != nil && format == JSON {
			encoded.body = appendPong(nil, pong)
			return
		}
		body, err := format.Marshal(e.message)
		if err != nil {
			panic("protocol: a server message that does not encode: " + err.Error())
		}
		encoded.body = body
	})
	return encoded.body
}
