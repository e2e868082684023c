package api

import (
	"context"

	"connectrpc.com/connect"

	"github.com/hiroba-rtc/hiroba/signaling/protocol"
	"github.com/hiroba-rtc/hiroba/signaling/room"
)

// How many rooms or allocations a list tells at once.
const (
	usualPage = 100
	maxPage   = 1000
)

// service is the RoomService.
type service struct{ *API }

// find finds a room for a caller that may moderate it.
func (s service) find(ctx context.Context, name string) (*room.Room, *protocol.Error) {
	if err := callerOf(ctx).may(name, moderating); err != nil {
		return nil, err
	}
	if r := s.config.Rooms.Find(name); r != nil {
		return r, nil
	}
	return nil, noSuchRoom(name)
}

// CreateRoom makes a room before anybody is there.
func (s service) CreateRoom(ctx context.Context, req *connect.Request[protocol.CreateRoomRequest]) (*connect.Response[protocol.RoomInfo], error) {
	name := req.Msg.GetRoom()
	if err := callerOf(ctx).may(name, moderating); err != nil {
		return nil, failed(err)
	}
	info, fresh, err := s.config.Rooms.Create(name, req.Msg.GetSettings())
	switch {
	case err != nil:
		return nil, failed(err)
	case !fresh:
		return nil, failedAs(connect.CodeAlreadyExists, protocol.Errorf(protocol.Error_BAD_FIELD,
			"There is a room %q already. Change it with UpdateRoom, or choose another name.", name))
	}
	return connect.NewResponse(info), nil
}

// ListRooms tells of all rooms, page by page.
func (s service) ListRooms(ctx context.Context, req *connect.Request[protocol.ListRoomsRequest]) (*connect.Response[protocol.ListRoomsResponse], error) {
	if err := callerOf(ctx).mayAll(moderating); err != nil {
		return nil, failed(err)
	}
	size, err := pageSize(req.Msg.GetPageSize())
	if err != nil {
		return nil, failed(err)
	}
	out := &protocol.ListRoomsResponse{}
	var more bool
	if out.Rooms, more = s.config.Rooms.List(req.Msg.GetPageToken(), size); more {
		out.NextPageToken = out.Rooms[len(out.Rooms)-1].GetName()
	}
	return connect.NewResponse(out), nil
}

// pageSize is how many a list tells at once to who asks for so many.
func pageSize(asked uint32) (int, *protocol.Error) {
	switch {
	case asked == 0:
		return usualPage, nil
	case asked > maxPage:
		return 0, protocol.Errorf(protocol.Error_BAD_FIELD, "page_size is %d; %d is the most.", asked, maxPage)
	}
	return int(asked), nil
}

// GetRoom tells of one room.
func (s service) GetRoom(ctx context.Context, req *connect.Request[protocol.GetRoomRequest]) (*connect.Response[protocol.RoomInfo], error) {
	r, err := s.find(ctx, req.Msg.GetRoom())
	if err != nil {
		return nil, failed(err)
	}
	return connect.NewResponse(r.Info()), nil
}

// UpdateRoom changes a room's settings.
func (s service) UpdateRoom(ctx context.Context, req *connect.Request[protocol.UpdateRoomRequest]) (*connect.Response[protocol.RoomInfo], error) {
	r, err := s.find(ctx, req.Msg.GetRoom())
	if err == nil {
		err = r.Change(nil, req.Msg.GetSettings())
	}
	if err != nil {
		return nil, failed(err)
	}
	return connect.NewResponse(r.Info()), nil
}

// EndRoom ends a room for everybody in it.
func (s service) EndRoom(ctx context.Context, req *connect.Request[protocol.EndRoomRequest]) (*connect.Response[protocol.EndRoomResponse], error) {
	r, err := s.find(ctx, req.Msg.GetRoom())
	if err == nil {
		err = r.End(nil)
	}
	if err != nil {
		return nil, failed(err)
	}
	return connect.NewResponse(&protocol.EndRoomResponse{}), nil
}
