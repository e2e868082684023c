package signaling

import (
	"github.com/hiroba-rtc/hiroba/signaling/auth"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// member is a visitor as its room sees it: nothing here waits for the
// visitor's mutex, which may be held by somebody who waits for the room.
type member Visitor

// Send implements room.Member.
func (m *member) Send(event *protocol.Event, re string) { m.session.Send(event, re) }

// Remove implements room.Member.
func (m *member) Remove(reason *protocol.Error) { (*Visitor)(m).End(reason) }

// Admit implements room.Member.
func (m *member) Admit() { m.service.run((*Visitor)(m), (*Visitor)(m).admitted) }

// Grant implements room.Member.
func (m *member) Grant(grants auth.Grants) {
	m.grants.Store(uint32(grants))
	m.leg.do(func(leg Leg) { leg.Allow(rights(grants)) })
}

// Publish implements room.Member.
func (m *member) Publish(tracks []*protocol.Track) {
	m.leg.do(func(leg Leg) { leg.Publish(tracks) })
}

// Mute implements room.Member.
func (m *member) Mute(track string, muted bool) {
	m.leg.do(func(leg Leg) { leg.Mute(track, muted) })
}

// Suspend implements room.Member.
func (m *member) Suspend(on bool) {
	m.leg.do(func(leg Leg) { leg.Suspend(on) })
}

func rights(grants auth.Grants) Rights {
	return Rights{Subscribe: grants.Has(protocol.Grant_SUBSCRIBE), Data: grants.Has(protocol.Grant_DATA)}
}
