package room

import (
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// Relay sends one event of a peer to one other peer. One that belongs to a
// direct connection of another epoch than the present one is dropped; 0 is
// what applications send among themselves.
func (r *Room) Relay(from *Peer, to string, message *protocol.ServerMessage, epoch uint64) *protocol.Error {
	r.mu.Lock()
	defer r.mu.Unlock()
	peer, err := r.other(from, to)
	if err != nil {
		return err
	}
	if epoch != 0 && !r.topology.told.Carries(from.id, peer.id, epoch) {
		return nil
	}
	peer.member.Send(protocol.NewEvent(message), "")
	return nil
}

// Say sends a message to those it names, or to everybody else. When one of
// them is not here, nobody gets it. from is nil when the server speaks.
func (r *Room) Say(from *Peer, message *protocol.Message) *protocol.Error {
	for _, bound := range []struct {
		name  string
		value string
	}{{"topic", message.GetTopic()}, {"ask", message.GetAsk()}, {"answers", message.GetAnswers()}} {
		if len(bound.value) > maxTopic {
			return protocol.Errorf(protocol.Error_BAD_FIELD, "%s has %d bytes; %d are allowed.", bound.name, len(bound.value), maxTopic)
		}
	}
	if len(message.GetTo()) > maxRecipients {
		return protocol.Errorf(protocol.Error_BAD_FIELD,
			"to names %d peers; %d are allowed.", len(message.GetTo()), maxRecipients)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	out := &protocol.Message{
		To: message.GetTo(), Topic: message.GetTopic(), Text: message.GetText(), SentMs: r.now().UnixMilli(),
		Ask: message.GetAsk(), Answers: message.GetAnswers(),
	}
	name := ""
	if from != nil {
		out.From, name = from.id, from.who.Name
	}
	body := &protocol.ServerMessage{Body: &protocol.ServerMessage_Message{Message: out}}
	if len(message.GetTo()) == 0 {
		r.tell(from, body)
		r.history.add(r.now(), r.settings, out, name)
		return nil
	}
	recipients := map[*Peer]bool{}
	for _, id := range message.GetTo() {
		peer, err := r.other(from, id)
		if err != nil {
			return err
		}
		recipients[peer] = true
	}
	event := protocol.NewEvent(body)
	for peer := range recipients {
		peer.member.Send(event, "")
	}
	return nil
}

// other finds a peer that is not from. The caller holds mu.
func (r *Room) other(from *Peer, id string) (*Peer, *protocol.Error) {
	if peer := r.peers[id]; peer != nil && peer != from {
		return peer, nil
	}
	return nil, protocol.Errorf(protocol.Error_NO_SUCH_PEER,
		"There is no other peer %.64q in this room; it may have left.", id)
}
