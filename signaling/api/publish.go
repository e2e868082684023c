package api

import (
	"context"
	"strings"
	"time"
	"unicode"

	"connectrpc.com/connect"

	"github.com/hiroba-rtc/hiroba/internal/limit"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

const (
	// maxRecipients is how many peers one frame names at most.
	maxRecipients = 1000
	maxFrom       = 128 // bytes: as long as a user in a token
	// betweenFrames is how long a publisher may say nothing.
	betweenFrames = 5 * time.Minute
	// theServer is whom frames are from when nobody says so.
	theServer = "server"
)

// PublishData gives frames to the DataChannels of a room's peers.
func (s service) PublishData(ctx context.Context, stream *connect.ClientStream[protocol.PublishDataRequest]) (*connect.Response[protocol.PublishDataResponse], error) {
	who := callerOf(ctx)
	if err := s.take(s.publishing, who); err != nil {
		return nil, failed(err)
	}
	defer s.publishing.Give(limit.Network(who.addr))
	p := publisher{service: s, who: who, latest: time.Now()}
	for {
		patience := time.Now().Add(betweenFrames)
		if !who.Expires.IsZero() && who.Expires.Before(patience) {
			patience = who.Expires
		}
		lineOf(ctx).readUntil(patience)
		if !stream.Receive() {
			break
		}
		if err := p.publish(stream.Msg()); err != nil {
			return nil, failed(err)
		}
		if reason := s.over(who); reason != nil {
			return nil, failed(reason)
		}
	}
	if err := stream.Err(); err != nil {
		reason := s.over(who)
		if reason == nil && p.late() {
			reason = protocol.Errorf(protocol.Error_SILENT, "No frame came for %v. Open another stream when there are some.", betweenFrames)
		}
		if reason != nil {
			return nil, failed(reason)
		}
		return nil, err
	}
	return connect.NewResponse(&protocol.PublishDataResponse{Frames: p.frames}), nil
}

// publisher is one stream of frames.
type publisher struct {
	service
	who        caller
	room, from string // as the first frame says
	frames     uint64
	latest     time.Time
}

// publish gives one frame away.
func (p *publisher) publish(frame *protocol.PublishDataRequest) *protocol.Error {
	p.latest = time.Now()
	if err := p.check(frame); err != nil {
		return err
	}
	if err := p.config.Data.Send(p.room, p.from, frame.GetTo(), frame.GetTopic(), frame.GetPayload(), frame.GetLossy()); err != nil {
		return protocol.Errorf(protocol.Error_BAD_FIELD, "Frame %d: %v.", p.frames+1, err)
	}
	p.frames++
	return nil
}

func (p *publisher) check(frame *protocol.PublishDataRequest) *protocol.Error {
	if p.frames == 0 {
		if err := p.begin(frame); err != nil {
			return err
		}
	}
	switch {
	case frame.GetRoom() != "" && frame.GetRoom() != p.room, frame.GetFrom() != "" && frame.GetFrom() != p.from:
		return protocol.Errorf(protocol.Error_BAD_FIELD,
			"Frame %d is for another room or from somebody else than the first one. Open another stream for it.", p.frames+1)
	case len(frame.GetTo()) > maxRecipients:
		return protocol.Errorf(protocol.Error_BAD_FIELD, "Frame %d names %d peers; %d are allowed.", p.frames+1, len(frame.GetTo()), maxRecipients)
	case p.who.Grants.Has(protocol.Grant_ADMIN):
		return nil
	}
	// Whom moderators keep out does not come in this way.
	if r := p.config.Rooms.Find(p.room); r != nil {
		return r.MaySend(p.who.User, p.frames > 0)
	}
	return nil
}

// begin takes room and from for all frames.
func (p *publisher) begin(first *protocol.PublishDataRequest) *protocol.Error {
	if err := p.who.may(first.GetRoom(), sending); err != nil {
		return err
	}
	p.room, p.from = first.GetRoom(), first.GetFrom()
	if len(p.from) > maxFrom || strings.ContainsFunc(p.from, unicode.IsControl) {
		return protocol.Errorf(protocol.Error_BAD_FIELD, "from is not up to %d bytes of plain text.", maxFrom)
	}
	if p.who.Grants.Has(protocol.Grant_ADMIN) {
		if p.from == "" {
			p.from = theServer
		}
		return nil
	}
	// Nobody else speaks for the server, or for a peer.
	switch {
	case p.who.User == "":
		return protocol.Errorf(protocol.Error_NOT_GRANTED,
			"Your access token does not say whom frames are from. Use one with a user (sub), or with the grant admin.")
	case p.from != "" && p.from != p.who.User:
		return protocol.Errorf(protocol.Error_NOT_GRANTED,
			"Your access token lets you send frames from its own user only; leave from out, or use a token with the grant admin.")
	}
	p.from = p.who.User
	return nil
}

// late says whether the next frame has taken too long.
func (p *publisher) late() bool { return time.Since(p.latest) >= betweenFrames }
