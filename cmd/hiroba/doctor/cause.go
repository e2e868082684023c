package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/pion/stun/v4"

	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// Cause is why a leg does not work, as far as it can be told from the client.
type Cause string

// The causes.
const (
	Silent       Cause = "silent"      // nothing came back in time
	Refused      Cause = "refused"     // the port is closed
	Unreachable  Cause = "unreachable" // no way there
	Unnamed      Cause = "unnamed"     // the name does not resolve
	Certificate  Cause = "certificate" // not trusted, or another name's
	NoTLS        Cause = "no-tls"      // what answers speaks no TLS
	Alert        Cause = "alert"       // what answers gave the handshake up: it has no certificate for the name
	Cut          Cause = "cut"         // closed in the middle
	Unauthorized Cause = "unauthorized"
	Forbidden    Cause = "forbidden"
	Quota        Cause = "quota"    // the server is full
	Answer       Cause = "answer"   // something else answers, or a proxy in between
	Keys         Cause = "keys"     // ICE found a way, and DTLS did not get through
	Relaying     Cause = "relaying" // an allocation was made, and carries nothing
	Other        Cause = "other"
)

// failure is an error whose cause is known where it was made.
type failure struct {
	cause Cause
	err   error
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// TURN and STUN error codes (RFC 8656, section 19, and RFC 8489, section 14.8).
var turnCauses = map[stun.ErrorCode]Cause{
	stun.CodeUnauthorized:         Unauthorized,
	stun.CodeStaleNonce:           Unauthorized,
	stun.CodeWrongCredentials:     Unauthorized,
	stun.CodeBadRequest:           Unauthorized, // pion/turn says this of a wrong password
	stun.CodeForbidden:            Forbidden,
	stun.CodeAllocQuotaReached:    Quota,
	stun.CodeInsufficientCapacity: Quota,
}

var protocolCauses = map[protocol.Error_Code]Cause{
	protocol.Error_ACCESS_REQUIRED: Unauthorized,
	protocol.Error_ACCESS_DENIED:   Unauthorized,
	protocol.Error_ACCESS_EXPIRED:  Unauthorized,
	protocol.Error_NOT_GRANTED:     Forbidden,
	protocol.Error_ROOM_FULL:       Quota,
	protocol.Error_TOO_MANY_ROOMS:  Quota,
}

// causeOf finds the cause in an error.
func causeOf(err error) Cause {
	var own *failure
	var said *protocol.Error
	var turn *stun.TurnError
	var name *net.DNSError
	var record tls.RecordHeaderError
	var timeout net.Error
	switch {
	case errors.As(err, &own):
		return own.cause
	case errors.As(err, &said):
		if cause, ok := protocolCauses[said.GetCode()]; ok {
			return cause
		}
		return Answer
	case errors.As(err, &turn):
		if cause, ok := turnCauses[turn.ErrorCodeAttr.Code]; ok {
			return cause
		}
		return Answer
	case errors.As(err, &name):
		return Unnamed
	case isCertificate(err):
		return Certificate
	case errors.As(err, &record), strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return NoTLS
	case strings.Contains(err.Error(), "remote error: tls: "): // the type is crypto/tls's own
		return Alert
	case errors.Is(err, syscall.ECONNREFUSED):
		return Refused
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return Unreachable
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded),
		errors.As(err, &timeout) && timeout.Timeout():
		return Silent
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return Cut
	case strings.Contains(err.Error(), "the server answered "):
		return Answer
	}
	return Other
}

func isCertificate(err error) bool {
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	var verification *tls.CertificateVerificationError
	return errors.As(err, &unknown) || errors.As(err, &host) || errors.As(err, &invalid) || errors.As(err, &verification)
}
