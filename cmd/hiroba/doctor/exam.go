package doctor

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hiroba-rtc/hiroba/signaling/client"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// Run tries all legs of a plan and reports. tell is told of each leg as soon as
// it is known, without advice yet, from any goroutine but one at a time; nil for
// nobody. A context that ends leaves the rest untried.
func Run(ctx context.Context, plan Plan, tell func(Result)) (*Report, error) {
	if err := plan.Check(); err != nil {
		return nil, err
	}
	secure := &tls.Config{InsecureSkipVerify: plan.Insecure}
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, TLSClientConfig: secure.Clone()}
	defer transport.CloseIdleConnections()
	e := &exam{
		plan: plan, tell: tell, room: plan.room(strings.ToLower(rand.Text()[:8])),
		secure: secure, requests: &http.Client{Transport: transport},
	}
	if plan.URL != "" {
		e.server, _ = plan.server() // checked
		if e.server.web != nil {
			e.hiroba(ctx)
		} else {
			e.relays(ctx, e.alone())
			e.relayed()
		}
	}
	if plan.Local {
		e.machine()
	}
	return e.report(ctx.Err() != nil), nil
}

// exam is one run.
type exam struct {
	plan   Plan
	server server
	room   string
	tell   func(Result)
	// requests are made as browsers make them: without TLS, that is HTTP/1.1.
	requests *http.Client
	secure   *tls.Config

	mu      sync.Mutex // guards all below, and is held while tell is called
	results []Result
	facts   facts
}

// facts are what legs have seen and others, or the advice, need.
type facts struct {
	reached    netip.AddrPort   // where the page's name leads to, or that of a relay alone
	relayed    []netip.Addr     // of allocations
	candidates []netip.AddrPort // of the SFU, over UDP
	mapped     netip.AddrPort   // this client as STUN sees it
	local      netip.Addr       // this client as it sees itself
	issued     bool             // TURN credentials are the server's own
	secretless bool             // there are none
}

// finding is what a leg has found, when it works.
type finding struct {
	state  State // Works when empty
	detail string
}

// try runs a leg within its time and notes what becomes of it.
func (e *exam) try(ctx context.Context, leg Leg, target string, run func(context.Context) (finding, error)) bool {
	ctx, cancel := context.WithTimeout(ctx, e.plan.Timeout)
	defer cancel()
	began := time.Now()
	found, err := run(ctx)
	result := Result{Leg: leg, State: found.state, Target: target, Detail: found.detail, Milliseconds: milliseconds(time.Since(began))}
	if result.State == "" {
		result.State = Works
	}
	if err != nil {
		result.State, result.Cause = Fails, causeOf(err)
		result.Detail = err.Error()
		if ctx.Err() != nil && result.Cause == Other {
			result.Cause = Silent
		}
		if result.Cause == Silent {
			result.Detail = fmt.Sprintf("nothing came within %v", e.plan.Timeout)
		}
	}
	e.note(result)
	return err == nil
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func (e *exam) note(r Result) {
	r.Title = r.Leg.Title()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.results = append(e.results, r)
	if e.tell != nil {
		e.tell(r)
	}
}

// skip notes legs that were not tried, or are not there.
func (e *exam) skip(state State, why string, legs ...Leg) {
	for _, leg := range legs {
		e.note(Result{Leg: leg, State: state, Detail: why})
	}
}

// learn changes the facts.
func (e *exam) learn(what func(*facts)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	what(&e.facts)
}

// hiroba tries all of a Hiroba server: signaling first, which tells where the
// rest is, and then all of that at once.
func (e *exam) hiroba(ctx context.Context) {
	e.try(ctx, HTTP, e.server.web.String(), e.http)
	opened, signaling := e.signaling(ctx)
	defer signaling.Wait()
	session, ok := <-opened
	if !ok {
		const why = "no session could be opened, which tells where it is"
		e.skip(NotTried, why, Media, ICETCP, TURNUDP, TURNTCP, TURNTLS, TURNDTLS)
		e.stun(ctx, e.server.address())
		e.skip(NotTried, "the server's addresses are in its answer to a join", Address)
		return
	}
	var legs sync.WaitGroup
	legs.Go(func() { e.media(ctx, session.transport, Media) })
	legs.Go(func() { e.media(ctx, session.transport, ICETCP) })
	legs.Go(func() { e.relays(ctx, e.offered(session.welcome.GetIceServers())) })
	legs.Wait()
	e.address()
}

// session is one that was opened, and how.
type session struct {
	transport client.Transport
	welcome   *protocol.Welcome
}

// report puts what is known in order and adds what to do.
func (e *exam) report(interrupted bool) *Report {
	e.mu.Lock()
	defer e.mu.Unlock()
	r := &Report{URL: e.plan.URL, OK: !interrupted, Interrupted: interrupted}
	slices.SortStableFunc(e.results, func(a, b Result) int {
		return cmp.Or(slices.Index(order, a.Leg)-slices.Index(order, b.Leg), cmp.Compare(a.Target, b.Target))
	})
	for _, result := range e.results {
		if result.State == Fails {
			r.OK = false
		}
		if result.State == Fails || result.State == Limited {
			result.Advice = advise(result, e.situation())
		}
		r.Legs = append(r.Legs, result)
	}
	return r
}

// situation is what advice depends on beside the leg itself; with the lock held.
func (e *exam) situation() situation {
	s := situation{server: e.server, issued: e.facts.issued, secretless: e.facts.secretless, candidates: e.facts.candidates, reached: e.facts.reached, works: map[Leg]bool{}}
	for _, r := range e.results {
		if r.State == Works || r.State == Limited {
			s.works[r.Leg] = true
		}
	}
	s.ended = e.plan.ended(time.Now())
	s.misplaced = e.state(Address) == Fails
	return s
}

// state is what became of a leg of which there is one; with the lock held.
func (e *exam) state(leg Leg) State {
	if i := slices.IndexFunc(e.results, func(r Result) bool { return r.Leg == leg }); i >= 0 {
		return e.results[i].State
	}
	return NotTried
}
