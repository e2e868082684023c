package http

import (
	nethttp "net/http"
	"strconv"

	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// pieceBytes is how much is put together before it is written: a client has
// writeTimeout for each piece, and however much waits for it, no more than
// this is held twice.
const pieceBytes = 32 << 10

// keptBytes is how much of that an answer keeps for its next piece.
const keptBytes = 2 << 10

// answer is a body that is written piece by piece, each within its time. What
// goes wrong shows at the end.
type answer struct {
	w      nethttp.ResponseWriter
	line   *line
	status int

	buffer []byte
	begun  bool
	err    error
}

// text adds some words.
func (a *answer) text(text string) { a.buffer = append(a.buffer, text...) }

// add adds an event as JSON, and makes room for more.
func (a *answer) add(event *protocol.Event, seq uint64, re string) {
	if a.err != nil {
		return
	}
	a.buffer = event.Append(a.buffer, protocol.JSON, seq, re)
	if len(a.buffer) >= pieceBytes {
		_ = a.flush()
	}
}

// flush sends what was added so far.
func (a *answer) flush() error {
	if a.begun && len(a.buffer) == 0 {
		return a.err
	}
	if a.write() == nil {
		a.err = a.line.endWrite()
	}
	return a.err
}

// end sends the rest of a JSON answer.
func (a *answer) end() error {
	if !a.begun {
		a.w.Header().Set("Content-Length", strconv.Itoa(len(a.buffer)))
	}
	return a.write()
}

func (a *answer) write() error {
	if a.err == nil {
		a.err = a.line.beginWrite()
	}
	if a.err != nil {
		return a.err
	}
	if !a.begun {
		a.begun = true
		a.begin()
	}
	if _, a.err = a.w.Write(a.buffer); a.err == nil {
		a.err = a.line.control.Flush()
	}
	// A stream that is idle holds little.
	if a.buffer = a.buffer[:0]; cap(a.buffer) > keptBytes {
		a.buffer = nil
	}
	return a.err
}

func (a *answer) begin() {
	header := a.w.Header()
	if header.Get("Content-Type") == "" {
		header.Set("Content-Type", "application/json")
	}
	if header.Get("Cache-Control") == "" {
		header.Set("Cache-Control", "no-store")
	}
	a.w.WriteHeader(a.status)
}
