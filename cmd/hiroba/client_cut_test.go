package main

import (
	"testing"

	"github.com/pion/webrtc/v4"

	"github.com/hiroba-rtc/hiroba/signaling/client"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// Signaling is cut for two seconds: media goes on meanwhile, and what was said
// comes after.
func TestACutOfSignaling(t *testing.T) {
	abreast(t)
	for _, transport := range []client.Transport{client.WebSocket, client.GRPC} {
		t.Run(string(transport), func(t *testing.T) {
			_, server := runServer(t, nil)
			tether := newTether(t, server)
			states := make(chan error, 10)
			ann := enter(t, server, "tea", nil)
			bob := enter(t, tether.url, "tea", func(c *client.Config) {
				c.Transport, c.OnState = transport, func(err error) { states <- err }
			})
			face := newSource(t, webrtc.MimeTypeVP8, []byte("ann looks"))
			track := ann.publish(face)
			mid := bob.slotOf(track.GetId())
			bob.receives(5, mid, endsWith(face.body))

			tether.cut()
			if err := <-states; err == nil {
				t.Fatal("the cut was not noticed")
			}
			if err := ann.Say(bounded(t), "chat", "while you were away"); err != nil {
				t.Fatal(err)
			}
			published := make(chan error, 1)
			go func() { // it waits for the link to come back
				_, err := bob.Publish(bounded(t), client.LocalTrack{Track: face.track, Source: "camera"})
				published <- err
			}()
			before := bob.count(mid, endsWith(face.body))
			bob.receives(before+100, mid, endsWith(face.body)) // two seconds
			tether.mend()
			if err := <-states; err != nil {
				t.Fatalf("instead of coming back: %v", err)
			}
			bob.hears("what was missed", func(m *protocol.ServerMessage) bool {
				return m.GetMessage().GetText() == "while you were away"
			})
			if err := <-published; err != nil {
				t.Errorf("what was published during the cut: %v", err)
			}
			bob.unbroken(mid)
		})
	}
}

// The media connection breaks for longer than ICE waits: the client finds
// another path by itself.
func TestMediaFindsItsWayBack(t *testing.T) {
	abreast(t)
	_, url := runServer(t, nil)
	face := newSource(t, webrtc.MimeTypeVP8, []byte("ann looks"))
	ann := enter(t, url, "tea", nil)
	track := ann.publish(face)
	plug := newPlug(t)
	states := make(chan bool, 10)
	bob := enter(t, url, "tea", func(c *client.Config) {
		c.API, c.OnMedia = plug.api(t), func(up bool) { states <- up }
	})
	if !<-states {
		t.Fatal("media began as lost")
	}
	mid := bob.slotOf(track.GetId())
	bob.receives(10, mid, endsWith(face.body))
	credentials := bob.ufrag()
	plug.pull()
	if <-states {
		t.Fatal("the loss was not noticed")
	}
	bob.until("an ICE restart", func() bool { return bob.ufrag() != credentials })
	plug.push()
	if !<-states {
		t.Fatal("media did not come back")
	}
	before := bob.count(mid, endsWith(face.body))
	bob.receives(before+50, mid, endsWith(face.body))
	if err := bob.Restart(bounded(t)); err != nil { // the application may, too
		t.Fatal(err)
	}
	before = bob.count(mid, endsWith(face.body))
	bob.receives(before+50, mid, endsWith(face.body))
}
