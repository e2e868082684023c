package api

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"path"
	"strings"
	"time"

	"connectrpc.com/connect"

	"github.com/hiroba-rtc/hiroba/signaling/auth"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
	"github.com/hiroba-rtc/hiroba/signaling/room"
	"github.com/hiroba-rtc/hiroba/signaling/transport"
)

// caller is who calls, and what their token allows.
type caller struct {
	auth.Access
	addr netip.Addr
}

type callerKey struct{}

// callerOf is who calls; the gate has let them in.
func callerOf(ctx context.Context) caller { return ctx.Value(callerKey{}).(caller) }

// gate judges a call by its headers, before any of its body is read.
func (a *API) gate(ctx context.Context, spec connect.Spec, peer connect.Peer, header http.Header) (context.Context, error) {
	who, err := a.admit(peer.Addr, header)
	if err != nil {
		failure := refused(err)
		a.count(ctx, path.Base(spec.Procedure), failure)
		l := lineOf(ctx)
		l.hurry() // nobody waits for the rest of the body
		switch failure.Code() {
		case connect.CodeUnauthenticated: // RFC 9110, section 11.6.1
			l.Header().Set("WWW-Authenticate", "Bearer")
		case connect.CodeResourceExhausted:
			l.Header().Set("Retry-After", "1")
		}
		return nil, failure
	}
	return context.WithValue(ctx, callerKey{}, who), nil
}

// admit finds out who calls.
func (a *API) admit(remote string, header http.Header) (caller, *protocol.Error) {
	now := time.Now()
	who := caller{}
	if addr, err := netip.ParseAddrPort(remote); err == nil {
		who.addr = addr.Addr().Unmap()
	}
	if !a.requests.Allow(who.addr, now) {
		return who, protocol.Errorf(protocol.Error_TOO_MANY_MESSAGES,
			"More than %d calls a second came from your address. Wait a second and call less.", a.config.RequestsPerSecond)
	}
	token := transport.Bearer(header)
	switch {
	case a.config.Open:
		who.Access = auth.Access{Room: auth.EveryRoom, Grants: auth.AllGrants}
		return who, nil
	case a.config.Keys.Len() == 0:
		return who, protocol.Errorf(protocol.Error_ACCESS_REQUIRED,
			"The server API needs an access token, and this server has no keys to check one with. Whoever runs it has to set keys in its configuration.")
	case token == "":
		return who, protocol.Errorf(protocol.Error_ACCESS_REQUIRED,
			"The server API needs an access token with the grant admin: send it as \"Authorization: Bearer TOKEN\".")
	}
	var err error
	who.Access, err = a.config.Keys.Verify(token, now)
	switch {
	case errors.Is(err, auth.ErrExpired):
		return who, protocol.Errorf(protocol.Error_ACCESS_EXPIRED, "Refused: %v. Get a new one.", err)
	case err != nil:
		return who, protocol.Errorf(protocol.Error_ACCESS_DENIED, "Refused: %v.", err)
	}
	return who, nil
}

// The grants of which a caller needs one.
var (
	moderating = auth.GrantsOf(protocol.Grant_ADMIN)
	sending    = auth.GrantsOf(protocol.Grant_ADMIN, protocol.Grant_DATA)
)

// may judges whether the caller may do something that needs one of the grants
// to the room with this name.
func (c caller) may(name string, grants auth.Grants) *protocol.Error {
	if err := room.CheckRoomName(name); err != nil {
		return err
	}
	if !c.Allows(name) {
		return protocol.Errorf(protocol.Error_ACCESS_DENIED, `Your access token is for another room; use one for this room, or for "*".`)
	}
	return c.granted(grants)
}

// mayAll is may for all rooms at once.
func (c caller) mayAll(grants auth.Grants) *protocol.Error {
	if c.Room != auth.EveryRoom {
		return protocol.Errorf(protocol.Error_ACCESS_DENIED, `Your access token is for one room; this needs one whose room is "*".`)
	}
	return c.granted(grants)
}

func (c caller) granted(grants auth.Grants) *protocol.Error {
	if c.Grants&grants != 0 {
		return nil
	}
	needed := strings.Join(grants.Words(), " or ")
	return protocol.Errorf(protocol.Error_NOT_GRANTED, "Your access token has the grants %q; this needs %s.", c.Grants, needed)
}

// over is why a stream of the caller's has to end, or nil.
func (a *API) over(who caller) *protocol.Error {
	switch {
	case a.life.Err() != nil:
		return stopping()
	case !who.Expires.IsZero() && !time.Now().Before(who.Expires):
		return expired()
	}
	return nil
}

func expired() *protocol.Error {
	return protocol.Errorf(protocol.Error_ACCESS_EXPIRED, "The access token has expired. Call again with a new one.")
}
