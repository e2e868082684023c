// Package webhook tells other servers what happens in rooms: it posts
// protocol.RoomEvents to URLs, signed, in order for each room, and again until
// they are taken. docs/webhooks.md is for those who receive them.
//
// The queue, the waits between attempts and the meaning of an answer are plain
// values without clock or network (queue, backoff, judge); a target puts them
// to work for one URL.
package webhook

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// Config is what a Sender needs.
type Config struct {
	// URLs are where every event goes: http or https, without credentials.
	// None is possible; then nothing is sent.
	URLs []string
	// Secret is the key of the signatures; 16 bytes or more.
	Secret []byte
	// AllowPrivate lets events go to addresses that are not public: this
	// machine and the operator's own network.
	AllowPrivate bool
	Logger       *slog.Logger
	Registerer   prometheus.Registerer
}

// Sender delivers events. Its methods are safe for concurrent use.
type Sender struct {
	targets   []*target
	transport *http.Transport
	end       context.CancelFunc
	log       *slog.Logger
	within    time.Duration // closeTime

	closing sync.Once
	unsent  int
}

// New makes a sender; whoever does must Close it. The error says which URL is
// not possible, and why, without showing what in it may be a secret.
func New(config Config) (*Sender, error) {
	return newSender(config, dialer(config.AllowPrivate).DialContext)
}

// shortestSecret is what the configuration asks of all secrets.
const shortestSecret = 16

func newSender(config Config, dial dialFunc) (*Sender, error) {
	if len(config.URLs) > 0 && len(config.Secret) < shortestSecret {
		return nil, fmt.Errorf("webhook.secret has %d bytes; with webhook.urls it needs %d or more, because receivers trust what is signed with it", len(config.Secret), shortestSecret)
	}
	ended, end := context.WithCancel(context.Background())
	s := &Sender{
		end: end,
		log: config.Logger, within: closeTime,
		transport: &http.Transport{
			// No Proxy: it would connect for us, to addresses that nobody
			// here has judged.
			DialContext:            connect(ended, dial),
			TLSHandshakeTimeout:    requestTimeout,
			MaxIdleConnsPerHost:    requestsAtOnce,
			IdleConnTimeout:        30 * time.Second,
			MaxResponseHeaderBytes: headerBytes,
			DisableCompression:     true,
			// HTTP/1.1 alone: a connection that hangs is thrown away with
			// its one request.
			Protocols: new(http.Protocols),
		},
	}
	s.transport.Protocols.SetHTTP1(true)

	places := make(map[string]int)
	for i, text := range config.URLs {
		u, err := parseURL(i+1, text, config.AllowPrivate)
		if err == nil && places[u.String()] != 0 {
			err = fmt.Errorf("numbers %d and %d of webhook.urls are the same; each event goes to each URL once", places[u.String()], i+1)
		}
		if err != nil {
			end()
			return nil, err
		}
		places[u.String()] = i + 1
		s.targets = append(s.targets, &target{
			url: u, name: shown(u), secret: bytes.Clone(config.Secret), transport: s.transport, log: config.Logger,
			ended: ended, queue: newQueue(usual), empty: make(chan struct{}),
		})
	}
	m := newMetrics(config.Registerer, s.held)
	for _, t := range s.targets {
		t.metrics = m
	}
	return s, nil
}

// Send queues an event for every URL; nobody may change it any more. It never
// waits for a network. Events of one room arrive in the order in which they
// were sent. What does not fit any more pushes out what is oldest, and after
// Close nothing is taken; both are counted.
func (s *Sender) Send(event *protocol.RoomEvent) {
	for _, t := range s.targets {
		t.send(event)
	}
}

// closeTime is how long Close goes on delivering. Most deliveries take far
// less; a target that does not answer must not make a stop long.
const closeTime = 2 * time.Second

// Close takes no more events and delivers those that wait, without waiting out
// what was put off, for two seconds and no longer than three quarters of the
// time that ctx has left. Then it cuts what is going on and drops the rest; for each
// URL it logs how many events were lost so, and why, and it returns their sum.
// No goroutine is left. Only the first call does something; all return its
// sum.
func (s *Sender) Close(ctx context.Context) (unsent int) {
	s.closing.Do(func() { s.unsent = s.close(ctx) })
	return s.unsent
}

func (s *Sender) close(ctx context.Context) (unsent int) {
	until := time.Now().Add(s.within)
	if deadline, ok := ctx.Deadline(); ok {
		until = time.Now().Add(min(s.within, time.Until(deadline)*3/4))
	}
	ctx, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	empty := make([]<-chan struct{}, len(s.targets))
	for i, t := range s.targets {
		empty[i] = t.close(until)
	}
	for _, e := range empty {
		select {
		case <-e:
		case <-ctx.Done():
		}
	}
	for _, t := range s.targets {
		t.stop()
	}
	s.end()
	for _, t := range s.targets {
		lost, why := t.wait()
		if lost > 0 {
			s.log.Warn("webhook events were not delivered before the stop, and are lost", "url", t.name, "events", lost, "reason", why)
		}
		unsent += lost
	}
	s.transport.CloseIdleConnections()
	return unsent
}

// held is how many events are not delivered yet, over all URLs.
func (s *Sender) held() (sum int) {
	for _, t := range s.targets {
		sum += t.held()
	}
	return sum
}
