package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/hiroba-rtc/hiroba/internal/dataframe"
)

// ErrNotReceived is wrapped by errors of SendData for large messages that none
// of those named gets: they are gone, or read nothing.
var ErrNotReceived = errors.New("nobody gets the message")

const (
	// largeAtOnce is how many large messages are under way at once; more wait.
	largeAtOnce = 4
	// maxRests is how many rests of messages may wait for those who fell
	// behind.
	maxRests = 8
	// partOverhead is what a part has beyond its payload, its topic and its
	// receivers.
	partOverhead = 128
	// sweepEvery is how often unfinished messages are looked at.
	sweepEvery = 10 * time.Second
)

// largeData is the large messages that this client sends and receives.
type largeData struct {
	places chan struct{} // one for each that is under way

	mu       sync.Mutex // guards all below
	last     uint32     // the last number given to a message or a run
	runs     map[uint32]*dataRun
	rests    map[string][]rest // by peer that fell behind, the one that it gets now first
	pending  int               // all of those
	assembly dataframe.Assembly
	sweeping bool
}

// dataRun is parts of a message on their way to the same receivers.
type dataRun struct {
	what   rest
	named  map[string]bool // those who still get it; nil for everybody
	news   chan struct{}   // gets a token when one of the following changed
	ready  uint32          // parts may go out up to a window beyond this
	left   *rest           // the last of those named fell behind with that
	failed error
}

// rest is what of a message has yet to be sent.
type rest struct {
	frame   *DataFrame // its payload begins at from
	message uint32
	from    uint32
	total   uint32
}

func (l *largeData) init() {
	l.places = make(chan struct{}, largeAtOnce)
	l.runs = map[uint32]*dataRun{}
	l.rests = map[string][]rest{}
}

// sendLarge sends a message in parts.
func (r *Room) sendLarge(ctx context.Context, c *channel, frame *DataFrame) error {
	if partSize(frame) < dataframe.MinPart {
		return fmt.Errorf("client: the message is for %d peers, whose names leave no room in its parts: name fewer", len(frame.GetTo()))
	}
	select {
	case r.large.places <- struct{}{}:
	default:
		if err := r.placeFor(ctx); err != nil {
			return err
		}
	}
	defer func() { <-r.large.places }()
	r.large.mu.Lock()
	r.large.last++
	message := r.large.last
	r.large.mu.Unlock()
	return r.sendRuns(ctx, c, rest{frame, message, 0, uint32(len(frame.GetPayload()))})
}

// placeFor waits until fewer large messages are under way.
func (r *Room) placeFor(ctx context.Context) error {
	select {
	case r.large.places <- struct{}{}:
		return nil
	case <-r.life.Done():
		return ErrClosed
	case <-r.link.Done():
		return ErrClosed
	case <-ctx.Done():
		return fmt.Errorf("client: waiting until one of %d large messages is sent: %w", largeAtOnce, ctx.Err())
	}
}

// partSize is how much of a message fits into one of its frames.
func partSize(frame *DataFrame) int {
	return dataframe.MaxFrame - partOverhead - proto.Size(&DataFrame{To: frame.GetTo(), Topic: frame.GetTopic()})
}

// sendRuns sends what is left of a message, in more than one run when the last
// of those that it is for falls behind.
func (r *Room) sendRuns(ctx context.Context, c *channel, what rest) error {
	for {
		run, err := r.sendRun(ctx, c, what)
		if err != nil || run.left == nil {
			return err
		}
		what = *run.left
	}
}

// sendRun sends a run, and waits until it is with those who keep up.
func (r *Room) sendRun(ctx context.Context, c *channel, what rest) (*dataRun, error) {
	id, run := r.large.begin(what)
	defer r.large.end(id)
	size := uint32(partSize(what.frame))
	for offset := what.from; offset < what.total; {
		end := min(offset+size, what.total)
		if over, err := r.windowFor(ctx, run, end-min(end, dataframe.Window)); over || err != nil {
			return run, err
		}
		part := &DataFrame{
			To: what.frame.GetTo(), Topic: what.frame.GetTopic(),
			Payload: what.frame.GetPayload()[offset-what.from : end-what.from],
			Part:    &dataframe.Part{Message: what.message, Run: id, Offset: offset, Total: what.total},
		}
		if err := r.sendPart(ctx, c, part); err != nil {
			return run, err
		}
		offset = end
	}
	_, err := r.windowFor(ctx, run, what.total)
	return run, err
}

// windowFor waits until the server is ready for what comes a window after an
// offset, or the run is over: nobody takes more of it.
func (r *Room) windowFor(ctx context.Context, run *dataRun, offset uint32) (over bool, err error) {
	for {
		r.large.mu.Lock()
		ready, over, failed := run.ready >= offset, run.left != nil, run.failed
		r.large.mu.Unlock()
		if ready || over || failed != nil {
			return over, failed
		}
		if err := r.await(ctx, run.news, Reliable); err != nil {
			return false, err
		}
	}
}

// sendPart sends a part when no more than little waits before it.
func (r *Room) sendPart(ctx context.Context, c *channel, part *DataFrame) error {
	if err := r.await(ctx, c.opened, Reliable); err != nil {
		return err
	}
	if err := r.await(ctx, c.partsTurn, Reliable); err != nil {
		return err
	}
	defer func() { c.partsTurn <- struct{}{} }()
	for c.BufferedAmount() > partsUnsent {
		if err := r.await(ctx, c.partsLow, Reliable); err != nil {
			return err
		}
	}
	return r.sendFrame(ctx, c, part)
}

func (l *largeData) begin(what rest) (id uint32, run *dataRun) {
	l.mu.Lock()
	defer l.mu.Unlock()
	run = &dataRun{what: what, news: make(chan struct{}, 1), ready: what.from}
	if to := what.frame.GetTo(); len(to) > 0 {
		run.named = map[string]bool{}
		for _, peer := range to {
			run.named[peer] = true
		}
	}
	l.last++
	l.runs[l.last] = run
	return l.last, run
}

func (l *largeData) end(id uint32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.runs, id)
}

// progressed takes what the server says of a run: how far it may go, who fell
// behind and who misses the message.
func (r *Room) progressed(p *dataframe.Progress) {
	l, peer := &r.large, p.GetPeer()
	l.mu.Lock()
	run := l.runs[p.GetRun()]
	if run == nil {
		l.mu.Unlock()
		return
	}
	delete(run.named, peer)
	last, missed := run.named != nil && len(run.named) == 0, false
	switch {
	case p.GetState() == dataframe.Progress_READY:
		run.ready = max(run.ready, p.GetOffset())
	case peer == "":
		run.failed = errors.New("client: the server takes no more large messages of this client now; send fewer at once")
	case p.GetState() == dataframe.Progress_BEHIND:
		left := run.what.after(p.GetOffset(), peer)
		if last {
			run.left = &left // there is nobody who would have to wait for it
		} else {
			missed = !r.bringLater(peer, left)
		}
	default:
		missed = true
		if last {
			run.failed = fmt.Errorf("client: %w: those that it is for are gone, or do not read it", ErrNotReceived)
		}
	}
	l.mu.Unlock()
	select {
	case run.news <- struct{}{}:
	default:
	}
	if missed && r.config.OnMissed != nil {
		r.config.OnMissed(peer, run.what.frame.GetTopic())
	}
}

// after is what is left of a message after an offset, for one alone.
func (w rest) after(offset uint32, peer string) rest {
	offset = min(max(offset, w.from), w.total)
	return rest{
		frame:   &DataFrame{To: []string{peer}, Topic: w.frame.GetTopic(), Payload: w.frame.GetPayload()[offset-w.from:]},
		message: w.message, from: offset, total: w.total,
	}
}

// bringLater has the rest of a message brought to somebody who fell behind,
// and reports whether it will be: only so much is kept for them. The caller
// holds large.mu.
func (r *Room) bringLater(peer string, left rest) bool {
	l := &r.large
	if l.pending == maxRests || r.life.Err() != nil {
		return false
	}
	l.pending++
	// The payload is the caller's again when SendData has returned.
	left.frame.Payload = bytes.Clone(left.frame.GetPayload())
	l.rests[peer] = append(l.rests[peer], left)
	if len(l.rests[peer]) == 1 {
		r.running.Go(func() { r.bring(peer) })
	}
	return true
}

// bring sends somebody who fell behind the rests of messages, one after the
// other.
func (r *Room) bring(peer string) {
	l := &r.large
	for {
		l.mu.Lock()
		left := l.rests[peer][0]
		l.mu.Unlock()
		// Why it did not arrive was told by OnMissed, or there is nobody to tell.
		_ = r.sendRuns(context.Background(), r.channels[Reliable], left)
		l.mu.Lock()
		l.pending--
		l.rests[peer] = l.rests[peer][1:]
		done := len(l.rests[peer]) == 0
		if done {
			delete(l.rests, peer)
		}
		l.mu.Unlock()
		if done {
			return
		}
	}
}

// hearData takes what came over a DataChannel.
func (r *Room) hearData(label string, frame *DataFrame) {
	if frame.GetProgress() != nil {
		r.progressed(frame.GetProgress())
		return
	}
	if label == Reliable {
		r.large.mu.Lock()
		whole, err := r.large.assembly.Take(time.Now(), frame)
		if _, senders := r.large.assembly.Holding(); senders > 0 && !r.large.sweeping {
			r.large.sweeping = true
			r.running.Go(r.sweep)
		}
		r.large.mu.Unlock()
		if err != nil && r.config.OnDropped != nil {
			r.config.OnDropped(fmt.Errorf("client: %w", err))
		}
		frame = whole
	}
	if frame != nil && r.config.OnData != nil {
		r.config.OnData(label, frame)
	}
}

// sweep gives up what is unfinished of those who send nothing more, as long as
// there is something.
func (r *Room) sweep() {
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	for {
		select {
		case <-r.life.Done():
			return
		case <-ticker.C:
		}
		r.large.mu.Lock()
		gone := r.large.assembly.Sweep(time.Now())
		_, senders := r.large.assembly.Holding()
		r.large.sweeping = senders > 0
		r.large.mu.Unlock()
		for _, peer := range gone {
			if r.config.OnDropped != nil {
				r.config.OnDropped(fmt.Errorf("client: %w: nothing more came of it from %q", dataframe.ErrDropped, peer))
			}
		}
		if senders == 0 {
			return
		}
	}
}
