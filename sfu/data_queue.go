package sfu

// frameCost is what a frame costs a queue beyond its bytes: a flood of small
// ones takes memory, too.
const frameCost = 256

// queue knows whose frames wait in a DataChannel, so that one client alone
// cannot fill it for others.
type queue struct {
	limit   int
	frames  []queuedFrame // oldest first, from head on
	head    int
	bytes   int // of all of them
	costs   map[*data]int
	cost    int // of all of them
	written uint64
}

type queuedFrame struct {
	from  *data // nil for the server itself
	bytes int
}

func newQueue(limit int) *queue { return &queue{limit: limit, costs: map[*data]int{}} }

// admits says whether there is place for a frame. The server's own may fill the
// queue, a client's frames only as much of it as they leave to others: one
// client half, two a third each, and so on. So there is always place for
// somebody new. An empty queue takes any frame.
func (q *queue) admits(from *data, bytes int) bool {
	if from == nil {
		return q.bytes+bytes <= q.limit
	}
	return q.bytes == 0 || q.costs[from]+bytes+frameCost <= q.limit-q.cost
}

// add takes note of a frame that was given to the channel.
func (q *queue) add(from *data, bytes int) {
	q.frames = append(q.frames, queuedFrame{from, bytes})
	q.bytes += bytes
	q.cost += bytes + frameCost
	q.costs[from] += bytes + frameCost
	q.written += uint64(bytes)
}

// left takes note of how many bytes wait in the channel.
func (q *queue) left(bytes uint64) {
	for q.head < len(q.frames) && uint64(q.bytes-q.frames[q.head].bytes) >= bytes {
		f := q.frames[q.head]
		q.frames[q.head] = queuedFrame{}
		q.head++
		q.bytes -= f.bytes
		q.cost -= f.bytes + frameCost
		if q.costs[f.from] -= f.bytes + frameCost; q.costs[f.from] == 0 {
			delete(q.costs, f.from)
		}
	}
	if q.head > len(q.frames)/2 {
		q.frames = q.frames[:copy(q.frames, q.frames[q.head:])]
		q.head = 0
	}
}
