package client

import (
	"context"
	"fmt"
	"strconv"
	"sync"

	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// questions are those of this client that wait for an answer.
type questions struct {
	mu    sync.Mutex // guards all below
	count uint64
	open  map[string]question // by the name in Message.ask
}

type question struct {
	peer   string
	answer chan<- reply // has room for one
}

type reply struct {
	text string
	err  error
}

// Say sends a message to the peers named, or to everybody else, and waits
// until the server has taken it. A topic has up to 64 bytes; "chat" is what the
// call page shows.
func (r *Room) Say(ctx context.Context, topic, text string, to ...string) error {
	return r.say(ctx, &protocol.Message{To: to, Topic: topic, Text: text})
}

func (r *Room) say(ctx context.Context, message *protocol.Message) error {
	_, err := r.link.Request(ctx, &protocol.ClientMessage{Body: &protocol.ClientMessage_Message{Message: message}})
	return err
}

// Ask asks a peer something and waits for its answer. It fails with
// NO_SUCH_PEER when the peer is not there, or leaves without an answer. A peer
// that knows no answer to a topic gives none: bound the wait by ctx.
func (r *Room) Ask(ctx context.Context, peer, topic, text string) (string, error) {
	answered := make(chan reply, 1)
	name := r.questions.add(question{peer, answered})
	defer r.questions.take(name)
	if err := r.say(ctx, &protocol.Message{To: []string{peer}, Topic: topic, Text: text, Ask: name}); err != nil {
		return "", err
	}
	select {
	case got := <-answered:
		return got.text, got.err
	case <-r.link.Done():
		return "", ErrClosed
	case <-ctx.Done():
		return "", fmt.Errorf("client: waiting for the answer of peer %s: %w", peer, ctx.Err())
	}
}

// Reply answers a question that came to Handle, now or later. It does not wait
// and may be called from there. Whoever asked may be gone.
func (r *Room) Reply(question *protocol.Message, text string) error {
	return r.link.Send(&protocol.ClientMessage{Body: &protocol.ClientMessage_Message{Message: &protocol.Message{
		To: []string{question.GetFrom()}, Topic: question.GetTopic(), Text: text, Answers: question.GetAsk(),
	}}})
}

// SetMetadata changes what others know of this peer, up to 4 KiB.
func (r *Room) SetMetadata(ctx context.Context, metadata string) error {
	_, err := r.link.Request(ctx, &protocol.ClientMessage{Body: &protocol.ClientMessage_Metadata{
		Metadata: &protocol.Metadata{Metadata: metadata},
	}})
	return err
}

// Moderate does something to the room or to another peer; it needs the grant
// ADMIN.
func (r *Room) Moderate(ctx context.Context, action *protocol.Moderate) error {
	_, err := r.link.Request(ctx, &protocol.ClientMessage{Body: &protocol.ClientMessage_Moderate{Moderate: action}})
	return err
}

// View says what the client shows, most important first. From then on video
// that is not listed is not sent; audio always is.
func (r *Room) View(ctx context.Context, shown ...*protocol.Shown) error {
	_, err := r.link.Request(ctx, &protocol.ClientMessage{Body: &protocol.ClientMessage_View{
		View: &protocol.View{Shown: shown},
	}})
	return err
}

// hearTalk takes what belongs to questions, and reports whether that is all
// that there is to a message.
func (r *Room) hearTalk(message *protocol.ServerMessage) bool {
	switch body := message.GetBody().(type) {
	case *protocol.ServerMessage_PeerLeft:
		r.questions.forsaken(func(peer string) bool { return peer == body.PeerLeft.GetPeer() })
	case *protocol.ServerMessage_Joined:
		here := map[string]bool{}
		for _, p := range body.Joined.GetPeers() {
			here[p.GetId()] = true
		}
		r.questions.forsaken(func(peer string) bool { return !here[peer] })
	case *protocol.ServerMessage_Message:
		if body.Message.GetAnswers() != "" {
			return r.questions.answered(body.Message)
		}
		if body.Message.GetAsk() != "" && r.config.OnAsk != nil {
			// A link that cannot send has ended, and says so itself.
			_ = r.Reply(body.Message, r.config.OnAsk(body.Message))
			return true
		}
	}
	return false
}

func (q *questions) add(asked question) (name string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.open == nil {
		q.open = map[string]question{}
	}
	q.count++
	name = strconv.FormatUint(q.count, 36)
	q.open[name] = asked
	return name
}

func (q *questions) take(name string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.open, name)
}

// answered gives an answer to who waits for it; only who was asked can give it.
func (q *questions) answered(message *protocol.Message) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	asked, ok := q.open[message.GetAnswers()]
	if !ok || asked.peer != message.GetFrom() {
		return false
	}
	delete(q.open, message.GetAnswers())
	asked.answer <- reply{text: message.GetText()}
	return true
}

// forsaken ends the waiting for those who have gone.
func (q *questions) forsaken(gone func(peer string) bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for name, asked := range q.open {
		if gone(asked.peer) {
			delete(q.open, name)
			asked.answer <- reply{err: protocol.Errorf(protocol.Error_NO_SUCH_PEER, "Who was asked has left the room without an answer.")}
		}
	}
}
