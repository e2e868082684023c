package api

import (
	"context"
	"errors"

	"connectrpc.com/connect"

	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// codeOf says in gRPC's words what an error is.
func codeOf(err *protocol.Error) connect.Code {
	switch err.GetCode() {
	case protocol.Error_ACCESS_REQUIRED, protocol.Error_ACCESS_EXPIRED:
		return connect.CodeUnauthenticated
	case protocol.Error_ACCESS_DENIED, protocol.Error_NOT_GRANTED, protocol.Error_BANNED,
		protocol.Error_ROOM_LOCKED, protocol.Error_REFUSED:
		return connect.CodePermissionDenied
	case protocol.Error_NO_SUCH_ROOM, protocol.Error_NO_SUCH_PEER, protocol.Error_NO_SUCH_TRACK:
		return connect.CodeNotFound
	case protocol.Error_TOO_MANY_MESSAGES, protocol.Error_TOO_MANY_ROOMS, protocol.Error_TOO_MANY_SESSIONS:
		return connect.CodeResourceExhausted
	case protocol.Error_SHUTTING_DOWN:
		return connect.CodeUnavailable
	case protocol.Error_SILENT:
		return connect.CodeDeadlineExceeded
	case protocol.Error_INTERNAL:
		return connect.CodeInternal
	}
	return connect.CodeInvalidArgument
}

// failed is an error as a caller gets it: the sentence, and the whole as a
// detail for programs.
func failed(err *protocol.Error) *connect.Error { return failedAs(codeOf(err), err) }

// refused is failed for a caller whose token is no good at all.
func refused(err *protocol.Error) *connect.Error {
	if err.GetCode() == protocol.Error_ACCESS_DENIED {
		return failedAs(connect.CodeUnauthenticated, err)
	}
	return failed(err)
}

func failedAs(code connect.Code, err *protocol.Error) *connect.Error {
	out := connect.NewError(code, sentence{err})
	// A message of ours always encodes.
	if detail, failure := connect.NewErrorDetail(err); failure == nil {
		out.AddDetail(detail)
	}
	return out
}

// sentence is what a person is told of an error.
type sentence struct{ err *protocol.Error }

func (s sentence) Error() string { return s.err.GetMessage() }

// gone is how a stream ended whose caller is not there any more, or was never
// quick enough to read it.
func gone(ctx context.Context, err error) *connect.Error {
	if lineOf(ctx).slow() || errors.Is(err, context.DeadlineExceeded) {
		return connect.NewError(connect.CodeDeadlineExceeded, err)
	}
	return connect.NewError(connect.CodeCanceled, err)
}

func noSuchRoom(name string) *protocol.Error {
	return protocol.Errorf(protocol.Error_NO_SUCH_ROOM, "There is no room %q; it may have ended.", name)
}
