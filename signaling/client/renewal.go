package client

import (
	"sync"
	"time"

	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// renewalPause is the pause before a fresh access token is asked for again.
const renewalPause = 5 * time.Second

// renewal is what is known about the end of the access token.
type renewal struct {
	signal chan struct{} // has a token when there is something to do

	mu      sync.Mutex // guards expires
	expires time.Time
}

func (n *renewal) init() { n.signal = make(chan struct{}, 1) }

// wanted says when the access token ends.
func (n *renewal) wanted(expires time.Time) {
	n.mu.Lock()
	n.expires = expires
	n.mu.Unlock()
	select {
	case n.signal <- struct{}{}:
	default:
	}
}

// keepAccess shows the server a fresh access token whenever one is needed,
// until the Room is closed.
func (r *Room) keepAccess() {
	for {
		select {
		case <-r.renewal.signal:
		case <-r.life.Done():
			return
		}
		if r.config.Token != nil {
			r.renew()
		}
	}
}

// renew tries until it succeeds, or the old token has expired.
func (r *Room) renew() {
	for {
		token, err := r.config.Token(r.life)
		if err == nil {
			_, err = r.link.Request(r.life, &protocol.ClientMessage{Body: &protocol.ClientMessage_Authenticate{
				Authenticate: &protocol.Authenticate{Token: token},
			}})
		}
		r.renewal.mu.Lock()
		expires := r.renewal.expires
		r.renewal.mu.Unlock()
		if err == nil || !time.Now().Add(renewalPause).Before(expires) || !wait(r.life, renewalPause, nil) {
			return
		}
	}
}
