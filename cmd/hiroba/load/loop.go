package load

import (
	"container/heap"
	"math/rand/v2"
	"sync"
	"time"
)

// loop serves many clients with one goroutine: it takes what comes to their
// sockets, and does what is due.
type loop struct {
	poller *poller
	done   chan struct{}

	mu     sync.Mutex // guards all below, and the clients of the loop
	closed bool
	tasks  tasks
	random *rand.Rand
	counts counts
	buffer [maxHeader + maxPayload + 64]byte // for what is sent
	// busy is for how long the loop had something to do.
	busy time.Duration
}

// task is something to be done again and again.
type task struct {
	at time.Time
	// run does it and returns when it is to be done again; the zero time for
	// never.
	run   func(now time.Time) time.Time
	place int // in the heap
}

type tasks []*task

func (t tasks) Len() int           { return len(t) }
func (t tasks) Less(i, j int) bool { return t[i].at.Before(t[j].at) }
func (t tasks) Swap(i, j int) {
	t[i], t[j] = t[j], t[i]
	t[i].place, t[j].place = i, j
}
func (t *tasks) Push(x any) { *t = append(*t, x.(*task)) }
func (t *tasks) Pop() any {
	old := *t
	last := old[len(old)-1]
	old[len(old)-1] = nil
	*t = old[:len(old)-1]
	return last
}

func newLoop(seed uint64) (*loop, error) {
	l := &loop{done: make(chan struct{}), random: rand.New(rand.NewPCG(seed, 1))}
	var err error
	l.poller, err = newPoller(l)
	return l, err
}

// run serves until close.
func (l *loop) run() {
	defer close(l.done)
	for {
		l.poller.wait()
		l.mu.Lock()
		if l.closed {
			l.poller.close()
			l.mu.Unlock()
			return
		}
		began := time.Now()
		l.poller.deliver()
		now := time.Now()
		for len(l.tasks) > 0 && !l.tasks[0].at.After(now) {
			t := l.tasks[0]
			if t.at = t.run(now); t.at.IsZero() {
				heap.Remove(&l.tasks, t.place)
			} else {
				heap.Fix(&l.tasks, t.place)
			}
		}
		l.arm()
		l.busy += time.Since(began)
		l.mu.Unlock()
	}
}

func (l *loop) arm() {
	if len(l.tasks) > 0 {
		l.poller.arm(l.tasks[0].at)
	}
}

// add has something done from a time on. The caller holds mu.
func (l *loop) add(at time.Time, run func(now time.Time) time.Time) {
	t := &task{at: at, run: run, place: len(l.tasks)}
	heap.Push(&l.tasks, t)
	if t.place == 0 {
		l.arm()
	}
}

// close ends the loop and waits for it. The sockets are closed before.
func (l *loop) close() {
	l.mu.Lock()
	l.closed = true
	l.poller.arm(time.Now())
	l.mu.Unlock()
	<-l.done
}

// pick is a random number.
func (l *loop) pick() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.random.IntN(1 << 16)
}
