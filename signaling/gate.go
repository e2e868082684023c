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
	room   string      // that was joined by it, or is about to be
	renew  *time.Timer // asks for another token
	asked  bool        // it has asked
	end    *time.Timer // ends the session with its access
	shut   bool
}

// enter takes the first access.
func (g *gate) enter(access auth.Access) *protocol.Error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.take(access)
}

// take counts the access's user, if it is not the one before, and goes by the
// access from now on. The caller holds mu.
func (g *gate) take(access auth.Access) *protocol.Error {
	if g.shut {
		return nil // nobody would give the user back
	}
	if access.User != "" && access.User != g.access.User {
		if g.visitor.service.users.Take(access.User) != nil {
			return protocol.Errorf(protocol.Error_TOO_MANY_SESSIONS,
				"This user has %d sessions open and no more are taken. Close some.", g.visitor.service.config.Limits.SessionsPerUser)
		}
	}
	g.access, g.open = access, true
	g.watch()
	return nil
}

// claim is for who wants to join a room: from then on a fresh access has to be
// for that room, and for the same user.
func (g *gate) claim(room string) (auth.Access, *protocol.Error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.access.Allows(room) {
		return auth.Access{}, protocol.Errorf(protocol.Error_ACCESS_DENIED, "Your access token is for another room than %.64q.", room)
	}
	g.room = room
	return g.access, nil
}

// unclaim is for who did not get into the room.
func (g *gate) unclaim() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.room = ""
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

// renewed takes a fresh token: of the same user and, once it has joined a
// room, for that room. Before, who came without a user may become one.
func (g *gate) renewed(token string) *protocol.Error {
	access, err := g.visitor.service.verify(token)
	if err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	switch before := g.access; {
	case token == "" && before.KeyID != "":
		return protocol.Errorf(protocol.Error_ACCESS_REQUIRED, "authenticate has no token. Give a fresh one.")
	case access.User != before.User && (before.User != "" || g.room != ""):
		return protocol.Errorf(protocol.Error_ACCESS_DENIED, "The new token is for another user. Open a new session for it.")
	case g.room != "" && !access.Allows(g.room):
		return protocol.Errorf(protocol.Error_ACCESS_DENIED, "The new token is for another room. Open a new session for it.")
	}
	if err := g.take(access); err != nil {
		return err
	}
	if g.room != "" {
		g.visitor.service.run(g.visitor, g.visitor.vouch)
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
	g.asked = false
	g.renew = time.AfterFunc(left-min(renewBefore, left/2), func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.asked = true
		g.ask()
	})
	g.end = time.AfterFunc(left, func() {
		g.mu.Lock()
		over := !time.Now().Before(g.access.Expires) // no fresh one came in the last moment
		g.mu.Unlock()
		if over {
			g.visitor.End(protocol.Errorf(protocol.Error_ACCESS_EXPIRED, "The access token has expired. Join again with a new one."))
		}
	})
}

// ask asks for another token. The caller holds mu.
func (g *gate) ask() {
	g.visitor.session.Send(protocol.NewEvent(&protocol.ServerMessage{Body: &protocol.ServerMessage_AccessExpiring{
		AccessExpiring: &protocol.AccessExpiring{ExpiresMs: g.access.Expires.UnixMilli()},
	}}), "")
}

// remind asks once more for another token, if it was asked for and none has
// come: the client may have missed it.
func (g *gate) remind() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.asked {
		g.ask()
	}
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
func granted(grants auth.Grants, message *protocol.ClientMessage) *protocol.Error {
	kind := kind(message)
	need := needs[kind]
	d, c := message.GetDescription(), message.GetCandidate()
	if (d != nil && d.GetTo() != protocol.SFU && d.GetEpoch() == 0) || (c != nil && c.GetTo() != protocol.SFU && c.GetEpoch() == 0) {
		// Of no direct connection that the room knows of: a message to a peer
		// like any other.
		need = auth.GrantsOf(protocol.Grant_DATA)
	}
	if need != 0 && grants&need == 0 {
		return protocol.Errorf(protocol.Error_NOT_GRANTED, "Your access does not let you send this %s; it needs the grant %v.", kind, need)
	}
	return nil
}
