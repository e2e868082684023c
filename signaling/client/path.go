package client

import (
	"context"
	"sync"
	"time"

	"github.com/pion/webrtc/v4"
)

const (
	// maxRestarts is how often another path is looked for in a row, each time for
	// the half minute that ICE takes to give up.
	maxRestarts = 8
	// restartPause is the pause before the second try; it doubles with each.
	restartPause = time.Second
	// longestRestartPause bounds it.
	longestRestartPause = 30 * time.Second
)

// path is the way that media takes to the SFU, and what is done to get it back.
type path struct {
	connected chan struct{} // closed when media could flow for the first time
	signal    chan struct{} // has a token when there is something to do

	mu     sync.Mutex    // guards all below
	up     bool          // media can flow
	broken bool          // another path is needed
	linked bool          // signaling is connected
	tries  int           // since media flowed
	again  chan struct{} // closed, and replaced, when the link is back

	telling sync.Mutex // held while the application is told
	told    bool
}

func (p *path) init() {
	p.connected, p.signal, p.again = make(chan struct{}), make(chan struct{}, 1), make(chan struct{})
	p.linked = true
}

// wake has keepPath look at what there is to do.
func (p *path) wake() {
	select {
	case p.signal <- struct{}{}:
	default:
	}
}

// lost says that media does not get through.
func (p *path) lost() {
	p.mu.Lock()
	p.broken = true
	p.mu.Unlock()
	p.wake()
}

// Connected is closed when media could flow for the first time.
func (r *Room) Connected() <-chan struct{} { return r.path.connected }

// Restart looks for another path for media at once, with an ICE restart (RFC
// 8445, section 9): for when the application knows that the network has
// changed, or after the Room has given up, which it does after some minutes.
func (r *Room) Restart(ctx context.Context) error {
	return r.negotiate(ctx, change{restart: true})
}

// mediaChanged follows the PeerConnection. The library reports each state in a
// goroutine of its own, so that an older one may come later: only the present
// one counts.
func (r *Room) mediaChanged() {
	p := &r.path
	state := r.pc.ConnectionState()
	p.mu.Lock()
	p.up = state == webrtc.PeerConnectionStateConnected
	if p.up {
		p.tries, p.broken = 0, false
	}
	p.mu.Unlock()
	if state == webrtc.PeerConnectionStateFailed {
		p.lost()
	}
	p.tell(r.life, r.config.OnMedia)
}

// tell tells the application what has changed.
func (p *path) tell(life context.Context, onMedia func(bool)) {
	p.telling.Lock()
	defer p.telling.Unlock()
	p.mu.Lock()
	up := p.up
	p.mu.Unlock()
	if up == p.told || life.Err() != nil {
		return
	}
	p.told = up
	if up {
		select {
		case <-p.connected:
		default:
			close(p.connected)
		}
	}
	if onMedia != nil {
		onMedia(up)
	}
}

// linkChanged follows signaling. A link that is back, while media is not, often
// means another network: that is no time to wait for ICE to give up.
func (r *Room) linkChanged(err error) {
	p := &r.path
	p.mu.Lock()
	p.linked = err == nil
	if p.linked {
		close(p.again)
		p.again = make(chan struct{})
		if started(p.connected) && !p.up {
			p.broken, p.tries = true, 0
		}
	}
	p.mu.Unlock()
	p.wake()
	if r.config.OnState != nil {
		r.config.OnState(err)
	}
}

func started(once <-chan struct{}) bool {
	select {
	case <-once:
		return true
	default:
		return false
	}
}

// keepPath does what is to be done about media until the Room is closed.
func (r *Room) keepPath() {
	for {
		select {
		case <-r.path.signal:
		case <-r.life.Done():
			return
		}
		// What is refused stays as it is: the track has ended for the others.
		_ = r.release(r.life)
		for r.path.next(r.life) {
			if r.Restart(r.life) != nil {
				r.path.lost()
			}
		}
	}
}

// next waits until another path is to be looked for. It reports false when
// there is no need, or no hope.
func (p *path) next(life context.Context) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.broken && p.tries < maxRestarts {
		pause, again := time.Duration(0), (<-chan struct{})(nil)
		if p.tries > 0 {
			pause = min(restartPause<<(p.tries-1), longestRestartPause)
		}
		if !p.linked {
			again = p.again
		}
		p.mu.Unlock()
		waited := wait(life, pause, again)
		p.mu.Lock()
		if !waited {
			return false
		}
		// Both may have changed meanwhile.
		if p.broken && p.linked {
			p.broken = false
			p.tries++
			return true
		}
	}
	return false
}

// wait waits for a pause to pass and for something to happen, if it has to. It
// reports false when life ends first.
func wait(life context.Context, pause time.Duration, until <-chan struct{}) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-life.Done():
		return false
	}
	if until == nil {
		return true
	}
	select {
	case <-until:
		return true
	case <-life.Done():
		return false
	}
}
