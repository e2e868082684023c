package http

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// Whatever a body holds, it is cut into values that are JSON each, and what is
// left over is counted.
func FuzzBody(f *testing.F) {
	f.Add([]byte(`{"seq":"1","join":{"room":"tea"}}` + "\n" + `{"seq":"2","leave":{}}`))
	f.Add([]byte(`{"ping":{}}{"ping":{}} 1 "x" null [[]]`))
	f.Add([]byte(`{"seq":"1","message":{"text":"`))
	f.Add([]byte("{\"seq\":\"1\",\"message\":{\"text\":\"\xff\"}}"))
	f.Add([]byte(strings.Repeat("[", 20000)))
	f.Add([]byte(strings.Repeat("{} ", 70)))
	f.Fuzz(func(t *testing.T, body []byte) {
		values, rest := split(body)
		if len(values) > messagesAtOnce+1 {
			t.Fatalf("%d values", len(values))
		}
		size := 0
		for _, value := range values {
			size += len(value)
			if !json.Valid(value) || !bytes.Contains(body, value) {
				t.Fatalf("%q is no JSON of the body's", value)
			}
			message := &protocol.ClientMessage{}
			if protocol.JSON.Unmarshal(value, message) == nil {
				if _, err := protocol.JSON.Marshal(message); err != nil {
					t.Fatalf("%q cannot be written again: %v", value, err)
				}
			}
		}
		if rest != nil {
			if rest.err == nil || rest.bytes <= 0 {
				t.Fatalf("left over: %d bytes, %v", rest.bytes, rest.err)
			}
			size += rest.bytes
		}
		if size > len(body) {
			t.Fatalf("%d bytes were made of %d", size, len(body))
		}
	})
}
