package main

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"github.com/hiroba-rtc/hiroba/configs"
	"github.com/hiroba-rtc/hiroba/signaling/auth"
	"github.com/hiroba-rtc/hiroba/signaling/client"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

func TestAnsweringQuestions(t *testing.T) {
	abreast(t)
	_, url := runServer(t, nil)
	ann := enter(t, url, "tea", func(c *client.Config) {
		c.OnAsk = func(m *protocol.Message) string { return m.GetTopic() + ": " + strings.ToUpper(m.GetText()) }
	})
	bob, mute := enter(t, url, "tea", nil), enter(t, url, "tea", nil)
	if got, err := bob.Ask(bounded(t), ann.ID(), "shout", "hello"); err != nil || got != "shout: HELLO" {
		t.Errorf("Ann answered %q, %v", got, err)
	}
	// Without OnAsk, an application answers when it likes.
	answered := make(chan string, 1)
	go func() {
		got, _ := ann.Ask(bounded(t), bob.ID(), "later", "?")
		answered <- got
	}()
	asked := bob.hears("a question", func(m *protocol.ServerMessage) bool { return m.GetMessage().GetAsk() != "" })
	if err := bob.Reply(asked.GetMessage(), "now"); err != nil {
		t.Fatal(err)
	}
	if got := <-answered; got != "now" {
		t.Errorf("Bob answered %q", got)
	}
	var refusal *protocol.Error
	if _, err := bob.Ask(bounded(t), "ghost", "x", ""); !errors.As(err, &refusal) || refusal.GetCode() != protocol.Error_NO_SUCH_PEER {
		t.Errorf("a question to nobody was answered %v", err)
	}
	forsaken := make(chan error, 1)
	go func() {
		_, err := bob.Ask(bounded(t), mute.ID(), "x", "")
		forsaken <- err
	}()
	mute.hears("a question", func(m *protocol.ServerMessage) bool { return m.GetMessage().GetAsk() != "" })
	if err := mute.Leave(bounded(t)); err != nil {
		t.Fatal(err)
	}
	if err := <-forsaken; !errors.As(err, &refusal) || refusal.GetCode() != protocol.Error_NO_SUCH_PEER {
		t.Errorf("who was asked has left, and that was told as %v", err)
	}
}

func TestTheRosterIsUpToDate(t *testing.T) {
	abreast(t)
	_, url := runServer(t, nil)
	ann := enter(t, url, "tea", func(c *client.Config) { c.Metadata = "1" })
	bob := enter(t, url, "tea", func(c *client.Config) { c.Name = "Bob" })
	ann.until("Bob", func() bool { return len(ann.Peers()) == 1 && ann.Peers()[0].GetName() == "Bob" })
	if got := bob.Peers()[0].GetMetadata(); got != "1" {
		t.Errorf("Ann's metadata is %q", got)
	}
	if err := ann.SetMetadata(bounded(t), "2"); err != nil {
		t.Fatal(err)
	}
	bob.until("Ann's change", func() bool { return bob.Peers()[0].GetMetadata() == "2" })
	ann.until("the change, too", func() bool { return ann.Self().GetMetadata() == "2" })
	if err := bob.Leave(bounded(t)); err != nil {
		t.Fatal(err)
	}
	ann.until("nobody", func() bool { return len(ann.Peers()) == 0 })
}

func TestTheLobby(t *testing.T) {
	abreast(t)
	_, url := runServer(t, nil)
	host := enter(t, url, "tea", nil)
	lobby := true
	if err := host.Moderate(bounded(t), &protocol.Moderate{Action: &protocol.Moderate_Room{
		Room: &protocol.RoomChange{Lobby: &lobby},
	}}); err != nil {
		t.Fatal(err)
	}
	face := newSource(t, webrtc.MimeTypeVP8, []byte("looks"))
	// knock comes to the door, and tells the host's side of it.
	type outcome struct {
		*participant
		error
	}
	knock := func(name string, ctx context.Context) (<-chan outcome, string) { //nolint:revive // the name is what it is about
		waiting, out := make(chan struct{}), make(chan outcome, 1)
		go func() {
			p, err := tryEnterWith(t, ctx, url, "tea", func(c *client.Config) {
				c.Name, c.OnWaiting = name, func() { close(waiting) }
				c.Tracks = []client.LocalTrack{{Track: face.track, Source: "camera"}}
			})
			out <- outcome{p, err}
		}()
		<-waiting
		return out, host.hears(name+"'s knock", func(m *protocol.ServerMessage) bool { return m.GetKnock().GetName() == name }).GetKnock().GetPeer()
	}

	t.Run("admitted", func(t *testing.T) {
		coming, peer := knock("Ann", bounded(t))
		if err := host.Moderate(bounded(t), &protocol.Moderate{Action: &protocol.Moderate_Admit{Admit: peer}}); err != nil {
			t.Fatal(err)
		}
		ann := <-coming
		if ann.error != nil {
			t.Fatal(ann.error)
		}
		defer ann.Drop() //nolint:errcheck // it may have left
		host.receives(5, host.slotOf(ann.Tracks()[0].GetId()), endsWith(face.body))
		if err := ann.Leave(bounded(t)); err != nil {
			t.Error(err)
		}
	})
	t.Run("refused", func(t *testing.T) {
		coming, peer := knock("Bob", bounded(t))
		if err := host.Moderate(bounded(t), &protocol.Moderate{Action: &protocol.Moderate_Refuse{Refuse: peer}}); err != nil {
			t.Fatal(err)
		}
		var refusal *protocol.Error
		if bob := <-coming; !errors.As(bob.error, &refusal) || refusal.GetCode() != protocol.Error_REFUSED {
			t.Errorf("Bob was told %v", bob.error)
		}
	})
	t.Run("tired of waiting", func(t *testing.T) {
		ctx, cancel := context.WithCancel(bounded(t))
		coming, peer := knock("Cat", ctx)
		cancel()
		if cat := <-coming; !errors.Is(cat.error, context.Canceled) {
			t.Errorf("Cat was told %v", cat.error)
		}
		host.hears("Cat's going", func(m *protocol.ServerMessage) bool {
			return m.GetKnock().GetPeer() == peer && m.GetKnock().GetOver()
		})
	})
}

// Tokens that end soon are renewed without the application's doing.
func TestAccessIsRenewed(t *testing.T) {
	abreast(t)
	_, url := runServer(t, func(c *configs.Config) { c.Keys = apiKeys })
	keys, err := auth.ParseKeys(apiKeys)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := keys.Signer("main")
	if err != nil {
		t.Fatal(err)
	}
	asked := make(chan int, 10)
	n := 0
	ann := enter(t, url, "tea", func(c *client.Config) {
		c.Token = func(context.Context) (string, error) {
			n++ // it is asked for one at a time
			asked <- n
			life := 4 * time.Second // the server wants another after half of it
			if n > 1 {
				life = time.Hour
			}
			return signer.Token(auth.Access{Room: "tea", Name: "Ann", Grants: auth.DefaultGrants}, time.Now(), life)
		}
	})
	end := time.NewTimer(4500 * time.Millisecond) // of the first one
	defer end.Stop()
	for <-asked != 2 {
		continue
	}
	select {
	case <-end.C:
	case <-ann.Done():
		t.Fatalf("it ended: %v", ann.Err())
	}
	if err := ann.Say(bounded(t), "chat", "still here"); err != nil {
		t.Error(err)
	}
}
