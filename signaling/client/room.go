package client

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/pion/webrtc/v4"

	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// goodbye is how long a Join that failed waits for the server to know.
const goodbye = 500 * time.Millisecond

// Config says what to join, and with what. Its functions are called by the
// Room's own goroutines: they must return soon, and must not call Leave or
// Drop, nor wait for anything that the server answers; start a goroutine for
// that. They may be called before Join has returned.
type Config struct {
	// Options say how to reach the server, and with which access token. Handle
	// gets every message of the room, after the Room has taken note of it: in
	// Handle, Peers and Slots are as that message left them.
	Options
	// Room is the room's name: 1 to 64 letters, digits, '-', '_' or '.'. Name is
	// what others call this peer; the access token's comes first.
	Room, Name string
	// Metadata is what others are to know of this peer, up to 4 KiB.
	Metadata string

	// Tracks are published with the first offer.
	Tracks []LocalTrack
	// AudioSlots and VideoSlots are how many tracks of others can be received
	// at once. OpenSlots adds some later.
	AudioSlots, VideoSlots int
	// TransportPolicy may demand a relay.
	TransportPolicy webrtc.ICETransportPolicy
	// API makes the PeerConnection; nil for pion's defaults.
	API *webrtc.API

	// OnWaiting is told that somebody has to let this client in: Join goes on
	// waiting. nil for nobody.
	OnWaiting func()
	// OnTrack gets the stream of each slot once it carries something, in a
	// goroutine of its own. It has to read until an error: a slot that nobody
	// reads loses packets, and what is in it is no longer told apart. The stream
	// stays the same whatever track the slot carries; Slots says which. nil for
	// nobody.
	OnTrack func(mid string, track *webrtc.TrackRemote)
	// OnData gets what others send over the DataChannels, large messages as a
	// whole. nil for nobody.
	OnData func(channel string, frame *DataFrame)
	// OnMissed is told of each peer that does not get a large message of this
	// client's: it is gone, or reads nothing. nil for nobody.
	OnMissed func(peer, topic string)
	// OnDropped is told why large messages of others were given up, which are
	// lost to this client. nil for nobody.
	OnDropped func(why error)
	// OnAsk answers what others ask this client. With nil, questions go to
	// Handle like other messages, for Reply.
	OnAsk func(question *protocol.Message) (answer string)
	// OnMedia is told when media can flow, and when it no longer can. The Room
	// looks for another path by itself meanwhile. nil for nobody.
	OnMedia func(connected bool)
}

// Room is a joined room: a session and a media connection. It is safe for
// concurrent use. Messages that it returns must not be changed.
//
// A connection that is cut needs nothing from the application: signaling goes
// on where it was, and media finds another path. Done says when the session
// has ended for good.
type Room struct {
	config Config
	link   *Link
	pc     *webrtc.PeerConnection
	prompt *prompt          // nil with an API of the application's
	joined *protocol.Joined // as on entering

	life    context.Context // ends when the Room is closed
	end     context.CancelFunc
	running sync.WaitGroup
	closing sync.Once
	closed  error // of closing

	channels     map[string]*channel
	large        largeData
	trickle      *trickle
	negotiation  negotiation
	publications publications
	roster       roster
	questions    questions
	path         path
	renewal      renewal

	// admitted gets joined after waiting at the door.
	admitted chan *protocol.ServerMessage

	mu      sync.Mutex                // guards all below
	entered bool                      // joined was taken note of
	early   []*protocol.ServerMessage // what came before
}

// Join enters a room and negotiates media; it returns when the server has
// answered, which is before media flows. Where somebody has to let this client
// in, it waits for that. The Room has to be left, also when its session has
// ended by itself. An error of the server, such as REFUSED by a moderator, is
// a *protocol.Error.
func Join(ctx context.Context, config Config) (*Room, error) {
	r := &Room{
		config:   config,
		channels: map[string]*channel{},
		admitted: make(chan *protocol.ServerMessage, 1),
	}
	r.life, r.end = context.WithCancel(context.Background())
	r.large.init()
	r.negotiation.init()
	r.path.init()
	r.renewal.init()
	options := config.Options
	options.Handle, options.OnState = r.handle, r.linkChanged
	var err error
	if r.link, err = Dial(ctx, options); err != nil {
		r.end()
		return nil, err
	}
	r.running.Go(r.keepPath)
	r.running.Go(r.keepAccess)
	if err := r.enter(ctx); err != nil {
		if r.link.Err() == nil {
			// The server need not wait for this client to come back.
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), goodbye)
			defer cancel()
			_ = r.leave(ctx)
		}
		return nil, errors.Join(err, r.close())
	}
	return r, nil
}

// enter makes the first offer and joins with it.
func (r *Room) enter(ctx context.Context) error {
	if err := r.openMedia(); err != nil {
		return err
	}
	for _, t := range r.config.Tracks {
		if _, err := r.attach(t); err != nil {
			return err
		}
	}
	if _, err := r.addSlots(r.config.AudioSlots, r.config.VideoSlots); err != nil {
		return err
	}
	offer, err := r.pc.CreateOffer(nil)
	if err != nil {
		return fmt.Errorf("client: making an offer: %w", err)
	}
	// Candidates are looked for while the server thinks.
	if err := r.pc.SetLocalDescription(offer); err != nil {
		return fmt.Errorf("client: making an offer: %w", err)
	}
	offers, named := r.publications.offers()
	answer, err := r.ask(ctx, &protocol.Join{
		Room: r.config.Room, Name: r.config.Name, Metadata: r.config.Metadata,
		Offer:  &protocol.Description{To: protocol.SFU, Type: protocol.Description_OFFER, Sdp: offer.SDP},
		Tracks: offers,
	})
	if err != nil {
		return err
	}
	r.joined = answer.GetJoined()
	r.roster.reset(r.joined)
	if err := r.publications.name(named, r.joined.GetTracks(), answer.GetSeq()); err != nil {
		return err
	}
	r.catchUp()
	r.trickle.start()
	sdp := r.joined.GetAnswer().GetSdp()
	if sdp == "" { // it was among messages that are lost: this is a snapshot
		if sdp, err = r.describe(ctx, offer.SDP); err != nil {
			return err
		}
	}
	return r.accept(sdp)
}

// ask asks to be let in, and waits at the door if need be.
func (r *Room) ask(ctx context.Context, join *protocol.Join) (*protocol.ServerMessage, error) {
	answer, err := r.link.Request(ctx, &protocol.ClientMessage{Body: &protocol.ClientMessage_Join{Join: join}})
	if err != nil || answer.GetWaiting() == nil {
		return answer, err
	}
	if r.config.OnWaiting != nil {
		r.config.OnWaiting()
	}
	select {
	case joined := <-r.admitted:
		return joined, nil
	case <-r.link.Done():
		return nil, r.link.Err()
	case <-ctx.Done():
		return nil, fmt.Errorf("client: waiting to be let in: %w", ctx.Err())
	}
}

// handle takes each message that answers nothing. What comes before it is
// known who is in the room waits for that.
func (r *Room) handle(message *protocol.ServerMessage) {
	if expiring := message.GetAccessExpiring(); expiring != nil {
		r.renewal.wanted(time.UnixMilli(expiring.GetExpiresMs()))
	}
	r.mu.Lock()
	if !r.entered {
		defer r.mu.Unlock()
		if message.GetJoined() != nil && len(r.admitted) == 0 {
			r.admitted <- message
		} else {
			r.early = append(r.early, message)
		}
		return
	}
	r.mu.Unlock()
	r.take(message)
}

// catchUp takes what came before the room was entered. Once it returns,
// messages are taken as they come.
func (r *Room) catchUp() {
	for {
		r.mu.Lock()
		early := r.early
		r.early = nil
		r.entered = len(early) == 0
		r.mu.Unlock()
		if len(early) == 0 {
			return
		}
		for _, message := range early {
			r.take(message)
		}
	}
}

// take notes what a message says and hands it on.
func (r *Room) take(message *protocol.ServerMessage) {
	r.roster.apply(message)
	if r.publications.apply(r.ID(), message) {
		r.path.wake() // something was ended by a moderator
	}
	if message.GetError().GetCode() == protocol.Error_MEDIA_LOST {
		r.path.lost()
	}
	if r.hearTalk(message) {
		return
	}
	if r.config.Handle != nil {
		r.config.Handle(message)
	}
}

// ID is this client's peer id.
func (r *Room) ID() string { return r.joined.GetPeer() }

// Joined is the room as it was on entering, with its settings and the history
// of its messages.
func (r *Room) Joined() *protocol.Joined { return r.joined }

// Self is this client as others see it, without its tracks.
func (r *Room) Self() *protocol.Peer { return r.roster.me() }

// Peers is everybody else, in the order of their coming, with what they
// publish.
func (r *Room) Peers() []*protocol.Peer { return r.roster.everybody() }

// Slots is what is in this client's slots now, in no particular order. A slot
// with a track and a reason (Why) is silent for now.
func (r *Room) Slots() []*protocol.Slot { return r.roster.carried() }

// Quality is how well media of a peer gets through to this client or, with this
// client's own id, how good its connection is both ways. 100 with no cause is
// what nothing is wrong with. Handle is told of every change.
func (r *Room) Quality(peer string) *protocol.PeerQuality { return r.roster.quality(peer) }

// Link is the signaling session, for anything that Room has no method for.
func (r *Room) Link() *Link { return r.link }

// PeerConnection is the media connection, for statistics and the like. To
// offer is the Room's alone.
func (r *Room) PeerConnection() *webrtc.PeerConnection { return r.pc }

// Done is closed when the session has ended for good; Err says why. The Room
// has to be left all the same.
func (r *Room) Done() <-chan struct{} { return r.link.Done() }

// Err is why the session ended: a *protocol.Error when the server said so, nil
// while it goes on.
func (r *Room) Err() error { return r.link.Err() }

// Leave says goodbye and closes everything, goodbye heard or not.
func (r *Room) Leave(ctx context.Context) error {
	return errors.Join(r.leave(ctx), r.close())
}

func (r *Room) leave(ctx context.Context) error {
	_, err := r.link.Request(ctx, &protocol.ClientMessage{Body: &protocol.ClientMessage_Leave{Leave: &protocol.Leave{}}})
	return err
}

// Drop closes everything without a word, as a crash would.
func (r *Room) Drop() error { return r.close() }

// close ends everything and waits for it. Only the first call does something.
func (r *Room) close() error {
	r.closing.Do(func() {
		r.end()
		// An error of the link's closing says only that it was closed already.
		_ = r.link.Close()
		r.negotiation.close() // waits for the offer that is out
		r.publications.stop()
		if r.pc != nil {
			r.closed = r.pc.GracefulClose()
		}
		r.running.Wait()
	})
	return r.closed
}
