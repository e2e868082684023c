package load

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/pion/stun/v4"

	"github.com/hiroba-rtc/hiroba/sfu/dtls"
	"github.com/hiroba-rtc/hiroba/sfu/reception"
	"github.com/hiroba-rtc/hiroba/sfu/srtp"
	signal "github.com/hiroba-rtc/hiroba/signaling/client"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

const (
	// joinPatience is how long a client waits to be connected.
	joinPatience = 20 * time.Second
	// checkPatience is how long one address of the server is tried.
	checkPatience = 1500 * time.Millisecond
	firstCheck    = 50 * time.Millisecond
	// consentEvery is how often the server is shown that the client is there
	// (RFC 7675).
	consentEvery = 2500 * time.Millisecond
	// tickEvery is how often a client looks at what is due, nackEvery when it asks
	// for what it lost.
	tickEvery   = 100 * time.Millisecond
	nackEvery   = 20 * time.Millisecond
	reportEvery = time.Second
	// keyframePatience is how long a slot waits for its first picture before it
	// asks for one, and between two times that it asks.
	keyframePatience = 500 * time.Millisecond
	goodbyePatience  = 2 * time.Second
)

// client is one participant: a publisher, or a subscriber.
type client struct {
	run       *run
	loop      *loop
	room      *room
	name      string
	publisher bool
	in        bool // it has joined; guarded by run.mu

	// Used by join and leave alone.
	link       *signal.Link
	transport  *dtls.Transport
	channels   *channels
	answered   time.Duration
	connected  time.Duration
	offerUfrag string
	began      time.Time

	// All below is guarded by loop.mu.
	closed  bool
	streams []*stream          // that it sends
	tracks  map[string]*stream // those without simulcast, or the first of a track, by the server's id
	socket  *socket

	// ICE.
	ufrag, pwd string // the server's
	check      *stun.Message
	checkedAt  time.Time
	reached    chan struct{} // closed when a check was answered
	rtt        time.Duration
	told       *protocol.Slots // by the server, the last time

	dtls    *dtls.Transport
	sealer  *srtp.Sealer
	reports *srtp.ReportSealer
	opener  *srtp.Opener

	ssrc      uint32 // of its own reports
	sequence  uint16 // transport-wide, of what it sends
	slots     []*slot
	bySSRC    map[uint32]*slot
	arrivals  reception.Arrivals
	reportBuf []byte
	sealBuf   []byte
	reported  time.Time
	playing   bool
	firstAt   time.Time // when the first frame was here
}

// room is what the clients of one room share.
type room struct {
	index int
	name  string
	// cameras are the ids of what publishers show; guarded by run.mu.
	cameras []string
}

// plan is that of the whole run.
func (c *client) plan() *Plan { return &c.run.plan }

// join enters the room, with all that the client sends and receives, and returns
// when media can flow.
func (c *client) join(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, joinPatience)
	defer cancel()
	c.began = time.Now()
	options := signal.Options{URL: c.plan().URL, Format: protocol.Binary, Handle: c.handle}
	if c.plan().Token != "" {
		options.Token = func(context.Context) (string, error) { return c.plan().Token, nil }
	}
	var err error
	if c.link, err = signal.Dial(ctx, options); err != nil {
		return err
	}
	described, err := c.enter(ctx)
	if err != nil {
		return err
	}
	c.answered = time.Since(c.began)
	// It begins before the server is reached: the first flight may be the server's.
	if err := c.prepare(described); err != nil {
		return err
	}
	if err := c.reach(ctx, described); err != nil {
		return err
	}
	if err := c.secure(ctx); err != nil {
		return err
	}
	c.connected = time.Since(c.began)
	if c.plan().Data != (Data{}) {
		if err := c.openChannels(ctx, described.active); err != nil {
			return err
		}
	}
	c.loop.mu.Lock()
	defer c.loop.mu.Unlock()
	c.begin(time.Now())
	return nil
}

// enter joins by signaling.
func (c *client) enter(ctx context.Context) (answer, error) {
	o, wanted, err := c.offer()
	if err != nil {
		return answer{}, err
	}
	wanted.Offer = &protocol.Description{To: protocol.SFU, Type: protocol.Description_OFFER, Sdp: o.String()}
	got, err := c.link.Request(ctx, &protocol.ClientMessage{Body: &protocol.ClientMessage_Join{Join: wanted}})
	switch {
	case err != nil:
		return answer{}, err
	case got.GetWaiting() != nil:
		return answer{}, errors.New("the room has a lobby: somebody would have to let in each client")
	}
	joined := got.GetJoined()
	described, err := readAnswer(joined.GetAnswer().GetSdp())
	if err != nil {
		return answer{}, err
	}
	c.loop.mu.Lock()
	defer c.loop.mu.Unlock()
	c.ufrag, c.pwd = described.ufrag, described.pwd
	for _, s := range described.slots {
		c.addSlot(s)
	}
	c.fillSlots(c.told)
	for i, track := range joined.GetTracks() {
		if i < len(o.tracks) {
			c.tracks[track.GetId()] = o.tracks[i].streams[0]
			if o.tracks[i].kind == video {
				c.run.showing(c.room, track.GetId())
			}
		}
	}
	return described, nil
}

// offer is what the client offers, and the join that it goes with.
func (c *client) offer() (*offer, *protocol.Join, error) {
	plan, limits := c.plan(), c.link.Welcome().GetLimits()
	c.offerUfrag = rand.Text()[:8]
	o := &offer{
		ufrag: c.offerUfrag, pwd: rand.Text(), fingerprint: c.run.identity.Fingerprint(),
		codec: codecs[plan.Video.Codec], data: plan.Data != Data{},
	}
	wanted := &protocol.Join{Room: c.room.name, Name: c.name}
	if c.publisher {
		for _, s := range c.streams {
			if n := len(o.tracks); n > 0 && s.kind == video && o.tracks[n-1].kind == video {
				o.tracks[n-1].streams = append(o.tracks[n-1].streams, s)
				continue
			}
			o.tracks = append(o.tracks, offeredTrack{s.kind, []*stream{s}})
		}
		for i, t := range o.tracks {
			offered := &protocol.TrackOffer{Mid: fmt.Sprint(i), Kind: protocol.Kind_AUDIO, Source: "microphone"}
			if t.kind == video {
				offered.Kind, offered.Source = protocol.Kind_VIDEO, "camera"
				for _, s := range t.streams {
					offered.Encodings = append(offered.Encodings, &protocol.Encoding{Rid: s.rid, Width: uint32(s.size[0]), Height: uint32(s.size[1])})
				}
			}
			wanted.Tracks = append(wanted.Tracks, offered)
		}
		return o, wanted, nil
	}
	most := int(limits.GetSlots())
	if plan.Publishers > most {
		return nil, nil, fmt.Errorf("%d publishers in a room need as many slots in each subscriber; the server allows %d (limits.slots)", plan.Publishers, most)
	}
	if plan.Audio {
		o.audioSlots = plan.Publishers
	}
	if plan.Video != (Video{}) {
		o.videoSlots = plan.Publishers
	}
	if plan.Simulcast {
		wanted.View = &protocol.View{}
		for i, track := range c.run.shown(c.room) {
			// Each size is somebody's.
			size := simulcastSizes[(c.loop.pick()+i)%len(simulcastSizes)]
			wanted.View.Shown = append(wanted.View.Shown, &protocol.Shown{Track: track, Width: uint32(size.width), Height: uint32(size.height)})
		}
	}
	return o, wanted, nil
}

// reach finds the server's address and nominates it, as a controlling agent does
// (RFC 8445, 7.2.2 and 8.1.1). The server is lite: one answer is all it takes.
func (c *client) reach(ctx context.Context, described answer) error {
	candidates := slices.Clone(described.candidates)
	known := c.run.addresses
	slices.SortStableFunc(candidates, func(a, b candidate) int {
		if x, y := slices.Contains(known, a.addr.Addr()), slices.Contains(known, b.addr.Addr()); x != y {
			if x {
				return -1
			}
			return 1
		}
		return int(min(max(int64(b.priority)-int64(a.priority), -1), 1))
	})
	var tried []netip.AddrPort
	for _, to := range candidates {
		tried = append(tried, to.addr)
		if c.tryAddress(ctx, to.addr) {
			return nil
		}
		if ctx.Err() != nil {
			break
		}
	}
	return fmt.Errorf("no answer over UDP from %v: is the way open, and does the server know its address (advertise)?", tried)
}

func (c *client) tryAddress(ctx context.Context, to netip.AddrPort) bool {
	c.loop.mu.Lock()
	var err error
	if c.socket != nil {
		c.socket.close()
		c.socket = nil
	}
	c.socket, err = c.loop.poller.open(to, c)
	c.loop.mu.Unlock()
	if err != nil {
		return false // of a family that this machine has not
	}
	deadline := time.NewTimer(checkPatience)
	defer deadline.Stop()
	for pause := firstCheck; ; pause *= 2 {
		c.loop.mu.Lock()
		c.sendCheck(time.Now())
		c.loop.mu.Unlock()
		again := time.NewTimer(pause)
		select {
		case <-c.reached:
			again.Stop()
			return true
		case <-again.C:
		case <-deadline.C:
			again.Stop()
			return false
		case <-ctx.Done():
			again.Stop()
			return false
		}
	}
}

// sendCheck sends a check that nominates. The caller holds loop.mu.
func (c *client) sendCheck(now time.Time) {
	var priority [4]byte
	priority[0] = 110 // that of a peer-reflexive candidate
	check, err := stun.Build(stun.TransactionID, stun.BindingRequest,
		stun.NewUsername(c.ufrag+":"+c.offerUfrag),
		stun.RawAttribute{Type: stun.AttrPriority, Value: priority[:]},
		stun.RawAttribute{Type: stun.AttrICEControlling, Value: []byte("hirobald")},
		stun.RawAttribute{Type: stun.AttrUseCandidate},
		stun.NewShortTermIntegrity(c.pwd), stun.Fingerprint)
	if err != nil {
		return // the server's password is none; its answer never comes
	}
	c.check, c.checkedAt = check, now
	c.socket.send(check.Raw)
}

// takeSTUN takes the answer to a check. The caller holds loop.mu.
func (c *client) takeSTUN(b []byte, at int64) {
	if c.check == nil || !stun.IsMessage(b) || len(b) < 20 || [stun.TransactionIDSize]byte(b[8:20]) != c.check.TransactionID {
		return
	}
	m := &stun.Message{Raw: slices.Clone(b)}
	if m.Decode() != nil || m.Type != stun.BindingSuccess || stun.NewShortTermIntegrity(c.pwd).Check(m) != nil {
		return
	}
	c.rtt = max(time.Unix(0, at).Sub(c.checkedAt), 0)
	c.check = nil
	select {
	case <-c.reached:
	default:
		close(c.reached)
	}
}

// prepare makes the end of DTLS.
func (c *client) prepare(described answer) error {
	transport, err := dtls.New(dtls.Config{
		Identity: c.run.identity, Client: !described.active, Remote: described.fingerprints,
		Send: func(datagram []byte) error {
			c.loop.mu.Lock()
			defer c.loop.mu.Unlock()
			if c.socket != nil {
				c.socket.send(datagram)
			}
			return nil
		},
		LoggerFactory: quiet{},
	})
	if err != nil {
		return err
	}
	c.transport = transport
	c.loop.mu.Lock()
	c.dtls = transport
	c.loop.mu.Unlock()
	return nil
}

// secure agrees on keys.
func (c *client) secure(ctx context.Context) error {
	keys, err := c.transport.Handshake(ctx)
	if err != nil {
		return err
	}
	sealer, err := srtp.NewSealer(keys)
	if err != nil {
		return err
	}
	reports, err := srtp.NewReportSealer(keys)
	if err != nil {
		return err
	}
	opener, err := srtp.NewOpener(keys)
	if err != nil {
		return err
	}
	c.loop.mu.Lock()
	defer c.loop.mu.Unlock()
	c.sealer, c.reports, c.opener = sealer, reports, opener
	return nil
}

// begin starts what is done again and again. The caller holds loop.mu.
func (c *client) begin(now time.Time) {
	c.reported = now
	consent := now
	every := tickEvery
	if c.plan().Loss > 0 && !c.publisher {
		every = nackEvery
	}
	phase := time.Duration(c.loop.random.Int64N(int64(every)))
	c.loop.add(now.Add(phase), func(now time.Time) time.Time {
		if c.closed {
			return time.Time{}
		}
		if now.Sub(consent) >= consentEvery {
			consent = now
			c.sendCheck(now)
		}
		c.tick(now)
		return now.Add(every)
	})
	for _, s := range c.streams {
		c.start(s, now)
	}
}

// receive takes a datagram that came at a time, in Unix nanoseconds. The caller
// holds loop.mu.
func (c *client) receive(b []byte, at int64) {
	switch first := b[0]; {
	case first < 4:
		c.takeSTUN(b, at)
	case first >= 20 && first <= 63:
		if c.dtls != nil {
			c.dtls.Receive(b)
		}
	case first>>6 == 2 && len(b) >= rtpHeader:
		if kind := b[1]; kind >= 192 && kind <= 223 { // RFC 5761, 4
			c.takeReports(b)
		} else {
			c.takeMedia(b, at)
		}
	}
}

// handle takes what the server says without being asked.
func (c *client) handle(m *protocol.ServerMessage) {
	c.loop.mu.Lock()
	defer c.loop.mu.Unlock()
	switch body := m.GetBody().(type) {
	case *protocol.ServerMessage_Slots:
		c.fillSlots(body.Slots)
	case *protocol.ServerMessage_TrackDemand:
		c.demanded(body.TrackDemand)
	}
}

// failed is why the client is no longer connected; nil while it is.
func (c *client) failed() error {
	if c.link == nil {
		return nil
	}
	select {
	case <-c.link.Done():
		return c.link.Err()
	default:
		return nil
	}
}

// leave says goodbye and closes everything. It may follow a join that failed.
func (c *client) leave() {
	if c.link != nil && c.failed() == nil {
		ctx, cancel := context.WithTimeout(context.Background(), goodbyePatience)
		_, _ = c.link.Request(ctx, &protocol.ClientMessage{Body: &protocol.ClientMessage_Leave{Leave: &protocol.Leave{}}})
		cancel()
	}
	if c.channels != nil {
		c.channels.close()
	}
	if c.transport != nil {
		_ = c.transport.Close()
	}
	c.loop.mu.Lock()
	c.end()
	c.loop.mu.Unlock()
	if c.link != nil {
		_ = c.link.Close()
	}
	if c.channels != nil {
		c.channels.wait()
	}
}

// end closes what the loop has of the client. The caller holds loop.mu.
func (c *client) end() {
	if c.closed {
		return
	}
	c.closed = true
	if c.socket != nil {
		c.loop.counts.dropped += c.socket.dropped()
		c.socket.close()
	}
	for _, s := range c.slots {
		if s.window.started {
			c.loop.counts.streams[s.kind]--
		}
		c.loop.counts.held -= one(s.held)
	}
	if c.channels != nil {
		c.loop.counts.streams[data] -= c.channels.streams
	}
	if c.playing {
		c.loop.counts.playing--
	}
}
