package signaling

import (
	"testing"
	"time"

	"github.com/hiroba-rtc/hiroba/signaling/auth"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
	"github.com/hiroba-rtc/hiroba/signaling/room"
)

// Every kind of message that there is, with the grants of which one is enough.
func TestWhatEachMessageNeeds(t *testing.T) {
	const (
		publish   = protocol.Grant_PUBLISH
		subscribe = protocol.Grant_SUBSCRIBE
		data      = protocol.Grant_DATA
		admin     = protocol.Grant_ADMIN
	)
	cases := []struct {
		name    string
		message *protocol.ClientMessage
		needs   []protocol.Grant // none: nothing
	}{
		{"leave", &protocol.ClientMessage{Body: &protocol.ClientMessage_Leave{Leave: &protocol.Leave{}}}, nil},
		{"description", &protocol.ClientMessage{Body: &protocol.ClientMessage_Description{Description: offerToSFU()}}, nil},
		{"description to a peer", &protocol.ClientMessage{Body: &protocol.ClientMessage_Description{Description: &protocol.Description{To: "bob"}}},
			[]protocol.Grant{data}},
		{"candidate", &protocol.ClientMessage{Body: &protocol.ClientMessage_Candidate{Candidate: &protocol.Candidate{To: protocol.SFU}}}, nil},
		{"candidate to a peer", &protocol.ClientMessage{Body: &protocol.ClientMessage_Candidate{Candidate: &protocol.Candidate{To: "bob"}}},
			[]protocol.Grant{data}},
		{"publish", &protocol.ClientMessage{Body: &protocol.ClientMessage_Publish{Publish: &protocol.Publish{}}}, []protocol.Grant{publish}},
		{"mute", &protocol.ClientMessage{Body: &protocol.ClientMessage_Mute{Mute: &protocol.Mute{}}}, []protocol.Grant{publish}},
		{"view", &protocol.ClientMessage{Body: &protocol.ClientMessage_View{View: &protocol.View{}}}, []protocol.Grant{subscribe}},
		{"message", chat("hello"), []protocol.Grant{data}},
		{"ping", &protocol.ClientMessage{Body: &protocol.ClientMessage_Ping{Ping: &protocol.Ping{}}}, nil},
		{"authenticate", authenticate("nonsense"), nil},
		{"metadata", &protocol.ClientMessage{Body: &protocol.ClientMessage_Metadata{Metadata: &protocol.Metadata{}}}, []protocol.Grant{data}},
		{"moderate", &protocol.ClientMessage{Body: &protocol.ClientMessage_Moderate{Moderate: &protocol.Moderate{}}}, []protocol.Grant{admin}},
		{"direct", &protocol.ClientMessage{Body: &protocol.ClientMessage_Direct{Direct: &protocol.Direct{}}}, []protocol.Grant{publish, subscribe}},
		{"join", join("tea"), nil},
	}
	covered := map[string]bool{}
	for _, tc := range cases {
		covered[kind(tc.message)] = true
		t.Run(tc.name, func(t *testing.T) {
			for _, grant := range []protocol.Grant{0, publish, subscribe, data, admin, protocol.Grant_RECORD} {
				h := newHouse(t, noAnonymous)
				g := h.comeIn("tea", here(h.token(auth.Access{Grants: auth.GrantsOf(grant)}, time.Hour)))
				may := len(tc.needs) == 0
				for _, need := range tc.needs {
					may = may || need == grant
				}
				refused := g.ask(tc.message).GetError().GetCode() == protocol.Error_NOT_GRANTED
				if refused == may || refused != (h.refusals(protocol.Error_NOT_GRANTED) == 1) {
					t.Errorf("with %v: refused %v", grant, refused)
				}
			}
		})
	}
	fields := (&protocol.ClientMessage{}).ProtoReflect().Descriptor().Oneofs().ByName("body").Fields()
	for i := range fields.Len() {
		if !covered[string(fields.Get(i).Name())] {
			t.Errorf("nothing is said of %s", fields.Get(i).Name())
		}
	}
}

// The media side hears of the same grants, from the first moment on.
func TestWhatTheMediaSideMayDo(t *testing.T) {
	for _, tc := range []struct {
		name   string
		grants auth.Grants
		want   Rights
	}{
		{"everything", auth.DefaultGrants, Rights{Subscribe: true, Data: true}},
		{"to listen", auth.GrantsOf(protocol.Grant_SUBSCRIBE), Rights{Subscribe: true}},
		{"to say", auth.GrantsOf(protocol.Grant_DATA), Rights{Data: true}},
		{"nothing", 0, Rights{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newHouse(t, noAnonymous)
			g := h.come(here(h.token(auth.Access{Grants: tc.grants}, time.Hour)))
			if answer := g.ask(joinWith(&protocol.Join{Room: "tea", Offer: offerToSFU()})); answer.GetJoined() == nil {
				t.Fatalf("answered %v", answer)
			}
			if got := h.media.allowed(); got != tc.want {
				t.Fatalf("it may %v, want %v", got, tc.want)
			}
			h.rooms.Vouch("tea", g.v.peer, room.Vouched{Grants: auth.AllGrants})
			if got := h.media.allowed(); got != (Rights{Subscribe: true, Data: true}) {
				t.Fatalf("after a token with more it may %v", got)
			}
		})
	}
}
