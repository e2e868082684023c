package api

import (
	"context"
	"slices"
	"strings"

	"connectrpc.com/connect"

	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// Relay is the TURN server beside this one.
type Relay interface {
	// Allocations are all that exist now, in any order.
	Allocations() []*protocol.Allocation
	// Remove ends an allocation, and reports whether there was one of that id.
	Remove(id string) bool
}

// relayService is the RelayService.
type relayService struct{ *API }

// ListAllocations tells of all allocations, page by page.
func (s relayService) ListAllocations(ctx context.Context, req *connect.Request[protocol.ListAllocationsRequest]) (*connect.Response[protocol.ListAllocationsResponse], error) {
	if err := callerOf(ctx).mayAll(moderating); err != nil {
		return nil, failed(err)
	}
	size, err := pageSize(req.Msg.GetPageSize())
	if err != nil {
		return nil, failed(err)
	}
	out := &protocol.ListAllocationsResponse{}
	if s.config.Relay != nil {
		out.Allocations = s.config.Relay.Allocations()
	}
	user, after := req.Msg.GetUser(), req.Msg.GetPageToken()
	out.Allocations = slices.DeleteFunc(out.Allocations, func(a *protocol.Allocation) bool {
		return a.GetId() <= after || user != "" && a.GetUser() != user
	})
	slices.SortFunc(out.Allocations, func(a, b *protocol.Allocation) int { return strings.Compare(a.GetId(), b.GetId()) })
	if len(out.Allocations) > size {
		out.Allocations = out.Allocations[:size]
		out.NextPageToken = out.Allocations[size-1].GetId()
	}
	return connect.NewResponse(out), nil
}

// RemoveAllocation ends an allocation.
func (s relayService) RemoveAllocation(ctx context.Context, req *connect.Request[protocol.RemoveAllocationRequest]) (*connect.Response[protocol.RemoveAllocationResponse], error) {
	if err := callerOf(ctx).mayAll(moderating); err != nil {
		return nil, failed(err)
	}
	if s.config.Relay == nil || !s.config.Relay.Remove(req.Msg.GetId()) {
		return nil, failedAs(connect.CodeNotFound, protocol.Errorf(protocol.Error_BAD_FIELD,
			"There is no allocation of that id; it may have ended."))
	}
	return connect.NewResponse(&protocol.RemoveAllocationResponse{}), nil
}
