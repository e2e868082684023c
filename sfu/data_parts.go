package sfu

import (
	"maps"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/hiroba-rtc/hiroba/internal/dataframe"
)

// runTick is how often runs are looked at while somebody keeps one waiting.
const runTick = 250 * time.Millisecond

// receivedPart passes a part of a large message on to all that its run goes
// to. The client may send no more than the window ahead of what it was told
// READY for, and is told so when little enough waits for all of them.
func (d *data) receivedPart(frame *dataframe.DataFrame, encoded []byte) {
	now, part := time.Now(), frame.GetPart()
	d.runsMu.Lock()
	defer d.runsMu.Unlock()
	if d.closed {
		return
	}
	r := d.runs[part.GetRun()]
	if r == nil {
		var refusal string
		if r, refusal = d.begin(now, frame); r == nil {
			d.count(refusal)
			d.tell(&dataframe.Progress{Run: part.GetRun(), State: dataframe.Progress_LOST, Offset: part.GetOffset()})
			return
		}
	}
	if refusal := r.accept(now, part, len(frame.GetPayload())); refusal != "" {
		d.count(refusal)
		return
	}
	for taker, t := range r.takers {
		if t.wasCut {
			continue
		}
		got, ok := taker.takePart(d, encoded)
		if !ok {
			d.lose(now, part.GetRun(), r, taker, part.GetOffset())
			continue
		}
		if got.full {
			r.cut(taker, part.GetOffset())
		}
		if got.full || got.waits {
			r.hold(now, taker, got.read)
		}
	}
	d.follow(part.GetRun(), r)
	if r.held > 0 && d.ticker == nil {
		d.ticker = time.AfterFunc(runTick, d.look)
	}
}

// begin begins a run, to those who are there now: half a message is of no use
// to newcomers. Those named who cannot get it are told LOST. The caller holds
// runsMu.
func (d *data) begin(now time.Time, frame *dataframe.DataFrame) (r *run, refusal string) {
	if len(d.runs) >= maxRuns {
		maps.DeleteFunc(d.runs, func(_ uint32, r *run) bool { return r.idle(now) })
	}
	if len(d.runs) >= maxRuns {
		return nil, "too many messages"
	}
	receivers := d.peer.room.addressed(frame.GetTo())
	if !d.affords(len(receivers) + len(frame.GetTo())) {
		return nil, "flood"
	}
	part := frame.GetPart()
	r = newRun(now, part)
	named := map[string]bool{}
	for _, p := range receivers {
		if p != d.peer && p.data.takesParts() {
			r.takers[&p.data] = &taker{}
			named[p.id] = true
		}
	}
	for _, id := range frame.GetTo() {
		if !named[id] {
			d.count("lost")
			d.tell(&dataframe.Progress{Run: part.GetRun(), State: dataframe.Progress_LOST, Offset: part.GetOffset(), Peer: id})
		}
	}
	if d.runs == nil {
		d.runs = map[uint32]*run{}
	}
	d.runs[part.GetRun()] = r
	return r, ""
}

// follow tells the client how far it may go on, and forgets a run that is
// through. The caller holds runsMu.
func (d *data) follow(id uint32, r *run) {
	offset, due := r.due()
	if !due {
		return
	}
	if r.over() {
		delete(d.runs, id)
	}
	d.tell(&dataframe.Progress{Run: id, Offset: offset})
}

// lose takes one out of a run that gets no more of the message. The caller
// holds runsMu.
func (d *data) lose(now time.Time, id uint32, r *run, taker *data, offset uint32) {
	r.remove(now, taker)
	d.count("lost")
	d.tell(&dataframe.Progress{Run: id, State: dataframe.Progress_LOST, Offset: offset, Peer: taker.peer.id})
}

// leave takes one out of a run that it keeps waiting. The caller holds runsMu.
func (d *data) leave(now time.Time, id uint32, r *run, taker *data) {
	offset := r.remove(now, taker)
	if offset == r.total {
		return // all of it is on its way
	}
	d.count("left behind")
	d.tell(&dataframe.Progress{Run: id, State: dataframe.Progress_BEHIND, Offset: offset, Peer: taker.peer.id})
}

// look looks who keeps this client's runs waiting for too long.
func (d *data) look() {
	now := time.Now()
	d.runsMu.Lock()
	defer d.runsMu.Unlock()
	if d.closed {
		return
	}
	held := false
	for id, r := range d.runs {
		for taker, t := range r.takers {
			// Many small frames fill the queue without many bytes.
			if t.held && taker.low(d) {
				d.release(now, id, r, taker)
			}
		}
		behind, lost := r.overdue(now, (*data).read)
		for _, taker := range lost {
			taker.stalls()
			d.lose(now, id, r, taker, r.next)
		}
		for _, taker := range behind {
			d.leave(now, id, r, taker)
		}
		d.follow(id, r)
		held = held || r.held > 0
	}
	if d.ticker = nil; held {
		d.ticker = time.AfterFunc(runTick, d.look)
	}
}

// released goes on with what waited for a peer that has read most of what it
// had to, or that is gone.
func (d *data) released(taker *data, gone bool) {
	now := time.Now()
	d.runsMu.Lock()
	defer d.runsMu.Unlock()
	for id, r := range d.runs {
		t := r.takers[taker]
		switch {
		case t == nil || !t.held:
			continue
		case gone:
			d.lose(now, id, r, taker, r.next)
		default:
			d.release(now, id, r, taker)
		}
		d.follow(id, r)
	}
}

// release goes on with a taker; one that missed a part meanwhile is left
// behind. The caller holds runsMu.
func (d *data) release(now time.Time, id uint32, r *run, taker *data) {
	if r.takers[taker].wasCut {
		d.leave(now, id, r, taker)
		return
	}
	r.release(now, taker)
}

// endRuns forgets what this peer was sending.
func (d *data) endRuns() {
	d.runsMu.Lock()
	defer d.runsMu.Unlock()
	d.closed, d.runs = true, nil
	if d.ticker != nil {
		d.ticker.Stop()
	}
}

// tell tells this peer's client how far a message of its own got.
func (d *data) tell(progress *dataframe.Progress) {
	encoded, err := proto.Marshal(&dataframe.DataFrame{Progress: progress})
	if err != nil {
		d.count("send failed")
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	channel := d.channels[labelReliable]
	if channel == nil {
		return // it is going
	}
	// Small as it is, it finds place where no frame does; who lets even that
	// fill up reads nothing.
	channel.queue.left(channel.BufferedAmount())
	if channel.queue.bytes > reliableBuffer+progressBuffer {
		d.count("overrun")
		return
	}
	d.write(channel, nil, encoded)
}

// takesParts says whether large messages can be sent to this peer.
func (d *data) takesParts() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.channels[labelReliable] != nil && !d.stalled
}

// taken is what became of a part.
type taken struct {
	full  bool   // there was no place for it
	waits bool   // so much waits for the peer that the sender has to wait, too
	read  uint64 // how many bytes of the channel its client has taken
}

// takePart gives a part to this peer. Who has to wait hears of it by released.
// ok is false when the peer has no channel any more.
func (d *data) takePart(from *data, frame []byte) (got taken, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	channel := d.channels[labelReliable]
	if channel == nil {
		return taken{}, false
	}
	channel.queue.left(channel.BufferedAmount())
	got.full = !channel.queue.admits(from, len(frame))
	if !got.full && !d.write(channel, from, frame) {
		return taken{}, false
	}
	got.waits, got.read = channel.BufferedAmount() > lowWater, channel.read()
	if got.waits {
		if d.waiting == nil {
			d.waiting = map[*data]bool{}
		}
		d.waiting[from] = true
	}
	return got, true
}

// read is how many bytes of the reliable channel the client has taken.
func (d *data) read() uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	if channel := d.channels[labelReliable]; channel != nil {
		return channel.read()
	}
	return 0
}

// low says that there is place for parts of another peer's.
func (d *data) low(from *data) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	channel := d.channels[labelReliable]
	if channel == nil {
		return false
	}
	channel.queue.left(channel.BufferedAmount())
	return channel.BufferedAmount() <= lowWater && channel.queue.admits(from, dataMessageBytes)
}

// stalls says that the client takes nothing: until it does, large messages
// pass it by, and it is told that it loses them.
func (d *data) stalls() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stalled = true
	d.overruns()
}

// drained goes on with what waited for this peer, which has read most of what
// it had to.
func (d *data) drained() {
	d.mu.Lock()
	if channel := d.channels[labelReliable]; channel != nil && channel.BufferedAmount() > lowWater {
		d.mu.Unlock()
		return // so much was sent meanwhile; this is called again
	}
	waiting := d.waiting
	d.waiting, d.stalled = nil, false
	d.mu.Unlock()
	for from := range waiting {
		from.released(d, false)
	}
}

// departed goes on with what waited for this peer when its channel is gone.
func (d *data) departed() {
	d.mu.Lock()
	waiting := d.waiting
	d.waiting = nil
	gone := d.channels[labelReliable] == nil
	d.mu.Unlock()
	for from := range waiting {
		from.released(d, gone)
	}
}
