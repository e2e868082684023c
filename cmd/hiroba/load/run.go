package load

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"net/url"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hiroba-rtc/hiroba/sfu/dtls"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

const (
	// joinsAtOnce is how many clients join side by side.
	joinsAtOnce = 8
	// settlePatience is how long all streams may take to come, once all clients
	// are in.
	settlePatience = 10 * time.Second
	// settled is how long what is new is given to become even: the estimates of
	// what the ways carry, garbage of the joins.
	settled = time.Second
	// drain is how long is waited for what is on its way at the end.
	drain = 300 * time.Millisecond
)

// run is one run of a plan.
type run struct {
	plan      Plan
	identity  *dtls.Identity
	registry  registry
	addresses []netip.Addr // of the server's name
	loops     []*loop
	rooms     []*room
	gauge     *Gauge
	began     time.Time
	// quietly is set when publishers are to send no more.
	quietly atomic.Bool

	mu      sync.Mutex // guards all below
	random  *rand.Rand
	clients []*client
	made    int
	voices  int // that a subscriber hears at once, as the server says
	times   times
	left    int   // clients that churn has replaced
	failed  int   // joins of churn that failed
	failure error // one of them
}

// times is how long clients took to join: until the answer, until media could
// flow, and until the first frame was here.
type times struct{ answered, connected, first histogram }

// Progress is told about once a second how a run fares.
type Progress func(Sample)

// Run carries out a plan. gauge reads what the server uses, nil for nothing.
// When ctx ends, the report is about what was until then. An error comes with a
// nil report if there is nothing to tell.
func Run(ctx context.Context, plan Plan, gauge *Gauge, progress Progress) (*Report, error) {
	if err := plan.Check(); err != nil {
		return nil, err
	}
	r := &run{plan: plan, gauge: gauge, began: time.Now(), random: rand.New(rand.NewPCG(plan.Seed, 0))}
	var err error
	if r.identity, err = dtls.NewIdentity(); err != nil {
		return nil, err
	}
	if u, err := url.Parse(plan.URL); err == nil {
		// A name that is not found fails more clearly when it is joined.
		addrs, _ := net.DefaultResolver.LookupNetIP(ctx, "ip", u.Hostname())
		for _, addr := range addrs {
			r.addresses = append(r.addresses, addr.Unmap())
		}
	}
	// The server may share this machine.
	for i := range max(runtime.GOMAXPROCS(0)/2, 1) {
		l, err := newLoop(plan.Seed + uint64(i))
		if err != nil {
			return nil, err
		}
		r.loops = append(r.loops, l)
	}
	for i := range plan.Rooms {
		r.rooms = append(r.rooms, &room{index: i, name: fmt.Sprintf("load-%04x-%d", plan.Seed&0xffff, i+1)})
	}
	for _, l := range r.loops {
		go l.run()
	}
	defer r.close()
	return r.measure(ctx, progress)
}

// measure is the run from the first join on.
func (r *run) measure(ctx context.Context, progress Progress) (*Report, error) {
	watch := newWatch(r, progress)
	defer watch.stop()
	if err := r.enter(ctx); err != nil {
		if ctx.Err() != nil {
			return watch.report(nil, true), nil
		}
		return nil, err
	}
	if r.settle(ctx, settled) != nil {
		return watch.report(nil, true), nil
	}
	if r.plan.Idle {
		r.quietly.Store(true)
		if !pause(ctx, settled) { // the last packets are told of
			return watch.report(nil, true), nil
		}
	}
	begin := r.mark(context.WithoutCancel(ctx))
	churned := make(chan struct{})
	churning, stop := context.WithCancel(ctx)
	go func() {
		defer close(churned)
		r.churn(ctx, churning)
	}()
	pause(ctx, r.plan.Duration)
	end := r.mark(context.WithoutCancel(ctx))
	stop()
	<-churned
	if r.plan.Churn > 0 {
		// Those who came last are to be given the time. It ends with ctx.
		_ = r.settle(ctx, 0)
	}
	r.quietly.Store(true)
	stopped := time.Now()
	pause(context.WithoutCancel(ctx), drain)
	for _, l := range r.loops {
		l.mu.Lock()
		for _, c := range r.of(l) {
			c.missingAtTheEnd(stopped)
		}
		l.mu.Unlock()
	}
	return watch.report(&[2]mark{begin, end}, ctx.Err() != nil), nil
}

// pause waits; false means that ctx has ended meanwhile.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// add makes a client, which has to join.
func (r *run) add(room *room, publisher bool) *client {
	c := r.newClient(room, publisher)
	if publisher {
		c.loop.mu.Lock() // before mu, where both are held
		c.publish()
		c.loop.mu.Unlock()
	}
	return c
}

func (r *run) newClient(room *room, publisher bool) *client {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.made++
	name := fmt.Sprintf("subscriber %d", r.made)
	if publisher {
		name = fmt.Sprintf("publisher %d", r.made)
	}
	c := &client{
		run: r, room: room, name: name, publisher: publisher, loop: r.loops[r.made%len(r.loops)],
		tracks: map[string]*stream{}, bySSRC: map[uint32]*slot{}, reached: make(chan struct{}),
		ssrc: r.random.Uint32(),
	}
	r.clients = append(r.clients, c)
	return c
}

// of is the clients of a loop.
func (r *run) of(l *loop) (out []*client) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.clients {
		if c.loop == l {
			out = append(out, c)
		}
	}
	return out
}

// showing notes a camera of a room.
func (r *run) showing(room *room, track string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	room.cameras = append(room.cameras, track)
}

// shown is the cameras of a room so far.
func (r *run) shown(room *room) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(room.cameras)
}

func (r *run) note(h *histogram, d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	h.add(d)
}

// enter has all clients join: the publishers first, so that subscribers find
// something to receive.
func (r *run) enter(ctx context.Context) error {
	start := time.Now()
	began := 0
	for _, publishers := range []bool{true, false} {
		number := r.plan.Subscribers
		if publishers {
			number = r.plan.Publishers
		}
		joining, cancel := context.WithCancelCause(ctx)
		places := make(chan struct{}, joinsAtOnce)
		var joins sync.WaitGroup
		for i := range number * len(r.rooms) {
			if r.plan.Ramp > 0 {
				pause(joining, time.Until(start.Add(time.Duration(float64(began)/r.plan.Ramp*float64(time.Second)))))
			}
			began++
			select {
			case places <- struct{}{}:
			case <-joining.Done():
			}
			if joining.Err() != nil {
				break
			}
			c := r.add(r.rooms[i%len(r.rooms)], publishers)
			joins.Go(func() {
				defer func() { <-places }()
				if err := r.joined(c, c.join(joining)); err != nil {
					cancel(err)
				}
			})
		}
		joins.Wait()
		err := context.Cause(joining)
		cancel(nil)
		if err != nil {
			return err
		}
	}
	return nil
}

// joined notes what became of a join.
func (r *run) joined(c *client, err error) error {
	if err != nil {
		return refusal(c, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	c.in = true
	r.voices = int(c.link.Welcome().GetLimits().GetVoices())
	r.times.answered.add(c.answered)
	r.times.connected.add(c.connected)
	return nil
}

// advice is what can be done about a refusal.
var advice = map[protocol.Error_Code]string{
	protocol.Error_ACCESS_REQUIRED:   "give a token for all rooms: --token \"$(hiroba token --room '*')\"",
	protocol.Error_ACCESS_DENIED:     "give a token for all rooms: --token \"$(hiroba token --room '*')\"",
	protocol.Error_ACCESS_EXPIRED:    "give a token that lives longer: hiroba token --room '*' --ttl 12h",
	protocol.Error_NOT_GRANTED:       "give a token with the grants publish, subscribe and data",
	protocol.Error_ROOM_FULL:         "raise limits.peers_per_room of the server",
	protocol.Error_TOO_MANY_ROOMS:    "raise limits.rooms of the server",
	protocol.Error_TOO_MANY_SESSIONS: "raise limits.sessions, limits.sessions_per_address or limits.sessions_per_user of the server",
	protocol.Error_TOO_MANY_MESSAGES: "raise limits.joins_per_minute and limits.requests_per_second of the server, or come more slowly with --ramp",
}

// refusal says who did not get in, why, and what to do about it.
func refusal(c *client, err error) error {
	var refused *protocol.Error
	if !errors.As(err, &refused) {
		return fmt.Errorf("%s did not get into the room %s: %w", c.name, c.room.name, err)
	}
	if hint := advice[refused.GetCode()]; hint != "" {
		return fmt.Errorf("the server refused %s of the room %s: %w (%s)", c.name, c.room.name, refused, hint)
	}
	return fmt.Errorf("the server refused %s of the room %s: %w", c.name, c.room.name, refused)
}

// expected is how many streams of each kind subscribers are to receive.
func (r *run) expected() (n [kinds]int) {
	subscribers := r.plan.Rooms * r.plan.Subscribers
	if r.plan.Video != (Video{}) {
		n[video] = subscribers * r.plan.Publishers
	}
	if r.plan.Audio {
		r.mu.Lock()
		n[audio] = subscribers * min(r.plan.Publishers, r.voices)
		r.mu.Unlock()
	}
	if r.plan.Data != (Data{}) {
		// Publishers receive each other's.
		n[data] = (subscribers + r.plan.Rooms*(r.plan.Publishers-1)) * r.plan.Publishers
	}
	return n
}

// settle waits until all streams have flowed for some time, or long enough to know
// that some do not.
func (r *run) settle(ctx context.Context, some time.Duration) error {
	const look = 50 * time.Millisecond
	flowed := time.Now()
	for end := flowed.Add(settlePatience); time.Now().Before(end); {
		if r.flowing() != r.expected() {
			flowed = time.Now()
		} else if time.Since(flowed) >= some {
			break
		}
		if !pause(ctx, look) {
			return ctx.Err()
		}
	}
	return nil
}

// flowing is how many streams of each kind subscribers receive now.
func (r *run) flowing() (n [kinds]int) {
	for _, l := range r.loops {
		clients := r.of(l)
		now := time.Now()
		l.mu.Lock()
		n[data] += l.counts.streams[data]
		for _, c := range clients {
			for _, s := range c.slots {
				n[s.kind] += one(c.flows(s, now))
			}
		}
		l.mu.Unlock()
	}
	return n
}

// churn replaces subscribers until the time ends. Those that are being replaced
// then still are, unless the whole run ends.
func (r *run) churn(ctx, during context.Context) {
	if r.plan.Churn == 0 || r.plan.Subscribers == 0 {
		return
	}
	var changes sync.WaitGroup
	defer changes.Wait()
	places := make(chan struct{}, joinsAtOnce)
	for began, n := time.Now(), 1; ; n++ {
		if !pause(during, time.Until(began.Add(time.Duration(float64(n)/r.plan.Churn*float64(time.Second))))) {
			return
		}
		select {
		case places <- struct{}{}:
		case <-during.Done():
			return
		}
		old := r.take()
		if old == nil { // all are being replaced already
			<-places
			continue
		}
		changes.Go(func() {
			defer func() { <-places }()
			old.leave()
			c := r.add(old.room, false)
			err := r.joined(c, c.join(ctx))
			r.mu.Lock()
			defer r.mu.Unlock()
			if r.left++; err != nil && ctx.Err() == nil {
				r.failed++
				r.failure = err
			}
		})
	}
}

// take takes a subscriber out, to leave.
func (r *run) take() *client {
	r.mu.Lock()
	defer r.mu.Unlock()
	var places []int
	for i, c := range r.clients {
		if !c.publisher && c.in {
			places = append(places, i)
		}
	}
	if len(places) == 0 {
		return nil
	}
	at := places[r.random.IntN(len(places))]
	c := r.clients[at]
	r.clients = slices.Delete(r.clients, at, at+1)
	return c
}

// counts is what all loops have counted so far.
func (r *run) counts() *counts {
	sum := &counts{}
	for _, l := range r.loops {
		l.mu.Lock()
		sum.merge(&l.counts)
		l.mu.Unlock()
	}
	return sum
}

// mark is everything at one moment.
type mark struct {
	at     time.Time
	counts *counts
	usage  Usage
	unread error // why usage is not known
	own    time.Duration
	busy   []time.Duration // by loop
}

func (r *run) mark(ctx context.Context) (m mark) {
	if r.gauge != nil {
		m.usage, m.unread = r.gauge.read(ctx)
	}
	m.at, m.counts, m.own = time.Now(), r.counts(), ownCPU()
	for _, l := range r.loops {
		l.mu.Lock()
		m.busy = append(m.busy, l.busy)
		l.mu.Unlock()
	}
	return m
}

// lost is how many clients are connected no more, though nobody told them to
// leave, and why one of them is not.
func (r *run) lost() (n int, why error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.clients {
		if !c.in {
			continue
		}
		if err := c.failed(); err != nil {
			n, why = n+1, err
		}
	}
	return n, why
}

// close has everybody leave.
func (r *run) close() {
	r.mu.Lock()
	clients := slices.Clone(r.clients)
	r.mu.Unlock()
	places := make(chan struct{}, 4*joinsAtOnce)
	var leaving sync.WaitGroup
	for _, c := range clients {
		places <- struct{}{}
		leaving.Go(func() {
			c.leave()
			<-places
		})
	}
	leaving.Wait()
	for _, l := range r.loops {
		l.close()
	}
}
