package webhook

import (
	"container/list"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// bounds are how much is kept for one URL.
type bounds struct {
	room   int // events of one room
	events int // of all rooms
	bytes  int // of all rooms, in protobuf's encoding

	batch      int // events in one delivery
	batchBytes int // and their bytes, unless a single event has more

	forgotten int // rooms without events whose losses are still remembered
}

var usual = bounds{
	room: 1_000, events: 10_000, bytes: 16 << 20,
	// Receivers often take no bodies over 100 KiB (Express) or 1 MiB (nginx).
	batch: 100, batchBytes: 64 << 10,
	forgotten: 1_000,
}

// queue is what waits for one URL: each room's events in their order, and
// whose turn it is. A room has one delivery at a time, so its events cannot
// pass each other. It knows no clock and no network and is not safe for
// concurrent use.
type queue struct {
	bounds bounds
	rooms  map[string]*room // those with events
	ready  list.List        // of *room, longest waiting first

	waiting    list.List // of *item in order of arrival; those in deliveries are not there
	deliveries list.List // of *delivery in order of their making

	arrived uint64
	events  int // in waiting and in deliveries
	bytes   int
	sending int // deliveries

	// lost has the losses of rooms that have no events at present, for their
	// next delivery to tell.
	lost map[string]int
}

// room is one room's part of the queue.
type room struct {
	name     string
	items    []*list.Element // its part of queue.waiting
	delivery *delivery
	ready    *list.Element // its place in queue.ready, or nil
	lost     int           // events that were lost since the delivery before was made
}

type item struct {
	event  *protocol.RoomEvent
	room   *room
	number uint64 // of arrival
	size   int
}

// delivery is some events of one room on their way. Its events, and so its
// body, stay the same for all attempts.
type delivery struct {
	room    *room
	place   *list.Element
	events  []*protocol.RoomEvent
	first   uint64 // number of its first event
	size    int
	dropped int // events of the room that were lost before these

	state state

	// The rest is the sender's.
	id      string
	body    []byte
	began   time.Time // of the first attempt
	attempt int       // from 1
	timer   *time.Timer
}

type state int

const (
	sending state = iota // an attempt is going on
	resting              // the next attempt is not due yet
	due                  // it waits for its turn
	over                 // accepted or lost
)

func newQueue(b bounds) *queue {
	return &queue{bounds: b, rooms: make(map[string]*room), lost: make(map[string]int)}
}

// evicted is what an event pushed out.
type evicted struct {
	roomFull int // events, by the bound of its room
	full     int // events, by the bounds of all
	// cut are the deliveries, among those of full, that are not tried again.
	cut []*delivery
}

// add appends an event, which nobody changes any more. When a bound is passed
// the oldest events go, except those that are being sent; the new one stays.
func (q *queue) add(event *protocol.RoomEvent) (out evicted) {
	r := q.rooms[event.GetRoom()]
	if r == nil {
		r = &room{name: event.GetRoom(), lost: q.lost[event.GetRoom()]}
		delete(q.lost, r.name)
		q.rooms[r.name] = r
	}
	q.arrived++
	i := &item{event: event, room: r, number: q.arrived, size: proto.Size(event)}
	newest := q.waiting.PushBack(i)
	r.items = append(r.items, newest)
	q.events++
	q.bytes += i.size

	for r.held() > q.bounds.room && len(r.items) > 1 {
		q.drop(r)
		out.roomFull++
	}
	for q.events > q.bounds.events || q.bytes > q.bounds.bytes {
		oldest := q.waiting.Front()
		cut := q.idle()
		if cut != nil && (oldest == newest || cut.first < oldest.Value.(*item).number) {
			out.full += len(cut.events)
			out.cut = append(out.cut, cut)
			q.lose(cut)
		} else if oldest != newest {
			q.drop(oldest.Value.(*item).room)
			out.full++
		} else {
			break // all else is being sent
		}
	}
	if r.delivery == nil {
		q.makeReady(r)
	}
	return out
}

func (r *room) held() int {
	if r.delivery == nil {
		return len(r.items)
	}
	return len(r.items) + len(r.delivery.events)
}

// pop takes a room's oldest waiting event out.
func (q *queue) pop(r *room) *item {
	i := q.waiting.Remove(r.items[0]).(*item)
	r.items[0] = nil
	r.items = r.items[1:]
	return i
}

// drop loses a room's oldest waiting event.
func (q *queue) drop(r *room) {
	q.bytes -= q.pop(r).size
	q.events--
	r.lost++
	q.settle(r)
}

// idle is the oldest delivery that is not being sent. Few are, so it is found
// soon.
func (q *queue) idle() *delivery {
	for e := q.deliveries.Front(); e != nil; e = e.Next() {
		if d := e.Value.(*delivery); d.state != sending {
			return d
		}
	}
	return nil
}

func (q *queue) makeReady(r *room) {
	if r.ready == nil {
		r.ready = q.ready.PushBack(r)
	}
}

// next takes the delivery whose turn it is, to be sent, or nil when nothing is
// to be done at present. finish, lose or rest follows.
func (q *queue) next() *delivery {
	if q.ready.Len() == 0 {
		return nil
	}
	r := q.ready.Remove(q.ready.Front()).(*room)
	r.ready = nil
	if r.delivery == nil {
		q.gather(r)
	}
	r.delivery.state = sending
	q.sending++
	return r.delivery
}

// gather makes a delivery of what waits for a room.
func (q *queue) gather(r *room) {
	d := &delivery{room: r, dropped: r.lost, first: r.items[0].Value.(*item).number}
	for len(r.items) > 0 && len(d.events) < q.bounds.batch {
		size := r.items[0].Value.(*item).size
		if len(d.events) > 0 && d.size+size > q.bounds.batchBytes {
			break
		}
		d.events = append(d.events, q.pop(r).event)
		d.size += size
	}
	r.lost = 0
	r.delivery = d
	d.place = q.deliveries.PushBack(d)
}

// active is how many goroutines are of use at present.
func (q *queue) active() int { return q.sending + q.ready.Len() }

// rest puts a delivery that was sent off until wake.
func (q *queue) rest(d *delivery) {
	d.state = resting
	q.sending--
}

// resting are the deliveries that wait for wake.
func (q *queue) resting() (found []*delivery) {
	for e := q.deliveries.Front(); e != nil; e = e.Next() {
		if d := e.Value.(*delivery); d.state == resting {
			found = append(found, d)
		}
	}
	return found
}

// wake lines a resting delivery up again. Any other it leaves as it is.
func (q *queue) wake(d *delivery) {
	if d.state == resting {
		d.state = due
		q.makeReady(d.room)
	}
}

// finish removes a delivery that was accepted.
func (q *queue) finish(d *delivery) {
	if d.state == sending {
		q.sending--
	}
	d.state = over
	q.deliveries.Remove(d.place)
	q.events -= len(d.events)
	q.bytes -= d.size
	d.room.delivery = nil
	q.settle(d.room)
}

// lose removes a delivery that was not accepted; the room's next one tells.
func (q *queue) lose(d *delivery) {
	d.room.lost += len(d.events) + d.dropped
	q.finish(d)
}

// settle lines a room up for what it has left, or forgets it.
func (q *queue) settle(r *room) {
	switch {
	case r.delivery != nil:
	case len(r.items) > 0:
		q.makeReady(r)
	default:
		delete(q.rooms, r.name)
		if r.ready != nil {
			q.ready.Remove(r.ready)
			r.ready = nil
		}
		if r.lost > 0 {
			for name := range q.lost {
				if len(q.lost) < q.bounds.forgotten {
					break
				}
				delete(q.lost, name) // any: the events' numbers tell as well
			}
			q.lost[r.name] = r.lost
		}
	}
}

// clear loses all but what is being sent, and returns it.
func (q *queue) clear() (events int, cut []*delivery) {
	before := q.events
	for e := q.deliveries.Front(); e != nil; {
		d := e.Value.(*delivery)
		e = e.Next()
		if d.state != sending {
			cut = append(cut, d)
			q.lose(d)
		}
	}
	for q.waiting.Len() > 0 {
		q.drop(q.waiting.Front().Value.(*item).room)
	}
	return before - q.events, cut
}
