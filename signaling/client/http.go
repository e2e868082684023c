package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

const (
	// pollWait is how long a long poll asks the server to wait.
	pollWait = "25s"
	// pollPause is how long a plain poll waits itself.
	pollPause = 500 * time.Millisecond
	// messagesPerPost is how many messages go into one request; the server
	// takes 64.
	messagesPerPost = 50
)

// resource is a session as an HTTP client uses it.
type resource struct {
	place place
	life  context.Context
	end   context.CancelFunc

	mu     sync.Mutex // guards resume and after
	resume string
	after  uint64
}

// openResource opens a session, or takes the one of the place.
func openResource(ctx context.Context, p place) (*resource, *protocol.ServerMessage, error) {
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	r := &resource{place: p, life: life, end: end, resume: p.resume, after: p.after}
	if p.session != "" {
		return r, nil, nil
	}
	response, err := r.do(ctx, http.MethodPost, p.signalURL().String(), p.credentials(), nil)
	if err != nil {
		end()
		return nil, nil, err
	}
	defer response.Body.Close()
	welcome, err := decode(response.Body)
	if err != nil || welcome.GetWelcome() == nil {
		end()
		return nil, nil, errors.Join(errors.New("the first message is no welcome"), err)
	}
	r.place.session, r.resume = welcome.GetWelcome().GetSession(), welcome.GetWelcome().GetResume()
	return r, welcome, nil
}

func decode(body io.Reader) (*protocol.ServerMessage, error) {
	data, err := io.ReadAll(body)
	if err != nil {
		return nil, err
	}
	message := &protocol.ServerMessage{}
	return message, protocol.JSON.Unmarshal(data, message)
}

// do makes a request and checks that it was answered with success.
func (r *resource) do(ctx context.Context, method, url string, header http.Header, body []byte) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header = header
	response, err := r.place.http.Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode >= 300 {
		return nil, refused(response)
	}
	return response, nil
}

// get reads on from the session.
func (r *resource) get(accept, query string) (*http.Response, error) {
	r.mu.Lock()
	p := r.place
	p.resume, p.after = r.resume, r.after
	r.mu.Unlock()
	header := p.credentials()
	header.Set("Accept", accept)
	u := p.signalURL()
	u.RawQuery += query
	return r.do(r.life, http.MethodGet, u.String(), header, nil)
}

// note remembers what a message means for the next request.
func (r *resource) note(message *protocol.ServerMessage) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if welcome := message.GetWelcome(); welcome != nil {
		r.resume = welcome.GetResume()
	}
	r.after = max(r.after, message.GetSeq())
}

func (r *resource) write(messages []*protocol.ClientMessage) (received uint64, err error) {
	for part := range slices.Chunk(messages, messagesPerPost) {
		if received, err = r.post(part); err != nil {
			return 0, err
		}
	}
	return received, nil
}

func (r *resource) post(messages []*protocol.ClientMessage) (received uint64, err error) {
	var body []byte
	for _, message := range messages {
		data, err := protocol.JSON.Marshal(message)
		if err != nil {
			return 0, err
		}
		body = append(append(body, data...), '\n')
	}
	r.mu.Lock()
	p := r.place
	p.resume = r.resume
	r.mu.Unlock()
	p.access = ""
	u := p.signalURL()
	u.RawQuery = ""
	header := p.credentials()
	header.Set("Content-Type", "application/json")
	ctx, cancel := context.WithTimeout(r.life, writeTimeout)
	defer cancel()
	response, err := r.do(ctx, http.MethodPost, u.String(), header, body)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	var answer struct {
		Received uint64 `json:"received,string"`
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return 0, fmt.Errorf("reading the answer to a POST: %w", err)
	}
	return answer.Received, nil
}

// events carries a session over server-sent events, and POST.
type events struct {
	*incoming
	*resource
	body io.Closer
}

func dialSSE(ctx context.Context, p place) (carrier, error) {
	r, _, err := openResource(ctx, p)
	if err != nil {
		return nil, err
	}
	// A proxy may hold the stream back for ever; what was opened outlives ctx.
	inTime := context.AfterFunc(ctx, r.end)
	response, err := r.get("text/event-stream", "")
	if !inTime() && err == nil {
		_ = response.Body.Close()
		err = ctx.Err()
	}
	if err != nil {
		r.end()
		return nil, err
	}
	lines := bufio.NewReader(response.Body)
	e := &events{resource: r, body: response.Body}
	e.incoming = pump(p.silence, func() (*protocol.ServerMessage, error) {
		message, err := readEvent(lines)
		if err == nil {
			r.note(message)
		}
		return message, err
	}, r.life.Done())
	return e, nil
}

// readEvent reads up to the end of the next event that has data. A comment is
// a sign of life: an empty message.
func readEvent(lines *bufio.Reader) (*protocol.ServerMessage, error) {
	var data []string
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return nil, err
		}
		line = strings.TrimRight(line, "\r\n")
		text, isData := strings.CutPrefix(line, "data:")
		switch {
		case isData:
			data = append(data, strings.TrimPrefix(text, " "))
		case strings.HasPrefix(line, ":"):
			return &protocol.ServerMessage{}, nil
		case line == "" && data != nil:
			message := &protocol.ServerMessage{}
			return message, protocol.JSON.Unmarshal([]byte(strings.Join(data, "\n")), message)
		}
	}
}

func (e *events) read() (*protocol.ServerMessage, error) { return e.incoming.read() }

func (e *events) abort() { e.end() }

func (e *events) close() {
	e.end()
	_ = e.body.Close()
	e.drain()
}

// polls carries a session over polls, and POST.
type polls struct {
	*resource
	long  bool
	begun bool
	got   []*protocol.ServerMessage
}

func dialPoll(ctx context.Context, p place) (carrier, error)      { return openPolls(ctx, p, true) }
func dialPlainPoll(ctx context.Context, p place) (carrier, error) { return openPolls(ctx, p, false) }

func openPolls(ctx context.Context, p place, long bool) (carrier, error) {
	r, _, err := openResource(ctx, p)
	if err != nil {
		return nil, err
	}
	return &polls{resource: r, long: long}, nil
}

// query asks the server to wait; a plain poll waits before. The first one of a
// connection wants a welcome, and at once.
func (p *polls) query() (string, error) {
	if !p.begun {
		p.begun = true
		return "&wait=0&fresh=1", nil
	}
	if p.long {
		return "&wait=" + pollWait, nil
	}
	timer := time.NewTimer(pollPause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return "&wait=0", nil
	case <-p.life.Done():
		return "", context.Cause(p.life)
	}
}

func (p *polls) read() (*protocol.ServerMessage, error) {
	for len(p.got) == 0 {
		query, err := p.query()
		if err != nil {
			return nil, err
		}
		response, err := p.get("application/json", query)
		if err != nil {
			return nil, err
		}
		var answer struct {
			Messages []json.RawMessage `json:"messages"`
		}
		err = json.NewDecoder(response.Body).Decode(&answer)
		_ = response.Body.Close()
		if err != nil {
			return nil, fmt.Errorf("reading a poll's answer: %w", err)
		}
		for _, data := range answer.Messages {
			message := &protocol.ServerMessage{}
			if err := protocol.JSON.Unmarshal(data, message); err != nil {
				return nil, err
			}
			p.note(message)
			p.got = append(p.got, message)
		}
		if len(answer.Messages) == 0 {
			return &protocol.ServerMessage{}, nil // a sign of life
		}
	}
	message := p.got[0]
	p.got = p.got[1:]
	return message, nil
}

func (p *polls) abort()                 { p.end() }
func (p *polls) close()                 { p.end() }
func (p *polls) patience(time.Duration) {} // the server answers each poll in time
