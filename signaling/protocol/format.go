package protocol

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// Format is one of the two encodings of the same messages.
type Format int

const (
	// JSON is protojson, one text frame per message.
	JSON Format = iota
	// Binary is protobuf's wire format, one binary frame per message.
	Binary
)

// formats is how many there are, for arrays indexed by Format.
const formats = 2

// Unknown fields are passed over, so that an older server understands the
// rest of what a newer client says.
var (
	jsonIn   = protojson.UnmarshalOptions{DiscardUnknown: true}
	binaryIn = proto.UnmarshalOptions{DiscardUnknown: true}
)

// Marshal encodes a message.
func (f Format) Marshal(message proto.Message) ([]byte, error) {
	if f == JSON {
		return protojson.Marshal(message)
	}
	return proto.Marshal(message)
}

// Unmarshal decodes a message. It may be given anything at all.
func (f Format) Unmarshal(data []byte, message proto.Message) error {
	var err error
	if f == JSON {
		err = jsonIn.Unmarshal(data, message)
	} else {
		err = binaryIn.Unmarshal(data, message)
	}
	if err != nil {
		return fmt.Errorf("not a %s in %v: %w", message.ProtoReflect().Descriptor().Name(), f, err)
	}
	return nil
}

// Subprotocol is the WebSocket subprotocol (RFC 6455, 1.9) that selects f.
func (f Format) Subprotocol() string {
	if f == JSON {
		return "hiroba.v1.json"
	}
	return "hiroba.v1.proto"
}

// String names the format for a person.
func (f Format) String() string {
	if f == JSON {
		return "JSON"
	}
	return "protobuf"
}
