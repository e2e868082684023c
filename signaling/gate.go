package signaling

import (
	"errors"
	"sync"
	"time"

	"github.com/hiroba-rtc/hiroba/signaling/auth"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

const (
	// renewBefore is how long before the end of a token its holder is asked
	// for another one: half of what is left, if that is less.
	renewBefore = time.Minute
)

// verify turns an access token into what it allows; without one, into what
// everybody may do.
func (s *Service) verify(token string) (auth.Access, *protocol.Error) {
	if token == "" {
		if s.config.Anonymous == 0 {
			return auth.Access{}, protocol.Errorf(protocol.Error_ACCESS_REQUIRED,
				"This server needs an access token. Ask whoever runs it for one.")
		}
		return auth.Access{Room: auth.EveryRoom, Grants: s.config.Anonymous}, nil
	}
	access, err := s.config.Keys.Verify(token, time.Now())
	switch {
	case errors.Is(err, auth.ErrExpired):
		return access, protocol.Errorf(protocol.Error_ACCESS_EXPIRED, "%s. Get a new one.", sentence(err))
	case err != nil:
		return access, protocol.Errorf(protocol.Error_ACCESS_DENIED, "%s.", sentence(err))
	}
	return access, nil
}

// sentence begins an error's text with a capital letter.
func sentence(err error) string {
	text := err.Error()
	if text == "" {
		return text
	}
	return string(text[0]&^0x20) + text[1:]
}

// gate is what lets one visitor in, and for how long. It is safe for
// concurrent use.
type gate struct {
	visitor *Visitor

	mu     sync.Mutex // guards all below
	access auth.Access
	open   bool        // an access was accepted
	renew  *time.Timer // asks for another token
	end    *time.Timer // ends the session with its access
	shut   bool
}

// enter takes the first access.
func (g *gate) enter(access auth.Access) *protocol.Error {
	if access.User != "" {
		if g.visitor.service.users.Take(access.User) != nil {
			return protocol.Errorf(protocol.Error_TOO_MANY_SESSIONS,
				"This user has %d sessions open and no more are taken. Close some.", g.visitor.service.config.Limits.SessionsPerUser)
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.access, g.open = access, true
	g.watch()
	return nil
}

// is says what the visitor may do; false before it has shown an access.
func (g *gate) is() (auth.Access, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.access, g.open
}

// again judges a client that comes back, by a fresh token if it brought one.
func (g *gate) again(token string) *protocol.Error {
	if token != "" {
		return g.renewed(token)
	}
	access, open := g.is()
	switch {
	case !open || access.Expires.IsZero():
		return nil
	case !time.Now().Before(access.Expires):
		return protocol.Errorf(protocol.Error_ACCESS_EXPIRED, "The access token has expired. Come back with a new one.")
	case !g.visitor.service.config.Keys.Has(access.KeyID):
		return protocol.Errorf(protocol.Error_ACCESS_DENIED, "The key of your access token is no longer good. Come back with a new token.")
	}
	return nil
}

// renewed takes a fresh token of the same user for the same room.
func (g *gate) renewed(token string) *protocol.Error {
	access, err := g.visitor.service.verify(token)
	if err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.shut:
		return nil
	case access.User != g.access.User:
		return protocol.Errorf(protocol.Error_ACCESS_DENIED, "The new token is for another user. Open a new session for it.")
	case g.access.Room != access.Room && !access.Allows(g.access.Room):
		return protocol.Errorf(protocol.Error_ACCESS_DENIED, "The new token is for another room. Open a new session for it.")
	}
	changed := access.Grants != g.access.Grants
	g.access = access
	g.watch()
	if changed {
		g.visitor.service.run(g.visitor, g.visitor.regrant)
	}
	return nil
}

// watch sets the clocks of the present access. The caller holds mu.
func (g *gate) watch() {
	for _, timer := range []*time.Timer{g.renew, g.end} {
		if timer != nil {
			timer.Stop()
		}
	}
	if g.access.Expires.IsZero() || g.shut {
		return
	}
	left := time.Until(g.access.Expires)
	expires := g.access.Expires.UnixMilli()
	session := g.visitor.session
	g.renew = time.AfterFunc(left-min(renewBefore, left/2), func() {
		session.Send(protocol.NewEvent(&protocol.ServerMessage{Body: &protocol.ServerMessage_AccessExpiring{
			AccessExpiring: &protocol.AccessExpiring{ExpiresMs: expires},
		}}), "")
	})
	g.end = time.AfterFunc(left, func() {
		g.visitor.End(protocol.Errorf(protocol.Error_ACCESS_EXPIRED, "The access token has expired. Join again with a new one."))
	})
}

// close stops the clocks and gives back what enter took.
func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut {
		return
	}
	g.shut = true
	for _, timer := range []*time.Timer{g.renew, g.end} {
		if timer != nil {
			timer.Stop()
		}
	}
	if g.open && g.access.User != "" {
		g.visitor.service.users.Give(g.access.User)
	}
}

// needs are the grants of which a peer needs one for each kind of message;
// those that are not listed need none.
var needs = map[string]auth.Grants{
	"publish":  auth.GrantsOf(protocol.Grant_PUBLISH),
	"mute":     auth.GrantsOf(protocol.Grant_PUBLISH),
	"view":     auth.GrantsOf(protocol.Grant_SUBSCRIBE),
	"message":  auth.GrantsOf(protocol.Grant_DATA),
	"metadata": auth.GrantsOf(protocol.Grant_DATA),
	"moderate": auth.GrantsOf(protocol.Grant_ADMIN),
	"direct":   auth.GrantsOf(protocol.Grant_PUBLISH, protocol.Grant_SUBSCRIBE),
}

// granted judges a message of a peer in a room.
func granted(grants auth.Grants, kind string) *protocol.Error {
	if need := needs[kind]; need != 0 && grants&need == 0 {
		return protocol.Errorf(protocol.Error_NOT_GRANTED, "Your access does not let you send %s; it needs the grant %v.", kind, need)
	}
	return nil
}
