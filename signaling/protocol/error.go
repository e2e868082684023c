package protocol

import "fmt"

// Error makes the protocol's error a Go error, so that it can be returned
// from where it is found to where it is answered.
func (e *Error) Error() string { return e.GetCode().String() + ": " + e.GetMessage() }

// retryable holds the codes after which the same message may succeed later.
var retryable = map[Error_Code]bool{
	Error_TOO_MANY_MESSAGES: true,
	Error_ROOM_FULL:         true,
	Error_TOO_MANY_SESSIONS: true,
	Error_TOO_MANY_ROOMS:    true,
	Error_SLOW:              true,
	Error_SILENT:            true,
	Error_MEDIA_LOST:        true,
	Error_SHUTTING_DOWN:     true,
	Error_INTERNAL:          true,
}

// Errorf makes an error for a client. The sentence says what happened, what
// was expected and what to do, and holds nothing that the client may not know.
func Errorf(code Error_Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...), Retry: retryable[code]}
}

// AsFatal marks the error as the session's last message and returns it.
func (e *Error) AsFatal() *Error {
	e.Fatal = true
	return e
}

// Event wraps the error for sending.
func (e *Error) Event() *Event {
	return NewEvent(&ServerMessage{Body: &ServerMessage_Error{Error: e}})
}
