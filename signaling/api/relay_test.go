package api_test

import (
	"fmt"
	"testing"

	"connectrpc.com/connect"

	"github.com/hiroba-rtc/hiroba/signaling/api"
	"github.com/hiroba-rtc/hiroba/signaling/auth"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
	"github.com/hiroba-rtc/hiroba/signaling/protocol/protocolconnect"
)

// allocations is a relay.
type allocations map[string]*protocol.Allocation

func (a allocations) Allocations() (all []*protocol.Allocation) {
	for _, one := range a {
		all = append(all, one)
	}
	return all
}

func (a allocations) Remove(id string) bool {
	_, there := a[id]
	delete(a, id)
	return there
}

// relay calls the RelayService with a token.
func (l *lab) relay(token string) protocolconnect.RelayServiceClient {
	return protocolconnect.NewRelayServiceClient(l.http, "http://hiroba.test", connect.WithInterceptors(bearer(token)))
}

func TestAllocationsAreListedAndRemoved(t *testing.T) {
	all := make(allocations)
	for i := range 250 {
		id := fmt.Sprintf("a%03d", i)
		all[id] = &protocol.Allocation{Id: id, User: []string{"ann", "bob"}[i%2]}
	}
	l := newLab(t, func(c *api.Config) { c.Relay = all })
	c, ctx := l.relay(l.token(auth.EveryRoom, protocol.Grant_ADMIN)), t.Context()
	for user, want := range map[string][]int{"": {100, 100, 50}, "ann": {100, 25}, "nobody": {0}} {
		next, last := "", ""
		for i, count := range want {
			page, err := c.ListAllocations(ctx, connect.NewRequest(&protocol.ListAllocationsRequest{User: user, PageToken: next}))
			if err != nil {
				t.Fatal(err)
			}
			if got := len(page.Msg.GetAllocations()); got != count {
				t.Errorf("page %d of %q has %d allocations, want %d", i, user, got, count)
			}
			for _, a := range page.Msg.GetAllocations() {
				if a.GetId() <= last || user != "" && a.GetUser() != user {
					t.Errorf("after %q comes %v", last, a)
				}
				last = a.GetId()
			}
			if next = page.Msg.GetNextPageToken(); (next == "") != (i == len(want)-1) {
				t.Errorf("after page %d of %q comes %q", i, user, next)
			}
		}
	}

	remove := func() error {
		_, err := c.RemoveAllocation(ctx, connect.NewRequest(&protocol.RemoveAllocationRequest{Id: "a007"}))
		return err
	}
	if err := remove(); err != nil || len(all) != 249 {
		t.Errorf("%d are left after removing one: %v", len(all), err)
	}
	refusal(t, remove(), connect.CodeNotFound)
	_, err := c.ListAllocations(ctx, connect.NewRequest(&protocol.ListAllocationsRequest{PageSize: 1001}))
	refusal(t, err, connect.CodeInvalidArgument)
}

// Who moderates one room has no say about the relay of all.
func TestAccessToTheRelay(t *testing.T) {
	all := allocations{"a": {Id: "a"}}
	l := newLab(t, func(c *api.Config) { c.Relay = all })
	for token, code := range map[string]connect.Code{
		"":                                   connect.CodeUnauthenticated,
		l.token("tea", protocol.Grant_ADMIN): connect.CodePermissionDenied,
		l.token(auth.EveryRoom, protocol.Grant_DATA, protocol.Grant_PUBLISH): connect.CodePermissionDenied,
	} {
		_, err := l.relay(token).ListAllocations(t.Context(), connect.NewRequest(&protocol.ListAllocationsRequest{}))
		refusal(t, err, code)
		_, err = l.relay(token).RemoveAllocation(t.Context(), connect.NewRequest(&protocol.RemoveAllocationRequest{Id: "a"}))
		refusal(t, err, code)
	}
	if len(all) != 1 {
		t.Error("the allocation was removed")
	}
}
