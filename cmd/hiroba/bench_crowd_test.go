package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// A crowd is thousands of WebSocket clients in a process of their own: this
// test binary again. It is given orders by its standard input, line by line,
// and answers each with an outcome.
const envCrowd = "HIROBA_BENCH_CROWD" // "host:port", the server

const (
	// heartbeat is how often each client pings, as the server's default asks.
	heartbeat = 10 * time.Second
	// acknowledgeEvery is after how many messages clients acknowledge at once.
	acknowledgeEvery = 256
	// parallel is how many clients connect or join at the same time.
	parallel = 32
	// mark begins the time in what is said, in nanoseconds of the crowd's life
	// in 16 hexadecimal digits.
	mark = "~t"
)

// order is what a crowd shall do.
type order struct {
	Do       string
	N        int             // connect, stop: how many clients
	Format   protocol.Format // connect
	RoomSize int             // join
	Bytes    int             // flood, steady: size of what is said
	Window   int             // flood: messages under way
	Rate     float64         // steady: messages a second
	For      time.Duration   // flood, steady
}

// outcome is how it went.
type outcome struct {
	Deliveries int64
	Took       time.Duration
	// P50 and P99 are of all delays from saying to hearing; Worst is the largest
	// P99 that one listener had.
	P50, P99, Worst time.Duration
	// Gone is how many clients have lost their connection so far.
	Gone int64
}

// crowdMain is the process of a crowd.
func crowdMain(addr string) error {
	c := &crowd{addr: addr, began: time.Now(), round: make(chan struct{}, 1), over: make(chan struct{})}
	defer close(c.over)
	return obey(func(o order) (outcome, error) {
		c.heard.Store(0)
		began := time.Now()
		err := c.carryOut(o)
		out := outcome{Deliveries: c.heard.Load(), Took: time.Since(began), Gone: c.gone.Load()}
		out.P50, out.P99, out.Worst = c.delays()
		return out, err
	})
}

type crowd struct {
	addr    string
	began   time.Time
	over    chan struct{}
	members []*listener // the first one speaks
	stopped int         // how many, from the end, do not read

	heard atomic.Int64
	gone  atomic.Int64
	round chan struct{} // has a token when everybody has heard one more
}

// listener is one client.
type listener struct {
	*socket
	crowd  *crowd
	last   atomic.Uint64 // the last number handled
	joined chan struct{}
	halt   atomic.Bool // it does not read any more

	mu     sync.Mutex // guards delays
	delays []time.Duration
}

func (c *crowd) carryOut(o order) error {
	switch o.Do {
	case "connect":
		return c.connect(o)
	case "join":
		return c.join(o.RoomSize)
	case "beat":
		go c.beat()
		return nil
	case "flood":
		return c.flood(o)
	case "steady":
		return c.steady(o)
	case "stop":
		c.stopped = o.N
		for _, l := range c.members[len(c.members)-o.N:] {
			l.halt.Store(true)
		}
		return nil
	}
	return fmt.Errorf("no such order: %q", o.Do)
}

func (c *crowd) connect(o order) error {
	c.members = make([]*listener, o.N)
	if err := inParallel(o.N, func(i int) error {
		s, err := dialSocket(c.addr, "/v1/signal", o.Format)
		if err != nil {
			return fmt.Errorf("client %d: %w", i, err)
		}
		c.members[i] = &listener{socket: s, crowd: c, joined: make(chan struct{})}
		_, err = s.read() // welcome
		return err
	}); err != nil {
		return err
	}
	for _, l := range c.members {
		go l.listen()
	}
	return nil
}

func (c *crowd) join(roomSize int) error {
	return inParallel(len(c.members), func(i int) error {
		l := c.members[i]
		if err := l.say(&protocol.ClientMessage{Body: &protocol.ClientMessage_Join{
			Join: &protocol.Join{Room: fmt.Sprintf("room-%d", i/roomSize), Name: fmt.Sprintf("Client %d", i)},
		}}); err != nil {
			return err
		}
		select {
		case <-l.joined:
			return nil
		case <-time.After(patience):
			return fmt.Errorf("client %d was not let in", i)
		}
	})
}

// inParallel does something n times, a few dozen of them at the same time.
func inParallel(n int, do func(i int) error) error {
	var next atomic.Int64
	errs := make([]error, parallel)
	var all sync.WaitGroup
	for worker := range parallel {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && errs[worker] == nil; i = int(next.Add(1)) - 1 {
				errs[worker] = do(i)
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// beat pings for all clients, evenly spread.
func (c *crowd) beat() {
	const step = 10 * time.Millisecond
	ticker := time.NewTicker(step)
	defer ticker.Stop()
	for began, sent := time.Now(), 0; ; {
		select {
		case <-c.over:
			return
		case <-ticker.C:
		}
		for due := int(float64(len(c.members)) * float64(time.Since(began)) / float64(heartbeat)); sent < due; sent++ {
			if l := c.members[sent%len(c.members)]; !l.halt.Load() {
				_ = l.ping(l.last.Load()) // who has gone is counted by its reader
			}
		}
	}
}

// listen handles what comes until the connection ends.
func (l *listener) listen() {
	defer l.crowd.gone.Add(1)
	defer l.conn.Close()
	acknowledged := uint64(0)
	for {
		data, err := l.read()
		if err != nil {
			return
		}
		number := l.number(data)
		if number == 0 {
			continue
		}
		if l.last.Swap(number) == 0 {
			close(l.joined)
		}
		if number-acknowledged >= acknowledgeEvery {
			acknowledged = number
			if l.ping(number) != nil {
				return
			}
		}
		if l.halt.Load() {
			<-l.crowd.over
			return
		}
		if _, rest, ok := bytes.Cut(data, []byte(mark)); ok {
			l.note(rest)
		}
	}
}

// note takes down the delay of a message.
func (l *listener) note(text []byte) {
	said, _ := strconv.ParseInt(string(text[:16]), 16, 64)
	delay := time.Since(l.crowd.began) - time.Duration(said)
	l.mu.Lock()
	l.delays = append(l.delays, delay)
	l.mu.Unlock()
	if l.crowd.heard.Add(1)%int64(len(l.crowd.members)-1) == 0 {
		select {
		case l.crowd.round <- struct{}{}:
		default:
		}
	}
}

// tell has the first client say something to its room.
func (c *crowd) tell(size int) error {
	text := fmt.Sprintf("%s%016x", mark, time.Since(c.began).Nanoseconds())
	text += strings.Repeat("x", max(0, size-len(text)))
	return c.members[0].say(&protocol.ClientMessage{Ack: c.members[0].last.Load(), Body: &protocol.ClientMessage_Message{
		Message: &protocol.Message{Topic: "chat", Text: text},
	}})
}

// flood says as much as is heard, with so many messages under way.
func (c *crowd) flood(o order) error {
	listeners := int64(len(c.members) - 1)
	end := time.After(o.For)
	sent := int64(0)
	for {
		for ; sent*listeners-c.heard.Load() < int64(o.Window)*listeners; sent++ {
			if err := c.tell(o.Bytes); err != nil {
				return err
			}
		}
		select {
		case <-c.round:
		case <-time.After(patience):
			return errors.New("nothing is heard any more")
		case <-end:
			return c.until(sent * listeners)
		}
	}
}

// until waits until so much was heard.
func (c *crowd) until(deliveries int64) error {
	timeout := time.After(patience)
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for c.heard.Load() < deliveries {
		select {
		case <-look.C:
		case <-timeout:
			return fmt.Errorf("%d of %d were heard", c.heard.Load(), deliveries)
		}
	}
	return nil
}

// steady says something so many times a second, whoever hears it.
func (c *crowd) steady(o order) error {
	began, sent := time.Now(), int64(0)
	for ; time.Since(began) < o.For; sent++ {
		<-time.After(time.Until(began.Add(time.Duration(float64(sent) / o.Rate * float64(time.Second)))))
		if err := c.tell(o.Bytes); err != nil {
			return err
		}
	}
	return c.until(sent * int64(len(c.members)-1-c.stopped))
}

// delays sums up those since the last time, of who reads.
func (c *crowd) delays() (p50, p99, worst time.Duration) {
	var all []time.Duration
	for _, l := range c.members {
		if l == nil || l.halt.Load() {
			continue
		}
		l.mu.Lock()
		own := l.delays
		l.delays = nil
		l.mu.Unlock()
		worst = max(worst, percentile(own, 99))
		all = append(all, own...)
	}
	return percentile(all, 50), percentile(all, 99), worst
}

// percentile sorts its values.
func percentile[T cmp.Ordered](values []T, percent int) (p T) {
	if len(values) == 0 {
		return p
	}
	slices.Sort(values)
	return values[(len(values)-1)*percent/100]
}
