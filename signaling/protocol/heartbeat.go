package protocol

import (
	"bytes"
	"strconv"
)

// Heartbeats are nearly all that idle clients and the server say to each
// other. In JSON they are read and written here, without the general decoder
// and encoder, which take several times as long and a stack that a connection
// needs for nothing else.

// UnmarshalClient decodes a client's message. It may be given anything at all.
func (f Format) UnmarshalClient(data []byte) (*ClientMessage, error) {
	if f == JSON {
		if ping := parsePing(data); ping != nil {
			return ping, nil
		}
	}
	message := &ClientMessage{}
	if err := f.Unmarshal(data, message); err != nil {
		return nil, err
	}
	return message, nil
}

// parsePing decodes a ping as the SDK writes it: {"ack":"7","ping":{}}. It
// returns nil for everything else, a ping in other words included.
func parsePing(data []byte) *ClientMessage {
	rest, isAck := bytes.CutPrefix(data, []byte(`{"ack":"`))
	digits, isPing := bytes.CutSuffix(rest, []byte(`","ping":{}}`))
	if !isAck || !isPing || len(digits) > 1 && digits[0] == '0' {
		return nil
	}
	ack, err := strconv.ParseUint(string(digits), 10, 64)
	if err != nil {
		return nil
	}
	return &ClientMessage{Ack: ack, Body: &ClientMessage_Ping{Ping: &Ping{}}}
}

// appendPong encodes a pong, whose time is after 1970. Zero values are left out, as the encodings do.
func appendPong(dst []byte, pong *Pong) []byte {
	dst = append(dst, `{"pong":{`...)
	comma := ""
	for _, field := range []struct {
		name  string
		value uint64
	}{{"nowMs", uint64(pong.GetNowMs())}, {"received", pong.GetReceived()}, {"sent", pong.GetSent()}} {
		if field.value == 0 {
			continue
		}
		dst = append(append(append(append(dst, comma...), '"'), field.name...), `":"`...)
		dst = append(strconv.AppendUint(dst, field.value, 10), '"')
		comma = ","
	}
	return append(dst, '}', '}')
}
