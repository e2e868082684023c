package webhook

import (
	"math/rand/v2"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"
)

func small() bounds {
	return bounds{room: 5, events: 10, bytes: 1 << 20, batch: 3, batchBytes: 1 << 10, forgotten: 2}
}

func (d *delivery) seqs() (seqs []int) {
	for _, e := range d.events {
		seqs = append(seqs, int(e.GetSeq()))
	}
	return seqs
}

// take expects a delivery.
func take(t *testing.T, q *queue, room string, dropped int, seqs ...int) *delivery {
	t.Helper()
	d := q.next()
	if d == nil {
		t.Fatal("nothing is to be sent")
	}
	if d.room.name != room || d.dropped != dropped || !slices.Equal(d.seqs(), seqs) {
		t.Fatalf("%s %v after %d dropped, want %s %v after %d", d.room.name, d.seqs(), d.dropped, room, seqs, dropped)
	}
	return d
}

func add(q *queue, room string, seqs ...int) (out evicted) {
	for _, seq := range seqs {
		e := q.add(event(room, seq))
		out.full += e.full
		out.roomFull += e.roomFull
		out.cut = append(out.cut, e.cut...)
	}
	return out
}

func TestARoomHasOneDeliveryAtATime(t *testing.T) {
	q := newQueue(small())
	add(q, "a", 1, 2, 3, 4, 5)
	add(q, "b", 1)
	first := take(t, q, "a", 0, 1, 2, 3)
	take(t, q, "b", 0, 1)
	if d := q.next(); d != nil {
		t.Fatalf("%v overtakes", d.seqs())
	}
	q.rest(first)
	if d := q.next(); d != nil {
		t.Fatalf("%v overtakes what rests", d.seqs())
	}
	q.wake(first)
	q.wake(first)
	q.finish(take(t, q, "a", 0, 1, 2, 3))
	q.finish(take(t, q, "a", 0, 4, 5))
	if q.next() != nil || q.rooms["a"] != nil {
		t.Fatal("the room is still there")
	}
}

func TestRoomsTakeTurns(t *testing.T) {
	q := newQueue(small())
	add(q, "a", 1, 2, 3, 4)
	add(q, "b", 1)
	q.finish(take(t, q, "a", 0, 1, 2, 3))
	q.finish(take(t, q, "b", 0, 1))
	q.finish(take(t, q, "a", 0, 4))
}

func TestTheBoundOfARoom(t *testing.T) {
	q := newQueue(small())
	add(q, "a", 1)
	d := take(t, q, "a", 0, 1)
	if out := add(q, "a", 2, 3, 4, 5, 6, 7); out.roomFull != 2 || out.full != 0 {
		t.Fatalf("dropped %+v", out)
	}
	q.finish(d)
	q.finish(take(t, q, "a", 2, 4, 5, 6))
	q.finish(take(t, q, "a", 0, 7))
}

func TestTheBoundOfAllRooms(t *testing.T) {
	t.Run("the oldest goes, whose it is", func(t *testing.T) {
		q := newQueue(small())
		add(q, "a", 1, 2, 3)
		add(q, "b", 1, 2, 3, 4)
		add(q, "c", 1, 2, 3)
		if out := add(q, "d", 1, 2, 3, 4); out.full != 4 {
			t.Fatalf("dropped %+v", out)
		}
		// All of a is gone, and its turn with it.
		q.finish(take(t, q, "b", 1, 2, 3, 4))
		add(q, "a", 4)
		q.finish(take(t, q, "c", 0, 1, 2, 3))
		q.finish(take(t, q, "d", 0, 1, 2, 3))
		q.finish(take(t, q, "a", 3, 4))
	})
	t.Run("a delivery that rests is older than what came after", func(t *testing.T) {
		q := newQueue(small())
		add(q, "a", 1, 2, 3)
		q.rest(take(t, q, "a", 0, 1, 2, 3))
		add(q, "b", 1, 2, 3, 4)
		add(q, "a", 4)
		out := add(q, "c", 1, 2, 3)
		if out.full != 3 || len(out.cut) != 1 || out.cut[0].state != over {
			t.Fatalf("dropped %+v", out)
		}
		q.finish(take(t, q, "b", 0, 1, 2, 3))
		q.finish(take(t, q, "c", 0, 1, 2, 3))
		q.finish(take(t, q, "a", 3, 4))
	})
	t.Run("what is being sent stays, and so does the newest", func(t *testing.T) {
		q := newQueue(bounds{room: 5, events: 2, bytes: 1 << 20, batch: 3, batchBytes: 1 << 10})
		add(q, "a", 1, 2)
		take(t, q, "a", 0, 1, 2)
		if out := add(q, "b", 1); out.full != 0 {
			t.Fatalf("dropped %+v", out)
		}
		if out := add(q, "b", 2); out.full != 1 {
			t.Fatalf("dropped %+v", out)
		}
		take(t, q, "b", 1, 2)
	})
	t.Run("in bytes", func(t *testing.T) {
		b := small()
		b.bytes = 2 * proto.Size(event("a", 1))
		q := newQueue(b)
		if out := add(q, "a", 1, 2, 3); out.full != 1 {
			t.Fatalf("dropped %+v", out)
		}
		take(t, q, "a", 1, 2, 3)
	})
}

func TestABatchIsBoundedInBytes(t *testing.T) {
	b := small()
	b.batchBytes = 2 * proto.Size(event("a", 1))
	q := newQueue(b)
	big := event("a", 4)
	big.GetPeerJoined().Metadata = string(make([]byte, 1000))
	add(q, "a", 1, 2, 3)
	q.add(big)
	q.finish(take(t, q, "a", 0, 1, 2))
	q.finish(take(t, q, "a", 0, 3))
	q.finish(take(t, q, "a", 0, 4))
}

func TestLossesAreToldWhenTheRoomIsBack(t *testing.T) {
	q := newQueue(small())
	for _, room := range []string{"a", "b", "c"} {
		add(q, room, 1, 2)
		q.lose(take(t, q, room, 0, 1, 2))
	}
	if len(q.rooms) != 0 || len(q.lost) != 2 {
		t.Fatalf("%d rooms and %d losses are kept", len(q.rooms), len(q.lost))
	}
	add(q, "c", 3)
	q.lose(take(t, q, "c", 2, 3))
	add(q, "c", 4)
	q.finish(take(t, q, "c", 3, 4))
	add(q, "c", 5)
	q.finish(take(t, q, "c", 0, 5))
}

// Whatever happens, each event is delivered once, in its room's order, or
// told as dropped before those that follow it.
func TestTheQueueAccountsForEverything(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 0))
		q := newQueue(bounds{room: 6, events: 12, bytes: 1 << 20, batch: 3, batchBytes: 1 << 10, forgotten: 100})
		rooms := []string{"a", "b", "c", "d"}
		sent, told := map[string]int{}, map[string]int{}
		var flying, resting []*delivery
		accept := func(d *delivery) {
			room := d.room.name
			if want := told[room] + d.dropped + 1; d.seqs()[0] != want {
				t.Fatalf("seed %d: %s goes on at %d, want %d", seed, room, d.seqs()[0], want)
			}
			told[room] += d.dropped + len(d.events)
			q.finish(d)
		}
		for range 300 {
			switch random.IntN(5) {
			case 0, 1:
				room := rooms[random.IntN(len(rooms))]
				sent[room]++
				add(q, room, sent[room])
			case 2:
				if d := q.next(); d != nil && len(flying) < 3 {
					flying = append(flying, d)
				} else if d != nil {
					accept(d)
				}
			case 3:
				if len(flying) == 0 {
					break
				}
				d := flying[0]
				flying = flying[1:]
				switch random.IntN(3) {
				case 0:
					accept(d)
				case 1:
					q.lose(d)
				default:
					q.rest(d)
					resting = append(resting, d)
				}
			default:
				if len(resting) > 0 {
					q.wake(resting[0])
					resting = resting[1:]
				}
			}
			if q.events > 12+3*3+1 {
				t.Fatalf("seed %d: %d events are kept", seed, q.events)
			}
		}
		for _, d := range flying {
			accept(d)
		}
		for _, d := range resting {
			q.wake(d)
		}
		for d := q.next(); d != nil; d = q.next() {
			accept(d)
		}
		for _, room := range rooms {
			if told[room]+q.lost[room] != sent[room] {
				t.Fatalf("seed %d: %s was told of %d events and %d are kept as lost, of %d", seed, room, told[room], q.lost[room], sent[room])
			}
		}
		if q.events != 0 || q.bytes != 0 || q.sending != 0 || len(q.rooms) != 0 || q.waiting.Len() != 0 || q.deliveries.Len() != 0 {
			t.Fatalf("seed %d: something is left: %+v", seed, q)
		}
	}
}
