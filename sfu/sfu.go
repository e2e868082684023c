// Package sfu is a selective forwarding unit (RFC 7667, 3.7): it takes audio,
// video and data from each peer of a room over one PeerConnection and forwards
// them to the others.
//
// A client always offers; its receive-only media sections are its slots, and
// the SFU decides which track sits in which. Each slot is one continuous RTP
// stream.
package sfu

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/logging"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/hiroba-rtc/hiroba/internal/udp"
	"github.com/hiroba-rtc/hiroba/sfu/dtls"
	"github.com/hiroba-rtc/hiroba/sfu/ice"
)

// Config is what an SFU needs.
type Config struct {
	// UDP are the sockets for media, each bound to one address. The SFU closes
	// them, once New has returned one.
	UDP []ice.Socket
	// TCP accepts ICE-TCP connections (RFC 6544); nil for none. The SFU
	// closes it.
	TCP net.Listener
	// Advertise are public addresses of this machine that it does not know
	// of by itself.
	Advertise []netip.Addr
	// Workers forward; 0 is one per CPU.
	Workers int
	// Slots is how many slots of one kind a peer may have, Tracks how many
	// sending media sections.
	Slots, Tracks int
	// Voices is how many audio tracks each peer of a room is sent at most, of
	// more the loudest; 0 is 6.
	Voices int

	Logger *slog.Logger
	// LoggerFactory takes the logs of the WebRTC library; nil for none.
	LoggerFactory logging.LoggerFactory
	Registerer    prometheus.Registerer
}

// SFU forwards media between the peers of rooms. It is safe for concurrent
// use.
type SFU struct {
	config   Config
	identity *dtls.Identity
	mux      *ice.Mux
	metrics  *metrics
	workers  []*worker
	running  sync.WaitGroup
	stop     chan struct{}
	occupied chan struct{} // holds one token when a room was made
	serial   atomic.Uint64 // of the newest stream or source
	types    sharedTypes

	mu     sync.Mutex // guards all below; no room's is taken under it
	rooms  map[string]*room
	next   int // the first worker of the next room
	closed bool
}

// ErrClosed is returned once the SFU is closed.
var ErrClosed = errors.New("sfu: it is closed")

// New starts an SFU.
func New(config Config) (*SFU, error) {
	if config.LoggerFactory == nil {
		config.LoggerFactory = quiet()
	}
	if config.Voices == 0 {
		config.Voices = voicesMost
	}
	if config.Workers == 0 {
		config.Workers = runtime.GOMAXPROCS(0)
	}
	identity, err := dtls.NewIdentity()
	if err != nil {
		return nil, fmt.Errorf("sfu: %w", err)
	}
	s := &SFU{
		config:   config,
		identity: identity,
		metrics:  newMetrics(config.Registerer),
		stop:     make(chan struct{}),
		occupied: make(chan struct{}, 1),
		rooms:    map[string]*room{},
	}
	for i := range config.Workers {
		w := newWorker(i, config.UDP, s.metrics)
		s.workers = append(s.workers, w)
		s.running.Go(w.run)
	}
	s.mux = ice.NewMux(ice.Config{
		Sockets: config.UDP, TCP: config.TCP, Advertise: config.Advertise, Drained: s.drained,
		Logger: config.Logger, Registerer: config.Registerer,
	})
	s.running.Go(s.tick)
	return s, nil
}

// Take takes in datagrams for a socket, by its index in Config.UDP, that came
// from this server's own relay. They may be changed, and are not needed any more
// when it returns.
func (s *SFU) Take(socket int, datagrams []udp.Datagram) { s.mux.Take(socket, datagrams) }

// drained has the workers serve what was just read. The last one that has
// something to do does it in the goroutine that read: to wake another one would
// take longer than many a batch.
func (s *SFU) drained() {
	var last *worker
	for _, w := range s.workers {
		if w.waiting.Load() {
			if last != nil {
				last.poke()
			}
			last = w
		}
	}
	if last != nil {
		last.serveNow()
	}
}

// tick has everything looked at that changes with time.
func (s *SFU) tick() {
	ticker := time.NewTicker(voicesInterval)
	defer ticker.Stop()
	for n := 0; ; n++ {
		select {
		case <-s.stop:
			return
		case now := <-ticker.C:
			due := func(every time.Duration) bool { return n%int(every/voicesInterval) == 0 }
			rooms := s.list()
			for _, r := range rooms {
				r.updateVoices(now)
				if due(linkInterval) {
					r.tick(now, due(reportInterval))
				}
				if due(speakersInterval) {
					r.updateSpeakers(now)
				}
			}
			for _, w := range s.workers {
				if due(linkInterval) {
					w.plan(w.late(time.Now()))
					w.plan(w.tick)
				}
				if due(reportInterval) {
					w.plan(w.report)
				}
				if (n+2)%int(judgeInterval/voicesInterval) == 0 { // some time before it is needed
					w.plan(w.measure)
				}
				if w.waiting.Load() {
					w.serveNow() // here: to wake somebody else would take longer
				}
			}
			if due(judgeInterval) {
				s.judge(now)
			}
			if len(rooms) > 0 {
				continue
			}
			// Nothing changes with time until there is a room.
			ticker.Stop()
			select {
			case <-s.stop:
				return
			case <-s.occupied:
				ticker.Reset(voicesInterval)
			}
		}
	}
}

// peersTogether is how many peers of one room share a worker before another one
// takes part: what comes for a small room is served without waking a thread.
const peersTogether = 64

// room is the one of a name, made if need be; nil when the SFU is closed.
func (s *SFU) room(name string) *room {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	r := s.rooms[name]
	if r == nil {
		r = &room{
			name: name, sfu: s, first: s.next % len(s.workers),
			peers: map[string]*Peer{}, byID: map[string]*track{}, voices: newVoices(s.config.Voices),
		}
		s.rooms[name] = r
		s.next++
		select {
		case s.occupied <- struct{}{}:
		default: // that there is one was said, and not heard yet
		}
	}
	return r
}

// forget takes off a room that has ended.
func (s *SFU) forget(r *room) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rooms[r.name] == r {
		delete(s.rooms, r.name)
	}
}

func (s *SFU) list() []*room {
	s.mu.Lock()
	defer s.mu.Unlock()
	rooms := make([]*room, 0, len(s.rooms))
	for _, r := range s.rooms {
		rooms = append(rooms, r)
	}
	return rooms
}

// nextSerial numbers incoming streams and sources. Rooms ask for one while they
// are locked.
func (s *SFU) nextSerial() uint64 { return s.serial.Add(1) }

// Close ends all peers, then the ports, and waits for all of it.
func (s *SFU) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.mu.Unlock()
	for _, r := range s.list() {
		for _, p := range r.list() {
			p.Close()
		}
	}
	close(s.stop)
	for _, w := range s.workers {
		w.close()
	}
	s.running.Wait()
	return s.mux.Close()
}
