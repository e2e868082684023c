package room_test

import (
	"strings"
	"testing"

	"github.com/hiroba-rtc/hiroba/signaling/auth"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
	"github.com/hiroba-rtc/hiroba/signaling/room"
)

func grants(list ...protocol.Grant) *auth.Grants {
	set := auth.GrantsOf(list...)
	return &set
}

const (
	publish   = protocol.Grant_PUBLISH
	subscribe = protocol.Grant_SUBSCRIBE
	data      = protocol.Grant_DATA
	admin     = protocol.Grant_ADMIN
	record    = protocol.Grant_RECORD
)

func TestWhoMayGrantWhat(t *testing.T) {
	for _, tc := range []struct {
		name       string
		by         *auth.Grants // nil is the server
		to         *auth.Grants // what the subject has
		oneself    bool
		wants      *auth.Grants
		want       protocol.Error_Code
		wantGrants *auth.Grants
	}{
		{"no moderator", grants(publish), grants(publish), false, grants(), protocol.Error_NOT_GRANTED, grants(publish)},
		{"no moderator, oneself", grants(publish), nil, true, grants(publish, admin), protocol.Error_NOT_GRANTED, grants(publish)},
		{"a moderator takes", grants(admin), grants(publish, data), false, grants(data), 0, grants(data)},
		{"a moderator gives what it does not have", grants(admin), grants(data), false, grants(data, publish), 0, grants(data, publish)},
		{"a moderator makes another", grants(admin), grants(data), false, grants(data, admin), 0, grants(data, admin)},
		{"a moderator gives itself more", grants(admin), nil, true, grants(admin, publish), protocol.Error_NOT_GRANTED, grants(admin)},
		{"a moderator gives itself less", grants(admin, data), nil, true, grants(admin), 0, grants(admin)},
		{"a moderator lets record, and may not", grants(admin), grants(data), false, grants(record), protocol.Error_NOT_GRANTED, grants(data)},
		{"a moderator lets record, and may", grants(admin, record), grants(data), false, grants(record), 0, grants(record)},
		{"a moderator leaves one who records alone", grants(admin), grants(record, data), false, grants(record), 0, grants(record)},
		{"the server", nil, grants(data), false, grants(record, admin), 0, grants(record, admin)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			rooms := newRooms()
			var by *room.Peer
			var subject *someone
			if tc.by != nil {
				subject = enterAs(t, rooms, "tea", room.Identity{Grants: *tc.by})
				by = subject.Peer
			}
			if !tc.oneself {
				subject = enterAs(t, rooms, "tea", room.Identity{Grants: *tc.to})
			}
			_, err := subject.room.UpdatePeer(by, subject.ID(), room.Update{Grants: tc.wants})
			if err.GetCode() != tc.want {
				t.Errorf("got %v, want %v", err, tc.want)
			}
			if subject.grants != *tc.wantGrants {
				t.Errorf("its client may %v, want %v", subject.grants, *tc.wantGrants)
			}
			if news := subject.news(); (news[len(news)-1].GetPeerUpdated() != nil) != (tc.want == 0) {
				t.Errorf("it was told %v", news)
			}
		})
	}
}

// What a moderator decided outlasts fresh access tokens; of the rest they say.
func TestTokensAndModerators(t *testing.T) {
	all := grants(publish, subscribe, data)
	for _, tc := range []struct {
		name             string
		moderated, fresh *auth.Grants
		want             *auth.Grants
	}{
		{"the same token", nil, all, all},
		{"a token with less", nil, grants(data), grants(data)},
		{"a token with more", nil, grants(publish, subscribe, data, admin), grants(publish, subscribe, data, admin)},
		{"publish was taken, the same token", grants(subscribe, data), all, grants(subscribe, data)},
		{"publish was taken, a token with less", grants(subscribe, data), grants(data), grants(data)},
		{"publish was taken, a token with more", grants(subscribe, data), grants(publish, data, record), grants(data, record)},
		{"admin was given, the same token", grants(publish, subscribe, data, admin), all, grants(publish, subscribe, data, admin)},
		{"admin was given, a token with less", grants(publish, subscribe, data, admin), grants(data), grants(data, admin)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			rooms := newRooms()
			bob := enterAs(t, rooms, "tea", room.Identity{Grants: *all})
			if tc.moderated != nil {
				if _, err := bob.room.UpdatePeer(nil, bob.ID(), room.Update{Grants: tc.moderated}); err != nil {
					t.Fatal(err)
				}
			}
			// However many come, and whatever comes in between.
			rooms.Vouch("tea", bob.Peer, room.Vouched{Grants: 0})
			for range 2 {
				rooms.Vouch("tea", bob.Peer, room.Vouched{Grants: *tc.fresh})
			}
			if bob.grants != *tc.want {
				t.Fatalf("it may %v, want %v", bob.grants, *tc.want)
			}
		})
	}
}

func TestAFreshTokenSaysWhichRoleAndSources(t *testing.T) {
	rooms := newRooms()
	bob := enterAs(t, rooms, "tea", room.Identity{Role: "guest"}, audio("0"))
	if len(bob.told[0].GetJoined().GetTracks()) != 1 {
		t.Fatal("no track")
	}
	vouch := func(role string, sources []string) *protocol.Peer {
		rooms.Vouch("tea", bob.Peer, room.Vouched{Grants: auth.DefaultGrants, Role: role, Sources: sources})
		peer, err := bob.room.FindPeer(bob.ID())
		if err != nil {
			t.Fatal(err)
		}
		return peer
	}
	if p := vouch("speaker", []string{"microphone"}); p.GetRole() != "speaker" || len(p.GetTracks()) != 1 {
		t.Fatalf("a fresh token: %v", p)
	}
	bob.room.UpdatePeer(nil, bob.ID(), room.Update{Role: ptr("chair")})
	if p := vouch("speaker", []string{"camera"}); p.GetRole() != "chair" || len(p.GetTracks()) != 0 {
		t.Fatalf("a moderator's role, and a source taken away: %v", p)
	}
	if _, err := bob.room.Publish(bob.Peer, []*protocol.TrackOffer{audio("0")}); err.GetCode() != protocol.Error_NOT_GRANTED {
		t.Fatalf("the source is published again: %v", err)
	}
}

// Without the grant to publish, tracks end, for the others and for the SFU.
func TestWhoMayNotPublishAnyMoreStops(t *testing.T) {
	rooms := newRooms()
	ann := enterAs(t, rooms, "tea", host)
	bob := enterAs(t, rooms, "tea", room.Identity{}, audio("0"))
	id := bob.told[0].GetJoined().GetTracks()[0].GetId()
	ann.news()
	bob.news()
	bob.publishes = []*protocol.Track{{Id: id}}
	if _, err := ann.room.UpdatePeer(ann.Peer, bob.ID(), room.Update{Grants: grants(subscribe)}); err != nil {
		t.Fatal(err)
	}
	if len(bob.publishes) != 0 {
		t.Errorf("the SFU still forwards %v", bob.publishes)
	}
	for _, s := range []*someone{ann, bob} {
		news := s.news()
		if len(news) != 2 || news[0].GetPeerUpdated() == nil || news[1].GetTrackRemoved().GetTrack() != id {
			t.Errorf("%s was told %v", s.ID(), news)
		}
	}
	if _, err := bob.room.Publish(bob.Peer, []*protocol.TrackOffer{audio("0")}); err.GetCode() != protocol.Error_NOT_GRANTED {
		t.Errorf("it publishes again: %v", err)
	}
}

func TestModeratingTracks(t *testing.T) {
	for _, tc := range []struct {
		name     string
		do       func(by, of *someone, track string) *protocol.Error
		want     protocol.Error_Code
		unmuted  bool // its publisher can unmute it
		subjects int  // messages to the publisher
	}{
		{"mute", func(by, of *someone, track string) *protocol.Error {
			_, err := by.room.MuteTrack(by.Peer, of.ID(), track)
			return err
		}, 0, true, 1},
		{"mute twice", func(by, of *someone, track string) *protocol.Error {
			by.room.MuteTrack(by.Peer, of.ID(), track)
			_, err := by.room.MuteTrack(by.Peer, of.ID(), track)
			return err
		}, 0, true, 1},
		{"stop", func(by, of *someone, track string) *protocol.Error {
			_, err := by.room.StopTrack(by.Peer, of.ID(), track)
			return err
		}, 0, false, 1},
		{"a track that is not there", func(by, of *someone, _ string) *protocol.Error {
			_, err := by.room.MuteTrack(by.Peer, of.ID(), "ghost")
			return err
		}, protocol.Error_NO_SUCH_TRACK, true, 0},
		{"somebody else's track", func(by, of *someone, track string) *protocol.Error {
			_, err := by.room.StopTrack(by.Peer, by.ID(), track)
			return err
		}, protocol.Error_NO_SUCH_TRACK, true, 0},
		{"nobody's", func(by, _ *someone, track string) *protocol.Error {
			_, err := by.room.StopTrack(by.Peer, "ghost", track)
			return err
		}, protocol.Error_NO_SUCH_PEER, true, 0},
		{"without the grant", func(_, of *someone, track string) *protocol.Error {
			_, err := of.room.MuteTrack(of.Peer, of.ID(), track)
			return err
		}, protocol.Error_NOT_GRANTED, true, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			rooms := newRooms()
			ann := enterAs(t, rooms, "tea", host)
			bob := enterAs(t, rooms, "tea", room.Identity{}, audio("0"))
			track := bob.told[0].GetJoined().GetTracks()[0].GetId()
			bob.news()
			if err := tc.do(ann, bob, track); err.GetCode() != tc.want {
				t.Fatalf("got %v, want %v", err, tc.want)
			}
			if news := bob.news(); len(news) != tc.subjects {
				t.Fatalf("the publisher was told %v", news)
			}
			if err := bob.room.Mute(bob.Peer, track, false); (err == nil) != tc.unmuted {
				t.Fatalf("unmuting: %v", err)
			}
		})
	}
}

// Muting and publishing reach the SFU as the room has them, whoever did it.
func TestTheSFUHearsWhatTheRoomHears(t *testing.T) {
	rooms := newRooms()
	ann := enterAs(t, rooms, "tea", host)
	bob := enter(t, rooms, "tea")
	tracks, err := bob.room.Publish(bob.Peer, []*protocol.TrackOffer{audio("0")})
	if err != nil || len(bob.publishes) != 1 {
		t.Fatalf("%v; the SFU forwards %v", err, bob.publishes)
	}
	id := tracks[0].GetId()
	if _, err := ann.room.MuteTrack(ann.Peer, bob.ID(), id); err != nil || !bob.publishes[0].GetMuted() {
		t.Fatalf("muted by a moderator: %v, %v", err, bob.publishes)
	}
	if err := bob.room.Mute(bob.Peer, id, false); err != nil || bob.publishes[0].GetMuted() {
		t.Fatalf("unmuted: %v, %v", err, bob.publishes)
	}
	if _, err := ann.room.StopTrack(ann.Peer, bob.ID(), id); err != nil || len(bob.publishes) != 0 {
		t.Fatalf("stopped: %v, %v", err, bob.publishes)
	}
	// A leg that is made anew learns what there is.
	if _, err := bob.room.Publish(bob.Peer, []*protocol.TrackOffer{audio("0")}); err != nil {
		t.Fatal(err)
	}
	bob.publishes, bob.grants = nil, 0
	bob.room.Brief(bob.Peer)
	if len(bob.publishes) != 1 || bob.grants != auth.DefaultGrants || bob.suspended {
		t.Fatalf("a fresh leg was told %v, %v, suspended %v", bob.publishes, bob.grants, bob.suspended)
	}
}

// All peers of a user go, and others at the same address stay.
func TestABanIsOfAUser(t *testing.T) {
	rooms := newRooms()
	ann := enterAs(t, rooms, "tea", host)
	laptop := enterAs(t, rooms, "tea", at("192.0.2.1", room.Identity{User: "bob"}))
	phone := enterAs(t, rooms, "tea", at("192.0.2.9", room.Identity{User: "bob"}))
	neighbour := enterAs(t, rooms, "tea", at("192.0.2.1", room.Identity{}))
	if err := ann.room.Kick(ann.Peer, laptop.ID(), 60); err != nil {
		t.Fatal(err)
	}
	if laptop.removed == nil || phone.removed == nil || neighbour.removed != nil {
		t.Fatalf("removed: %v, %v, %v", laptop.removed, phone.removed, neighbour.removed)
	}
	if err := ann.room.Kick(ann.Peer, neighbour.ID(), 8*24*60*60); err.GetCode() != protocol.Error_BAD_FIELD {
		t.Fatalf("a ban for more than a week: %v", err)
	}
	if err := ann.room.Kick(neighbour.Peer, ann.ID(), 0); err.GetCode() != protocol.Error_NOT_GRANTED {
		t.Fatalf("kicked without the grant: %v", err)
	}
}

func TestWhatPeersSayOfThemselves(t *testing.T) {
	for _, tc := range []struct {
		name     string
		who      room.Identity
		metadata string
		want     protocol.Error_Code
		told     bool
	}{
		{"something", room.Identity{}, "hand up", 0, true},
		{"the same", room.Identity{Metadata: "hand up"}, "hand up", 0, false},
		{"4 KiB", room.Identity{}, strings.Repeat("x", 4096), 0, true},
		{"more", room.Identity{}, strings.Repeat("x", 4097), protocol.Error_BAD_FIELD, false},
		{"what the token says", room.Identity{Metadata: "a", MetadataIsGiven: true}, "b", protocol.Error_NOT_GRANTED, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			rooms := newRooms()
			ann, bob := enter(t, rooms, "tea"), enterAs(t, rooms, "tea", tc.who)
			ann.news()
			if err := bob.room.SetMetadata(bob.Peer, tc.metadata); err.GetCode() != tc.want {
				t.Fatalf("got %v, want %v", err, tc.want)
			}
			news := ann.news()
			if (len(news) == 1) != tc.told || tc.told && news[0].GetPeerUpdated().GetPeer().GetMetadata() != tc.metadata {
				t.Fatalf("the other was told %v", news)
			}
		})
	}
}

func TestRoles(t *testing.T) {
	for role, want := range map[string]protocol.Error_Code{
		"": 0, "司会": 0, strings.Repeat("x", 32): 0,
		strings.Repeat("x", 33): protocol.Error_BAD_FIELD, "a\nb": protocol.Error_BAD_FIELD,
	} {
		rooms := newRooms()
		ann, bob := enterAs(t, rooms, "tea", host), enter(t, rooms, "tea")
		if _, err := ann.room.UpdatePeer(ann.Peer, bob.ID(), room.Update{Role: &role}); err.GetCode() != want {
			t.Errorf("role %q: %v, want %v", role, err, want)
		}
	}
}

// On a server without tokens somebody moderates as long as anybody is there.
func TestSomebodyModerates(t *testing.T) {
	rooms := newRooms(func(c *room.Config) { c.FirstModerates = true })
	ann, bob, cat := enter(t, rooms, "tea"), enter(t, rooms, "tea"), enter(t, rooms, "tea")
	if !ann.grants.Has(admin) || bob.grants.Has(admin) {
		t.Fatalf("Ann may %v, Bob %v", ann.grants, bob.grants)
	}
	if !auth.GrantsOf(ann.told[0].GetJoined().GetSelf().GetGrants()...).Has(admin) {
		t.Error("Ann is not told that she moderates")
	}
	// Who gives it up leaves it to the eldest, which may be the same one.
	less := auth.DefaultGrants
	ann.room.UpdatePeer(ann.Peer, ann.ID(), room.Update{Grants: &less})
	if !ann.grants.Has(admin) {
		t.Error("nobody moderates")
	}
	ann.room.Leave(ann.Peer, protocol.PeerLeft_LEFT)
	if !bob.grants.Has(admin) || cat.grants.Has(admin) {
		t.Fatalf("after Ann: Bob may %v, Cat %v", bob.grants, cat.grants)
	}
	// Handed over, it stays where it is.
	more := auth.DefaultGrants.With(admin)
	bob.room.UpdatePeer(bob.Peer, cat.ID(), room.Update{Grants: &more})
	bob.room.UpdatePeer(bob.Peer, bob.ID(), room.Update{Grants: &less})
	if bob.grants.Has(admin) || !cat.grants.Has(admin) {
		t.Fatalf("handed over: Bob may %v, Cat %v", bob.grants, cat.grants)
	}
}

func TestEndingARoom(t *testing.T) {
	rooms := newRooms()
	ann, bob := enterAs(t, rooms, "tea", host), enter(t, rooms, "tea")
	if err := ann.room.End(bob.Peer); err.GetCode() != protocol.Error_NOT_GRANTED {
		t.Fatalf("somebody ends it: %v", err)
	}
	if err := ann.room.End(ann.Peer); err != nil {
		t.Fatal(err)
	}
	for _, s := range []*someone{ann, bob} {
		if s.removed.GetCode() != protocol.Error_ROOM_ENDED {
			t.Errorf("%s was told %v", s.ID(), s.removed)
		}
	}
	_, err := rooms.Enter("tea", newcomer(room.Identity{}).Peer, nil, nil, "")
	if err.GetCode() != protocol.Error_ROOM_ENDED || !err.GetRetry() {
		t.Fatalf("entering meanwhile: %v", err)
	}
	ann.room.Leave(ann.Peer, protocol.PeerLeft_CLOSED)
	bob.room.Leave(bob.Peer, protocol.PeerLeft_CLOSED)
	if rooms.Count() != 0 {
		t.Fatal("the room is still there")
	}
	// What still knows the room changes nothing, and tells nobody.
	if err := ann.room.Change(nil, &protocol.RoomChange{Locked: ptr(true)}); err.GetCode() != protocol.Error_NO_SUCH_ROOM {
		t.Fatalf("changing it: %v", err)
	}
	if fresh := enter(t, rooms, "tea"); fresh.room == ann.room {
		t.Fatal("the ended room lives again")
	}
}
