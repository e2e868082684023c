package rpc

import (
	"errors"
	"net/http"
	"strings"

	"connectrpc.com/connect"

	"github.com/hiroba-rtc/hiroba/signaling/protocol"
	"github.com/hiroba-rtc/hiroba/signaling/transport"
)

// Code is the RPC status for a refusal. It follows transport.Status.
func Code(err *protocol.Error) connect.Code {
	switch err.GetCode() {
	case protocol.Error_SILENT:
		return connect.CodeDeadlineExceeded
	case protocol.Error_SLOW:
		return connect.CodeResourceExhausted
	}
	switch transport.Status(err) {
	case http.StatusUnauthorized:
		return connect.CodeUnauthenticated
	case http.StatusForbidden:
		return connect.CodePermissionDenied
	case http.StatusNotFound, http.StatusGone:
		return connect.CodeNotFound
	case http.StatusConflict:
		return connect.CodeAborted
	case http.StatusTooManyRequests, http.StatusRequestEntityTooLarge:
		return connect.CodeResourceExhausted
	case http.StatusServiceUnavailable:
		return connect.CodeUnavailable
	case http.StatusInternalServerError:
		return connect.CodeInternal
	}
	return connect.CodeInvalidArgument
}

// refuse makes a refusal the end of a call: its sentence is the status'
// message, the whole of it a detail.
func refuse(reason *protocol.Error) error {
	err := connect.NewError(Code(reason), errors.New(reason.GetMessage()))
	if detail, failed := connect.NewErrorDetail(reason); failed == nil {
		err.AddDetail(detail)
	}
	return err
}

// toText is an error's text, fit to be sent.
func toText(err error) string { return strings.ToValidUTF8(err.Error(), "?") }
