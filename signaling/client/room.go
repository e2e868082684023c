package client

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/pion/webrtc/v4"
	"google.golang.org/protobuf/proto"

	"github.com/hiroba-rtc/hiroba/internal/dataframe"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// LocalTrack is something to publish.
type LocalTrack struct {
	Track webrtc.TrackLocal
	// Source says what it shows: "camera", "microphone", …
	Source string
}

// Config says what to join, and with what.
type Config struct {
	// Options say how to reach the server; Handle is set by Join.
	Options
	Room, Name string
	// Metadata is what others are to know of this peer.
	Metadata string

	// Tracks are published with the first offer.
	Tracks []LocalTrack
	// AudioSlots and VideoSlots are how many tracks of others can be received
	// at once.
	AudioSlots, VideoSlots int
	// TransportPolicy may demand a relay.
	TransportPolicy webrtc.ICETransportPolicy
	// API makes the PeerConnection; nil for pion's defaults.
	API *webrtc.API

	// OnTrack gets the stream of each slot once it carries something, in a
	// goroutine of its own. It has to read until an error. nil for none.
	OnTrack func(mid string, track *webrtc.TrackRemote)
	// OnData gets what others send over the DataChannels. nil for none.
	OnData func(channel string, frame *dataframe.DataFrame)
}

// Room is a joined room: a session and a media connection. It is safe for
// concurrent use.
type Room struct {
	link   *Link
	pc     *webrtc.PeerConnection
	joined *protocol.Joined

	connected chan struct{} // closed when media can flow
	channels  map[string]*webrtc.DataChannel
	opened    map[string]chan struct{} // closed when the channel is open
}

// The labels of the two DataChannels.
const (
	Reliable = "reliable" // ordered, nothing lost
	Lossy    = "lossy"    // unordered, sent once
)

// Join enters a room and negotiates media; it returns when the server has
// answered, which is before media flows. The Room has to be left.
func Join(ctx context.Context, config Config) (*Room, error) {
	r := &Room{
		connected: make(chan struct{}),
		channels:  map[string]*webrtc.DataChannel{},
		opened:    map[string]chan struct{}{},
	}
	var err error
	if r.link, err = Dial(ctx, config.Options); err != nil {
		return nil, err
	}
	if err := r.negotiate(ctx, config); err != nil {
		return nil, errors.Join(err, r.close())
	}
	return r, nil
}

// negotiate makes the first offer and joins with it.
func (r *Room) negotiate(ctx context.Context, config Config) error {
	if err := r.open(config); err != nil {
		return err
	}
	transceivers, err := r.addMedia(config)
	if err != nil {
		return err
	}
	offer, err := r.pc.CreateOffer(nil)
	if err != nil {
		return fmt.Errorf("client: making an offer: %w", err)
	}
	trickle := newTrickle(r.link)
	r.pc.OnICECandidate(trickle.found)
	if err := r.pc.SetLocalDescription(offer); err != nil {
		return fmt.Errorf("client: making an offer: %w", err)
	}
	join := &protocol.Join{
		Room: config.Room, Name: config.Name, Metadata: config.Metadata,
		Offer: &protocol.Description{To: protocol.SFU, Type: protocol.Description_OFFER, Sdp: offer.SDP},
	}
	for i, t := range transceivers {
		kind := protocol.Kind_AUDIO
		if t.Kind() == webrtc.RTPCodecTypeVideo {
			kind = protocol.Kind_VIDEO
		}
		join.Tracks = append(join.Tracks, &protocol.TrackOffer{Mid: t.Mid(), Kind: kind, Source: config.Tracks[i].Source})
	}
	answer, err := r.link.Request(ctx, &protocol.ClientMessage{Body: &protocol.ClientMessage_Join{Join: join}})
	if err != nil {
		return err
	}
	r.joined = answer.GetJoined()
	trickle.start()
	return r.accept(r.joined.GetAnswer())
}

// open makes the PeerConnection and its DataChannels.
func (r *Room) open(config Config) error {
	api := config.API
	if api == nil {
		api = webrtc.NewAPI()
	}
	settings := webrtc.Configuration{ICETransportPolicy: config.TransportPolicy}
	for _, s := range r.link.Welcome().GetIceServers() {
		server := webrtc.ICEServer{Username: s.GetUsername(), Credential: s.GetCredential()}
		for _, url := range s.GetUrls() {
			if wantsServer(url, config.TransportPolicy) {
				server.URLs = append(server.URLs, url)
			}
		}
		if len(server.URLs) > 0 {
			settings.ICEServers = append(settings.ICEServers, server)
		}
	}
	var err error
	if r.pc, err = api.NewPeerConnection(settings); err != nil {
		return fmt.Errorf("client: making a PeerConnection: %w", err)
	}
	var once sync.Once
	r.pc.OnConnectionStateChange(func(state webrtc.PeerConnectionState) {
		if state == webrtc.PeerConnectionStateConnected {
			once.Do(func() { close(r.connected) })
		}
	})
	r.pc.OnTrack(func(track *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
		for _, t := range r.pc.GetTransceivers() {
			if t.Receiver() == receiver && config.OnTrack != nil {
				config.OnTrack(t.Mid(), track)
			}
		}
	})
	unordered, never := false, uint16(0)
	for label, init := range map[string]*webrtc.DataChannelInit{
		Reliable: nil,
		Lossy:    {Ordered: &unordered, MaxRetransmits: &never},
	} {
		channel, err := r.pc.CreateDataChannel(label, init)
		if err != nil {
			return fmt.Errorf("client: making the %s DataChannel: %w", label, err)
		}
		opened := make(chan struct{})
		channel.OnOpen(func() { close(opened) })
		channel.OnMessage(func(m webrtc.DataChannelMessage) {
			frame := &dataframe.DataFrame{}
			if proto.Unmarshal(m.Data, frame) == nil && config.OnData != nil {
				config.OnData(label, frame)
			}
		})
		r.channels[label], r.opened[label] = channel, opened
	}
	return nil
}

// wantsServer says whether an ICE server is of use on the connection to the
// SFU. STUN, TURN and the SFU are one UDP socket: who reaches TURN over UDP
// there reaches the SFU itself, and a browser would not even hear it (see
// docs/protocol.md). Only who wants a relay gets one over UDP.
func wantsServer(url string, policy webrtc.ICETransportPolicy) bool {
	if policy == webrtc.ICETransportPolicyRelay {
		return strings.HasPrefix(url, "turn")
	}
	return strings.HasPrefix(url, "turn") && strings.HasSuffix(url, "transport=tcp")
}

// addMedia adds the tracks to send, and after them the slots.
func (r *Room) addMedia(config Config) (sending []*webrtc.RTPTransceiver, err error) {
	for _, t := range config.Tracks {
		transceiver, err := r.pc.AddTransceiverFromTrack(t.Track, webrtc.RTPTransceiverInit{
			Direction: webrtc.RTPTransceiverDirectionSendonly,
		})
		if err != nil {
			return nil, fmt.Errorf("client: publishing %s: %w", t.Source, err)
		}
		sending = append(sending, transceiver)
	}
	for kind, n := range map[webrtc.RTPCodecType]int{
		webrtc.RTPCodecTypeAudio: config.AudioSlots,
		webrtc.RTPCodecTypeVideo: config.VideoSlots,
	} {
		for range n {
			if _, err := r.pc.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{
				Direction: webrtc.RTPTransceiverDirectionRecvonly,
			}); err != nil {
				return nil, fmt.Errorf("client: opening a slot: %w", err)
			}
		}
	}
	return sending, nil
}

func (r *Room) accept(answer *protocol.Description) error {
	err := r.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer.GetSdp()})
	if err != nil {
		return fmt.Errorf("client: the server's answer: %w", err)
	}
	return nil
}

// ID is this client's peer id.
func (r *Room) ID() string { return r.joined.GetPeer() }

// Joined is the room as it was on entering. It must not be changed.
func (r *Room) Joined() *protocol.Joined { return r.joined }

// Link is the signaling session, for anything that Room has no method for.
func (r *Room) Link() *Link { return r.link }

// PeerConnection is the media connection, for statistics and the like.
func (r *Room) PeerConnection() *webrtc.PeerConnection { return r.pc }

// Connected is closed when media can flow.
func (r *Room) Connected() <-chan struct{} { return r.connected }

// Say sends a message to the peers named, or to everybody else, and waits
// until the server has taken it.
func (r *Room) Say(ctx context.Context, topic, text string, to ...string) error {
	_, err := r.link.Request(ctx, &protocol.ClientMessage{Body: &protocol.ClientMessage_Message{
		Message: &protocol.Message{To: to, Topic: topic, Text: text},
	}})
	return err
}

// Mute stops or starts forwarding of one of the client's own tracks.
func (r *Room) Mute(ctx context.Context, track string, muted bool) error {
	_, err := r.link.Request(ctx, &protocol.ClientMessage{Body: &protocol.ClientMessage_Mute{
		Mute: &protocol.Mute{Track: track, Muted: muted},
	}})
	return err
}

// View says what the client shows.
func (r *Room) View(ctx context.Context, shown ...*protocol.Shown) error {
	_, err := r.link.Request(ctx, &protocol.ClientMessage{Body: &protocol.ClientMessage_View{
		View: &protocol.View{Shown: shown},
	}})
	return err
}

// SendData sends over a DataChannel, to the peers named or to everybody else.
// It waits until the channel is open.
func (r *Room) SendData(ctx context.Context, channel, topic string, payload []byte, to ...string) error {
	select {
	case <-r.opened[channel]:
	case <-ctx.Done():
		return fmt.Errorf("client: waiting for the %s DataChannel: %w", channel, ctx.Err())
	}
	data, err := proto.Marshal(&dataframe.DataFrame{To: to, Topic: topic, Payload: payload})
	if err != nil {
		return fmt.Errorf("client: encoding a frame: %w", err)
	}
	return r.channels[channel].Send(data)
}

// Leave says goodbye and closes everything, goodbye heard or not.
func (r *Room) Leave(ctx context.Context) error {
	_, err := r.link.Request(ctx, &protocol.ClientMessage{Body: &protocol.ClientMessage_Leave{Leave: &protocol.Leave{}}})
	return errors.Join(err, r.close())
}

// Drop closes everything without a word, as a crash would.
func (r *Room) Drop() error { return r.close() }

func (r *Room) close() error {
	// An error of the link's closing says only that it was closed already.
	_ = r.link.Close()
	if r.pc == nil {
		return nil
	}
	return r.pc.GracefulClose()
}
